"""Home: what is new since last time, what waits for me, my saved searches, and the store at a glance."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.faces.web.desk import Desk
from foedus.faces.web.pages.requests import waiting
from foedus.faces.web.rows import Row, rows
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.node.answers import SearchQuery

_SHOWN = 14
_NOT_NEWS = frozenset({"relationship", "marking-definition", "extension-definition", "language-content"})
_TYPES = 10
_MONTHS = 18


def _news(v: Visit, types: frozenset[str], since: int) -> tuple[list[Row], list[Row]]:
    """(new since last time, the latest before that)."""
    found = v.view.newest(types=types, limit=_SHOWN) if types else []
    shown = rows(v, found)
    new = [r for r, f in zip(shown, found, strict=True) if f.released > since]
    return new, shown[len(new) :]


@get("/", sync_to_thread=True)
def home(request: AnyRequest) -> Response[str]:
    """The page to begin the day with."""
    v = visit(request)
    desk = Desk(v)
    since, after = desk.seen(), desk.latest()
    answer = v.view.search(SearchQuery(order="newest", limit=1))
    kinds = answer.facets.get("type", [])
    new, earlier = _news(v, frozenset(f.value for f in kinds) - _NOT_NEWS, since)
    months = sorted(answer.facets.get("month", []), key=lambda f: f.value)[-_MONTHS:]
    return v.page(
        "home.html",
        {
            "since": since,
            "after": after,
            "new": new,
            "earlier": earlier,
            "more_new": len(new) == _SHOWN,
            "requests": waiting(v),
            "saved": desk.saved(),
            "total": answer.total,
            "types": [(v.type_name(f.value), f.count, f"/search?type={f.value}") for f in kinds[:_TYPES]],
            "months": [(f.value, f.count, f"/search?month={f.value}") for f in months],
        },
    )


@post("/seen", status_code=200, sync_to_thread=True)
def seen(request: AnyRequest) -> Response[Any]:
    """Everything until now is known to me."""
    v = visit(request)
    v.subject.require("remember")
    Desk(v).see_all()
    return Redirect("/", status_code=303)


HANDLERS = (home, seen)
