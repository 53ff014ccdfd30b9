"""Audit, for auditors: the release log with filters and as CSV, and the releases of one record."""

from __future__ import annotations

import csv
import io
from typing import Any

from litestar import Response, get

from foedus.faces.web import times
from foedus.faces.web.readable import STIX_ID
from foedus.faces.web.sightings import summed
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import NotFound

_PAGE = 100
_READ = 5_000  # entries of the log that one page of a filtered list looks through
_EXPORT = 50_000
FACES = ("web", "http", "taxii", "taxii-ids", "cli", "file", "recall", "audit")


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


def _wanted(v: Visit) -> dict[str, Any]:
    given = v.request.query_params
    face = given.get("face", "")
    since, until = times.read(given.get("since", "")), times.read(given.get("until", ""))
    return {
        "subject": given.get("subject", "").strip()[:64],
        "face": face if face in FACES else "",
        "since": since,
        "until": until,
    }


def _keeps(entry: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return (
        (not wanted["subject"] or entry.get("subject") == wanted["subject"])
        and (not wanted["face"] or entry.get("face") == wanted["face"])
        and (wanted["since"] is None or entry["at"] >= wanted["since"])
        and (wanted["until"] is None or entry["at"] < wanted["until"])
    )


def _read(v: Visit, wanted: dict[str, Any], limit: int, bound: int) -> tuple[list[dict[str, Any]], int | None]:
    """Entries, newest first, and where the next page begins (None at the end)."""
    out: list[dict[str, Any]] = []
    before, looked = _number(v.request.query_params.get("before", "")), 0
    while looked < bound:
        batch = v.verbs.releases(v.subject, limit=min(1_000, bound - looked), before=before)
        if not batch:
            return out, None
        for entry in batch:
            looked += 1
            before = entry["number"]
            if _keeps(entry, wanted):
                out.append(entry)
                if len(out) == limit:
                    return out, before
        if wanted["since"] is not None and batch[-1]["at"] < wanted["since"]:
            return out, None
    return out, before


@get("/audit", sync_to_thread=True)
def audit_page(request: AnyRequest) -> Response[str]:
    """Who received what, through which face, when."""
    v = visit(request)
    v.subject.require("releases")
    wanted = _wanted(v)
    entries, following = _read(v, wanted, _PAGE, _READ)
    given = {k: request.query_params.get(k, "") for k in ("since", "until")}
    context = {"entries": entries, "next": following, "wanted": wanted, "given": given, "faces": FACES}
    return v.page("audit.html", context)


@get("/audit/export", sync_to_thread=True)
def audit_export(request: AnyRequest) -> Response[bytes]:
    """The same as CSV, at most 50,000 lines."""
    v = visit(request)
    v.subject.require("releases")
    entries, _ = _read(v, _wanted(v), _EXPORT, _EXPORT)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["number", "time", "subject", "face", "token", "records", "entries"])
    for e in entries:
        runs = " ".join(f"{a}-{b}" if a != b else str(a) for a, b in e.get("ranges", []))
        writer.writerow(
            [e["number"], times.iso(e["at"]), e.get("subject", ""), e.get("face", ""), e.get("token", ""),
             e.get("count", ""), runs]
        )  # fmt: skip
    headers = {"Content-Disposition": 'attachment; filename="releases.csv"'}
    return Response(out.getvalue().encode(), media_type="text/csv; charset=utf-8", headers=headers)


@get("/audit/record", sync_to_thread=True)
def audit_record(request: AnyRequest) -> Response[str]:
    """Who has seen one record."""
    v = visit(request)
    v.subject.require("releases")
    stix_id = request.query_params.get("id", "").strip()
    if not STIX_ID.match(stix_id):
        raise NotFound
    seen = v.verbs.seen(v.subject, stix_id)
    return v.page("audit_record.html", {"id": stix_id, "seen": summed(seen), "total": len(seen)})


HANDLERS = (audit_page, audit_export, audit_record)
