"""Duplicates for a person to review, and the grading of sources and information."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.domains.intelligence import duplicates as domain
from foedus.domains.intelligence import grading
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.labelpicker import node_of
from foedus.faces.web.pages.record import found
from foedus.faces.web.readable import STIX_ID, Item, ids_in, item
from foedus.faces.web.rows import Names, names
from foedus.faces.web.titles import own_name, short_id
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import Fault, NotFound, Refused
from foedus.node.answers import Found, Marking

_NO_LABELS = SimpleNamespace(labels=())
_ASKED = 60
_SHOWN = 12
_LATELY = 400  # relationships that are looked through for merges to undo
_QUIET = frozenset({"id", "type", "spec_version", "created", "modified", "object_marking_refs", "extensions"})


@dataclass(frozen=True, slots=True)
class Side:
    """One record of a pair."""

    found: Found
    name: str
    markings: list[Marking]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records that may be the same; `facts`: (property, left, right, whether they say the same)."""

    left: Side
    right: Side
    score: float
    reason: str
    facts: tuple[tuple[str, Item | None, Item | None, bool], ...]


def _topic(left: str, right: str) -> str:
    return "not-duplicates:" + hashlib.sha256("\n".join(sorted((left, right))).encode()).hexdigest()


def _dismissed(v: Visit, left: str, right: str) -> bool:
    accounts = node_of(v).access.accounts
    return accounts.marks.get(accounts.get(v.subject.name).id, _topic(left, right)) is not None


def _pair(v: Visit, line: dict[str, Any], records: dict[str, Found]) -> Pair:
    left, right = records[line["left"]], records[line["right"]]
    one, two = left.obj, right.obj
    facts = []
    for name in dict.fromkeys([*one, *two]):
        if name not in _QUIET:
            first = item(name, one[name]) if name in one else None
            second = item(name, two[name]) if name in two else None
            facts.append((name, first, second, one.get(name) == two.get(name)))
    return Pair(_side(v, left), _side(v, right), line["score"], line["reason"], tuple(facts))


def _side(v: Visit, record: Found) -> Side:
    return Side(record, own_name(record.obj) or short_id(record.id), v.markings(record))


@get("/duplicates", sync_to_thread=True)
def duplicates_page(request: AnyRequest) -> Response[str]:
    """Pairs side by side, best first."""
    return _page(visit(request))


def _page(v: Visit, faults: tuple[Fault, ...] = ()) -> Response[str]:
    v.subject.require("work")
    kind = v.request.query_params.get("type", "")
    kind = kind if kind in domain.COMPARED else ""
    asked = {"type": kind, "limit": _ASKED}
    lines = v.verbs.ask(v.subject, "intelligence", "duplicates", asked)
    lines = [line for line in lines if not _dismissed(v, line["left"], line["right"])]
    records = v.view.many([i for line in lines[:_SHOWN] for i in (line["left"], line["right"])])
    pairs = [_pair(v, x, records) for x in lines[:_SHOWN] if x["left"] in records and x["right"] in records]
    ids = [i for p in pairs for s in (p.left, p.right) for i in list(ids_in(s.found.obj))[:40]]
    context = {
        "record": _NO_LABELS,  # a reference on this page always shows its own markings
        "pairs": pairs,
        "total": len(lines),
        "more": len(lines) > len(pairs),
        "kind": kind,
        "kinds": domain.COMPARED,
        "merged": _merged(v),
        "name_of": names(v, ids[:400]),
        "short_id": short_id,
        "faults": faults,
        "owner": v.verbs.owner,
    }
    return v.page("duplicates.html", context, status=422 if faults else 200)


def _merged(v: Visit) -> list[dict[str, Any]]:
    """The latest merges, to undo."""
    links = [
        f for f in v.view.newest(types=frozenset({"relationship"}), limit=_LATELY)
        if f.obj.get("relationship_type") == domain.DUPLICATE_OF and not f.obj.get("revoked")
    ][:10]  # fmt: skip
    ends = [(str(f.obj.get("source_ref")), str(f.obj.get("target_ref")), f.version) for f in links]
    name_of: Names = names(v, [i for a, b, _ in ends for i in (a, b)])
    return [
        {"duplicate": a, "keep": b, "at": at, "duplicate_name": name_of(a), "keep_name": name_of(b)}
        for a, b, at in ends
        if name_of(a) and name_of(b)
    ]


@post("/duplicates", status_code=200)
async def duplicates_submit(request: AnyRequest) -> Response[Any]:
    """Merge, say that they are two, or undo a merge."""
    form = await read_form(request)
    return await asyncio.to_thread(_decide, visit(request), form)


def _decide(v: Visit, form: Form) -> Response[Any]:
    v.subject.require("work")
    left, right, do = form.text("left"), form.text("right"), form.text("do")
    if not (STIX_ID.match(left) and STIX_ID.match(right)):
        raise NotFound
    if do == "two":
        accounts = node_of(v).access.accounts
        accounts.marks.set(accounts.get(v.subject.name).id, _topic(left, right), "1")
        return _back(v)
    keep, other = (right, left) if do in ("right", "undo") else (left, right)
    arguments: dict[str, Any] = {"keep": keep, "duplicate": other}
    if do != "undo":
        arguments |= {"reason": form.text("reason"), "combine": form.checked("combine")}
    try:
        v.verbs.run(v.subject, "intelligence", "separate" if do == "undo" else "merge", arguments)
    except Refused as error:
        return _page(v, error.faults)
    return _back(v)


def _back(v: Visit) -> Response[Any]:
    kind = v.request.query_params.get("type", "")
    return Redirect("/duplicates" + (f"?type={quote(kind)}" if kind else ""), status_code=303)


# Grading


@get("/records/{stix_id:str}/grade", sync_to_thread=True)
def grade_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """How reliable, how credible: the form and everything that was said before."""
    return _grade_page(visit(request), stix_id, Form())


def _grade_page(v: Visit, stix_id: str, form: Form, faults: tuple[Fault, ...] = ()) -> Response[str]:
    v.subject.require("work")
    record = found(v, stix_id)
    if record.type not in grading.INFORMATION | grading.SOURCES:
        raise NotFound
    lines = v.verbs.ask(v.subject, "intelligence", "gradings", {"target": stix_id})
    now = grading.read(record.obj)
    context = {
        "record": record,
        "title": own_name(record.obj) or short_id(stix_id),
        "markings": v.markings(record),
        "lines": lines,
        "name_of": names(v, [line["by"] for line in lines if line["by"]]),
        "ours": v.verbs.owner in (record.origins or (record.originator,)),
        "source": record.type in grading.SOURCES,
        "reliability": [(k, w.get(v.lang, w["en"])) for k, w in grading.RELIABILITY.items()],
        "credibility": [(str(k), w.get(v.lang, w["en"])) for k, w in grading.CREDIBILITY.items()],
        "chosen": (form.text("reliability") or now.reliability, form.text("credibility") or str(now.credibility)),
        "reason": form.raw("reason"),
        "faults": faults,
    }
    return v.page("grade.html", context, status=422 if faults else 200)


@post("/records/{stix_id:str}/grade", status_code=200)
async def grade_submit(request: AnyRequest, stix_id: str) -> Response[Any]:
    """Grade it: in the record where it is ours, in a note otherwise."""
    form = await read_form(request)
    return await asyncio.to_thread(_grade, visit(request), stix_id, form)


def _grade(v: Visit, stix_id: str, form: Form) -> Response[Any]:
    record = found(v, stix_id)
    ours = v.verbs.owner in (record.origins or (record.originator,))
    credibility = form.text("credibility")
    arguments = {
        "target": stix_id,
        "reliability": form.text("reliability"),
        "credibility": int(credibility) if credibility in {"1", "2", "3", "4", "5", "6"} else 0,
        "reason": form.raw("reason").strip(),
        "in_note": not ours or form.text("where") == "note",
    }
    try:
        v.verbs.run(v.subject, "intelligence", "grade", arguments)
    except Refused as error:
        return _grade_page(v, stix_id, form, error.faults)
    return Redirect(f"/records/{quote(stix_id)}", status_code=303)


HANDLERS = (duplicates_page, duplicates_submit, grade_page, grade_submit)
