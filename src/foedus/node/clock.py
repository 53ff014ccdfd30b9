"""The real clock and the real source of randomness. Only the composition root chooses them."""

from __future__ import annotations

import os
import time


class SystemClock:
    """UTC in microseconds, never going back within one process."""

    def __init__(self) -> None:
        self._last = 0

    def now(self) -> int:
        self._last = max(self._last, time.time_ns() // 1000)
        return self._last


class SystemRandom:
    """The operating system's generator."""

    def bytes(self, count: int) -> bytes:
        return os.urandom(count)
