"""Status resources of POST (section 4.3): kept for the poster alone, the newest ones, in bounded memory.

The standard lets a server forget a status; an answer is complete when it is given, so nothing is lost with it.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from uuid import UUID

from foedus.kernel.ports import Random

_MOST = 4_096
_BYTES = 32 * 1024 * 1024  # of all that is kept, as JSON: one answer may name ten thousand objects


_AT_ONCE = 256  # ids drawn together: the operating system is asked once for all of them


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
