"""The live stream: what has just become visible to this reader, as server-sent events (WHATWG HTML, 9.2).

    id: 1763880000000000        release time in this reader's view; the browser sends it back as Last-Event-ID
    event: arrival              data: one list item as HTML
    event: many                 data: how many arrived at once; the page offers to load them
    event: alerts               data: the bell of the header as HTML, whenever its count is another one
    event: ended                the session is over; no further connection will do

A page has one stream: /live where it shows a list of news, /live/alerts otherwise. Every stream reads through its own
subject's View and asks anew, at every turn, who that subject is now: a changed clearance or an ended session takes
effect at once. A comment keeps the connection open at fixed times, whatever is stored meanwhile: its rhythm tells
nothing about records that the reader may not see.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

from anyio import to_thread
from litestar import get
from litestar.response import Stream

from foedus.faces.web.alerts import Alerts, alarm_of
from foedus.faces.web.desk import asked_for, matcher
from foedus.faces.web.rows import rows
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import FoedusError
from foedus.node.answers import Arrival, Found, SearchQuery

HEARTBEAT = 15.0  # seconds between comments that keep the connection open
# No session is longer. A connection made anew counts as use of the session: streams that end before it would keep the
# session of a forgotten page alive.
LONGEST = 24 * 3600.0
_PAUSE = 1.0  # seconds between two looks: commits may come by the hundred
_BATCH = 100
_SHOWN = 12  # more at once are counted, not shown one by one
_QUIET = frozenset({"relationship", "marking-definition", "extension-definition", "language-content"})


def event(name: str, data: str = "", at: int | None = None) -> str:
    """One event of the stream; data of several lines keeps them. Without `at` it does not move where the stream is."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    moment = "" if at is None else f"id: {at}\n"
    return f"{moment}event: {name}\n{lines}\n"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page lists: which records, and the same as a question to the index."""

    matches: Callable[[Found], bool]
    query: SearchQuery


def _news(v: Visit, after: int, wanted: Wanted) -> tuple[int, str]:
    """What came after this moment: the new moment, and the text to send."""
    arrivals = v.view.arrivals(after, _BATCH)
    if not arrivals:
        return after, ""
    if len(arrivals) == _BATCH:  # there may be a million: counted in the index, nothing is released by it
        last = v.view.latest_release()
        return last, event("many", str(_counted(v, after, wanted)), last)
    last = arrivals[-1].released
    found = [f for f in _latest(v, arrivals) if wanted.matches(f)]
    if len(found) > _SHOWN:
        return last, event("many", str(len(found)), last)
    text = "".join(
        event("arrival", v.render("arrival.html", {"row": row}), f.released)
        for f, row in zip(found, rows(v, found), strict=True)
    )
    return last, text


def _counted(v: Visit, after: int, wanted: Wanted) -> int:
    """How many there are for this page."""
    answer = v.view.search(replace(wanted.query, released_after=after, limit=0))
    return answer.total - sum(f.count for f in answer.facets.get("type", ()) if f.value in _QUIET)


def _latest(v: Visit, arrivals: list[Arrival]) -> list[Found]:
    """The records that arrived, once each, in order; what was recalled or replaced since is not news."""
    versions = {a.id: a.version for a in arrivals if a.type not in _QUIET}
    found = v.view.many(list(versions))
    return sorted((f for i, f in found.items() if f.version == versions[i]), key=lambda f: f.released)


def _from(request: AnyRequest, v: Visit) -> int:
    """Where the stream goes on: what the browser had last, what the page showed last, or now."""
    for text in (request.headers.get("last-event-id", ""), request.query_params.get("after", "")):
        if text.isascii() and text.isdigit() and len(text) < 18:
            return int(text)
    return v.view.latest_release()


class _Reader:
    """One open page: what it was told, and what there is to tell it now."""

    def __init__(self, v: Visit, after: int, wanted: Wanted | None) -> None:
        self._v, self._after, self._wanted = v, after, wanted
        self._alerts: Alerts | None = None  # the first count is always told

    async def news(self, seen: int) -> str:
        """The events of one turn, "" where there are none. `seen` is the store's live counter before it."""
        text = ""
        if self._wanted is not None:
            self._after, text = await to_thread.run_sync(_news, self._v, self._after, self._wanted)
        alerts = await alarm_of(self._v).count(self._v, seen)
        if alerts != self._alerts:
            self._alerts = alerts
            text += event("alerts", self._v.render("alerts.html", {"bell": alerts}))
        return text


async def _stream(request: AnyRequest, v: Visit, reader: _Reader) -> AsyncIterator[str]:
    node: Any = request.app.state.node
    end = time.monotonic() + LONGEST
    beat = time.monotonic() + HEARTBEAT
    yield "retry: 3000\n\n"
    while (now := time.monotonic()) < end:
        if now >= beat:
            beat = now + HEARTBEAT
            yield ": still here\n\n"
        seen = node.live.count
        subject = node.access.refresh(v.subject)
        if subject is None:
            yield event("ended")
            return
        v.become(subject)
        try:
            text = await reader.news(seen)
            if text:
                yield text
            await _next_turn(node, seen, beat)
        except FoedusError:  # too many streams, or the node is stopping: the browser tries again later
            yield "retry: 60000\n\n"
            return


async def _next_turn(node: Any, seen: int, beat: float) -> None:
    """Wait until something was stored, a pause at least, and not beyond the next beat."""
    pause = min(_PAUSE, max(0.0, beat - time.monotonic()))
    await asyncio.sleep(pause)
    await node.live.wait(seen, max(0.0, beat - time.monotonic()))


def _answer(request: AnyRequest, v: Visit, reader: _Reader) -> Stream:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_stream(request, v, reader), media_type="text/event-stream", headers=headers)


@get("/live", sync_to_thread=True)
def live(request: AnyRequest) -> Stream:
    """News and alerts. `?after=` the release time that the page showed last; `?q=…` and the other parameters of a
    search narrow the news."""
    v = visit(request)
    searching = "search" in request.query_params
    asked = request.url.query
    wanted = Wanted(matcher(v, asked), asked_for(asked)) if searching else Wanted(lambda _: True, SearchQuery())
    return _answer(request, v, _Reader(v, _from(request, v), wanted))


@get("/live/alerts", sync_to_thread=True)
def live_alerts(request: AnyRequest) -> Stream:
    """Alerts alone, for pages without a list of news."""
    v = visit(request)
    v.subject.require("read")
    return _answer(request, v, _Reader(v, 0, None))


HANDLERS = (live, live_alerts)
