"""Waking those who wait for news: server-sent events and whoever needs their own write projected."""

from __future__ import annotations

import asyncio
import threading

from foedus.kernel.errors import TooMany


class Live:
    """A counter that rises with every commit. Waiters are told that something happened, never what."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._lock = threading.Lock()
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    @property
    def count(self) -> int:
        return self._count

    def notify(self) -> None:
        """Something was committed or projected."""
        with self._lock:
            self._count += 1
            woken, self._waiting = self._waiting, set()
        for loop, event in woken:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self, seen: int, seconds: float) -> int:
        """The counter, at once where it has risen above `seen`, else when it does or the time is over.

        Raises TooMany where more wait than `Limits.live_subscribers`.
        """
        event = asyncio.Event()
        key = (asyncio.get_running_loop(), event)
        with self._lock:
            if self._count > seen:
                return self._count
            if len(self._waiting) >= self._most:
                raise TooMany("too many live streams are open", 5)
            self._waiting.add(key)
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            pass
        finally:  # also where the reader has gone: nobody is counted who does not wait
            with self._lock:
                self._waiting.discard(key)
        return self._count
