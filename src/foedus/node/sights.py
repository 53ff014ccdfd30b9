"""Which entries a subject sees: one `Sight` a clearance class, kept while it is in use.

People with the same clearance history share one. A sight begins a new epoch whenever what its readers may see can
change: their clearance changed, a label's succession fell due, or the meaning of a marking became known after records
had pointed at it. What becomes visible then is released late, after everything released before (see storage/sight.py).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from foedus.kernel.label import Clearance
from foedus.kernel.ports import Clock
from foedus.node.registry import LabelRegistry
from foedus.node.subject import Epoch as ClearanceEpoch
from foedus.node.subject import Subject
from foedus.storage.labels import LabelTable
from foedus.storage.sight import Epoch, Sight

_KEPT = 24  # sights in memory; each costs some 12 bytes a visible entry


class _Held:
    __slots__ = ("lock", "sight", "stamp")

    def __init__(self, sight: Sight, stamp: tuple[int, ...]) -> None:
        self.sight = sight
        self.stamp = stamp
        self.lock = threading.RLock()


class Sights:
    """Sights by clearance history, bounded, safe for many threads. `table_lock` is held while columns are read."""

    def __init__(self, table: LabelTable, registry: LabelRegistry, clock: Clock, table_lock: threading.RLock) -> None:
        self._table = table
        self._registry = registry
        self._clock = clock
        self._table_lock = table_lock
        self._held: OrderedDict[tuple[ClearanceEpoch, ...], _Held] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def of(self, subject: Subject) -> Iterator[Sight]:
        """The subject's sight, up to date, for the time of the block."""
        now = self._clock.now()
        edition = self._registry.edition  # before all that follows from it: what changes meanwhile is noticed next time
        turns = self._registry.turns(now)
        stamp = (edition, *turns, -sum(since <= now for since, _ in subject.epochs))
        with self._lock:
            held = self._held.get(subject.epochs)
            if held is None or held.stamp != stamp:
                with self._table_lock:
                    held = _Held(Sight(self._table, self._epochs(subject, turns, now)), stamp)
                self._held[subject.epochs] = held
                while len(self._held) > _KEPT:
                    self._held.popitem(last=False)
            self._held.move_to_end(subject.epochs)
        with held.lock, self._table_lock:
            held.sight.extend()
            yield held.sight

    def _epochs(self, subject: Subject, turns: tuple[int, ...], now: int) -> list[Epoch]:
        """One epoch for each moment from which other records are permitted; the first one reaches back to the start."""
        history = subject.epochs or ((0, ()),)
        first = history[0][0]
        moments = sorted(
            {first} | {since for since, _ in history[1:] if since <= now} | {t for t in turns if t > first}
        )
        return [
            Epoch(moment if number else -1, self._permits(_in_force(history, moment), moment))
            for number, moment in enumerate(moments)
        ]

    def _permits(self, clearances: tuple[Clearance, ...], moment: int) -> Callable[[int], bool]:
        names = self._table.names("labelset")

        def permits(code: int) -> bool:
            labelset = names[code]
            return labelset is not None and self._registry.decide(labelset, clearances, moment).permit

        return permits


def _in_force(history: tuple[ClearanceEpoch, ...], moment: int) -> tuple[Clearance, ...]:
    held = history[0][1]
    for since, clearances in history:
        if since <= moment:
            held = clearances
    return held
