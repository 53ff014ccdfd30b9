"""The live stream: what has just become visible to this reader, as server-sent events (WHATWG HTML, 9.2).

    id: 1763880000000000        release time in this reader's view; the browser sends it back as Last-Event-ID
    event: arrival              data: one list item as HTML
    event: many                 data: how many arrived at once; the page offers to load them

Every stream reads through its own subject's View and asks anew, at every turn, who that subject is now: a changed
clearance or an ended session takes effect at once.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from anyio import to_thread
from litestar import get
from litestar.response import Stream

from foedus.faces.web.desk import matcher
from foedus.faces.web.rows import rows
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import FoedusError
from foedus.node.answers import Arrival, Found

HEARTBEAT = 15.0  # seconds without news before a comment keeps the connection open
LONGEST = 3600.0  # after an hour the browser connects again by itself
_BATCH = 100
_SHOWN = 12  # more at once are counted, not shown one by one
_QUIET = frozenset({"relationship", "marking-definition", "extension-definition", "language-content"})


def event(name: str, at: int, data: str) -> str:
    """One event of the stream; data of several lines keeps them."""
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"id: {at}\nevent: {name}\n{lines}\n"


def _news(v: Visit, after: int, wanted: Callable[[Found], bool]) -> tuple[int, str]:
    """What came after this moment: the new moment, and the text to send."""
    arrivals = v.view.arrivals(after, _BATCH)
    if not arrivals:
        return after, ""
    last = arrivals[-1].released
    found = [f for f in _latest(v, arrivals) if wanted(f)]
    if len(found) > _SHOWN or len(arrivals) == _BATCH:
        return last, event("many", last, str(len(found)))
    text = "".join(
        event("arrival", f.released, v.render("arrival.html", {"row": row}))
        for f, row in zip(found, rows(v, found), strict=True)
    )
    return last, text


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
    newest = v.view.newest(limit=1)
    return newest[0].released if newest else 0


async def _stream(request: AnyRequest, v: Visit, after: int, wanted: Callable[[Found], bool]) -> AsyncIterator[str]:
    node: Any = request.app.state.node
    end = time.monotonic() + LONGEST
    yield "retry: 3000\n\n"
    while time.monotonic() < end:
        seen = node.live.count
        subject = node.access.refresh(v.subject)
        if subject is None:
            return
        v.become(subject)
        try:
            after, text = await to_thread.run_sync(_news, v, after, wanted)
            if text:
                yield text
                continue
            if await node.live.wait(seen, HEARTBEAT) == seen:
                yield ": still here\n\n"
        except FoedusError:  # too many streams, or the node is stopping: the browser tries again later
            yield "retry: 10000\n\n"
            return


@get("/live", sync_to_thread=True)
def live(request: AnyRequest) -> Stream:
    """`?after=` the release time that the page showed last; `?q=…` and the other parameters of a search narrow it."""
    v = visit(request)
    after = _from(request, v)
    asked = request.url.query
    wanted: Callable[[Found], bool] = matcher(v, asked) if "search" in request.query_params else (lambda _: True)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return Stream(_stream(request, v, after, wanted), media_type="text/event-stream", headers=headers)


HANDLERS = (live,)
