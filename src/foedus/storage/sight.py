"""What one clearance class sees, in the order in which it was released to that class.

A reader's clearance has a history of epochs. In the first, an entry is released at its own time. Where a later epoch,
from time T, permits label sets that the one before did not, their older entries follow as one late block, in the
journal's order, after everything with a time <= T and before everything later. Release times rise strictly (by one
microsecond where they would not), so a poller that asks `added_after` misses nothing. An epoch that narrows takes
entries out of sight at once, and an erased entry is out of every sight; neither moves the times of the others, for the
times are computed over all that was ever released to the reader.

Times, places and counts depend on the permitted entries only: nothing moves when something hidden is added.

Example: a reader of {A} until T, of {A, B} from then:
    journal   A@1  B@2  A@3  | T=4 |  B@6
    release   A@1  A@3  B(2)@5  B@6
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foedus.storage.labels import ERASED, SIBLINGS, LabelTable
from foedus.storage.versions import LAST, Wanted, chosen

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]
_CHUNK = 262_144  # rows that one step of a filtered page looks at, at most
_STEP = 65_536  # rows that are taken in at once: what is computed on the way takes several times as much memory


@dataclass(frozen=True, slots=True)
class Epoch:
    """From `since` (microseconds) on, `permits` decides per label set (its code in the label table)."""

    since: int
    permits: Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in release order, their release times, and whether more follow."""

    seqs: Rows
    times: Rows
    more: bool


class Sight:
    """One reader class over a label table. Raises ValueError where there is no epoch or their times do not rise."""

    def __init__(self, table: LabelTable, epochs: Sequence[Epoch]) -> None:
        if not epochs or any(a.since >= b.since for a, b in pairwise(epochs)):
            raise ValueError("a sight needs epochs with rising times")
        self._table = table
        self._epochs = tuple(epochs)
        self._current: tuple[tuple[int, int, int], Rows] | None = None
        self._versioned, self._examined = False, 0  # whether ids with several entries were met, up to this place
        self._rebuild()

    # -- keeping up

    def extend(self) -> None:
        """Catch up with the table: entries added, entries erased. Costs as much as there is new."""
        table = self._table
        if table.generation != self._generation:
            self._rebuild()
            return
        if table.cursor > self._done:
            if len(self._epochs) > 1 and table.column("at")[self._done] <= self._epochs[-1].since:
                self._rebuild()  # the table was behind when the epoch began: the late block grows
                return
            self._append()
        if len(table.erased_log) > self._erasures:
            self._let_go()

    @property
    def count(self) -> int:
        """Entries in sight, all versions."""
        return self._count

    @property
    def seqs(self) -> NDArray[np.int32]:
        """All entries in sight, in release order. Not to be written to."""
        seqs: NDArray[np.int32] = self._seqs[: self._count]
        return seqs

    @property
    def permitted(self) -> Mask:
        """By code of a label set: may this reader see it now? As long as `table.names("labelset")` after `extend`."""
        decisions: Mask = self._decisions[-1][:-1]
        return decisions

    # -- reading

    def visible(self, seqs: NDArray[Any] | Sequence[int]) -> Mask:
        """Which of these entries are in sight, one truth value each."""
        rows = np.asarray(seqs, np.int64)
        known: Mask = (rows >= 0) & (rows < self._done)
        inside = np.where(known, rows, 0)
        if not self._done:
            return known
        known &= self._permitted(inside)
        known &= self._table.column("flags")[inside] & ERASED == 0
        return known

    def times(self, seqs: NDArray[Any]) -> Rows:
        """Release times of entries in sight."""
        rows = np.asarray(seqs, np.int64)
        out = np.zeros(len(rows), np.int64)
        late = rows < self._late_below
        if late.any():  # late blocks stand out of the journal's order
            places: NDArray[Any] = self._places[np.searchsorted(self._rows_in_order, rows[late])]
            out[late] = self._times[places]
        if not late.all():
            start = len(self._places)
            places = start + np.searchsorted(self._seqs[start : self._count], rows[~late].astype(np.int32))
            out[~late] = self._times[places]
        return out

    def page(
        self,
        after: int = -1,
        limit: int = 100,
        *,
        position: int | None = None,
        types: Iterable[str] | None = None,
        seqs: NDArray[Any] | Sequence[int] | None = None,
        versions: Wanted | None = None,
    ) -> Page:
        """At most `limit` entries released after the time `after` (or from the place `position` on), oldest first.

        `types` and `seqs` narrow to those STIX types and entries; `versions` (see versions.py) chooses among the
        versions of each id that are in sight, None keeps every entry. A time is a complete cursor.
        """
        codes = None if types is None else np.array([self._table.code("type", t) for t in types], np.int16)
        if seqs is not None:
            return self._page_of(np.unique(np.asarray(seqs, np.int64)), after, limit, codes, versions)
        start = self._place_after(after) if position is None else position
        places = self._search(max(0, start), limit + 1, codes, versions)
        kept = self.seqs[places[:limit]].astype(np.int64)
        return Page(kept, self.times(kept), len(places) > limit)

    def newest(
        self,
        limit: int = 100,
        *,
        before: int | None = None,
        types: Iterable[str] | None = None,
        versions: Wanted | None = LAST,
    ) -> Page:
        """The latest released entries, newest first; `before` (a release time, exclusive) continues."""
        codes = None if types is None else np.array([self._table.code("type", t) for t in types], np.int16)
        stop = self._count if before is None else self._place_after(before - 1)
        places = self._search_back(stop, limit + 1, codes, versions)
        kept = self.seqs[places[:limit]].astype(np.int64)
        return Page(kept, self.times(kept), len(places) > limit)

    def current(self) -> Rows:
        """The last version of every id in sight (equal copies once), ascending by entry; kept until a change."""
        key = (self._table.cursor, self._erasures, self._generation)
        if self._current is None or self._current[0] != key:
            rows = np.sort(self.seqs).astype(np.int64)
            self._current = (key, rows[chosen(self._table, self, rows, LAST)])
        return self._current[1]

    def superseded(self) -> Rows:
        """Entries in sight that are not current: older versions and further equal copies, ascending."""
        current = self.current()
        if len(current) == self._count:
            return np.empty(0, np.int64)
        return np.setdiff1d(self.seqs, current, assume_unique=True).astype(np.int64)

    def is_current(self, seqs: NDArray[Any]) -> Mask:
        """Which of these entries are in sight and the last version of their id, one truth value each."""
        rows = np.asarray(seqs, np.int64)
        mask = self.visible(rows)
        mask[mask] = chosen(self._table, self, rows[mask], LAST)
        return mask

    @property
    def has_versions(self) -> bool:
        """Whether any id has several entries in sight: only then must a search tell current ones apart."""
        if not self._versioned and self._examined < self._count:
            rows = self.seqs[self._examined :]
            rows = rows[self._table.column("flags")[rows] & SIBLINGS != 0]
            which, members = self._table.rows_of_hashes(np.unique(self._table.column("idhash")[rows]))
            self._versioned = bool((np.bincount(which[self.visible(members)]) > 1).any())
            self._examined = self._count
        return self._versioned

    def counts_by(self, column: str, rows: NDArray[Any] | None = None) -> dict[Any, int]:
        """How many of `rows` (entries in sight; default: the current ones) have each name of an interned column."""
        rows = self.current() if rows is None else rows
        names = self._table.names(column)
        counted = np.bincount(self._table.column(column)[rows] + 1, minlength=len(names) + 1)[1:]
        return {names[code]: int(counted[code]) for code in np.flatnonzero(counted).tolist()}

    def histogram(self, edges: Sequence[int], rows: NDArray[Any] | None = None, column: str = "release") -> list[int]:
        """How many of `rows` (default: the current ones) fall between neighbouring `edges` (microseconds, rising).

        `column`: "release" (when this reader could first see it) or "version" (when it was made).
        """
        rows = self.current() if rows is None else rows
        values = self.times(rows) if column == "release" else self._table.column(column)[rows]
        places = np.searchsorted(np.asarray(edges, np.int64), values, "right")
        counts: list[int] = np.bincount(places, minlength=len(edges) + 1)[1 : len(edges)].tolist()
        return counts

    # -- building

    def _rebuild(self) -> None:
        table = self._table
        self._generation, self._done = table.generation, table.cursor
        self._erasures = len(table.erased_log)
        self._current = None
        self._decisions = np.zeros((len(self._epochs), 1), bool)
        self._decide()
        self._versioned, self._examined = False, 0
        if len(self._epochs) == 1:
            self._begin()
            return
        rows, times, epoch = self._releases()
        self._last = int(times[-1]) if len(times) else -1
        sets = table.column("labelset")[rows]
        alive = epoch >= self._run_starts()[sets]
        alive &= table.column("flags")[rows] & ERASED == 0
        rows, times = rows[alive], times[alive]
        self._count = len(rows)
        self._seqs, self._times = rows.astype(np.int32), times
        self._index_late()

    def _begin(self) -> None:
        """One epoch: all is released at its own time, as what is added later."""
        room = int(np.count_nonzero(self._permitted(slice(None))))
        self._seqs, self._times = np.empty(room, np.int32), np.empty(room, np.int64)
        self._count, self._last, self._done = 0, -1, 0
        self._index_late()
        self._append()

    def _releases(self) -> tuple[Rows, Rows, NDArray[np.int16]]:
        """Everything ever released to this reader, in order: (row, release time, epoch), some rows more than once."""
        at, sets = self._table.column("at"), self._table.column("labelset")
        starts = [0, *(int(np.searchsorted(at, e.since, "right")) for e in self._epochs[1:]), self._done]
        rows: list[Rows] = []
        keys: list[Rows] = []
        for i, epoch in enumerate(self._epochs):
            if i:
                new = self._decisions[i] & ~self._decisions[i - 1]
                late = np.flatnonzero(new[sets[: starts[i]]])
                rows.append(late)
                keys.append(np.full(len(late), epoch.since + 1))
            own = starts[i] + np.flatnonzero(self._decisions[i][sets[starts[i] : starts[i + 1]]])
            rows.append(own)
            keys.append(at[own])
        sizes = [len(part) for part in rows]
        number = np.repeat([0, *(i for i in range(1, len(self._epochs)) for _ in "ab")], sizes).astype(np.int16)
        return np.concatenate(rows), _rising(np.concatenate(keys)), number

    def _run_starts(self) -> NDArray[np.int16]:
        """Per label set: the first epoch of the unbroken run of permission that still lasts; none: beyond the last."""
        count = len(self._epochs)
        start = np.full(self._decisions.shape[1], count, np.int16)
        lasting = np.ones(self._decisions.shape[1], bool)
        for i in range(count - 1, -1, -1):
            lasting &= self._decisions[i]
            start[lasting] = i
        return start

    def _append(self) -> None:
        self._decide()
        while self._done < self._table.cursor:
            self._take_in(min(self._done + _STEP, self._table.cursor))

    def _take_in(self, stop: int) -> None:
        """The entries up to `stop`."""
        table, start = self._table, self._done
        self._done = stop
        rows = start + np.flatnonzero(self._permitted(slice(start, stop)))
        if not len(rows):
            return
        times = _rising(np.concatenate([[self._last], table.column("at")[rows]]))[1:]
        self._last = int(times[-1])
        alive = table.column("flags")[rows] & ERASED == 0
        rows, times = rows[alive], times[alive]
        need = self._count + len(rows)
        if need > len(self._seqs):
            self._seqs = _grown(self._seqs, self._count, need)
            self._times = _grown(self._times, self._count, need)
        self._seqs[self._count : need] = rows
        self._times[self._count : need] = times
        self._count = need

    def _let_go(self) -> None:
        """Drop what was erased. Whoever pages by time goes on where they were."""
        self._erasures = len(self._table.erased_log)
        alive = self._table.column("flags")[self.seqs] & ERASED == 0
        self._seqs, self._times = self.seqs[alive], self._times[: self._count][alive]
        self._count = len(self._seqs)
        self._index_late()

    def _index_late(self) -> None:
        """Places by row for the part that late blocks put out of the journal's order; what is appended is in order."""
        self._late_below = 0
        self._places: NDArray[np.int32] = np.empty(0, np.int32)
        self._rows_in_order: NDArray[np.int32] = np.empty(0, np.int32)
        if len(self._epochs) > 1:
            self._places = np.argsort(self.seqs).astype(np.int32)
            self._rows_in_order = self.seqs[self._places]
            self._late_below = int(self._rows_in_order[-1]) + 1 if self._count else 0
        self._versioned, self._examined = False, 0

    def _decide(self) -> None:
        """Ask about label sets that are new. The last column answers for -1, no label: denied."""
        known, now = self._decisions.shape[1] - 1, self._table.labelsets
        if now > known:
            grown = np.zeros((len(self._epochs), now + 1), bool)
            grown[:, :known] = self._decisions[:, :known]
            for i, epoch in enumerate(self._epochs):
                grown[i, known:now] = [epoch.permits(code) for code in range(known, now)]
            self._decisions = grown

    def _permitted(self, rows: Rows | slice) -> Mask:
        permitted: Mask = self._decisions[-1][self._table.column("labelset")[rows]]
        return permitted

    # -- searching

    def _place_after(self, time: int) -> int:
        """The first place whose release time is later."""
        return int(np.searchsorted(self._times[: self._count], time, "right"))

    def _search(self, start: int, want: int, codes: NDArray[np.int16] | None, versions: Wanted | None) -> Rows:
        found: list[Rows] = []
        size = want
        while start < self._count and want > 0:
            stop = min(self._count, start + size)
            places = start + np.flatnonzero(self._passes(self._seqs[start:stop], codes, versions))
            found.append(places[:want])
            want -= len(places)
            start, size = stop, min(size * 4, _CHUNK)
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def _search_back(self, stop: int, want: int, codes: NDArray[np.int16] | None, versions: Wanted | None) -> Rows:
        found: list[Rows] = []
        size = want
        while stop > 0 and want > 0:
            start = max(0, stop - size)
            places = (start + np.flatnonzero(self._passes(self._seqs[start:stop], codes, versions)))[::-1]
            found.append(places[:want])
            want -= len(places)
            stop, size = start, min(size * 4, _CHUNK)
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def _page_of(
        self, rows: Rows, after: int, limit: int, codes: NDArray[np.int16] | None, versions: Wanted | None
    ) -> Page:
        rows = rows[self.visible(rows)]
        times = self.times(rows)
        order = np.argsort(times)
        rows, times = rows[order], times[order]
        keep = (times > after) & self._passes(rows, codes, versions)
        rows, times = rows[keep], times[keep]
        return Page(rows[:limit], times[:limit], len(rows) > limit)

    def _passes(self, rows: NDArray[Any], codes: NDArray[np.int16] | None, versions: Wanted | None) -> Mask:
        keep = np.ones(len(rows), bool) if codes is None else np.isin(self._table.column("type")[rows], codes)
        if versions is not None:
            places = np.flatnonzero(keep)
            keep[places] = chosen(self._table, self, rows[places].astype(np.int64), versions)
        return keep


def _grown(array: NDArray[Any], count: int, need: int) -> NDArray[Any]:
    """A larger array with the same first `count` values."""
    out = np.empty(need + need // 2, array.dtype)
    out[:count] = array[:count]
    return out


def _rising(keys: Rows) -> Rows:
    """The smallest strictly rising times that are not below the keys."""
    steps = np.arange(len(keys))
    return np.maximum.accumulate(keys - steps) + steps
