"""Answering a search from the shards: candidates in tiers, ranked by statistics of the reader's own view.

Candidates are the newest records whose name answers the search, then the newest in which all of it occurs anywhere, at
most `Limits.max_search_window` in all. Order is by score, then newest entry first; an entry's number is unique, so no
tie is ever decided by how the index happens to be cut into segments, and no hidden record moves a score.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tantivy import DocAddress, Occur

from foedus.config import Limits
from foedus.kernel.searchtext import SearchText
from foedus.storage.frequency import frequencies
from foedus.storage.hashing import Hashing
from foedus.storage.query import Allowed, Clause, Readable, Unit, all_of, conditions, label_filter, occurs, units
from foedus.storage.ranking import idf, scores
from foedus.storage.shard import Shard, schema

Rows = NDArray[np.int64]
Keep = Callable[[NDArray[Any]], NDArray[np.bool_]]

COUNTED = 10_000  # matches that are looked at one by one where versions have to be told apart
FEW = 4_096  # documents of one shard whose labels are looked up one by one rather than by the index of labels
WEIGHED = 200  # candidates whose words are counted: the best ones, were every word in them once
_CACHED = 4_096  # counts remembered until the index changes


@dataclass(frozen=True, slots=True)
class Hits:
    """One page of results. `total` is what the reader could page through; a lower bound where not `exact`."""

    total: int
    hits: list[tuple[int, float]]  # (entry, score), best first
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Facets:
    """Matches by column and name. Where not `exact`, older versions are counted too."""

    counts: dict[str, dict[str, int]]
    exact: bool = True


@dataclass
class _Found:
    """Candidates of one shard, newest first."""

    shard: Shard
    seqs: Rows
    places: list[DocAddress]
    named: bool


class Search:
    """The reading half of the full text; `FullText` says which shards there are."""

    def __init__(self, hashing: Hashing, limits: Limits) -> None:
        self._hashing, self._limits = hashing, limits
        self._schema = schema()
        self._counts: dict[tuple[tuple[int, bytes], Unit | None], int] = {}
        self._filters: dict[tuple[int, bytes], Allowed] = {}

    def search(
        self, search: SearchText, readable: Readable, *, keep: Keep | None = None, limit: int = 20, offset: int = 0
    ) -> Hits:
        """The best matches among what is readable.

        `keep` tells which entries count, one truth value each: the caller's current versions (see docs/search.md).
        Without it every version that is readable counts, and `total` is always exact.
        """
        wanted = units(search)
        found: list[_Found] = []
        if wanted:
            self._tier(search, readable, "name", keep, found)
        total, exact = self._tier(search, readable, "body", keep, found)
        if not found:
            return Hits(total, [], exact)
        seqs = np.concatenate([one.seqs for one in found])
        lengths = np.concatenate([one.shard.lengths(one.places) for one in found])
        named = np.concatenate([np.full(len(one.seqs), one.named) for one in found])
        score = self._scores(seqs, lengths, named, readable, wanted)
        order = np.lexsort((-seqs, -score))[offset : offset + limit]
        return Hits(total, list(zip(seqs[order].tolist(), score[order].tolist(), strict=True)), exact)

    def matching(
        self, search: SearchText, readable: Readable, *, keep: Keep | None = None, limit: int = COUNTED
    ) -> tuple[Rows, bool]:
        """Matching entries among the newest `limit`, newest first, and whether these are all."""
        parts = [np.empty(0, np.int64)]
        complete = True
        for shard in self._shards():
            count, hits = self._newest(shard, search, readable, "body", limit)
            complete &= count <= limit
            limit -= len(hits)
            parts.append(_seqs(hits))
        rows = np.concatenate(parts)
        return (rows[keep(rows)] if keep is not None else rows), complete

    def facets(
        self,
        search: SearchText,
        readable: Readable,
        *,
        count: Callable[[str, Rows], dict[Any, int]] | None = None,
        keep: Keep | None = None,
        columns: Sequence[str] = ("type", "originator"),
    ) -> Facets:
        """How many matches have each name. With `count` (`Sight.counts_by`), up to COUNTED matches exactly."""
        if count is not None:
            rows, complete = self.matching(search, readable, keep=keep)
            if complete:
                return Facets({column: count(column, rows) for column in columns})
        query = all_of([*self._clauses(search, "body", readable), *self._allowed(readable).clauses])
        sums: dict[str, Counter[str]] = {column: Counter() for column in columns}
        for shard in self._shards():
            for column, counted in shard.facets(query, columns).items():
                sums[column].update(counted)
        return Facets({column: dict(counter) for column, counter in sums.items()}, exact=keep is None)

    # -- inside

    def _shards(self) -> list[Shard]:
        raise NotImplementedError

    def _changed(self) -> None:
        """Forget counts: the index is another."""
        self._counts.clear()

    def _tier(
        self, search: SearchText, readable: Readable, name: str, keep: Keep | None, found: list[_Found]
    ) -> tuple[int, bool]:
        """Add the newest matches in this field that are not found yet; (matches, whether that number is exact)."""
        taken = np.concatenate([one.seqs for one in found]) if found else np.empty(0, np.int64)
        room = self._limits.max_search_window - len(taken)
        ask = self._limits.max_search_window if keep is None else COUNTED
        total, complete = 0, True
        for shard in self._shards():
            count, hits = self._newest(shard, search, readable, name, ask)
            complete &= count <= ask
            ask -= len(hits)
            seqs = _seqs(hits)
            mask = np.ones(len(seqs), bool) if keep is None else keep(seqs)
            total += count if keep is None else int(mask.sum())
            places = np.flatnonzero(mask & ~np.isin(seqs, taken))[:room]
            room -= len(places)
            if len(places):
                found.append(_Found(shard, seqs[places], [hits[i][1] for i in places], name == "name"))
        return total, complete or keep is None

    def _scores(
        self, seqs: Rows, lengths: Rows, named: NDArray[np.bool_], readable: Readable, wanted: Sequence[Unit]
    ) -> NDArray[np.float64]:
        """One a candidate. The words of the best are counted: that only raises a score, so the best stay the best."""
        weights = self._weights(readable, wanted)
        counts = np.ones((len(wanted), len(seqs)), np.int64)
        first = scores(list(counts), weights, lengths, named)
        if not wanted or readable.bodies is None:
            return first
        best = np.lexsort((-seqs, -first))[:WEIGHED]
        counts[:, best] = frequencies(readable.bodies(seqs[best]), wanted)
        return scores(list(counts), weights, lengths, named)

    def _weights(self, readable: Readable, wanted: Sequence[Unit]) -> list[float]:
        """One unit alone needs no weight; several are weighed by how rare each is among what is readable."""
        if len(wanted) < 2:
            return [1.0] * len(wanted)
        population = self._count(readable, None)
        return [idf(population, self._count(readable, unit)) for unit in wanted]

    def _count(self, readable: Readable, unit: Unit | None) -> int:
        """Readable records that hold the unit; all of them for None."""
        key = (readable.key, unit)
        if key not in self._counts:
            if len(self._counts) >= _CACHED:
                self._counts.clear()
            holding = [(Occur.Must, occurs(self._schema, unit, bearing=readable.bearing))] if unit else []
            query = all_of([*holding, *self._allowed(readable).clauses])
            self._counts[key] = sum(shard.newest(query, 0)[0] for shard in self._shards())
        return self._counts[key]

    def _newest(
        self, shard: Shard, search: SearchText, readable: Readable, name: str, limit: int
    ) -> tuple[int, list[tuple[int, DocAddress]]]:
        """How many readable documents match in this field, and the newest of them.

        Two ways to the same answer: where a word is rare, its documents are fetched and their labels looked up; else
        the index of labels is part of the query, which costs as much as there are permitted documents.
        """
        clauses, allowed = self._clauses(search, name, readable), self._allowed(readable)
        asked = [word for unit in units(search) if not unit.prefix for word in unit.words]
        if allowed.clauses and any(shard.holders(name, word) <= FEW for word in asked):
            count, hits = shard.newest(all_of(clauses), FEW)
            if count <= FEW:
                mask = np.isin(shard.labelsets([place for _, place in hits]), allowed.labelsets)
                readable_hits = [hits[i] for i in np.flatnonzero(mask)[:limit].tolist()]
                return int(mask.sum()), readable_hits
        return shard.newest(all_of([*clauses, *allowed.clauses]), limit)

    def _clauses(self, search: SearchText, name: str, readable: Readable) -> list[Clause]:
        musts = [(Occur.Must, occurs(self._schema, unit, name, readable.bearing)) for unit in units(search)]
        return [*musts, *conditions(self._schema, search, readable.bearing)]

    def _allowed(self, readable: Readable) -> Allowed:
        key = readable.key
        if key not in self._filters:
            if len(self._filters) >= _CACHED:
                self._filters.clear()
            self._filters[key] = label_filter(self._schema, self._hashing, readable)
        return self._filters[key]


def _seqs(hits: Sequence[tuple[int, DocAddress]]) -> Rows:
    return np.array([seq for seq, _ in hits], np.int64)
