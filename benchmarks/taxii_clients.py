"""TAXII clients as generators for `http_load.drive`: posting envelopes, and walking through all pages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from benchmarks.http_load import Answer, Client, LoadFault, expect, get, post
from benchmarks.servers import Server

NEXT = re.compile(rb'"next"\s*:\s*"([^"\\]+)"')
MORE = re.compile(rb'"more"\s*:\s*true')
EDGE = 512  # where the cursor stands in an envelope: before or after the objects


@dataclass
class Tally:
    """What one client did: the seconds of each request, when it was answered, and what came."""

    seconds: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)  # by time.perf_counter
    objects: int = 0
    size: int = 0
    ids: list[str] = field(default_factory=list)


def poster(server: Server, bodies: Iterable[bytes], counts: Iterable[int], tally: Tally) -> Client:
    """Posts each envelope and checks that the status resource says complete success."""
    for body, count in zip(bodies, counts, strict=True):
        posted = expect((yield post(server.objects, body, server.authorization)), 200, 202)
        check_status(posted, count)
        tally.seconds.append(posted.seconds)
        tally.ends.append(time.perf_counter())
        tally.objects += count
        tally.size += len(body)


def check_status(answer: Answer, count: int) -> None:
    """Raises LoadFault unless the server took all `count` objects."""
    status = json.loads(answer.body)
    if status["success_count"] != count or status["failure_count"]:
        raise LoadFault(f"{status['success_count']} of {count} objects were taken: {answer.text(1500)}")


def walker(server: Server, authorization: str, tally: Tally, decode: bool, limit: int = 1000) -> Client:
    """Follows `next` through all pages. Decoding, it keeps every id; otherwise it looks for the cursor alone."""
    cursor = ""
    while True:
        path = f"{server.objects}?limit={limit}" + (f"&next={quote(cursor, safe='')}" if cursor else "")
        answer = expect((yield get(path, authorization)), 200)
        tally.seconds.append(answer.seconds)
        tally.size += len(answer.body)
        if decode:
            page = json.loads(answer.body)
            tally.ids += [one["id"] for one in page.get("objects", [])]
            following = page.get("next") if page.get("more") else None
        else:
            following = cursor_in(answer.body)
        if not following:
            return
        cursor = following


def cursor_in(body: bytes | bytearray) -> str | None:
    """The cursor of an envelope that has more, read at its edges without decoding the objects."""
    start, end = body[:EDGE], body[-EDGE:]
    outside = start[: start.find(b'"objects"')] if b'"objects"' in start else start
    outside += end[end.rfind(b"]") + 1 :]
    if not MORE.search(outside):
        return None
    found = NEXT.search(outside)
    if not found:
        raise LoadFault("an envelope says more, and its cursor was not found")
    return str(json.loads(b'"' + found[1] + b'"'))
