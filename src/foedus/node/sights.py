"""Which entries a subject sees: one sight a clearance class, kept while it is in use.

People with the same clearance history share one. What such a class may see changes at certain moments: their
clearance changed, a label's succession fell due, a policy began or ended, or a marking got a meaning, or a further one,
after records had pointed at it. Each label set has its own such moments, its turns; what becomes visible at one is
released late, after everything released before (see storage/latesight.py). A turn at which nothing changes for a class
leaves no trace in its sight, so that nobody can tell from their times that it happened.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from foedus.kernel.label import Clearance
from foedus.kernel.ports import Clock
from foedus.node.definitions import Definitions
from foedus.node.registry import LabelRegistry
from foedus.node.subject import Epoch as ClearanceEpoch
from foedus.node.subject import Subject
from foedus.storage.labels import LabelTable
from foedus.storage.latesight import ALWAYS, NEVER, START, LateSight, Turns
from foedus.storage.sight import Sight

_KEPT = 24  # sights in memory; each costs some 12 bytes a visible entry
_NO_HISTORY: tuple[ClearanceEpoch, ...] = ((0, ()),)


class Sights:
    """Sights by clearance history, bounded, safe for many threads. `table_lock` is held while columns are read."""

    def __init__(
        self,
        table: LabelTable,
        registry: LabelRegistry,
        definitions: Definitions,
        clock: Clock,
        table_lock: threading.RLock,
    ) -> None:
        self._table = table
        self._registry = registry
        self._definitions = definitions
        self._clock = clock
        self._table_lock = table_lock
        self._held: OrderedDict[tuple[ClearanceEpoch, ...], _Class] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, subject: Subject) -> Iterator[Sight]:
        """The subject's sight, up to date, for the time of the block."""
        with self._lock:
            held = self._held.get(subject.epochs)
            if held is None:
                held = _Class(self._table, self._registry, self._definitions, subject.epochs or _NO_HISTORY)
                self._held[subject.epochs] = held
                while len(self._held) > _KEPT:
                    self._held.popitem(last=False)
            self._held.move_to_end(subject.epochs)
        with held.lock, self._table_lock:
            self._definitions.follow()
            yield held.sight(self._clock.now())


class _Class:
    """The sight of one clearance history, and for each label set the turns that it was made from."""

    def __init__(
        self,
        table: LabelTable,
        registry: LabelRegistry,
        definitions: Definitions,
        history: tuple[ClearanceEpoch, ...],
    ) -> None:
        self.lock = threading.RLock()
        self._table = table
        self._registry = registry
        self._definitions = definitions
        self._history = history
        self._sight: Sight | None = None
        self._turns: list[Turns] = []  # by code of a label set
        self._moment = START  # what has been looked at: up to this time, this edition, this generation of the table
        self._edition = 0
        self._generation = 0

    def sight(self, now: int) -> Sight:
        """Brought up to date. The caller holds the lock of this class and that of the table."""
        table = self._table
        if table.cursor:
            now = max(now, int(table.column("at")[-1]))  # a clock that was set back: time does not go back here
        if self._sight is None or table.generation != self._generation:
            self._sight, self._turns, self._generation = None, [], table.generation
        codes = self._doubtful(now)
        self._moment, self._edition = max(now, self._moment), self._registry.edition
        if self._turned(codes) or self._sight is None:
            self._sight = LateSight(table, self._turns)
        else:
            self._sight.extend()
        return self._sight

    def _doubtful(self, now: int) -> Iterable[int]:
        """Label sets that were decided upon, of which something may have changed since."""
        registry, known = self._registry, len(self._turns)
        if not known:
            return ()
        due = registry.due(self._moment, now)
        if due is None or any(self._moment < since <= now for since, _ in self._history):
            return range(known)
        if not due and registry.edition == self._edition:
            return ()
        return [code for code in self._definitions.naming({*due, *registry.changed(self._edition)}) if code < known]

    def _turned(self, codes: Iterable[int]) -> bool:
        """Decide about these label sets and new ones; whether the sight that is there does not fit any more."""
        turned = False
        for code in codes:
            turns = self._turns_of(code)
            if turns != self._turns[code]:
                self._turns[code], turned = turns, True
        for code in range(len(self._turns), self._table.labelsets):
            self._turns.append(self._turns_of(code))
            turned |= self._turns[-1] not in (NEVER, ALWAYS)
        return turned

    def _turns_of(self, code: int) -> Turns:
        """When this class may see the label set, by what is known now; what was before its first entry is not told."""
        labelset = self._table.names("labelset")[code]
        if not labelset:
            return NEVER
        first = self._history[0][0]
        used = self._definitions.first_use(code)
        begin = max(first, used)
        # What the first entry came with counts for it; a clearance counts for what is written after it began.
        moments = {at for at in self._registry.turns(labelset) if begin < at <= self._moment}
        moments |= {since for since, _ in self._history[1:] if used <= since <= self._moment}
        permitted = self._permits(labelset, begin, _in_force(self._history, begin, used))
        turns = [START] if permitted else []
        for moment in sorted(moments):
            if self._permits(labelset, moment, _in_force(self._history, moment, moment + 1)) is not permitted:
                permitted = not permitted
                turns.append(moment)
        return tuple(turns) if turns not in ([], [START]) else ALWAYS if turns else NEVER

    def _permits(self, labelset: tuple[str, ...], moment: int, clearances: tuple[Clearance, ...]) -> bool:
        return self._registry.decide(labelset, clearances, moment).permit


def _in_force(history: tuple[ClearanceEpoch, ...], moment: int, before: int) -> tuple[Clearance, ...]:
    """The clearances at a moment that began before another; the first ones reach back to the start."""
    held = history[0][1]
    for since, clearances in history[1:]:
        if since <= moment and since < before:
            held = clearances
    return held
