"""A timeline of a record and its neighbours, or of a search: every time that the records themselves name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar import Response, get
from markupsafe import Markup

from foedus.faces.web import times
from foedus.faces.web.families import family
from foedus.faces.web.pages.search import asked, query
from foedus.faces.web.readable import STIX_ID
from foedus.faces.web.rows import names
from foedus.faces.web.titles import title, wanted
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import NotFound, Refused
from foedus.node.answers import Found

_RECORDS = 200
_EVENTS = 500

# What happened in the world comes before when it was written down.
_TIMES = (
    "first_seen", "last_seen", "first_observed", "last_observed", "start_time", "stop_time", "start", "end",
    "valid_from", "valid_until", "published", "needed_by",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """One moment that a record names. `what` is the property."""

    at: int
    what: str
    id: str
    type: str
    family: str
    title: str


def _events(v: Visit, found: list[Found]) -> Iterator[Event]:
    objects = [f.obj for f in found]
    name_of = names(v, wanted(objects))
    for f, obj in zip(found, objects, strict=True):
        moments = [(n, times.read(obj[n])) for n in _TIMES if isinstance(obj.get(n), str)]
        if not any(at for _, at in moments) and f.type != "relationship":
            moments = [("created", times.read(str(obj.get("created", ""))))]
        for what, at in moments:
            if at:
                yield Event(at, what, f.id, f.type, family(f.type), title(obj, name_of))


@get("/timeline", sync_to_thread=True)
def timeline_page(request: AnyRequest) -> Response[str]:
    """`?id=` a record and what is connected with it, else the parameters of a search."""
    v, this = visit(request), asked(request)
    stix_id = request.query_params.get("id", "")
    context: dict[str, Any] = {"this": this, "centre": None, "fault": "", "markings": [], "total": 0}
    found: list[Found] = []
    if stix_id:
        if not STIX_ID.match(stix_id):
            raise NotFound
        centre = v.view.get(stix_id)
        near = v.view.neighbours(stix_id, limit=_RECORDS)
        found = list({f.id: f for f in [centre, *near.nodes]}.values())
        context |= {"centre": centre, "total": len(found), "more": near.more}
        context["title"] = title(centre.obj, names(v, wanted([centre.obj])))
    else:
        try:
            answer = v.view.search(query(this, limit=_RECORDS))
            found, context["total"], context["more"] = answer.results, answer.total, answer.total > _RECORDS
        except Refused as refused:
            context["fault"] = Markup("; ").join(map(v.said, refused.faults)) or v.said(refused)
            context["more"] = False
    events = sorted(_events(v, found), key=lambda e: (-e.at, e.id))
    context["markings"] = v.all_markings(found)
    context |= {"events": events[:_EVENTS], "shown": len(found), "iso": times.iso}
    return v.page("timeline.html", context)


HANDLERS = (timeline_page,)
