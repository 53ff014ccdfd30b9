"""Status resources of POST (section 4.3): kept for the poster alone, the newest ones, in bounded memory.

The standard lets a server forget a status; an answer is complete when it is given, so nothing is lost with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

import msgspec

from foedus.faces.taxii.times import stamp
from foedus.kernel.errors import Fault
from foedus.kernel.ids import format_time
from foedus.kernel.ports import Random
from foedus.node.ingest import Ingest

_MOST = 4_096
_BYTES = 32 * 1024 * 1024  # of all that is kept, as JSON: one answer may name ten thousand objects
_AT_ONCE = 256  # ids drawn together: the operating system is asked once for all of them
_MESSAGE = 2_000  # characters of one failure's message


class StatusIds:
    """Random UUIDs (version 4)."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._held: list[str] = []

    def next(self) -> str:
        """One that was not given out before."""
        if not self._held:
            drawn = self._random.bytes(16 * _AT_ONCE)
            self._held = [str(UUID(bytes=drawn[i : i + 16], version=4)) for i in range(0, len(drawn), 16)]
        return self._held.pop()


class Success(msgspec.Struct, frozen=True, gc=False):
    """An object that is in the journal; one that was there already counts too."""

    id: str
    version: str


class Failure(msgspec.Struct, frozen=True, gc=False):
    """An object that was not taken, and why."""

    id: str
    version: str
    message: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The status resource (section 4.3.1)."""

    id: str
    status: str = "complete"
    request_timestamp: str
    total_count: int
    success_count: int
    successes: list[Success]
    failure_count: int
    failures: list[Failure]
    pending_count: int = 0


class Statuses:
    """A bounded store, oldest out first. A status is found only by the account that posted."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def keep(self, subject: str, status_id: str, status: bytes) -> None:
        with self._lock:
            self._held[(subject, status_id)] = status
            self._size += len(status)
            while len(self._held) > _MOST or self._size > _BYTES:
                self._size -= len(self._held.popitem(last=False)[1])

    def find(self, subject: str, status_id: str) -> bytes | None:
        with self._lock:
            return self._held.get((subject, status_id))


def status_of(ingest: Ingest, status_id: str, received: int) -> bytes:
    """The status resource of a POST whose good objects are durable, as JSON."""
    at = stamp(received)
    good, faults = ingest.good, ingest.reported
    status = Status(
        id=status_id,
        request_timestamp=at,
        total_count=ingest.total,
        success_count=len(good),
        successes=[Success(valid.id, format_time(valid.version) if valid.version else at) for valid in good],
        failure_count=ingest.total - len(good),
        failures=_failures(faults, at) if faults else [],
    )
    return msgspec.json.encode(status)


def _failures(faults: Sequence[Fault], at: str) -> list[Failure]:
    """One for each object, with all that is wrong with it."""
    by_object: dict[str, list[str]] = {}
    for fault in faults:
        place = f"object {fault.index}" if fault.index >= 0 else "envelope"
        by_object.setdefault(fault.object_id or place, []).append(str(fault))
    return [Failure(name, at, "; ".join(words)[:_MESSAGE]) for name, words in by_object.items()]
