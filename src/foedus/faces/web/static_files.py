"""The node's own style sheet, scripts and icons: read once at start, served from memory under their content's hash."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.abc import Traversable
from importlib.resources import files
from typing import Any

from litestar import Request, Response, get
from litestar.exceptions import NotFoundException

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    packed: bytes
    media_type: str
    tag: str  # the first 12 hex digits of the body's SHA-256


def _walk(folder: Traversable, prefix: str = "") -> dict[str, StaticFile]:
    out: dict[str, StaticFile] = {}
    for item in folder.iterdir():
        suffix = item.name[item.name.rfind(".") :]
        if item.is_dir():
            out |= _walk(item, f"{prefix}{item.name}/")
        elif suffix in _TYPES:
            body = item.read_bytes()
            tag = hashlib.sha256(body).hexdigest()[:12]
            out[prefix + item.name] = StaticFile(body, gzip.compress(body, 6, mtime=0), _TYPES[suffix], tag)
    return out


@cache
def static_files() -> dict[str, StaticFile]:
    """Path below /static/ -> file."""
    return _walk(files("foedus.faces.web").joinpath("static"))


def static_url(path: str) -> str:
    """The address of one of our files; it changes with the content, so it may be kept for ever."""
    return f"/static/{path}?v={static_files()[path].tag}"


@get("/static/{path:path}", sync_to_thread=False, opt={"exclude_from_auth": True}, include_in_schema=False)
def static_file(request: Request[Any, Any, Any], path: str) -> Response[bytes]:
    """One file. No Last-Modified: the tag is of the content alone."""
    file = static_files().get(path.lstrip("/"))
    if file is None:
        raise NotFoundException()
    etag = f'"{file.tag}"'
    headers = {"ETag": etag, "Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.body, media_type=file.media_type, headers=headers)
