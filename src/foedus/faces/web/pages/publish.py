"""Publish a record or a new version of one: the form of its type, the label picker, the difference before it counts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_OID, uuid5

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.faces.web import labelpicker, recordform
from foedus.faces.web.difference import difference
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.pages.record import found
from foedus.faces.web.readable import STIX_ID, ids_in, item
from foedus.faces.web.rows import names, rows
from foedus.faces.web.titles import ends, short_id, title
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.canonical import decode
from foedus.kernel.domain import RecordType, say
from foedus.kernel.errors import Fault, LabelRefused, NotFound, NotPermitted, Refused
from foedus.kernel.ids import format_time
from foedus.node import reach
from foedus.node.answers import Found, SearchQuery

_ASKED_ELSEWHERE = frozenset({"request-for-information"})
_SUGGESTED = 8
_WORD = re.compile(r"[^\W_]+(?:[.\-][^\W_]+)*")
JSON = "json"


@dataclass(frozen=True, slots=True)
class Draft:
    """What a writer has in hand: the form's fields, the object so far, the label, every fault."""

    kind: str
    form: Form
    obj: dict[str, Any]
    picker: labelpicker.Picker | None  # None: the present label is kept
    faults: tuple[Fault, ...] = ()


def forms(v: Visit) -> dict[str, RecordType]:
    """The types that can be written in a form, by STIX type."""
    return {r.type: r for d in v.verbs.domains() for r in d.records if r.fields and r.type not in _ASKED_ELSEWHERE}


@get("/publish", sync_to_thread=True)
def publish_page(request: AnyRequest) -> Response[str]:
    """What would you like to publish?"""
    v = visit(request)
    v.subject.require("publish")
    kinds = [(kind, say(record.title, v.lang)) for kind, record in forms(v).items()]
    return v.page("publish_choose.html", {"kinds": kinds})


@get("/publish/{kind:str}", sync_to_thread=True)
def new_page(request: AnyRequest, kind: str) -> Response[str]:
    """An empty form of one type."""
    v = visit(request)
    v.subject.require("publish")
    fields = _fields(v, kind)
    now = recordform.local(format_time(labelpicker.node_of(v).clock.now()), v.zone)
    given: dict[str, list[str]] = {f["name"]: [now] for f in fields if f["widget"] == "datetime" and f.get("required")}
    for name, value in request.query_params.multi_items():  # ?object_refs=…: a form begun from a record
        if any(f["name"] == name for f in fields):
            given.setdefault(name, []).append(value[:400])
    form = Form({**given, "_once": [labelpicker.node_of(v).new_uuid()]})
    return _form_page(v, Draft(kind, form, {}, labelpicker.start(v)))


@post("/publish/{kind:str}", status_code=200)
async def new_submit(request: AnyRequest, kind: str) -> Response[Any]:
    """Publish it, or show everything that is wrong with it."""
    form = await read_form(request)
    return await asyncio.to_thread(_new, visit(request), kind, form)


def _new(v: Visit, kind: str, form: Form) -> Response[Any]:
    v.subject.require("publish")
    # The id follows from the form that was shown: sending it twice publishes once.
    stix_id = f"{kind}--{uuid5(NAMESPACE_OID, v.subject.name + chr(0) + form.text('_once'))}"
    if form.text("_once") and kind != JSON and v.view.many([stix_id]):
        return Redirect(_address(stix_id), status_code=303)
    now = format_time(labelpicker.node_of(v).clock.now() // 1000 * 1000)
    base = {"type": kind, "spec_version": "2.1", "id": stix_id, "created": now, "modified": now}
    draft = _draft(v, kind, form, base, keep=False)
    if draft.faults:
        return _form_page(v, draft, status=422)
    far, known = _beyond(v, draft, ()), set(form.text("beyond_known").split())
    if not {one["row"].id for one in far} <= known:
        return _form_page(v, draft, beyond=far)
    return _publish(v, draft)


def _draft(v: Visit, kind: str, form: Form, before: dict[str, Any], *, keep: bool) -> Draft:
    """The form read: nothing is lost, everything that is wrong is named."""
    picker = None if keep else labelpicker.read(v, form)
    if kind == JSON:
        obj, faults = _json(form, v)
    else:
        obj, faults = recordform.read(_fields(v, kind), form, before, v.zone, v.t)
    return Draft(kind, form, obj, picker, tuple(faults) + (picker.faults if picker else ()))


def _json(form: Form, v: Visit) -> tuple[dict[str, Any], list[Fault]]:
    try:
        read = decode(form.raw("_json").encode("utf-8", "surrogatepass"), labelpicker.node_of(v).limits)
    except Refused as error:
        return {}, list(error.faults)
    if not isinstance(read, dict):
        return {}, [Fault("not-an-object", v.t("publish.one_object"))]
    return read, []


def _publish(v: Visit, draft: Draft, back: str = "") -> Response[Any]:
    try:
        label = labelpicker.label_of(draft.picker) if draft.picker else None
        done = v.verbs.publish(v.subject, [draft.obj], label)
    except LabelRefused as error:
        picker = draft.picker or labelpicker.start(v)
        refused = Draft(draft.kind, draft.form, draft.obj, _with_faults(picker, error.faults), error.faults)
        return _form_page(v, refused, status=422, record=back)
    except Refused as error:
        refused = Draft(draft.kind, draft.form, draft.obj, draft.picker, error.faults)
        return _form_page(v, refused, status=422, record=back)
    if not v.view.many([done[0].id]):  # written for readers of another clearance
        return v.page("publish_unseen.html", {"id": done[0].id}, echo=False)
    return Redirect(_address(done[0].id), status_code=303)


def _beyond(v: Visit, draft: Draft, kept: Sequence[str]) -> tuple[dict[str, Any], ...]:
    """Records that the draft refers to and that not all of its readers may see. `kept`: the labels that stay."""
    node = labelpicker.node_of(v)
    labels = node.registry.labels([*kept, *(str(one) for one in draft.obj.get("object_marking_refs", ()))])
    if draft.picker is not None:
        labels = [*labels, node.read_label(labelpicker.label_of(draft.picker))]
    far = reach.beyond(node, v.view, draft.obj, labels)
    shown = rows(v, [one.found for one in far])
    return tuple({"row": row, "names": one.names} for row, one in zip(shown, far, strict=True))


def _with_faults(picker: labelpicker.Picker, faults: Sequence[Fault]) -> labelpicker.Picker:
    return labelpicker.Picker(picker.parts, picker.text, picker.was, picker.shown, tuple(faults))


def _address(stix_id: str) -> str:
    return f"/records/{quote(stix_id)}"


def _fields(v: Visit, kind: str) -> Sequence[recordform.Field]:
    if kind == JSON:
        return ()
    record = forms(v).get(kind)
    if record is None:
        raise NotFound
    return record.fields


def _form_page(v: Visit, draft: Draft, *, status: int = 200, record: str = "", **more: Any) -> Response[str]:
    """The form with what was written in it. `record`: the id of the record whose new version it is."""
    picker_faults = set(draft.picker.faults) if draft.picker else set()
    own = [f for f in draft.faults if f not in picker_faults]
    fields, loose = recordform.draw(_fields(v, draft.kind), draft.form, v.lang, own)
    ids = [one for f in fields if f.widget in ("reference", "references") for one in f.values]
    context = {
        "kind": draft.kind,
        "type_title": say(forms(v)[draft.kind].title, v.lang) if draft.kind != JSON else v.t("publish.json"),
        "fields": fields,
        "loose": loose,
        "draft": draft,
        "picker": draft.picker,
        "guesses": _guesses(v, fields),
        "name_of": names(v, ids),
        "record": record,
        "once": draft.form.text("_once"),
        "kept": more.get("kept", ()),
        "beyond": more.get("beyond", ()),
        "base_version": more.get("base_version", draft.form.text("_base")),
    }
    return v.page("publish_form.html", context, status=status)


def _guesses(v: Visit, fields: Sequence[recordform.Drawn]) -> dict[str, list[dict[str, str]]]:
    """For words where a record was to be named: the records that they may mean, to tick. Works without script."""
    out = {}
    for f in fields:
        words = [w for w in f.values if f.widget in ("reference", "references") and not STIX_ID.match(w)]
        if words:
            out[f.name] = [line for w in words[:5] for line in suggestions(v, w, f.types)]
    return out


# Suggestions for references


def suggestions(v: Visit, text: str, types: Sequence[str]) -> list[dict[str, str]]:
    """Records whose words begin so, out of what this reader may see."""
    words = [w for w in _WORD.findall(text) if len(w) < 60][:8]
    if STIX_ID.match(text.strip()):
        hits = list(v.view.many([text.strip()]).values())
    elif words:
        query = SearchQuery(" ".join([*words[:-1], f"{words[-1]}*"]), frozenset(types) or None, limit=_SUGGESTED)
        try:
            hits = v.view.search(query).results
        except Refused:
            hits = []
    else:
        hits = []
    shown = [f for f in hits if not types or f.type in types]
    name_of = names(v, [i for f in shown for i in ends(f.obj)])
    return [{"id": f.id, "type": f.type, "title": title(f.obj, name_of)} for f in shown]


@get("/publish/suggestions", sync_to_thread=True)
def suggestions_part(request: AnyRequest) -> Response[str]:
    """Search as you type, for reference fields: options of a list box."""
    v = visit(request)
    v.subject.require("publish")
    types = [t for t in request.query_params.get("types", "").split(",") if t]
    return v.fragment("suggestions.html", {"lines": suggestions(v, request.query_params.get("q", "")[:200], types)})


# The label picker


@post("/label/preview", status_code=200)
async def label_preview(request: AnyRequest) -> Response[str]:
    """The marking and the audience of the label as it is built."""
    form = await read_form(request)
    return await asyncio.to_thread(_preview, visit(request), form)


def _preview(v: Visit, form: Form) -> Response[str]:
    if not (v.may("publish") or v.may("import")):
        v.subject.require("publish")
    picker = labelpicker.read(v, form)
    whole = form.text("label_by") != "controls"
    return v.fragment("label_controls.html" if whole else "label_shown.html", {"picker": picker, "swap": not whole})


# Editing


@get("/records/{stix_id:str}/edit", sync_to_thread=True)
def edit_page(request: AnyRequest, stix_id: str) -> Response[str]:
    """The form of a record, with what it says now."""
    v = visit(request)
    record = _own(v, stix_id)
    obj = record.obj
    kind = record.type if record.type in forms(v) else JSON
    shown = recordform.fill(_fields(v, kind), obj, v.zone)
    extra = {"_base": [str(record.version)], "label_keep": ["1"]}
    if kind == JSON:
        extra["_json"] = [json.dumps(obj, indent=2, ensure_ascii=False)]
    draft = Draft(kind, Form({**shown.fields, **extra}), obj, _picker_for(v, record))
    return _form_page(v, draft, record=stix_id, kept=v.markings(record), base_version=str(record.version))


def _own(v: Visit, stix_id: str) -> Found:
    """A record of this node that the person may write versions of. Raises NotFound, NotPermitted."""
    v.subject.require("publish")
    record = found(v, stix_id)
    if v.verbs.owner not in (record.origins or (record.originator,)):
        raise NotPermitted(v.t("publish.not_ours"))
    if not record.version:
        raise NotPermitted(v.t("publish.no_versions"))
    return record


def _picker_for(v: Visit, record: Found) -> labelpicker.Picker:
    """A picker that begins with the record's first label."""
    labels = labelpicker.node_of(v).registry.labels(record.labels)
    return labelpicker.start(v, labels[0] if labels else None)


@post("/records/{stix_id:str}/edit", status_code=200)
async def edit_submit(request: AnyRequest, stix_id: str) -> Response[Any]:
    """Back to the form, on to the difference, or publish the new version."""
    form = await read_form(request)
    return await asyncio.to_thread(_edit, visit(request), stix_id, form)


def _edit(v: Visit, stix_id: str, form: Form) -> Response[Any]:
    record = _own(v, stix_id)
    keep, step = form.checked("label_keep"), form.text("_step")
    kind = record.type if record.type in forms(v) else JSON
    draft = _draft(v, kind, form, record.obj, keep=keep)
    draft = Draft(kind, form, _next(v, record, draft.obj, keep), draft.picker, draft.faults + _stale(v, record, form))
    shown = Draft(kind, form, draft.obj, draft.picker or _picker_for(v, record), draft.faults)
    if draft.faults or step == "edit":
        base = {"kept": v.markings(record), "base_version": str(record.version)}
        return _form_page(v, shown, status=422 if draft.faults else 200, record=stix_id, **base)
    if step == "publish":
        return _publish(v, draft, back=stix_id)
    return _review_page(v, record, draft)


def _next(v: Visit, record: Found, obj: Mapping[str, Any], keep: bool) -> dict[str, Any]:
    """The new version: same id and creation, modified now, under the kept labels or without them."""
    now = labelpicker.node_of(v).clock.now() // 1000 * 1000
    out = {**obj, "type": record.type, "id": record.id}
    if record.version:
        out |= {"created": record.obj.get("created"), "modified": format_time(max(now, record.version + 1000))}
    refs = {str(r) for r in record.obj.get("object_marking_refs", ())}
    refs = refs | set(record.labels) if keep else refs - set(record.labels)
    out["object_marking_refs"] = sorted(refs)
    return {k: w for k, w in out.items() if w not in ([], None)}


def _stale(v: Visit, record: Found, form: Form) -> tuple[Fault, ...]:
    """Somebody published a version since the form was opened."""
    if form.text("_base") and form.text("_base") != str(record.version):
        return (Fault("newer-version", v.t("publish.stale")),)
    return ()


def _review_page(v: Visit, record: Found, draft: Draft) -> Response[str]:
    changes = difference(record.obj, draft.obj)
    changes = [c for c in changes if c.path != "object_marking_refs"]
    ids = [i for c in changes for i in ids_in([c.before, c.after])]
    picker = draft.picker
    before = v.markings(record)
    context = {
        "record": record,
        "title": title(draft.obj, names(v, ())),
        "changes": changes,
        "name_of": names(v, ids[:300]),
        "short_id": short_id,
        "item": item,
        "draft": draft,
        "before": before,
        "picker": picker,
        "audience": _audience_change(v, record, picker),
        "beyond": _beyond(v, draft, record.labels if picker is None else ()),
    }
    return v.page("publish_review.html", context)


def _audience_change(v: Visit, record: Found, picker: labelpicker.Picker | None) -> tuple[list[str], list[str]] | None:
    """Who would newly see it, and who would not see this version: None where the label stays, or hides it from the
    writer."""
    if picker is None or picker.shown is None or picker.shown.names is None:
        return None
    now = set(v.view.audience(record.id).can_see)
    then = set(picker.shown.names)
    return sorted(then - now), sorted(now - then)


HANDLERS = (
    publish_page, suggestions_part, label_preview, new_page, new_submit, edit_page, edit_submit,
)  # fmt: skip
