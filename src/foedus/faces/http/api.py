"""The HTTP API: records, search, labels and every domain's verbs and queries, as JSON below `/api/`.

The operations of the domains are generated from their declarations, so that a new domain needs no edit here. Everything
is described by the OpenAPI document at `/api/schema/openapi.json`. Errors are one shape: {"error", "message", "hint"?,
"faults"?}; what may not be seen is 404, the same as what is not there.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from foedus.faces.http.authentication import subject_of
from foedus.kernel.canonical import decode
from foedus.kernel.domain import Domain, Query, Verb, say
from foedus.kernel.errors import Fault, FoedusError, NotAuthenticated, NotFound, Refused, TooMany
from foedus.kernel.ids import format_time, is_id
from foedus.node.answers import Edge, Found, Page, PageQuery, Published, SearchQuery
from foedus.node.node import Node

_log = logging.getLogger("foedus.api")
AnyRequest = Request[Any, Any, Any]
Types = Annotated[list[str] | None, Parameter(query="type", description="STIX types", max_items=64)]
Limit = Annotated[int, Parameter(ge=1, le=1000, description="At most so many")]
Lang = Annotated[str, Parameter(pattern="^(en|fr)$", description="Language of markings")]
StixId = Annotated[str, Parameter(description="STIX id", max_length=320)]


class Record(msgspec.Struct):
    """One version of one record as its reader may see it."""

    object: msgspec.Raw
    released: str
    originator: str
    origins: list[str]
    markings: list[str]


class Records(msgspec.Struct):
    records: list[Record]
    more: bool = False
    next: str = ""


class SearchResults(msgspec.Struct):
    total: int
    results: list[Record]
    facets: dict[str, dict[str, int]]


class Neighbourhood(msgspec.Struct):
    centre: str
    nodes: list[msgspec.Raw]
    edges: list[Edge]
    links: int
    more: bool
    next: str


class Publication(msgspec.Struct, forbid_unknown_fields=True):
    """Objects to publish. `label` is TEXT; without it their own markings hold, or the default label."""

    objects: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=1, max_length=1000)]
    label: str = ""


class LabelText(msgspec.Struct, forbid_unknown_fields=True):
    label: Annotated[str, msgspec.Meta(max_length=100_000)]


def _node(request: AnyRequest) -> Node:
    node: Node = request.app.state.node
    return node


def _record(view: Any, found: Found, lang: str) -> Record:
    return Record(
        msgspec.Raw(found.body),
        format_time(found.released),
        found.originator,
        list(found.origins),
        [marking.text for marking in view.markings(found, lang)],
    )


def _id(text: str) -> str:
    """What cannot be an id is absent too."""
    if not is_id(text):
        raise NotFound
    return text


@get("/me", sync_to_thread=True, summary="Who am I here?")
def me(request: AnyRequest) -> dict[str, Any]:
    subject = subject_of(request.scope)
    return {
        "name": subject.name,
        "roles": sorted(subject.roles),
        "scope": sorted(subject.scope),
        "clearances": [{"policy": c.policy, "classifications": sorted(c.classifications)} for c in subject.clearances],
    }


@get("/records", sync_to_thread=True, summary="Records in the order in which they were released to you")
def list_records(request: AnyRequest, types: Types = None, limit: Limit = 100, cursor: str = "") -> Response[bytes]:
    view = _node(request).view(subject_of(request.scope), "http")
    page: Page = view.page(PageQuery(cursor=cursor, limit=limit, types=frozenset(types) if types else None))
    end = b',"next":' + msgspec.json.encode(page.next) if page.more else b""
    more = b"true" if page.more else b"false"
    body = b'{"more":' + more + end + b',"objects":[' + b",".join(page.bodies) + b"]}"
    return Response(body, media_type="application/json")


@get("/records/{stix_id:str}", sync_to_thread=True, summary="The latest version of one record")
def get_record(request: AnyRequest, stix_id: StixId, lang: Lang = "en") -> Record:
    view = _node(request).view(subject_of(request.scope), "http")
    return _record(view, view.get(_id(stix_id)), lang)


@get("/records/{stix_id:str}/versions", sync_to_thread=True, summary="Its versions, newest first")
def get_versions(request: AnyRequest, stix_id: StixId, lang: Lang = "en") -> Records:
    view = _node(request).view(subject_of(request.scope), "http")
    return Records([_record(view, one, lang) for one in view.versions(_id(stix_id))])


@get("/records/{stix_id:str}/neighbours", sync_to_thread=True, summary="What it is linked with")
def get_neighbours(
    request: AnyRequest,
    stix_id: StixId,
    kind: Annotated[list[str] | None, Parameter(max_items=64)] = None,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    cursor: str = "",
) -> Neighbourhood:
    view = _node(request).view(subject_of(request.scope), "http")
    found = view.neighbours(_id(stix_id), kinds=frozenset(kind) if kind else None, limit=limit, cursor=cursor)
    return Neighbourhood(
        found.centre, [msgspec.Raw(one.body) for one in found.nodes], found.edges, found.degree, found.more, found.next
    )


@get("/records/{stix_id:str}/why", sync_to_thread=True, summary="Why may I see it?")
def get_why(request: AnyRequest, stix_id: StixId, lang: Lang = "en") -> list[dict[str, str]]:
    view = _node(request).view(subject_of(request.scope), "http")
    return [{"marking": one.marking.text, "reason": one.reason} for one in view.why(_id(stix_id), lang)]


@get("/records/{stix_id:str}/audience", sync_to_thread=True, summary="Who can see it, who has seen it (originator)")
def get_audience(request: AnyRequest, stix_id: StixId) -> dict[str, Any]:
    audience = _node(request).view(subject_of(request.scope), "http").audience(_id(stix_id))
    return {
        "can_see": audience.can_see,
        "cannot_see": audience.cannot_see,
        "seen": [{"subject": s.subject, "face": s.face, "at": format_time(s.at)} for s in audience.seen],
    }


@get("/records/{stix_id:str}/proof", sync_to_thread=True, summary="Inclusion proof (auditors)")
def get_proof(request: AnyRequest, stix_id: StixId) -> dict[str, Any]:
    proof: dict[str, Any] = msgspec.to_builtins(
        _node(request).view(subject_of(request.scope), "http").proof(_id(stix_id))
    )
    return proof


@post("/records", sync_to_thread=True, summary="Publish records of your own")
def publish(request: AnyRequest, data: Publication) -> list[Published]:
    return _node(request).publish(subject_of(request.scope), data.objects, data.label or None)


@delete("/records/{stix_id:str}", status_code=200, sync_to_thread=True, summary="Recall a record")
def recall(request: AnyRequest, stix_id: StixId, reason: str = "") -> dict[str, int]:
    return {"erased": _node(request).recall(subject_of(request.scope), _id(stix_id), reason)}


@post("/import", status_code=200, summary="Import a file: STIX, MISP event, CSV, workbook")
async def import_file(
    request: AnyRequest,
    label: str = "",
    partial: bool = False,
    upgrade: bool = False,
    format: str = "",
    name: str = "",
) -> Response[dict[str, Any]]:
    subject, node = subject_of(request.scope), _node(request)
    subject.require("import")
    report = await asyncio.to_thread(
        node.ingest,
        subject,
        await request.body(),
        label or None,
        partial=partial,
        upgrade=upgrade,
        format=format,
        name=name,
    )
    if report.faults and not report.stored and not report.known:
        refused = {"error": Refused.code, "message": "nothing was stored; `faults` say why"}
        return Response({**refused, **report.as_dict()}, status_code=Refused.status)
    return Response(report.as_dict(), status_code=200)


@get("/search", sync_to_thread=True, summary="Search")
def search(
    request: AnyRequest,
    q: Annotated[str, Parameter(max_length=512)] = "",
    types: Types = None,
    originator: str = "",
    label: str = "",
    order: Annotated[str, Parameter(pattern="^(relevance|newest)$")] = "relevance",
    limit: Annotated[int, Parameter(ge=0, le=200)] = 25,
    offset: Annotated[int, Parameter(ge=0, le=100_000)] = 0,
    lang: Lang = "en",
) -> SearchResults:
    view = _node(request).view(subject_of(request.scope), "http")
    answer = view.search(
        SearchQuery(
            text=q,
            types=frozenset(types) if types else None,
            originator=originator,
            label=label,
            order=order,
            limit=limit,
            offset=offset,
        )
    )
    return SearchResults(
        answer.total,
        [_record(view, one, lang) for one in answer.results],
        {name: {one.value: one.count for one in facet} for name, facet in answer.facets.items()},
    )


@get("/labels/choices", sync_to_thread=True, summary="What a label picker offers")
def label_choices(request: AnyRequest, lang: Lang = "en") -> dict[str, Any]:
    return _node(request).label_choices(subject_of(request.scope), lang)


_NAMES = 200  # accounts of an audience that an answer names; `count` is of all


@post("/labels/check", status_code=200, sync_to_thread=True, summary="Check a label and show its marking")
def label_check(request: AnyRequest, data: LabelText, lang: Lang = "en") -> dict[str, Any]:
    node, subject = _node(request), subject_of(request.scope)
    label = node.read_label(data.label)
    shown = node.label_marking(label, lang)
    out: dict[str, Any] = {
        "marking": shown.text,
        "colours": [shown.background, shown.foreground],
        "visible_to_you": node.registry.permits(label, subject.clearances, node.clock.now()),
    }
    audience = node.label_audience(label, subject)
    if audience is not None:
        out["audience"] = {**audience, "accounts": audience["accounts"][:_NAMES]}
    return out


@get("/releases", sync_to_thread=True, summary="The release log (auditors)")
def releases(
    request: AnyRequest, limit: Limit = 100, before: Annotated[int | None, Parameter(ge=0)] = None
) -> list[dict[str, Any]]:
    return _node(request).releases(subject_of(request.scope), limit=limit, before=before)


def _verb_handler(domain: Domain, verb: Verb) -> HTTPRouteHandler:
    def handler(request: AnyRequest, data: Any, label: str = "") -> list[Published]:
        arguments = msgspec.to_builtins(data)
        return _node(request).run(subject_of(request.scope), domain.name, verb.name, {**arguments, "label": label})

    handler.__name__ = f"{domain.name}_{verb.name}".replace("-", "_")
    handler.__annotations__["data"] = verb.command
    handler.__annotations__["request"] = AnyRequest
    handler.__annotations__["return"] = list[Published]
    handler.__annotations__["label"] = str
    made: HTTPRouteHandler = post(
        f"/d/{domain.name}/{verb.name}", sync_to_thread=True, summary=say(verb.title, "en"), tags=[domain.name]
    )(handler)
    return made


def _query_handler(domain: Domain, query: Query) -> HTTPRouteHandler:
    def handler(request: AnyRequest, data: Any) -> Any:
        answer = _node(request).ask(subject_of(request.scope), domain.name, query.name, msgspec.to_builtins(data))
        return Response(msgspec.json.encode(answer), media_type="application/json")

    handler.__name__ = f"{domain.name}_{query.name}_query".replace("-", "_")
    handler.__annotations__["data"] = query.command
    handler.__annotations__["request"] = AnyRequest
    handler.__annotations__["return"] = Response[bytes]
    made: HTTPRouteHandler = post(
        f"/d/{domain.name}/query/{query.name}",
        status_code=200,
        sync_to_thread=True,
        summary=say(query.title, "en"),
        tags=[domain.name],
    )(handler)
    return made


async def refuse_ambiguous_json(request: AnyRequest) -> None:
    """A JSON body is read strictly before anything else: equal keys, inexact numbers and lone surrogates are named.

    Raises Refused. Files for the import are read by their own reader.
    """
    kind, _ = request.content_type
    if request.method in {"POST", "PUT", "PATCH"} and kind == "application/json" and request.url.path != "/api/import":
        decode(await request.body())


def on_api_error(request: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """Every error of the API in one shape."""
    headers: dict[str, str] = {}
    if isinstance(error, NotAuthenticated):
        headers["www-authenticate"] = 'Bearer realm="foedus"'
    if isinstance(error, TooMany):
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, FoedusError):
        return Response(error.as_dict(), status_code=error.status, headers=headers)
    if isinstance(error, HTTPException) and error.status_code < 500:
        refused = Refused([Fault("bad-request", _told(error))], "the request cannot be read")
        return Response(refused.as_dict(), status_code=error.status_code)
    reference = uuid.uuid4().hex[:12]
    _log.exception("fault of ours, reference %s", reference, exc_info=error)
    return Response({"error": "internal", "message": f"a fault of ours; reference {reference}"}, status_code=500)


def _told(error: HTTPException) -> str:
    extra = error.extra if isinstance(error.extra, list) else []
    parts = [f"{one.get('key', '')}: {one.get('message', '')}" for one in extra if isinstance(one, dict)]
    return "; ".join(parts) or str(error.detail)


def api(domains: tuple[Domain, ...]) -> Router:
    """The router of `/api`, with the operations of these domains."""
    handlers: list[Any] = [
        me,
        list_records,
        get_record,
        get_versions,
        get_neighbours,
        get_why,
        get_audience,
        get_proof,
        publish,
        recall,
        import_file,
        search,
        label_choices,
        label_check,
        releases,
    ]
    for domain in domains:
        handlers += [_verb_handler(domain, verb) for verb in domain.verbs]
        handlers += [_query_handler(domain, query) for query in domain.queries]
    return Router(
        "/api",
        route_handlers=handlers,
        before_request=refuse_ambiguous_json,
        exception_handlers={Exception: on_api_error},
    )
