"""Connections that cost the server nothing for long: bounded in number, in the size of a request's head, and in time.

A client that sends nothing, drips its request byte by byte, or never reads its answer is let go. Live streams are not
touched: their request is complete, and they are read.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from foedus.config import Limits
from foedus.faces.http.exchange import Exchange


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools with `Limits`; make a class for one server with `bounded`."""

    limits: ClassVar[Limits]

    _timer: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _waits_for = ""  # "head", "body", or "" between requests
    _head_bytes = 0
    _idle_since: float | None = None  # by the loop's clock; None while a request is under way

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.max_connections:
            transport.abort()
            return
        self._wait(self.limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_wait()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
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
        """As uvicorn's, with an `Exchange` for its cycle, and without a bound on concurrency, which we do not use."""
        self._waits_for = "body"
        parser, scope = self.parser, self.scope
        scope["method"] = parser.get_method().decode("ascii")
        scope["http_version"] = version = parser.get_http_version()
        if parser.should_upgrade() and self._should_upgrade():
            return
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["path"] = self.root_path + (unquote(path) if "%" in path else path)
        scope["raw_path"] = self.root_path.encode("ascii") + url.path
        scope["query_string"] = url.query or b""
        before = self.cycle
        self.cycle = Exchange(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:  # sent before its predecessor was answered: it waits, and nothing more is read meanwhile
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        self._waits_for = ""
        super().on_message_complete()

    # Between requests uvicorn makes a timer and cancels it when the next one comes. Here one timer a connection looks
    # when it is due whether the connection has been idle all the time.

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._watch_idleness(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._idle_since is not None:
            left = self._idle_since + self.timeout_keep_alive - self.loop.time()
            if left > 0:
                self._watch_idleness(left)
            else:
                self.transport.close()

    def _unset_keepalive_if_required(self) -> None:
        self._idle_since = None

    def _watch_idleness(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

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
