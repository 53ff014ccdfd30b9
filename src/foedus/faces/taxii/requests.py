"""A request to the TAXII server after authentication, its answer, and the errors of HTTP that TAXII names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from foedus.faces.http.asgi import Receive, Scope
from foedus.kernel.errors import FoedusError, NotAuthenticated, Refused, TooLarge, TooMany
from foedus.node.subject import Subject

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]  # status, further headers, body

encode = msgspec.json.encode


class Request(msgspec.Struct, frozen=True):
    """Who asks, and what they sent. Names in `headers` are in lower case."""

    subject: Subject
    headers: dict[bytes, bytes]
    query: bytes
    scope: Scope
    receive: Receive

    async def body(self, most: int) -> bytes:
        """Raises TooLarge beyond `most` bytes, where possible before any is read; Refused where the client leaves."""
        declared = self.headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > most:
            raise _too_large(most)
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Refused([], "the request ended before its body did")
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > most:
                raise _too_large(most)
            chunks.append(chunk)
            if not message.get("more_body"):
                return chunk if len(chunks) == 1 else b"".join(chunks)


Handler = Callable[[Request], Awaitable[Answer]]


class NotAcceptable(Refused):
    status = 406
    code = "not-acceptable"


class UnsupportedMedia(Refused):
    status = 415
    code = "unsupported-media-type"


class MethodNotAllowed(Refused):
    """`allowed` goes into the Allow header, which RFC 9110 demands of a 405."""

    status = 405
    code = "method-not-allowed"

    def __init__(self, message: str, *allowed: str) -> None:
        super().__init__([], message)
        self.allowed = allowed


def problem(error: FoedusError) -> Answer:
    """The error message resource (section 3.6.1)."""
    headers: Headers = []
    if isinstance(error, NotAuthenticated):
        headers += [(b"www-authenticate", b'Bearer realm="foedus"'), (b"www-authenticate", b'Basic realm="foedus"')]
    if isinstance(error, TooMany):
        headers.append((b"retry-after", str(error.retry_after).encode()))
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    message: dict[str, Any] = {
        "title": error.code.replace("-", " "),
        "description": error.message,
        "error_code": error.code,
        "http_status": str(error.status),
    }
    if isinstance(error, Refused) and error.faults:
        message["details"] = {"faults": [f.as_dict() for f in error.faults]}
    if error.hint:
        message["description"] += f". {error.hint}"
    return error.status, headers, encode(message)


def _too_large(most: int) -> TooLarge:
    return TooLarge([], f"a request may hold {most} bytes (max_content_length)")
