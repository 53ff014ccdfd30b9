"""Classification colours without inline styles: a style sheet that is a pure function of its own address.

A page that shows markings links `/static/marking-colours/c0392b-ffffff+1f6f43-ffffff.css`; the node answers the rules
for any such address, so the strict content policy holds and the sheet tells nothing about what is stored.
"""

from __future__ import annotations

import re

from litestar import Response, get
from litestar.exceptions import NotFoundException

MAX_PAIRS = 64
_COLOUR = re.compile(r"#([0-9a-fA-F]{6})\Z")
_PAIRS = re.compile(r"[0-9a-f]{6}-[0-9a-f]{6}(\+[0-9a-f]{6}-[0-9a-f]{6})*\Z")
_UNKNOWN = "444444-ffffff"


def pair(background: str, foreground: str) -> str:
    """`c0392b-ffffff`; a neutral pair where the policy's colours are not #rrggbb."""
    back, front = _COLOUR.match(background), _COLOUR.match(foreground)
    return f"{back[1]}-{front[1]}".lower() if back and front else _UNKNOWN


class Colours:
    """The colours that one page uses, collected while it is rendered."""

    def __init__(self) -> None:
        self._pairs: dict[str, None] = {}

    def css_class(self, background: str, foreground: str) -> str:
        chosen = pair(background, foreground)
        if len(self._pairs) < MAX_PAIRS:
            self._pairs[chosen] = None
        return f"mk-{chosen}"

    @property
    def sheet(self) -> str:
        """The address of the style sheet for what was used so far, "" for nothing."""
        return f"/static/marking-colours/{'+'.join(sorted(self._pairs))}.css" if self._pairs else ""


@get(
    "/static/marking-colours/{name:str}", sync_to_thread=False, opt={"exclude_from_auth": True}, include_in_schema=False
)
def marking_colours(name: str) -> Response[str]:
    """The rules for the colours that the address names."""
    pairs = name.removesuffix(".css")
    if len(pairs) > MAX_PAIRS * 14 or not _PAIRS.match(pairs):
        raise NotFoundException()
    rules = [f".mk-{p}{{background:#{p[:6]};color:#{p[7:]}}}" for p in pairs.split("+")]
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response("\n".join(rules), media_type="text/css; charset=utf-8", headers=headers)
