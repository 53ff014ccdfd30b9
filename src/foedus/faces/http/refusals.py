"""How middleware answers an error that it found before any route was reached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from foedus.faces.http.asgi import Scope, Send
from foedus.kernel.errors import FoedusError, NotAuthenticated, TooMany

REALM = "foedus"
_BEARER = (b"www-authenticate", f'Bearer realm="{REALM}"'.encode())
_BASIC = (b"www-authenticate", f'Basic realm="{REALM}", charset="UTF-8"'.encode())


@dataclass(frozen=True, slots=True)
class Refusal:
    """One whole answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""


# What a page that waits for events is told when its session is over. An error would make it try again and again, and a
# Basic challenge would make the browser ask for a password of its own.
_ENDED = Refusal(
    200, ((b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")), b"event: ended\ndata: \n\n"
)

Refuse = Callable[[Scope, FoedusError], Refusal]


def challenge(error: FoedusError, *, popup: bool = True) -> list[tuple[bytes, bytes]]:
    """The headers that go with the error. Without `popup`, browsers do not ask for a password of their own."""
    if isinstance(error, NotAuthenticated):
        return [_BEARER, _BASIC] if popup else [_BEARER]
    if isinstance(error, TooMany):
        return [(b"retry-after", str(error.retry_after).encode())]
    return []


def refuse_as_json(scope: Scope, error: FoedusError) -> Refusal:
    """For programs: the error as JSON."""
    body = msgspec.json.encode(error.as_dict())
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *challenge(error)]
    return Refusal(error.status, (*headers, (b"content-length", str(len(body)).encode())), body)


def refuse_as_page(scope: Scope, error: FoedusError) -> Refusal:
    """For browsers: who is not signed in is led to the sign-in page and back; everybody else gets JSON."""
    headers = dict(scope["headers"])
    accepted = headers.get(b"accept", b"")
    if isinstance(error, NotAuthenticated) and accepted == b"text/event-stream" and b"authorization" not in headers:
        return _ENDED
    browser = b"text/html" in accepted and b"authorization" not in headers
    partial = headers.get(b"hx-request") == b"true"
    if not isinstance(error, NotAuthenticated) or not (browser or partial):
        return refuse_as_json(scope, error)
    if partial:  # htmx follows this header; a Basic challenge would make the browser ask for a password
        location = (b"hx-redirect", b"/signin")
        return Refusal(401, (location, *challenge(error, popup=False), (b"content-length", b"0")))
    target = "/signin"
    if scope["method"] in ("GET", "HEAD"):
        path = scope["path"] + ("?" + scope["query_string"].decode("latin-1") if scope["query_string"] else "")
        target += "?next=" + quote(path, safe="/")
    common = ((b"cache-control", b"no-store"), (b"content-length", b"0"))
    return Refusal(303, ((b"location", target.encode()), *common))


async def answer(send: Send, refusal: Refusal) -> None:
    await send({"type": "http.response.start", "status": refusal.status, "headers": list(refusal.headers)})
    await send({"type": "http.response.body", "body": refusal.body, "more_body": False})
