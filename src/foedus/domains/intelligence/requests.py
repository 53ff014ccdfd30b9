"""Requests for information: asked, assigned, answered, closed.

The asking body writes the versions of its request. An answer is a record of whoever gives it: an `answered-by`
relationship from the request to what answers it. So *answered* is computed: a request that is open and that the reader
sees answered since it was last opened. Two readers who see different answers rightly see different states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence import grading
from foedus.domains.intelligence.extensions import REQUEST
from foedus.domains.intelligence.objects import type_of, visible
from foedus.kernel.domain import Reader
from foedus.kernel.errors import Fault
from foedus.kernel.searchtext import when
from foedus.kernel.workflow import Step, Workflow

TYPE = "request-for-information"
ANSWERED_BY = "answered-by"
PRIORITIES = ("routine", "priority", "immediate", "flash")
OUTCOMES = ("satisfied", "partly-satisfied", "not-satisfied")
ANSWERS = frozenset(
    {"report", "note", "grouping", "incident", "observed-data", "malware-analysis", "indicator", "sighting"}
)

WORKFLOW = Workflow(
    TYPE,
    "asked",
    (
        Step("asked", "assign", "assigned", roles=("analyst",), needs=("assignee",)),
        Step("asked", "answer", "answered", roles=("analyst",), needs=("answers",)),
        Step("asked", "withdraw", "withdrawn", roles=("analyst",), needs=("reason",)),
        Step("assigned", "assign", "assigned", roles=("analyst",), needs=("assignee",)),
        Step("assigned", "answer", "answered", roles=("analyst",), needs=("answers",)),
        Step("assigned", "withdraw", "withdrawn", roles=("analyst",), needs=("reason",)),
        Step("answered", "answer", "answered", roles=("analyst",), needs=("answers",)),
        Step("answered", "close", "closed", roles=("analyst",), needs=("outcome",)),
        Step("answered", "reopen", "asked", roles=("analyst",), needs=("reason",)),
        Step("closed", "reopen", "asked", roles=("analyst",), needs=("reason",)),
        Step("withdrawn", "reopen", "asked", roles=("analyst",), needs=("reason",)),
    ),
)
STORED = WORKFLOW.states - {"answered"}  # what a version may say

_TEXT = {"name": 1000, "description": 100_000, "state_reason": 10_000}


def check(record: Mapping[str, Any]) -> list[Fault]:
    """All faults of one request."""
    own = str(record.get("id", ""))
    found = grading.check(record)

    def fault(code: str, message: str, path: str) -> None:
        found.append(Fault(code, message, own, path=path))

    if not isinstance(record.get("name"), str) or not record["name"].strip():
        fault("missing-property", "a request has a `name`: the question in one line", "name")
    for name, most in _TEXT.items():
        value = record.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > most):
            fault("invalid-text", f"{name} is text of at most {most:,} characters", name)
    for name, allowed in (("state", STORED), ("priority", PRIORITIES), ("outcome", OUTCOMES)):
        value = record.get(name)
        if (value is not None or name == "state") and (not isinstance(value, str) or value not in allowed):
            fault(f"invalid-{name}", f"{name} is one of {', '.join(sorted(allowed))}", name)
    for name in ("needed_by", "opened"):
        value = record.get(name)
        if value is not None and (not isinstance(value, str) or not value.endswith("Z") or when(value) is None):
            fault("invalid-timestamp", f"{name} is a STIX timestamp in UTC", name)
    _check_references(record, fault)
    extensions = record.get("extensions")
    part = extensions.get(REQUEST["id"]) if isinstance(extensions, Mapping) else None
    if not isinstance(part, Mapping) or part.get("extension_type") != "new-sdo":
        fault("missing-extension", f"a request names its definition: extensions.{REQUEST['id']}", "extensions")
    if record.get("state") == "assigned" and not record.get("assigned_to_ref"):
        fault("missing-property", "an assigned request says to whom", "assigned_to_ref")
    if record.get("state") == "closed" and not record.get("outcome"):
        fault("missing-property", "a closed request says with what outcome", "outcome")
    return found


def _check_references(record: Mapping[str, Any], fault: Any) -> None:
    for name, kinds in (("assigned_to_ref", ("identity",)), ("asked_of_refs", ("identity",)), ("object_refs", ())):
        value = record.get(name)
        if value is None:
            continue
        values = value if name.endswith("_refs") else [value]
        if not isinstance(values, list) or not all(isinstance(v, str) and "--" in v for v in values):
            fault("invalid-reference", f"{name} holds STIX ids", name)
        elif kinds and any(type_of(v) not in kinds for v in values):
            fault("invalid-reference", f"{name} points at {', '.join(kinds)}", name)


def state(view: Reader, record: Mapping[str, Any]) -> str:
    """The state as this reader sees it: an open request that they see answered is answered."""
    stored = str(record.get("state", WORKFLOW.initial))
    return "answered" if stored in ("asked", "assigned") and answers(view, record) else stored


def answers(view: Reader, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What answers the request since it was last opened: the `answered-by` links that this reader sees."""
    opened = when(str(record.get("opened") or record.get("created") or "")) or 0
    found = []
    for link in view.links_from(str(record["id"]), ANSWERED_BY):
        made = visible(view, link["via"])
        if made is not None and not made.get("revoked") and (when(str(made.get("created", ""))) or 0) >= opened:
            found.append(dict(link))
    return found
