"""The graph around a record: expanded on demand, a page of neighbours at a time, as a picture and as lists."""

from __future__ import annotations

from typing import Any

from litestar import Response, get

from foedus.faces.web.families import FAMILIES, family, icon
from foedus.faces.web.readable import STIX_ID
from foedus.faces.web.rows import names, rows
from foedus.faces.web.titles import ends, shorten, title
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import NotFound
from foedus.node.answers import Edge, Found, Neighbours

_STEP = 25  # neighbours of one expansion
_STARTS = frozenset(k for name in ("threat", "harm") for k in FAMILIES[name]) | {"malware", "report", "identity"}


def _nodes(v: Visit, found: list[Found]) -> list[dict[str, Any]]:
    objects = [f.obj for f in found]
    name_of = names(v, [i for obj in objects for i in ends(obj)])
    return [
        {"id": f.id, "type": f.type, "typeName": v.type_name(f.type), "family": family(f.type), "icon": icon(f.type),
         "title": shorten(title(obj, name_of), 60)}
        for f, obj in zip(found, objects, strict=True)
    ]  # fmt: skip


@get("/graph", sync_to_thread=True)
def graph_page(request: AnyRequest) -> Response[str]:
    """`?id=` the record in the middle; without it, records to start from."""
    v = visit(request)
    stix_id = request.query_params.get("id", "")
    if not stix_id:
        start = v.view.newest(types=_STARTS, limit=12)
        return v.page("graph.html", {"centre": None, "start": rows(v, start)})
    if not STIX_ID.match(stix_id):
        raise NotFound
    centre = v.view.get(stix_id)
    node = _nodes(v, [centre])[0]
    return v.page("graph.html", {"centre": centre, "node": node, "markings": v.markings(centre), "start": []})


def _expand(v: Visit, stix_id: str, cursor: str) -> tuple[Neighbours, list[Found], list[Edge]]:
    """One expansion: further pages where many links lead to the same few records. (last page, records, edges)"""
    found: dict[str, Found] = {}
    edges: list[Edge] = []
    for limit in (_STEP, 100, 200, 200):
        answer = v.view.neighbours(stix_id, limit=limit, cursor=cursor)
        found |= {f.id: f for f in answer.nodes}
        edges += answer.edges
        cursor = answer.next
        if not answer.more or len(found) >= _STEP // 2:
            break
    kinds = {(e.source, e.kind, e.target): e for e in edges}  # as a picture shows them: parallel ones once
    # In an order of their own, not in the store's: that would tell in which order kinds of links were first used.
    return answer, sorted(found.values(), key=lambda f: f.id), [kinds[key] for key in sorted(kinds)]


@get("/graph/data", sync_to_thread=True)
def graph_data(request: AnyRequest) -> Response[dict[str, Any]]:
    """One expansion: `?id=`, `&cursor=` of the one before. Nodes and edges of this reader's view."""
    v = visit(request)
    stix_id = request.query_params.get("id", "")
    if not STIX_ID.match(stix_id):
        raise NotFound
    answer, around, edges = _expand(v, stix_id, request.query_params.get("cursor", "")[:500])
    marks = v.all_markings(around)
    classes = [(m.text, v.mark(m)) for m in marks]
    return Response(
        {
            "markings": [{"text": text, "class": css} for text, css in classes],
            "sheet": v.colours.sheet,
            "nodes": _nodes(v, [f for f in around if f.id != stix_id]),
            "edges": [
                {"source": e.source, "target": e.target, "kind": e.kind, "name": v.link_name(e.kind)} for e in edges
            ],
            "next": answer.next if answer.more else "",
            "degree": answer.degree,
        },
        media_type="application/json",
    )


HANDLERS = (graph_page, graph_data)
