"""Connections that cost the server nothing for long: bounded in number, in the size of a request's head, and in time.

A client that sends nothing, drips its request byte by byte, or never reads its answer is let go. Live streams are not
touched: their request is complete, and they are read.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from foedus.config import Limits


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools with `Limits`; make a class for one server with `bounded`."""

    limits: ClassVar[Limits]

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _waits_for = ""  # "head", "body", or "" between requests
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            transport.abort()
            return
        self._wait(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._waits_for
        if before == "":
            self._waits_for, self._head_bytes = "head", 0
        super().data_received(data)
        if self._waits_for == "head":
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.max_head_bytes:
                self.transport.abort()
                return
        if self._waits_for == "":
            self._end_wait()
        elif self._timer is None or self._waits_for != before:
            seconds = self.limits.head_seconds if self._waits_for == "head" else self._for_body()
            self._wait(seconds)

    def on_headers_complete(self) -> None:
        self._waits_for = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._waits_for = ""
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def _for_body(self) -> float:
        """Seconds that the body may take: by its declared size, or as if it were the largest."""
        size = next((value for name, value in self.headers if name == b"content-length"), b"")
        length = int(size) if size.isdigit() else self.limits.max_content_length
        return (
            self.limits.body_seconds + min(length, self.limits.max_content_length) / self.limits.body_bytes_per_second
        )

    def _wait(self, seconds: float) -> None:
        self._end_wait()
        self._timer = self.loop.call_later(seconds, self.transport.abort)

    def _end_wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def bounded(limits: Limits) -> type[BoundedProtocol]:
    """The protocol class of a server with these limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})
