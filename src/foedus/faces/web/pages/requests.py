"""Requests for information: the list, asking, and every step from asked to closed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.domains.intelligence import requests as domain
from foedus.domains.intelligence.forms import field
from foedus.faces.web import labelpicker, recordform
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.pages.publish import suggestions
from foedus.faces.web.pages.record import found
from foedus.faces.web.readable import STIX_ID
from foedus.faces.web.rows import names, rows
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import Fault, FoedusError, NotFound, Refused

SHOWS = ("open", "mine", "asked", "overdue", "all")
_OPEN = ("asked", "assigned", "answered")
_PRIORITIES = [{"value": p, "title": {"en": e, "fr": f}} for p, e, f in (
    ("routine", "Routine", "Routine"), ("priority", "Priority", "Prioritaire"),
    ("immediate", "Immediate", "Immédiat"), ("flash", "Flash", "Flash"),
)]  # fmt: skip
_OUTCOMES = [{"value": o, "title": {"en": e, "fr": f}} for o, e, f in (
    ("satisfied", "Satisfied", "Satisfaite"), ("partly-satisfied", "Partly satisfied", "Partiellement satisfaite"),
    ("not-satisfied", "Not satisfied", "Non satisfaite"),
)]  # fmt: skip
ASK = (
    field("question", "Question", "Question", required=True),
    field("details", "What is known, what is missing", "Ce que l’on sait, ce qui manque", "textarea"),
    field("about", "Records it is about", "Fiches concernées", "references", types=()),
    field("asked_of", "Asked of", "Adressée à", "references", types=("identity",)),
    field("priority", "Priority", "Priorité", "choice", choices=_PRIORITIES),
    field("needed_by", "Of value until", "Utile jusqu’au", "datetime"),
)
_REASON = field("reason", "Why", "Pourquoi", "textarea", True)
STEPS: Mapping[str, tuple[recordform.Field, ...]] = {
    "assign": (field("assignee", "Who is to answer", "Qui doit répondre", "reference", True, types=("identity",)),),
    "answer": (
        field("answers", "What answers it", "Ce qui y répond", "references", True, types=tuple(sorted(domain.ANSWERS))),
        field("remark", "A word to the asker", "Un mot au demandeur", "textarea"),
    ),
    "close": (
        field("outcome", "Outcome", "Résultat", "choice", True, choices=_OUTCOMES),
        field("reason", "Remark", "Remarque", "textarea"),
    ),
    "withdraw": (_REASON,),
    "reopen": (_REASON,),
}
Line = dict[str, Any]


def _lines(v: Visit, **arguments: Any) -> list[Line]:
    """Requests as the domain tells them, with who is to answer and whether that is this person."""
    lines: list[Line] = v.verbs.ask(v.subject, "intelligence", "requests", {"limit": 1000, **arguments})
    people = v.view.many([line["assigned_to"] for line in lines if line["assigned_to"]])
    said = {i: str(f.obj.get("name", "")) for i, f in people.items()}
    mine = {v.subject.name, v.subject.display_name} - {""}
    return [{**line, "assignee": (name := said.get(line["assigned_to"], "")), "mine": name in mine} for line in lines]


def waiting(v: Visit, limit: int = 8) -> list[Line]:
    """What waits for this person: requests to answer, their own first, then the most urgent. [] where none can be."""
    try:
        lines = _lines(v)
    except FoedusError:
        return []
    return sorted((x for x in lines if x["state"] in ("asked", "assigned")), key=lambda x: not x["mine"])[:limit]


def _keeps(show: str, line: Line) -> bool:
    if show == "mine":
        return bool(line["mine"]) and line["state"] in _OPEN
    if show == "overdue":
        return bool(line["overdue"])
    return show == "all" or line["state"] in (_OPEN if show == "open" else ("asked",))


@get("/requests", sync_to_thread=True)
def requests_page(request: AnyRequest) -> Response[str]:
    """Every request that the reader may see, filtered."""
    v = visit(request)
    show = request.query_params.get("show", "open")
    show = show if show in SHOWS else "open"
    every = _lines(v)
    found_all = v.view.many([line["id"] for line in every if _keeps(show, line)])
    lines = [{**line, "markings": v.markings(found_all[line["id"]])} for line in every if line["id"] in found_all]
    counts = {name: sum(_keeps(name, line) for line in every) for name in SHOWS}
    return v.page("requests.html", {"lines": lines, "show": show, "shows": SHOWS, "counts": counts})


@get("/requests/ask", sync_to_thread=True)
def ask_page(request: AnyRequest) -> Response[str]:
    """A question to others."""
    v = visit(request)
    v.subject.require("work")
    about = [i for i in request.query_params.getall("about", []) if STIX_ID.match(i)]
    form = Form({"priority": ["routine"], "about": about})
    return _ask_form(v, form, labelpicker.start(v))


def _ask_form(
    v: Visit, form: Form, picker: labelpicker.Picker, faults: tuple[Fault, ...] = (), status: int = 200
) -> Response[str]:
    return v.page("request_ask.html", {"picker": picker, **_drawn(v, ASK, form, faults)}, status=status)


def _drawn(v: Visit, fields: tuple[recordform.Field, ...], form: Form, faults: tuple[Fault, ...]) -> dict[str, Any]:
    """What the template of a form needs: fields, loose faults, names, guesses."""
    drawn, loose = recordform.draw(fields, form, v.lang, faults)
    references = [f for f in drawn if f.widget in ("reference", "references")]
    guesses = {
        f.name: [line for w in f.values[:5] if not STIX_ID.match(w) for line in suggestions(v, w, f.types)]
        for f in references
    }
    ids = [i for f in references for i in f.values if STIX_ID.match(i)]
    return {"fields": drawn, "loose": loose, "guesses": guesses, "name_of": names(v, ids), "faults": faults}


@post("/requests/ask", status_code=200)
async def ask_submit(request: AnyRequest) -> Response[Any]:
    """Ask it."""
    form = await read_form(request)
    return await asyncio.to_thread(_ask, visit(request), form)


def _ask(v: Visit, form: Form) -> Response[Any]:
    v.subject.require("work")
    picker = labelpicker.read(v, form)
    arguments, faults = recordform.read(ASK, form, {}, v.zone, v.t)
    if not faults and not picker.faults:
        faults, made = _run(v, "ask", {**arguments, "label": picker.text})
        if not faults:
            return Redirect(f"/requests/{quote(made)}", status_code=303)
    return _ask_form(v, form, picker, (*faults, *picker.faults), 422)


def _run(v: Visit, verb: str, arguments: dict[str, Any]) -> tuple[list[Fault], str]:
    """Run a verb of the domain: (faults, the id of the first record it made)."""
    try:
        made = v.verbs.run(v.subject, "intelligence", verb, arguments)
    except Refused as error:
        return list(error.faults), ""
    except NotFound:  # a record that the form names: absent and not permitted are one answer
        return [Fault("not-found", v.t("requests.unseen_reference"))], ""
    return [], made[0].id


@get("/requests/{stix_id:str}", sync_to_thread=True)
def request_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """One request: the question, its answers, what may be done now, what was done."""
    return _request_page(visit(request), stix_id)


def _request_page(
    v: Visit, stix_id: str, action: str = "", form: Form | None = None, faults: tuple[Fault, ...] = ()
) -> Response[str]:
    record = found(v, stix_id)
    line = next((x for x in _lines(v) if x["id"] == stix_id), None)
    if line is None:
        raise NotFound
    actions = line["actions"] if v.may("work") else []
    open_now = action or v.request.query_params.get("do", "")
    forms = {
        name: _drawn(v, STEPS[name], (form or Form()) if name == action else _begun(v, name),
                     faults if name == action else ())
        for name in actions
    }  # fmt: skip
    obj = record.obj
    versions = v.view.versions(stix_id)
    ids = [*obj.get("asked_of_refs", []), *obj.get("object_refs", []), line["assigned_to"], line["asked_by"]]
    context = {
        "record": record,
        "obj": obj,
        "line": line,
        "markings": v.markings(record),
        "answers": rows(v, list(v.view.many(line["answers"]).values())),
        "actions": actions,
        "forms": forms,
        "open_now": open_now,
        "name_of": names(v, [i for i in ids if i]),
        "steps": [(f, f.obj) for f in versions],
        "loose": forms[action]["loose"] if action in forms else faults,
    }
    return v.page("request.html", context, status=422 if faults else 200)


def _begun(v: Visit, action: str) -> Form:
    answers = [i for i in v.request.query_params.getall("answers", []) if STIX_ID.match(i)]
    return Form({"answers": answers}) if action == "answer" and answers else Form()


@post("/requests/{stix_id:str}/{action:str}", status_code=200)
async def step_submit(request: AnyRequest, stix_id: str, action: str) -> Response[Any]:
    """Take one step."""
    form = await read_form(request)
    return await asyncio.to_thread(_step, visit(request), stix_id, action, form)


def _step(v: Visit, stix_id: str, action: str, form: Form) -> Response[Any]:
    v.subject.require("work")
    if action not in STEPS:
        raise NotFound
    found(v, stix_id)
    arguments, faults = recordform.read(STEPS[action], form, {}, v.zone, v.t)
    if not faults:
        faults, _ = _run(v, action, {"request": stix_id, **arguments})
    if faults:
        return _request_page(v, stix_id, action, form, tuple(faults))
    return Redirect(f"/requests/{quote(stix_id)}", status_code=303)


HANDLERS = (requests_page, ask_page, ask_submit, request_page, step_submit)
