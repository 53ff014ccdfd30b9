"""Waiting in an event loop for the writer's futures: one wake-up for all that one commit fulfils.

`asyncio.wrap_future` wakes the loop once for each future: with many small requests that costs more than their commit.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


class Commits:
    """For the coroutines of one event loop at a time."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._waking = False

    async def result(self, future: Future[T]) -> T:
        """The future's result, or what it raises."""
        if not future.done():
            loop = asyncio.get_running_loop()
            if loop is not self._loop:
                self._loop, self._arrived, self._waking = loop, deque(), False
            waiter = loop.create_future()
            future.add_done_callback(lambda _: self._arrive(loop, waiter))
            await waiter
        return future.result()

    def _arrive(self, loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
        """In the thread that fulfils the future."""
        if loop is not self._loop:
            return  # that loop has ended, and who waited in it
        self._arrived.append(waiter)
        if not self._waking:
            self._waking = True
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        self._waking = False  # before the look: whoever arrives after it wakes again
        while self._arrived:
            waiter = self._arrived.popleft()
            if not waiter.done():
                waiter.set_result(None)
