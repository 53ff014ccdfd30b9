"""Search: a query box, results with snippets, facets with counts, sorting, paging, saving, export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.exceptions import HTTPException
from litestar.params import Body
from litestar.response import Redirect
from markupsafe import Markup

from foedus.faces.web import times
from foedus.faces.web.desk import Desk
from foedus.faces.web.labelpicker import node_of
from foedus.faces.web.rows import Row, rows
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import Refused
from foedus.kernel.searchtext import SearchText, parse
from foedus.node.answers import Facet, Found, SearchAnswer, SearchQuery
from foedus.node.contract import View
from foedus.node.marked import Marker

PAGE = 25
WINDOW = 1_000  # results that one search ranks (Limits.max_search_window)
_FACET_SHOWN = 8
_MONTHS = 24


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address of a search page says."""

    text: str
    types: tuple[str, ...]
    originator: str
    label: str
    month: str
    order: str
    page: int

    @property
    def anything(self) -> bool:
        return bool(self.text or self.types or self.originator or self.label or self.month)


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a facet: its link adds it, or takes it away where it is chosen."""

    label: str
    count: int
    href: str
    chosen: bool
    kind: str = ""  # STIX type, for the icon


def asked(request: AnyRequest) -> Asked:
    """The query parameters, bounded; what cannot be meant is left out."""
    given = request.query_params
    page = given.get("page", "1")
    order = given.get("order", "")
    text = given.get("q", "").strip()
    if "\x00" in text:
        raise HTTPException(status_code=400)
    return Asked(
        text=text,
        types=tuple(t for t in given.getall("type", [])[:20] if 0 < len(t) <= 250),
        originator=given.get("originator", "")[:64],
        label=given.get("label", "")[:200],
        month=given.get("month", "")[:7],
        order=order if order in ("relevance", "newest") else ("relevance" if text else "newest"),
        page=int(page) if page.isascii() and page.isdigit() and 0 < int(page[:6]) <= WINDOW // PAGE else 1,
    )


def query(this: Asked, *, limit: int = PAGE, offset: int = 0) -> SearchQuery:
    """The same as the node's question; a month that is none narrows nothing."""
    since, until = times.month(this.month)
    return SearchQuery(
        text=this.text,
        types=frozenset(this.types) or None,
        originator=this.originator,
        label=this.label,
        since=since,
        until=until,
        order=this.order,
        limit=limit,
        offset=offset,
    )


def _choices(v: Visit, this: Asked, facets: list[Facet], name: str) -> list[Choice]:
    chosen = {"type": set(this.types), "originator": {this.originator}, "label": {this.label}}[name] - {""}
    shown = [f for f in facets if f.value in chosen] + [f for f in facets if f.value not in chosen][:_FACET_SHOWN]
    words = v.label_texts([f.value for f in shown]) if name == "label" else {}
    out = []
    for facet in shown:
        if name == "type":
            left = [t for t in this.types if t != facet.value] if facet.value in chosen else [*this.types, facet.value]
            href = v.here(type=None, page=None) + "".join(f"&type={quote(t)}" for t in left)
        else:
            href = v.here(**{name: None if facet.value in chosen else facet.value, "page": None})
        label = v.type_name(facet.value) if name == "type" else words.get(facet.value, facet.value)
        out.append(Choice(label, facet.count, href, facet.value in chosen, facet.value if name == "type" else ""))
    return out


def _facets(v: Visit, this: Asked, answer: SearchAnswer) -> dict[str, Any]:
    months = sorted(answer.facets.get("month", []), key=lambda f: f.value)[-_MONTHS:]
    return {
        "type": _choices(v, this, list(answer.facets.get("type", [])), "type"),
        "originator": _choices(v, this, list(answer.facets.get("originator", [])), "originator"),
        "label": _choices(v, this, list(answer.facets.get("label", [])), "label"),
        "month": [
            (f.value, f.count, v.here(month=None if f.value == this.month else f.value, page=None)) for f in months
        ],
    }


@get("/search", sync_to_thread=True)
def search_page(request: AnyRequest) -> Response[str]:
    """The whole page, or for htmx the results alone."""
    v, this = visit(request), asked(request)
    context: dict[str, Any] = {"this": this, "top_q": this.text, "fault": "", "query": _kept_query(this)}
    try:
        text = parse(this.text)
        answer = v.view.search(query(this, offset=(this.page - 1) * PAGE))
    except Refused as refused:
        context["fault"] = Markup("; ").join(map(v.said, refused.faults)) or v.said(refused)
        text, answer = SearchText(), SearchAnswer(0, [])
    reachable = min(answer.total, WINDOW)
    context |= {
        "total": answer.total,
        "rows": rows(v, answer.results, text),
        "facets": _facets(v, this, answer),
        "pages": max(1, -(-reachable // PAGE)),
        "first": (this.page - 1) * PAGE + 1,
    }
    return v.fragment("search_results.html", context) if v.is_htmx else v.page("search.html", context)


def _kept_query(this: Asked) -> str:
    pairs = [("q", this.text), *(("type", t) for t in this.types)]
    pairs += [("originator", this.originator), ("label", this.label), ("month", this.month), ("order", this.order)]
    return urlencode([(k, value) for k, value in pairs if value])


class SaveForm(msgspec.Struct):
    """The form below the search box."""

    name: str = ""
    query: str = ""
    notify: str = ""


class NameForm(msgspec.Struct):
    name: str = ""


@post("/search/save", status_code=200, sync_to_thread=True)
def save_search(
    request: AnyRequest, data: Annotated[SaveForm, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[Any]:
    """Keep the search under a name; with `notify`, new hits are told at once."""
    v = visit(request)
    v.subject.require("remember")
    Desk(v).save(data.name, data.query, bool(data.notify))
    return Redirect(f"/search?{data.query}", status_code=303)


@post("/search/forget", status_code=200, sync_to_thread=True)
def forget_search(
    request: AnyRequest, data: Annotated[NameForm, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[Any]:
    """Drop a saved search."""
    v = visit(request)
    v.subject.require("remember")
    Desk(v).forget(data.name)
    return Redirect("/", status_code=303)


@get("/search/saved", sync_to_thread=True)
def open_saved(request: AnyRequest) -> Response[Any]:
    """Go to a saved search; its new hits count as seen from now."""
    v = visit(request)
    return Redirect(f"/search?{Desk(v).opened(request.query_params.get('name', ''))}", status_code=303)


_CELL = 32_000  # characters that spreadsheets take in one cell


def _cell(value: object) -> str:
    """Text that a spreadsheet does not run as a formula."""
    text = str(value)[:_CELL]
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _csv(v: Visit, found: list[Row]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "type", "title", "label", "originator", "created", "modified", "grading"])
    for row in found:
        obj, label = row.obj, "; ".join(m.text for m in row.markings)
        cells = [row.id, row.type, row.title, label, row.originator, obj.get("created", ""), obj.get("modified", "")]
        writer.writerow([_cell(c) for c in [*cells, row.grading]])
    return out.getvalue().encode("utf-8")


def _plain(view: View, found: list[Found]) -> Iterator[bytes]:
    """The objects as they came in, after the markings that hold for them."""
    marks = list(view.many(sorted({i for f in found for i in f.labels})).values())
    return (f.body for f in {(f.id, f.version): f for f in [*marks, *found]}.values())


def _marked(v: Visit, view: View, found: list[Found]) -> Iterator[bytes]:
    marker = Marker(node_of(v), view)
    yield from [marker.mark(one) for one in found]
    yield from marker.definitions()


def _bundle(objects: Iterator[bytes]) -> bytes:
    return b'{"type":"bundle","id":"bundle--' + str(uuid4()).encode() + b'","objects":[' + b",".join(objects) + b"]}\n"


@get("/search/export", sync_to_thread=True)
def export_search(request: AnyRequest) -> Response[bytes]:
    """The results, at most 1,000, as CSV or as a STIX bundle with the markings they point at; `marked`: every object
    names its label."""
    v, this = visit(request), asked(request)
    v.subject.require("export")
    view = v.verbs.view(v.subject, "file")
    answer = view.search(query(this, limit=WINDOW))
    format = request.query_params.get("format")
    if format == "csv":
        body, media_type, name = _csv(v, rows(v, answer.results)), "text/csv; charset=utf-8", "foedus.csv"
    else:
        media_type, name = "application/stix+json;version=2.1", "foedus.json"
        body = _bundle(_marked(v, view, answer.results) if format == "marked" else _plain(view, answer.results))
    return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


HANDLERS = (search_page, save_search, forget_search, open_saved, export_search)
