"""The session cookie: HttpOnly, SameSite=Lax, for the whole node and for nobody else.

Over https it is Secure and named with the `__Host-` prefix, which browsers take from this very host only, so that a
neighbouring host cannot plant one (RFC 6265bis, section 4.1.3). Over http, which is for loopback, it has a plain name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # TAXII authenticates without the framework of the pages
    from litestar.datastructures import Cookie

_NAME = "foedus"
_MAX_COOKIES = 16 * 1024  # bytes


def cookie_name(secure: bool, name: str = _NAME) -> str:
    """The only name that is read and written on this kind of connection."""
    return f"__Host-{name}" if secure else name


def cookie(value: str, secure: bool, *, max_age: int, name: str = _NAME) -> Cookie:
    """With `max_age` 0 and no value, the browser drops the cookie."""
    from litestar.datastructures import Cookie

    return Cookie(
        key=cookie_name(secure, name),
        value=value,
        max_age=max_age,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def read_cookie(headers: Iterable[tuple[bytes, bytes]], secure: bool, name: str = _NAME) -> str:
    """The cookie's value, "" where there is none, or where there are two and none can be trusted."""
    wanted = cookie_name(secure, name).encode()
    found: list[bytes] = []
    for header, value in headers:
        if header != b"cookie" or len(value) > _MAX_COOKIES:
            continue
        for part in value.split(b";"):
            key, equals, content = part.strip(b" \t").partition(b"=")
            if equals and key == wanted:
                found.append(content)
    return found[0].decode("latin-1") if len(found) == 1 else ""


def is_secure(scope: Any) -> bool:
    """Whether the request came over https, as far as the server (or a proxy that it trusts) says."""
    return bool(scope.get("scheme") == "https")
