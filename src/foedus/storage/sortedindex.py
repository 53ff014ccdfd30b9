"""From a 64-bit hash to the rows that carry it: 8 bytes a row, over the column in which the hashes stand.

An element is one 64-bit number: the upper half of a row's hash, then the row. Sorted, they put rows of equal hashes
next to each other, in order; the few whose hashes differ in the lower half alone are told apart by the column.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]

_ROW = np.uint64(0xFFFF_FFFF)
_RECENT = 16_384  # elements that wait in a small array before they are merged into the large one, or
_PART = 64  # this part of all, where that is more: each merge copies the large one


class SortedIndex:
    """A multimap from hashes to rows. Rows come in ascending order; the hash 0 means none and is never found.

    `hashes` tells what the column holds for rows now: a row that was erased since it was added is not found any more.
    One thread adds; others may look up meanwhile. At most 2**32 rows.
    """

    def __init__(self, hashes: Callable[[Rows], Hashes]) -> None:
        self._hashes = hashes
        self._parts = (np.empty(0, np.uint64), np.empty(0, np.uint64))  # all but the recent ones, and these

    @classmethod
    def build(cls, column: Hashes, hashes: Callable[[Rows], Hashes]) -> SortedIndex:
        """Over all rows of a column."""
        index = cls(hashes)
        index._parts = (_elements(column, 0), index._parts[1])
        return index

    def repeated_rows(self) -> Rows:
        """Rows whose hash another row carries too, of those that were there at `build`."""
        elements = self._parts[0]
        same = (elements[1:] ^ elements[:-1]) <= _ROW
        alike = np.zeros(len(elements), bool)
        alike[1:] |= same
        alike[:-1] |= same
        rows = _rows(elements[alike])
        held = self._hashes(rows)
        _, which, counts = np.unique(held, return_inverse=True, return_counts=True)
        repeated: Rows = rows[(counts[which] > 1) & (held != 0)]
        return repeated

    def add(self, keys: Hashes, first_row: int) -> Rows:
        """Add consecutive rows, which the column holds already; returns all rows whose hash is not theirs alone."""
        base, recent = self._parts
        new = _elements(keys, first_row)
        recent = np.insert(recent, np.searchsorted(recent, new), new)
        if len(recent) >= max(_RECENT, len(base) // _PART):
            base, recent = np.insert(base, np.searchsorted(base, recent), recent), np.empty(0, np.uint64)
        self._parts = (base, recent)
        (_, before), (_, after) = _spans(self._parts, new & ~_ROW)
        alike = before + after > 1
        if not alike.any():
            return np.empty(0, np.int64)
        which, rows = self.find_many(np.unique(keys[_rows(new[alike]) - first_row]))
        several: Rows = rows[np.bincount(which)[which] > 1]
        return several

    def find(self, key: int) -> list[int]:
        """Rows with this hash, ascending."""
        rows: list[int] = self.find_many(np.array([key], np.uint64))[1].tolist()
        return rows

    def find_many(self, keys: Hashes) -> tuple[Rows, Rows]:
        """Pairs (position in `keys`, row), ascending in both."""
        order = np.argsort(keys)  # in sorted order neighbouring look-ups share the cache lines of the search
        parts = self._parts  # both at once: another thread may be merging them
        whiches, found = [], []
        for elements, (start, width) in zip(parts, _spans(parts, keys[order] & ~_ROW), strict=True):
            if width.any():
                which = np.repeat(order, width)
                within = np.arange(len(which)) - np.repeat(np.cumsum(width) - width, width)
                whiches.append(which)
                found.append(_rows(elements[np.repeat(start, width) + within]))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        which, rows = np.concatenate(whiches), np.concatenate(found)
        wanted = keys[which]
        alive = (self._hashes(rows) == wanted) & (wanted != 0)
        which, rows = which[alive], rows[alive]
        order = np.lexsort((rows, which))
        return which[order], rows[order]


def _spans(parts: tuple[Hashes, Hashes], low: Hashes) -> list[tuple[Rows, Rows]]:
    """For each part: where the elements of these upper halves begin, and how many they are."""
    high = low | _ROW
    starts = [np.searchsorted(elements, low) for elements in parts]
    stops = [np.searchsorted(elements, high, "right") for elements in parts]
    return [(start, stop - start) for start, stop in zip(starts, stops, strict=True)]


def _elements(keys: Hashes, first_row: int) -> Hashes:
    """The sorted elements of consecutive rows, those without a hash left out."""
    elements = keys & ~_ROW
    elements |= np.arange(first_row, first_row + len(keys), dtype=np.uint64)
    if not keys.all():
        elements = elements[keys != 0]
    elements.sort()
    return elements


def _rows(elements: Hashes) -> Rows:
    return (elements & _ROW).astype(np.int64)
