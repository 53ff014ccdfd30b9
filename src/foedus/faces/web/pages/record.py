"""One record: body, history and difference, links, JSON, why it is visible, who can see it, recall.

Each tab is an address of its own under /records/{id}. An id that is none, one that is absent and one that may not be
seen get the same page.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from litestar import Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect

from foedus.domains.intelligence import grading
from foedus.faces.web.difference import difference
from foedus.faces.web.readable import STIX_ID, ids_in, item, sheet
from foedus.faces.web.rows import names
from foedus.faces.web.sightings import summed
from foedus.faces.web.titles import ends, short_id, title
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import FoedusError, NotFound, NotPermitted
from foedus.node.answers import Found, Neighbours

_NAMED = 300  # references whose titles are looked up on one page
_LINKS = 50
_WEIGHED = 500  # links; beyond, weighing the evidence takes longer than a page may
_NOT_EVIDENCED = frozenset({"relationship", "marking-definition", "extension-definition", "language-content"})


def asked_version(v: Visit) -> int | None:
    """The version in the address, None for the latest."""
    text = v.request.query_params.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def found(v: Visit, stix_id: str) -> Found:
    """The version that the address asks for, the latest otherwise. Raises NotFound for all that cannot be shown."""
    if not STIX_ID.match(stix_id):
        raise NotFound
    return v.view.get(stix_id, asked_version(v))


def frame(v: Visit, record: Found, tab: str) -> dict[str, Any]:
    """What every tab shows around it: banner, title, the tabs."""
    obj = record.obj
    name_of = names(v, ends(obj))
    return {
        "record": record,
        "obj": obj,
        "tab": tab,
        "title": title(obj, name_of),
        "markings": v.markings(record),
        "grade": grading.display(grading.read(obj)),
        "grade_words": grading.explain(grading.read(obj), v.lang),
        "base": f"/records/{quote(record.id)}",
        "may_recall": v.may("recall") and v.verbs.owner in (record.origins or (record.originator,)),
        "may_ask_audience": v.may("publish") and v.verbs.owner in (record.origins or (record.originator,)),
    }


@get("/records/{stix_id:str}", sync_to_thread=True)
def record_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """The readable body, with why it is visible and where it comes from."""
    v = visit(request)
    record = found(v, stix_id)
    context = frame(v, record, "read")
    obj = context["obj"]
    body = sheet(obj)
    shown = {k: value for k, value in obj.items() if k not in ("object_marking_refs", "id")}
    name_of = names(v, list(dict.fromkeys(ids_in(shown)))[:_NAMED])
    versions = v.view.versions(stix_id)
    context |= {
        "sheet": body,
        "name_of": name_of,
        "short_id": short_id,
        "why": v.view.why(stix_id, v.lang),
        "provenance": v.view.provenance(stix_id, asked_version(v)),
        "newest": versions[0].version == record.version,
        "versions": len(versions),
        "extension_names": _extension_names(v, body.extensions),
        "grading_key": grading.EXTENSION,
        "proof": _proof(v, record),
        "origins": _origins(v, record),
    }
    return v.page("record.html", context)


def _extension_names(v: Visit, extensions: Any) -> dict[str, str]:
    ids = [e.name for e in extensions if STIX_ID.match(e.name)]
    return {i: str(f.obj.get("name", "")) for i, f in v.view.many(ids).items()} if ids else {}


def _proof(v: Visit, record: Found) -> Any:
    """Inclusion in the journal, for those who may verify; None for the others."""
    if not v.may("verify"):
        return None
    try:
        return v.view.proof(record.id, asked_version(v))
    except FoedusError:
        return None


def _origins(v: Visit, record: Found) -> dict[str, Any] | None:
    """How many independent origins stand behind what is known of the record; None where that says nothing."""
    asked = any(q.name == "origins" for d in v.verbs.domains() if d.name == "intelligence" for q in d.queries)
    if not asked or record.type in _NOT_EVIDENCED or v.view.neighbours(record.id, limit=1).degree > _WEIGHED:
        return None
    try:
        answer = v.verbs.ask(v.subject, "intelligence", "origins", {"target": record.id})
    except FoedusError:
        return None
    return answer if answer["records"] > 1 else None


@get("/records/{stix_id:str}/json", sync_to_thread=True)
def json_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """The object itself, indented."""
    v = visit(request)
    record = found(v, stix_id)
    text = json.dumps(record.obj, indent=2, ensure_ascii=False)
    return v.page("record_json.html", {**frame(v, record, "json"), "text": text})


@get("/records/{stix_id:str}/history", sync_to_thread=True)
def history_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """Every version that this reader may see, and the difference between two of them."""
    v = visit(request)
    if not STIX_ID.match(stix_id):
        raise NotFound
    versions = v.view.versions(stix_id)
    chosen = _two(v, versions)
    changes = difference(chosen[0].obj, chosen[1].obj) if chosen else []
    ids = [i for c in changes for i in ids_in([c.before, c.after])]
    context = {
        **frame(v, versions[0], "history"),
        "versions": versions,
        "all_markings": {f.version: v.markings(f) for f in versions},
        "chosen": chosen,
        "changes": changes,
        "name_of": names(v, ids[:_NAMED]),
        "short_id": short_id,
        "item": item,
    }
    return v.page("record_history.html", context)


def _two(v: Visit, versions: list[Found]) -> tuple[Found, Found] | None:
    """The two versions to compare, older first: those asked for, else the latest two; None where there is one."""
    if len(versions) < 2:
        return None
    by_number = {str(f.version): f for f in versions}
    newer = by_number.get(v.request.query_params.get("to", ""), versions[0])
    older = by_number.get(v.request.query_params.get("from", ""), versions[1])
    return (older, newer) if older.version <= newer.version else (newer, older)


def links(v: Visit, stix_id: str) -> tuple[Neighbours, list[dict[str, Any]]]:
    """One page of neighbours, as (answer, groups by kind and direction)."""
    kind, cursor = v.request.query_params.get("kind", ""), v.request.query_params.get("cursor", "")[:500]
    answer = v.view.neighbours(stix_id, kinds=frozenset({kind}) if kind else None, limit=_LINKS, cursor=cursor)
    by_id = {f.id: f for f in answer.nodes}
    name_of = names(v, [i for f in answer.nodes for i in ends(f.obj)])
    groups: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    for edge in answer.edges:
        outgoing = edge.source == stix_id
        other = by_id.get(edge.target if outgoing else edge.source)
        if other is not None:
            line = {"id": other.id, "type": other.type, "title": title(other.obj, name_of), "via": edge.via,
                    "markings": v.markings(other)}  # fmt: skip
            groups.setdefault((edge.kind, outgoing), []).append(line)
    out = [
        {
            "kind": kind,
            "outgoing": outgoing,
            "lines": sorted(lines, key=lambda x: (x["type"], x["title"].casefold(), x["id"])),
        }
        for (kind, outgoing), lines in sorted(groups.items())
    ]
    return answer, out


@get("/records/{stix_id:str}/links", sync_to_thread=True)
def links_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """What is connected with the record, as lists by kind."""
    v = visit(request)
    record = found(v, stix_id)
    answer, groups = links(v, stix_id)
    context = {**frame(v, record, "links"), "answer": answer, "groups": groups}
    context["kind"] = request.query_params.get("kind", "")
    context["kinds"] = sorted({e.kind for e in answer.edges})
    return v.page("record_links.html", context)


@get("/records/{stix_id:str}/audience", sync_to_thread=True)
def audience_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """Who can see it, who has seen it: for those who publish for the originator."""
    v = visit(request)
    record = found(v, stix_id)
    context = frame(v, record, "audience")
    if not context["may_ask_audience"]:
        raise NotPermitted(v.t("error.403.text"))
    audience = v.view.audience(stix_id)
    return v.page(
        "record_audience.html",
        {**context, "audience": audience, "seen": summed(audience.seen), "total": len(audience.seen)},
    )


class RecallForm(msgspec.Struct):
    """Why the record is withdrawn."""

    reason: str = ""


@post("/records/{stix_id:str}/recall", status_code=200, sync_to_thread=True)
def recall(
    request: AnyRequest, stix_id: str, data: Annotated[RecallForm, Body(media_type=RequestEncodingType.URL_ENCODED)]
) -> Response[Any]:
    """Withdraw every version; the page says how many."""
    v = visit(request)
    found(v, stix_id)
    count = v.verbs.recall(v.subject, stix_id, data.reason.strip())
    return v.page("recalled.html", {"count": count}, echo=False)


@get("/records/{stix_id:str}/recall", sync_to_thread=True)
def recall_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """Asks before it is done."""
    v = visit(request)
    record = found(v, stix_id)
    context = frame(v, record, "recall")
    if not context["may_recall"]:
        raise NotPermitted(v.t("error.403.text"))
    return v.page("record_recall.html", context)


@get("/records", sync_to_thread=False)
def records(request: AnyRequest) -> Response[Any]:
    """`?id=…`: the record of a pasted id."""
    stix_id = request.query_params.get("id", "").strip()
    return Redirect(f"/records/{quote(stix_id)}" if STIX_ID.match(stix_id) else "/search", status_code=303)


HANDLERS = (
    records, record_page, json_page, history_page, links_page, audience_page, recall_page, recall,
)  # fmt: skip
