"""Alerts: how many new hits each saved search that notifies has, for the header of every open page.

The hits are counted in the index through the reader's own View: nothing is released by it, and nothing hidden moves
a count. One `Alarm` serves all the streams of a server process. It counts for one reader at a time and rests after
each count, so however many pages are open, counting takes at most a quarter of one core; under load alerts come later.
"""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from typing import Any

from anyio import to_thread

from foedus.faces.web.desk import Desk
from foedus.faces.web.visit import Visit

_REST = 3  # times as long as a count took
_LONGEST_REST = 1.0  # seconds
_KEPT = 1_000  # people whose last count is kept
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Alert:
    """A saved search that notifies, with how many records answer it that came since its owner opened it last."""

    name: str
    new: int


@dataclass(frozen=True, slots=True)
class Alerts:
    """All of one person's, those without new hits left out."""

    lines: tuple[Alert, ...] = ()

    @property
    def total(self) -> int:
        return sum(line.new for line in self.lines)


class Alarm:
    """Counts for the streams. What it counted last for somebody holds until the store or their searches change."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._kept: dict[str, tuple[Any, Alerts]] = {}

    async def count(self, v: Visit, seen: int) -> Alerts:
        """The alerts of this visit's person; `seen` is the store's live counter before anything was looked at."""
        desk = Desk(v)
        searches = tuple(s for s in desk.searches() if s.notify)
        if not searches:
            return Alerts()
        stamp = (seen, v.subject.clearances, searches)
        kept = self._kept.get(v.subject.name)
        if kept is not None and kept[0] == stamp:
            return kept[1]
        await self._turn.acquire()
        began = time.perf_counter()
        try:
            found = await to_thread.run_sync(lambda: Alerts(tuple(_alerts(desk))))
        finally:
            rest = min(_LONGEST_REST, _REST * (time.perf_counter() - began))
            asyncio.get_running_loop().call_later(rest, self._turn.release)
        if len(self._kept) >= _KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[v.subject.name] = (stamp, found)
        return found


def _alerts(desk: Desk) -> list[Alert]:
    return [Alert(one.name, one.new) for one in desk.saved() if one.notify and one.new]


def alarm_of(v: Visit) -> Alarm:
    """The alarm of the server that answers this request; made with the first one."""
    state = v.request.app.state
    with _lock:
        if "web_alarm" not in state:
            state["web_alarm"] = Alarm()
        found: Alarm = state["web_alarm"]
        return found
