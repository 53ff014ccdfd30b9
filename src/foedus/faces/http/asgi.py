"""The shapes of ASGI 3.0 as plain types, for middleware that works under Litestar and without it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


def below(path: str, roots: tuple[str, ...]) -> bool:
    """Whether the path is one of the roots or under it. A path that could be read in two ways is under none."""
    if "//" in path or "/." in path:
        return False
    return any(path == root or path.startswith(root + "/") for root in roots)
