"""One request and its answer on a connection: uvicorn's cycle, but head and body of an answer leave in one write.

uvicorn writes them apart. Each write is a system call and wakes the client, so that a small answer costs twice what it
must. Here the head of an answer of known length waits for the body, which follows at once; the head of a stream leaves
by itself, for nobody knows when something will follow it.
"""

from __future__ import annotations

import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

# A field line of RFC 9112: a token, and a value without control characters. Nothing else may reach the wire, or the
# value of one header could begin another.
_FIELD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*")


class Exchange(RequestResponseCycle):
    """Receiving the request, and what happens when the application fails, are uvicorn's."""

    _head = b""  # of an answer of known length whose body has still to come

    async def send(self, message: Any) -> None:
        """One ASGI message. Raises RuntimeError where the application breaks ASGI or HTTP."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        expected = "http.response.body" if self.response_started else "http.response.start"
        if self.response_complete or message["type"] != expected:
            raise RuntimeError(f"ASGI message {message['type']} is out of turn")
        if not self.response_started:
            self._start(message["status"], message.get("headers", ()))
        else:
            self._go_on(message.get("body", b""), message.get("more_body", False))

    def _start(self, status: int, headers: Any) -> None:
        self.response_started = True
        self.waiting_for_100_continue = False
        lines = [STATUS_LINE[status]]
        closing = False
        for name, value in (*self.default_headers, *headers):
            line = name + b": " + value
            if _FIELD.fullmatch(line) is None:
                raise RuntimeError("a header is malformed")
            lines += (line, b"\r\n")
            match name.lower():
                case b"content-length" if self.chunked_encoding is None:
                    self.expected_content_length = int(value)
                    self.chunked_encoding = False
                case b"transfer-encoding" if value.lower() == b"chunked":
                    self.expected_content_length = 0
                    self.chunked_encoding = True
                case b"connection":
                    closing = closing or b"close" in [token.strip() for token in value.lower().split(b",")]
        if not self.keep_alive and not closing:
            lines.append(b"connection: close\r\n")
        self.keep_alive = self.keep_alive and not closing
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in (204, 304):
            self.chunked_encoding = True
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"\r\n")
        head = b"".join(lines)
        if self.chunked_encoding:
            self.transport.write(head)
        else:
            self._head = head

    def _go_on(self, body: bytes, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length, body = 0, b""
        elif self.chunked_encoding:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("the body is longer than its Content-Length")
        parts = [part for part in (self._head, body) if part]
        self._head = b""
        if parts:
            self.transport.writelines(parts)
        if more:
            return
        if self.expected_content_length:
            raise RuntimeError("the body is shorter than its Content-Length")
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
