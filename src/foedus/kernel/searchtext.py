"""What a person types into a search box, read once for search, saved searches and live alerts.

    sandworm "water treatment" -rumour scad* type:report,incident originator:FIN after:2026-01 before:2026-03-15

Words must all occur; a "phrase" keeps its order; `prefix*` matches the beginning of a word; `-` in front excludes a
word, a phrase, a prefix* or a filter. Filters: `type:`, `originator:`, `label:` (values joined by commas are
alternatives; one with blanks or commas goes in quotes: label:"NATO SECRET"), `after:` and `before:` (an ISO 8601 date,
month, year or time; UTC where it names no zone; after <= t < before). Anything else with a colon, such as a pasted
URL, is words.

Matching is by `words`: letters and digits, without case and without diacritics. A word of several parts
(`203.0.113.7`, `evil.example`) is a phrase of them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from foedus.config import Limits
from foedus.kernel.errors import Fault, Refused

Phrase = tuple[str, ...]  # words in order

LISTS = ("type", "originator", "label")
TIMES = ("after", "before")

_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(
    r"""(?P<minus>-)?
        (?:(?P<name>[a-z]+):(?=[^\s/]))?          # `http://` is no filter: a slash follows
        (?:"(?P<quoted>[^"]*)(?:"|$)|(?P<bare>[^\s"]+))""",
    re.VERBOSE | re.IGNORECASE,
)
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?\Z")


def fold(text: str) -> str:
    """Without case and diacritics: "Opération" and "OPERATION" are the same word."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c)).casefold()


def words(text: str) -> list[str]:
    """The words of a text as search sees them, folded, in order."""
    return _WORD.findall(fold(text))


# In UTF-8: ASCII letters in lower case, digits, and whatever is not ASCII stay; all else becomes a blank.
_SPLIT = bytes.maketrans(
    bytes(range(128)), bytes(ord(chr(b).lower()) if chr(b).isalnum() else ord(" ") for b in range(128))
)
_LONG_PIECE = 64  # bytes; longer ones are not remembered


def encoded_words(text: str) -> list[bytes]:
    """`words` in UTF-8, several times as fast for text that is mostly ASCII.

    Folding a character never depends on ASCII ones that are no letters or digits, so the text may be cut there first.
    """
    pieces = text.encode().translate(_SPLIT).split()
    if text.isascii():
        return pieces
    out: list[bytes] = []
    for piece in pieces:
        if piece.isascii():
            out.append(piece)
        elif len(piece) <= _LONG_PIECE:
            out += _words_of_piece(piece)
        else:
            out += [word.encode() for word in words(piece.decode())]
    return out


@lru_cache(8_192)
def _words_of_piece(piece: bytes) -> tuple[bytes, ...]:
    return tuple(word.encode() for word in words(piece.decode()))


@dataclass(frozen=True, slots=True)
class SearchText:
    """One parsed search. Everything given must hold; an empty one holds for every record."""

    terms: Phrase = ()  # words that must all occur
    phrases: tuple[Phrase, ...] = ()  # each of two or more words
    excluded: tuple[Phrase, ...] = ()  # words (of length one) and phrases that must not occur
    prefixes: Phrase = ()  # beginnings of words that must occur
    excluded_prefixes: Phrase = ()
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # "type" -> alternatives
    excluded_filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    after: int | None = None  # microseconds since 1970, inclusive
    before: int | None = None  # exclusive

    @property
    def has_text(self) -> bool:
        """Whether words are asked for at all: a search of filters only needs no full text."""
        return bool(self.terms or self.phrases or self.prefixes or self.excluded or self.excluded_prefixes)


class _Reading:
    """The parts while they are collected; `done` freezes them."""

    def __init__(self) -> None:
        self.terms: dict[str, None] = {}
        self.phrases: dict[Phrase, None] = {}
        self.excluded: dict[Phrase, None] = {}
        self.prefixes: dict[str, None] = {}
        self.excluded_prefixes: dict[str, None] = {}
        self.filters: dict[str, list[str]] = {}
        self.excluded_filters: dict[str, list[str]] = {}
        self.times: dict[str, int] = {}
        self.faults: list[Fault] = []

    def filter(self, name: str, value: str, quoted: bool, negative: bool) -> None:
        if name in TIMES:
            if negative:
                self.faults.append(Fault("search-filter", f"-{name}: means nothing: use the other bound", path=name))
                return
            at = when(value)
            if at is None:
                self.faults.append(Fault("search-date", f"{name}: needs a date such as 2026-01-31", path=name))
            elif name == "after":
                self.times[name] = max(at, self.times.get(name, at))
            else:
                self.times[name] = min(at, self.times.get(name, at))
            return
        chosen = self.excluded_filters if negative else self.filters
        values = [v.strip() for v in ([value] if quoted else value.split(",")) if v.strip()]
        if not values:
            self.faults.append(Fault("search-filter", f"{name}: needs a value", path=name))
        chosen.setdefault(name, []).extend(values)

    def text(self, value: str, quoted: bool, negative: bool) -> None:
        prefix = not quoted and value.endswith("*")
        found = tuple(words(value))
        if not found:
            return
        if prefix and len(found) == 1:
            (self.excluded_prefixes if negative else self.prefixes)[found[0]] = None
        elif negative:
            self.excluded[found] = None
        elif len(found) == 1:
            self.terms[found[0]] = None
        else:
            self.phrases[found] = None

    def done(self) -> SearchText:
        return SearchText(
            terms=tuple(self.terms),
            phrases=tuple(self.phrases),
            excluded=tuple(self.excluded),
            prefixes=tuple(self.prefixes),
            excluded_prefixes=tuple(self.excluded_prefixes),
            filters={k: tuple(dict.fromkeys(v)) for k, v in self.filters.items()},
            excluded_filters={k: tuple(dict.fromkeys(v)) for k, v in self.excluded_filters.items()},
            after=self.times.get("after"),
            before=self.times.get("before"),
        )


def parse(text: str, limits: Limits | None = None) -> SearchText:
    """Read one search. Raises Refused where it is too long, has too many terms, or names a date that is none."""
    limits = limits or Limits()
    if len(text) > limits.max_search_text:
        raise Refused([Fault("search-too-long", f"a search has at most {limits.max_search_text} characters")])
    reading, count = _Reading(), 0
    for piece in _PIECE.finditer(text):
        name = (piece["name"] or "").lower()
        quoted = piece["quoted"] is not None
        value = piece["quoted"] if quoted else piece["bare"]
        negative = bool(piece["minus"])
        count += 1
        if name in LISTS or name in TIMES:
            reading.filter(name, value, quoted, negative)
        else:
            reading.text(f"{name} {value}" if name else value, quoted, negative)
    if count > limits.max_search_terms:
        reading.faults.append(Fault("search-too-many-terms", f"a search has at most {limits.max_search_terms} parts"))
    if reading.faults:
        raise Refused(reading.faults)
    return reading.done()


def when(text: str) -> int | None:
    """A date, month, year or time as microseconds since 1970, None where it is none. UTC where no zone is named."""
    value = text.strip()
    try:
        if partial := _PARTIAL_DATE.match(value):
            at = datetime(int(partial[1]), int(partial[2] or 1), 1, tzinfo=UTC)
        else:
            at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        span = at - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


# Machine text that nobody searches for, and what filters decide.
_NOT_TEXT = frozenset(
    {"id", "type", "spec_version", "created", "modified", "extension_type", "pattern_type", "payload_bin"}
)


_WITHOUT_TEXT = frozenset({int, float, bool, type(None)})
_silent: set[str] = set(_NOT_TEXT)  # names met so far: whether what stands under them is text
_spoken: set[str] = set()
_NAMES = 4_096


def _is_silent(name: str) -> bool:
    silent = name in _NOT_TEXT or name.endswith(("_ref", "_refs"))
    held = _silent if silent else _spoken
    if len(held) < _NAMES and len(name) <= 64:
        held.add(name)
    return silent


def texts(value: Any, depth: int = 64) -> list[str]:
    """Every string of a record that a person may search for: values, not property names, ids or references."""
    out: list[str] = []
    if isinstance(value, str):
        out.append(value)
    else:
        _collect(value, depth, out.append)
    return out


def _collect(value: Any, depth: int, add: Callable[[str], None]) -> None:
    if not depth:
        return
    if type(value) is dict or isinstance(value, Mapping):
        for name, inner in value.items():
            if name in _silent or (name not in _spoken and _is_silent(name)):
                continue
            if type(inner) is str:
                add(inner)
            elif type(inner) not in _WITHOUT_TEXT:
                _collect(inner, depth - 1, add)
    elif isinstance(value, list):
        for inner in value:
            if type(inner) is str:
                add(inner)
            elif type(inner) not in _WITHOUT_TEXT:
                _collect(inner, depth - 1, add)


def _occurs(phrase: Phrase, fields: Sequence[list[str]]) -> bool:
    length = len(phrase)
    return any(
        tuple(field[i : i + length]) == phrase
        for field in fields
        for i in range(len(field) - length + 1)
        if field[i] == phrase[0]
    )


def _passes(search: SearchText, facts: Mapping[str, str], at: int | None) -> bool:
    for name, allowed in search.filters.items():
        if not _chosen(name, facts.get(name, ""), allowed):
            return False
    for name, refused in search.excluded_filters.items():
        if _chosen(name, facts.get(name, ""), refused):
            return False
    if search.after is not None and (at is None or at < search.after):
        return False
    return not (search.before is not None and (at is None or at >= search.before))


def _chosen(name: str, fact: str, values: Sequence[str]) -> bool:
    # A label is chosen by its words ("SECRET", "Releasable to Japan"); the others are names.
    if name == "label":
        have = [words(fact)]
        return any(_occurs(tuple(words(v)), have) for v in values if words(v))
    return fold(fact) in {fold(v) for v in values}


def label_chosen(search: SearchText, markings: Sequence[str]) -> bool:
    """Whether a label set passes the filters `label:` and `-label:`; `markings`: its markings, in every language."""
    fact = " ".join(markings)
    wanted, refused = search.filters.get("label"), search.excluded_filters.get("label")
    if wanted is not None and not _chosen("label", fact, wanted):
        return False
    return refused is None or not _chosen("label", fact, refused)


def matches(search: SearchText, record: Mapping[str, Any], *, originator: str = "", marking: str = "") -> bool:
    """Whether one record answers the search: for alerts on arrival, where no index is asked.

    `originator` is the node that made the record, `marking` the display marking of its label. The time of a record is
    its `modified`, else its `created`; one without both answers no `after:` or `before:`.
    """
    at = when(str(record.get("modified") or record.get("created") or ""))
    facts = {"type": str(record.get("type", "")), "originator": originator, "label": marking}
    if not _passes(search, facts, at):
        return False
    if not search.has_text:
        return True
    fields = [words(t) for t in texts(record)]
    have = set().union(*fields) if fields else set()
    return (
        all(term in have for term in search.terms)
        and all(any(word.startswith(p) for word in have) for p in search.prefixes)
        and not any(word.startswith(p) for p in search.excluded_prefixes for word in have)
        and all(_occurs(phrase, fields) for phrase in search.phrases)
        and not any(_occurs(phrase, fields) for phrase in search.excluded)
    )
