"""Status resources of POST (section 4.3): kept for the poster alone, the newest few thousand, in memory.

The standard lets a server forget a status; an answer is complete when it is given, so nothing is lost with it.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

_MOST = 4_096


class Statuses:
    """A bounded store, oldest out first. A status is found only by the account that posted."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()
        self._lock = Lock()

    def keep(self, subject: str, status: dict[str, Any]) -> None:
        with self._lock:
            self._held[(subject, status["id"])] = status
            while len(self._held) > _MOST:
                self._held.popitem(last=False)

    def find(self, subject: str, status_id: str) -> dict[str, Any] | None:
        with self._lock:
            return self._held.get((subject, status_id))
