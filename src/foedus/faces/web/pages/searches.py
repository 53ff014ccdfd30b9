"""Saved searches and their alerts: what to be told about, and what has come in since it was last opened."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.faces.web.desk import Desk, matcher
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.labelpicker import node_of
from foedus.faces.web.rows import rows
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import NotFound, Refused

_LOOKED_AT = 200
_ALERTS = 50


@get("/searches", sync_to_thread=True)
def searches_page(request: AnyRequest) -> Response[str]:
    """Every saved search with its new hits, and the alerts of those that notify."""
    v = visit(request)
    accounts = node_of(v).access.accounts
    kept = {s.name: s for s in accounts.searches.of(accounts.get(v.subject.name).id)}
    saved = [
        {"name": s.name, "query": s.query, "words": _words(s.query), "notify": s.notify, "new": s.new,
         "created": kept[s.name].created}
        for s in Desk(v).saved()
    ]  # fmt: skip
    return v.page("searches.html", {"saved": saved, "alerts": _alerts(v)})


def _words(query: str) -> str:
    """The search as its owner would read it."""
    return " · ".join(
        value for name, value in parse_qsl(query) if value and name in ("q", "type", "originator", "month")
    )


def _alerts(v: Visit) -> list[dict[str, Any]]:
    """What came in for searches that notify since each was last opened, newest first."""
    accounts = node_of(v).access.accounts
    kept = [s for s in accounts.searches.of(accounts.get(v.subject.name).id) if s.notify]
    if not kept:
        return []
    since = min(int(s.cursor or 0) for s in kept)
    fresh = v.view.newest(limit=_LOOKED_AT, since_released=since)
    hits: dict[str, list[str]] = {}
    for search in kept:
        try:
            answers = matcher(v, search.query)
        except Refused:
            continue
        for record in fresh:
            if record.released > int(search.cursor or 0) and answers(record):
                hits.setdefault(record.id, []).append(search.name)
    found = [record for record in fresh if record.id in hits][:_ALERTS]
    return [{"row": row, "searches": hits[row.id]} for row in rows(v, found)]


@post("/searches", status_code=200)
async def searches_submit(request: AnyRequest) -> Response[Any]:
    """Notify or not, forget, or mark its hits as read."""
    form = await read_form(request)
    return await asyncio.to_thread(_change, visit(request), form)


def _change(v: Visit, form: Form) -> Response[Any]:
    v.subject.require("remember")
    accounts = node_of(v).access.accounts
    account, name, do = accounts.get(v.subject.name).id, form.text("name"), form.text("do")
    kept = accounts.searches.get(account, name)
    if do in ("notify", "quiet"):
        accounts.searches.save(account, name, kept.query, notify=do == "notify", cursor=kept.cursor)
    elif do == "forget":
        accounts.searches.delete(account, name)
    elif do == "read":
        accounts.searches.advance(account, name, str(Desk(v).latest()))
    else:
        raise NotFound
    return Redirect("/searches", status_code=303)


HANDLERS = (searches_page, searches_submit)
