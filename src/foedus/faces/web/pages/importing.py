"""Import files: STIX, MISP, CSV and workbooks, under a label, with progress and a report of every fault."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.faces.web import labelpicker
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.rows import rows
from foedus.faces.web.tasks import Task, tasks_of
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.domain import Exporter, say
from foedus.kernel.errors import Fault, NotFound
from foedus.node.answers import ImportReport
from foedus.node.contract import OnProgress

_SHOWN_FAULTS = 200
_SHOWN_RECORDS = 25
_FILES = 20
FAULT_COLUMNS = ("file", "index", "object_id", "path", "message", "code")


@get("/import", sync_to_thread=True)
def import_page(request: AnyRequest) -> Response[str]:
    """Choose files, a label and how strict to be."""
    v = visit(request)
    v.subject.require("import")
    return _page(v, labelpicker.start(v), Form({"label_use": ["marked"]}))


def _page(
    v: Visit, picker: labelpicker.Picker, form: Form, *, faults: tuple[Fault, ...] = (), status: int = 200
) -> Response[str]:
    node = labelpicker.node_of(v)
    formats = [(i.name, say(i.title, v.lang)) for d in v.verbs.domains() for i in d.importers]
    templates = [(e.name, say(e.title, v.lang)) for e in _templates(v)]
    mine = tasks_of(v).of(v.subject.name, "import")[:10]
    context = {
        "picker": picker,
        "form": form,
        "faults": faults,
        "formats": formats,
        "templates": templates,
        "tasks": mine,
        "most": node.limits.max_content_length // (1024 * 1024),
    }
    return v.page("import.html", context, status=status)


def _templates(v: Visit) -> Iterator[Exporter]:
    """Formats that can be written empty and read back: tables."""
    read = {i.name for d in v.verbs.domains() for i in d.importers}
    return (e for d in v.verbs.domains() for e in d.exporters if e.name in read)


@post("/import", status_code=200)
async def import_submit(request: AnyRequest) -> Response[Any]:
    """Begin the import and go to its progress."""
    v = visit(request)
    v.subject.require("import")
    form = await read_form(request)
    return await asyncio.to_thread(_begin, v, form)


def _begin(v: Visit, form: Form) -> Response[Any]:
    by_default = form.text("label_use") == "marked"
    picker = labelpicker.start(v) if by_default else labelpicker.read(v, form)
    faults = [] if by_default else list(picker.faults)
    files = [(name, data) for name, data in form.files if data][:_FILES]
    if not files:
        faults.append(Fault("no-file", v.t("import.no_file"), path="files"))
    if faults:
        return _page(v, picker, form, faults=tuple(faults), status=422)
    label = None if by_default else picker.text
    partial, upgrade, format = form.checked("partial"), form.checked("upgrade"), form.text("format")
    node, subject = labelpicker.node_of(v), v.subject

    def work(told: OnProgress) -> list[tuple[str, ImportReport]]:
        def one(name: str, data: bytes) -> ImportReport:
            return node.ingest(
                subject,
                data,
                label,
                partial=partial,
                upgrade=upgrade,
                format=format,
                name=name,
                on_progress=told,
            )

        return [(name, one(name, data)) for name, data in files]

    title = ", ".join(name or "?" for name, _ in files)
    task = tasks_of(v).begin(subject.name, "import", title[:200], work)
    return Redirect(f"/import/{task.id}", status_code=303)


@get("/import/{task_id:str}", sync_to_thread=True)
def task_page(request: AnyRequest, task_id: str) -> Response[str]:
    """How far it is; at its end what it did."""
    v = visit(request)
    task = tasks_of(v).get(v.subject.name, task_id, "import")
    return v.page("import_task.html", _state(v, task))


@get("/import/{task_id:str}/state", sync_to_thread=True)
def task_state(request: AnyRequest, task_id: str) -> Response[str]:
    """The same as a fragment, asked for again and again while the work runs."""
    v = visit(request)
    task = tasks_of(v).get(v.subject.name, task_id, "import")
    answer = v.fragment("task_state.html", _state(v, task))
    if task.over:
        answer.headers["HX-Refresh"] = "true"  # the finished page, with its colours and downloads
    return answer


def _state(v: Visit, task: Task) -> dict[str, Any]:
    reports: list[tuple[str, ImportReport]] = task.result or []
    accepted = [stix_id for _, report in reports for stix_id, _ in report.accepted][:_SHOWN_RECORDS]
    faults = [(name, fault) for name, report in reports for fault in report.faults]
    return {
        "task": task,
        "address": f"/import/{task.id}",
        "reports": reports,
        "faults": faults[:_SHOWN_FAULTS],
        "faults_total": len(faults),
        "many_files": len(reports) > 1,
        "rows": rows(v, list(v.view.many(accepted).values())) if accepted else [],
        "accepted": sum(len(report.accepted) for _, report in reports),
    }


@get("/import/{task_id:str}/faults/{format:str}", sync_to_thread=True)
def faults_file(request: AnyRequest, task_id: str, format: str) -> Response[bytes]:
    """The report of faults as CSV or JSON."""
    v = visit(request)
    task = tasks_of(v).get(v.subject.name, task_id, "import")
    reports: list[tuple[str, ImportReport]] = task.result or []
    if format == "json":
        told = [{"file": name, **report.as_dict()} for name, report in reports]
        body, kind = json.dumps(told, indent=2, ensure_ascii=False).encode(), "application/json"
    elif format == "csv":
        body, kind = _as_csv(reports), "text/csv; charset=utf-8"
    else:
        raise NotFound
    headers = {"Content-Disposition": f'attachment; filename="import-faults.{format}"'}
    return Response(body, media_type=kind, headers=headers)


def _as_csv(reports: list[tuple[str, ImportReport]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(FAULT_COLUMNS)
    for name, report in reports:
        for fault in report.faults:
            row = {**fault.as_dict(), "file": name, "index": fault.index if fault.index >= 0 else ""}
            writer.writerow([_cell(str(row[column])) for column in FAULT_COLUMNS])
    return out.getvalue().encode()


def _cell(text: str) -> str:
    """A cell that a spreadsheet would take for a formula gets an apostrophe in front (CWE-1236)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@get("/import/template/{name:str}", sync_to_thread=True)
def template_file(request: AnyRequest, name: str) -> Response[bytes]:
    """An empty table with the right columns."""
    v = visit(request)
    v.subject.require("import")
    exporter = next((e for e in _templates(v) if e.name == name), None)
    if exporter is None:
        raise NotFound
    headers = {"Content-Disposition": f'attachment; filename="indicators{exporter.suffix}"'}
    return Response(exporter.write([]), media_type=exporter.media_type, headers=headers)


HANDLERS = (import_page, import_submit, template_file, task_page, task_state, faults_file)
