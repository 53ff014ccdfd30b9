"""From a parsed search to tantivy queries. What the reader may not see is left out inside the query, never after it.

A search is made of units (words, phrases, prefixes*) that must all occur, and of conditions (filters, times,
exclusions, the label filter). A unit is looked for in a field: `name`, or `body`, which holds all text of a record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from tantivy import FieldType, Occur, Query, Schema

from foedus.kernel.searchtext import Phrase, SearchText, fold
from foedus.storage.hashing import Hashing

Clause = tuple[Occur, Query]
Bearing = Callable[[str], Sequence[int]]  # a UUID -> the entries of records that bear it
Bodies = Callable[[NDArray[np.int64]], Sequence[bytes]]  # entries -> their bodies

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UUID_LENGTH = 36


def _nobody(uuid: str) -> Sequence[int]:
    return ()


@dataclass(frozen=True, slots=True)
class Readable:
    """The label sets that one reader may see: `names[i]` may be read where `permitted[i]`.

    Take both from the label table: `table.names("labelset")` and `sight.permitted`. Every label set that the index
    holds must be among the names: the table is written before the index.

    `bearing` makes ids findable; `bodies` tells how often a word stands in a record, which counts once without it.
    """

    names: Sequence[tuple[str, ...] | None]
    permitted: NDArray[np.bool_]
    bearing: Bearing = _nobody
    bodies: Bodies | None = None

    @property
    def key(self) -> tuple[int, bytes]:
        """Equal for equal decisions about equal label sets."""
        return hash(tuple(self.names)), np.packbits(self.permitted).tobytes()


@dataclass(frozen=True, slots=True)
class Unit:
    """One thing that must occur: a phrase of one or more words, or the beginning of a word."""

    words: Phrase
    prefix: bool = False


def units(search: SearchText) -> tuple[Unit, ...]:
    """Everything that must occur."""
    singles = [Unit((word,)) for word in search.terms]
    return (*singles, *(Unit(p) for p in search.phrases), *(Unit((p,), True) for p in search.prefixes))


@lru_cache(4_096)
def label_hash(hashing: Hashing, labels: tuple[str, ...]) -> int:
    """The number of a label set in the index: the same in every process of the node."""
    return hashing.of_id("\n".join(labels))


def occurs(schema: Schema, unit: Unit, field: str = "body", bearing: Bearing = _nobody) -> Query:
    """Records in whose field the unit occurs; a STIX id or UUID also finds the records that bear it."""
    if unit.prefix:
        return Query.regex_query(schema, field, re.escape(unit.words[0]) + ".*")
    if len(unit.words) == 1:
        return Query.term_query(schema, field, unit.words[0])
    phrase = Query.phrase_query(schema, field, list(unit.words))
    uuid = id_token("-".join(unit.words))
    entries = list(bearing(uuid)) if uuid else []
    if not entries:
        return phrase
    return Query.boolean_query(
        [(Occur.Should, phrase), (Occur.Should, Query.term_set_query(schema, "seq", entries))],
    )


def id_token(text: str) -> str:
    """The UUID at the end of a STIX id, "" where there is none."""
    end = text[-_UUID_LENGTH:]
    return end if _UUID.fullmatch(end) else ""


def all_of(clauses: Sequence[Clause]) -> Query:
    """What meets every clause; everything where there is none."""
    if all(occur is Occur.MustNot for occur, _ in clauses):
        clauses = [(Occur.Must, Query.all_query()), *clauses]
    return clauses[0][1] if len(clauses) == 1 else Query.boolean_query(clauses)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A label filter in two forms of one meaning: clauses of a query, and the numbers of the permitted label sets.

    No clauses: everything is permitted. Records without a label are not in the index at all.
    """

    clauses: tuple[Clause, ...]
    labelsets: NDArray[np.uint64]


def label_filter(schema: Schema, hashing: Hashing, readable: Readable) -> Allowed:
    """Only what is permitted: by naming the permitted label sets, or the forbidden ones where these are fewer.

    Label sets without a decision are forbidden.
    """
    decided = [*readable.permitted.tolist(), *[False] * (len(readable.names) - len(readable.permitted))]
    known = [(name, may) for name, may in zip(readable.names, decided, strict=True) if name]
    allowed = [label_hash(hashing, name) for name, may in known if may]
    denied = [label_hash(hashing, name) for name, may in known if not may]
    numbers = np.array(allowed, np.uint64)
    if not allowed:
        return Allowed(((Occur.Must, Query.empty_query()),), numbers)
    if not denied:
        return Allowed((), numbers)
    if len(allowed) <= len(denied):
        permitted = Query.const_score_query(Query.term_set_query(schema, "labelset", allowed), 1.0)
        return Allowed(((Occur.Must, permitted),), numbers)
    return Allowed(((Occur.MustNot, Query.term_set_query(schema, "labelset", denied)),), numbers)


def conditions(schema: Schema, search: SearchText, bearing: Bearing = _nobody) -> list[Clause]:
    """Filters, times and exclusions. `label:` is the caller's: it narrows `Readable` by the words of the markings."""
    out: list[Clause] = []
    for occur, filters in ((Occur.Must, search.filters), (Occur.MustNot, search.excluded_filters)):
        for name, values in filters.items():
            if name != "label":
                out.append((occur, Query.term_set_query(schema, name, [fold(value) for value in values])))
    for phrase in search.excluded:
        out.append((Occur.MustNot, occurs(schema, Unit(phrase), bearing=bearing)))
    for prefix in search.excluded_prefixes:
        out.append((Occur.MustNot, occurs(schema, Unit((prefix,), True))))
    if search.after is not None or search.before is not None:
        upper = None if search.before is None else search.before - 1
        times = Query.range_query(schema, "version", FieldType.Integer, lower_bound=search.after, upper_bound=upper)
        out.append((Occur.Must, times))
    return out
