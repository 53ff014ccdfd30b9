"""Requests that another site makes in a reader's name are refused.

Two layers, for every method that changes something:
1. What the browser says of where the request comes from (Sec-Fetch-Site, else Origin) has to be this node. This holds
   for Basic authentication too, which browsers repeat on their own, and for the forms of signing in. A Bearer token is
   exempt: no browser adds one by itself.
2. Whoever is authenticated by the session cookie also shows the session's CSRF token, in the header X-CSRF-Token
   (htmx) or in the form field `_csrf`. In a multipart form that field comes first, so a large file need not be
   read to find it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from foedus.config import Limits
from foedus.faces.http.asgi import App, Message, Receive, Scope, Send, below
from foedus.faces.http.refusals import Refuse, answer, refuse_as_json
from foedus.kernel.errors import FoedusError, NotPermitted, Refused, TooLarge

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FIELD = "_csrf"
HEADER = b"x-csrf-token"
_MULTIPART_HEAD = 64 * 1024
_IN_FORM = re.compile(rb"(?:^|&)_csrf=([A-Za-z0-9_-]*)(?=&|$)")
_BOUNDARY = re.compile(rb'boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_PART_NAME = re.compile(
    rb'^content-disposition:[ \t]*form-data;[ \t]*name="?_csrf"?[ \t]*$', re.IGNORECASE | re.MULTILINE
)


class CrossSite(NotPermitted):
    """Another site seems to have made the request."""

    code = "cross-site"


def same_origin(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the browser says that a page of this node made the request, or the caller is no browser at all."""
    said = {name: value for name, value in headers if name in (b"sec-fetch-site", b"origin", b"host")}
    site = said.get(b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    origin = said.get(b"origin")
    if origin is None:
        return True
    host = urlsplit(origin.decode("latin-1")).netloc
    return bool(host) and host.lower() == said.get(b"host", b"").decode("latin-1").lower()


class CsrfMiddleware:
    """Plain ASGI, inside AuthenticationMiddleware. `exempt` paths need no token, only the same origin."""

    def __init__(
        self,
        app: App,
        *,
        exempt: tuple[str, ...] = ("/signin",),
        limits: Limits | None = None,
        refuse: Refuse = refuse_as_json,
    ) -> None:
        self.app = app
        self._exempt = exempt
        self._max_form = (limits or Limits()).max_content_length
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        try:
            receive = await self._checked(scope, receive)
        except FoedusError as error:
            await answer(send, self._refuse(scope, error))
            return
        await self.app(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive) -> Receive:
        """The way to receive the body, untouched for the application. Raises CrossSite, TooLarge."""
        headers = scope["headers"]
        bearer = any(name == b"authorization" and value[:7].lower() == b"bearer " for name, value in headers)
        if not bearer and not same_origin(headers):
            raise CrossSite("this request seems to come from another site")
        state = scope.get("state", {})
        subject, expected = state.get("subject"), state.get("csrf", "")
        if subject is None or subject.via != "session" or below(scope["path"], self._exempt):
            return receive
        shown, receive = await self._shown(headers, receive)
        if not expected or not hmac.compare_digest(shown, expected.encode()):
            raise CrossSite("the form is out of date", hint="load the page again and repeat")
        return receive

    async def _shown(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> tuple[bytes, Receive]:
        """The token that the request shows, b"" where none."""
        said = {name: value for name, value in headers if name in (HEADER, b"content-type")}
        if HEADER in said:
            return said[HEADER], receive
        content_type = said.get(b"content-type", b"")
        kind = content_type.partition(b";")[0].strip().lower()
        if kind == b"application/x-www-form-urlencoded":
            body, receive = await _peek(receive, self._max_form, whole=True)
            found = _IN_FORM.findall(body)
            return (found[0] if len(found) == 1 else b""), receive
        if kind == b"multipart/form-data":
            body, receive = await _peek(receive, _MULTIPART_HEAD, whole=False)
            return _first_part(content_type, body), receive
        return b"", receive


async def _peek(receive: Receive, limit: int, *, whole: bool) -> tuple[bytes, Receive]:
    """The body, or its first bytes, and a way to receive it all again."""
    read: list[Message] = []
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the client has gone
            raise Refused((), "the request was not sent to its end")
        read.append(message)
        body += message.get("body", b"")
        if whole and len(body) > limit:
            raise TooLarge((), f"a form has at most {limit} bytes")
        if len(body) >= limit or not message.get("more_body", False):
            break
    waiting = iter(read)

    async def again() -> Message:
        for kept in waiting:
            return kept
        return await receive()

    return bytes(body), again


def _first_part(content_type: bytes, body: bytes) -> bytes:
    """The value of the first part of a multipart body where that part is the field `_csrf`."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return b""
    boundary = b"--" + (found[1] or found[2])
    if not body.startswith(boundary + b"\r\n"):
        return b""
    head, blank, rest = body[len(boundary) + 2 :].partition(b"\r\n\r\n")
    value, end, _ = rest.partition(b"\r\n" + boundary)
    named = _PART_NAME.search(head.replace(b"\r\n", b"\n"))
    return value if blank and end and named and len(value) <= 128 else b""
