"""Waiting for the writer: a thread waits for its own commit, an event loop once for all that one batch fulfils.

A `concurrent.futures.Future` would do, but each brings a lock and a condition of its own, and `asyncio.wrap_future`
wakes the loop once for each: with many small requests that costs more than their commit.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_turn = threading.Lock()  # held for a few instructions: all promises share it


class Awaited(Protocol[T_co]):
    """A result that another thread will bring, as `Promise` and `concurrent.futures.Future` are."""

    def done(self) -> bool: ...
    def result(self) -> T_co: ...
    def add_done_callback(self, callback: Callable[[Any], object], /) -> object: ...


class Promise(Generic[T]):
    """A result, or an error, that one thread brings and others wait for."""

    __slots__ = ("_callbacks", "_done", "_error", "_result")

    def __init__(self) -> None:
        self._done = False
        self._result: T | None = None
        self._error: BaseException | None = None
        self._callbacks: tuple[Callable[[Promise[T]], object], ...] = ()

    def done(self) -> bool:
        return self._done

    def keep(self, result: T) -> None:
        """Here is the result. Once."""
        self._result = result
        self._settle()

    def fail(self, error: BaseException) -> None:
        """There will be none; `result` raises this. Once."""
        self._error = error
        self._settle()

    def result(self) -> T:
        """Waits for it in this thread. Raises what was brought instead of a result."""
        if not self._done:
            settled = threading.Event()
            self.add_done_callback(lambda _: settled.set())
            settled.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # None is a result like any other

    def add_done_callback(self, callback: Callable[[Promise[T]], object], /) -> None:
        """Called once: by the thread that settles the promise, or at once where it is settled."""
        with _turn:
            if not self._done:
                self._callbacks += (callback,)
                return
        callback(self)

    def _settle(self) -> None:
        with _turn:
            self._done = True
        for callback in self._callbacks:
            callback(self)


class Commits:
    """For the coroutines of one event loop at a time."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived: deque[asyncio.Future[None]] = deque()
        self._waking = False

    async def result(self, promise: Awaited[T]) -> T:
        """The result, or what it raises."""
        if not promise.done():
            loop = asyncio.get_running_loop()
            if loop is not self._loop:
                self._loop, self._arrived, self._waking = loop, deque(), False
            waiter = loop.create_future()
            promise.add_done_callback(lambda _: self._arrive(loop, waiter))
            await waiter
        return promise.result()

    def _arrive(self, loop: asyncio.AbstractEventLoop, waiter: asyncio.Future[None]) -> None:
        """In the thread that settles the promise."""
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
