"""What a proxy on this machine says of its clients (X-Forwarded-For, X-Forwarded-Proto), where it says anything.

uvicorn's middleware judges whether the caller is a trusted proxy (127.0.0.1, or FORWARDED_ALLOW_IPS). It parses the
caller's address with every request, so it is asked only about those that bring such a header.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from foedus.faces.http.asgi import App, Receive, Scope, Send

_NAMES = frozenset({b"x-forwarded-for", b"x-forwarded-proto"})


class Forwarded:
    """ASGI. Behind it `client` and `scheme` are those of the proxy's client."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._proxied: App = ProxyHeadersMiddleware(app, os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1"))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        proxied = not _NAMES.isdisjoint([name for name, _ in scope["headers"]])
        return (self._proxied if proxied else self._app)(scope, receive, send)
