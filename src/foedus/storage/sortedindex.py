"""From a 64-bit hash to the rows that carry it: sorted arrays (12 bytes a row) and a small dictionary of new ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_DELTA = 65_536  # entries in the dictionary before they are merged into the arrays


class SortedIndex:
    """A multimap from hashes to rows. Rows come in ascending order, so equal hashes keep ascending rows."""

    def __init__(self) -> None:
        self._keys: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._rows: NDArray[np.uint32] = np.empty(0, np.uint32)
        self._delta: dict[int, tuple[int, ...]] = {}
        self._waiting = 0

    @classmethod
    def build(cls, keys: NDArray[np.uint64]) -> SortedIndex:
        """Over all rows of a column; the hash 0 means none and is left out."""
        index = cls()
        rows = np.flatnonzero(keys).astype(np.uint32)
        held = keys[rows]
        order = np.argsort(held)  # not stable, three times as fast: the few equal hashes are put in order below
        index._keys, index._rows = held[order], rows[order]
        again = index._repeated()
        index._rows[again] = index._rows[again][np.lexsort((index._rows[again], index._keys[again]))]
        return index

    @property
    def repeated_rows(self) -> NDArray[np.uint32]:
        """Rows in the arrays whose hash another row carries too (call it after `build`)."""
        return self._rows[self._repeated()]

    def add(self, keys: list[int], first_row: int) -> dict[int, tuple[int, ...]]:
        """Add consecutive rows; returns the keys that now have several rows, with all of those rows."""
        delta = self._delta
        again: set[int] = set()
        for row, key in enumerate(keys, first_row):
            if not key:
                continue
            held = delta.get(key)
            if held is None:
                delta[key] = (row,)
            else:
                delta[key] = (*held, row)
                again.add(key)
        self._waiting += len(keys)
        again.update(self._also_in_base(keys))
        several = {key: tuple(self.find(key)) for key in again}
        if self._waiting >= max(_DELTA, len(self._keys) >> 5):
            self._merge()
        return several

    def find(self, key: int) -> list[int]:
        """Rows with this hash, ascending."""
        wanted = np.uint64(key)
        low = int(np.searchsorted(self._keys, wanted, "left"))
        high = int(np.searchsorted(self._keys, wanted, "right"))
        return [*self._rows[low:high].tolist(), *self._delta.get(key, ())]

    def find_many(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (position in `keys`, row), ascending in both."""
        low = np.searchsorted(self._keys, keys, "left")
        width = np.searchsorted(self._keys, keys, "right") - low
        which = np.repeat(np.arange(len(keys)), width)
        within = np.arange(len(which)) - np.repeat(np.cumsum(width) - width, width)
        rows = self._rows[np.repeat(low, width) + within].astype(np.int64)
        delta = self._delta
        more = [(i, row) for i, key in enumerate(keys.tolist()) if key in delta for row in delta[key]] if delta else []
        if not more:
            return which, rows
        extra = np.array(more, np.int64)
        which, rows = np.concatenate([which, extra[:, 0]]), np.concatenate([rows, extra[:, 1]])
        order = np.lexsort((rows, which))
        return which[order], rows[order]

    def _repeated(self) -> NDArray[np.int64]:
        """Places in the arrays whose hash stands there more than once."""
        same = self._keys[1:] == self._keys[:-1]
        hit = np.zeros(len(self._keys), bool)
        hit[1:] |= same
        hit[:-1] |= same
        return np.flatnonzero(hit)

    def _also_in_base(self, keys: list[int]) -> list[int]:
        if not len(self._keys):
            return []
        # In sorted order neighbouring look-ups share the cache lines of the search.
        wanted = np.sort(np.array(keys, np.uint64))
        spot = np.searchsorted(self._keys, wanted)
        np.minimum(spot, len(self._keys) - 1, out=spot)
        hits: list[int] = wanted[self._keys[spot] == wanted].tolist()
        return hits

    def _merge(self) -> None:
        """Insert the sorted delta: new rows are higher than old ones, so they go to the right of equal hashes."""
        pairs = sorted((key, row) for key, rows in self._delta.items() for row in rows)
        keys = np.array([key for key, _ in pairs], np.uint64)
        rows = np.array([row for _, row in pairs], np.uint32)
        spot = np.searchsorted(self._keys, keys, "right")
        self._keys, self._rows = np.insert(self._keys, spot, keys), np.insert(self._rows, spot, rows)
        self._delta, self._waiting = {}, 0
