"""The commands on requests for information, each a step of `requests.WORKFLOW`, and the list of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from foedus.domains.intelligence.extensions import REQUEST
from foedus.domains.intelligence.objects import make, relate, revise, seed_of, stamp, type_of
from foedus.domains.intelligence.requests import (
    ANSWERED_BY,
    ANSWERS,
    PRIORITIES,
    TYPE,
    WORKFLOW,
    answers,
    check,
    state,
)
from foedus.kernel.domain import Output, Reader
from foedus.kernel.errors import Fault, NotFound
from foedus.kernel.searchtext import when

Id = Annotated[str, msgspec.Meta(max_length=400)]
Reason = Annotated[str, msgspec.Meta(description="why, in a sentence or two", min_length=1, max_length=10_000)]


class Ask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask a question of others."""

    question: Annotated[str, msgspec.Meta(description="the question in one line", min_length=1, max_length=1000)]
    details: Annotated[str, msgspec.Meta(description="what is known, what is missing", max_length=100_000)] = ""
    asked_of: Annotated[list[Id], msgspec.Meta(description="identities that are asked", max_length=100)] = []
    about: Annotated[list[Id], msgspec.Meta(description="records that the question is about", max_length=1000)] = []
    priority: Literal["routine", "priority", "immediate", "flash"] = "routine"
    needed_by: Annotated[
        str, msgspec.Meta(description="latest time at which the answer is of value, ISO 8601", max_length=40)
    ] = ""
    label: Annotated[
        str,
        msgspec.Meta(
            description="the label in its short form; empty: that of the records asked about", max_length=2000
        ),
    ] = ""


class Assign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Give a request to somebody."""

    request: Id
    assignee: Annotated[str, msgspec.Meta(description="the identity that is to answer", min_length=1, max_length=400)]


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Point out what answers a request."""

    request: Id
    answers: Annotated[
        list[Id],
        msgspec.Meta(description="reports, notes or other records that answer it", min_length=1, max_length=100),
    ]
    remark: Annotated[str, msgspec.Meta(description="a word to the asker", max_length=10_000)] = ""


class Close(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Close a request that has been answered."""

    request: Id
    outcome: Literal["satisfied", "partly-satisfied", "not-satisfied"] = "satisfied"
    reason: Annotated[str, msgspec.Meta(description="a remark, where one is useful", max_length=10_000)] = ""


class Withdraw(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a question back before it is answered."""

    request: Id
    reason: Reason


class Reopen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask again: the answer was not enough, or the matter is back."""

    request: Id
    reason: Reason


def ask(view: Reader, command: Ask, now: int) -> Output:
    """A new request. NotFound where a record it names cannot be seen."""
    needed = when(command.needed_by) if command.needed_by else None
    if command.needed_by and needed is None:
        return Output(faults=(Fault("invalid-timestamp", "needed_by is a date or time in ISO 8601", path="needed_by"),))
    if needed is not None and needed < now:
        return Output(faults=(Fault("too-late", "needed_by has passed already", path="needed_by"),))
    for reference in (*command.asked_of, *command.about):
        view.get(reference)
    record = make(
        TYPE,
        now,
        *seed_of(command, now),
        name=command.question.strip(),
        description=command.details,
        asked_of_refs=list(dict.fromkeys(command.asked_of)),
        object_refs=list(dict.fromkeys(command.about)),
        priority=command.priority,
        needed_by=stamp(needed) if needed is not None else None,
        state=WORKFLOW.initial,
        extensions={REQUEST["id"]: {"extension_type": "new-sdo"}},
    )
    faults = check(record)
    if faults:
        return Output(faults=tuple(faults))
    return Output(records=(record,), sources=tuple(command.about), label=command.label)


def _step(view: Reader, stix_id: str, action: str) -> tuple[dict[str, Any], Fault | None]:
    """The request, and why the action is not possible now. NotFound for anything that is no request."""
    if type_of(stix_id) != TYPE:
        raise NotFound
    record = view.get(stix_id)
    step = WORKFLOW.take(state(view, record), action)
    if isinstance(step, Fault):
        return record, Fault(step.code, step.message, stix_id, path="state")
    return record, None


def _turn(view: Reader, stix_id: str, action: str, now: int, **changes: Any) -> Output:
    record, fault = _step(view, stix_id, action)
    if fault is not None:
        return Output(faults=(fault,))
    after = revise(record, now, **changes)
    faults = check(after)
    return Output(faults=tuple(faults)) if faults else Output(records=(after,), sources=(stix_id,))


def assign(view: Reader, command: Assign, now: int) -> Output:
    """A version of the request that says who is to answer."""
    if type_of(command.assignee) != "identity":
        return Output(faults=(Fault("invalid-reference", "a request is assigned to an identity", path="assignee"),))
    view.get(command.assignee)
    return _turn(view, command.request, "assign", now, state="assigned", assigned_to_ref=command.assignee)


def answer(view: Reader, command: Answer, now: int) -> Output:
    """One `answered-by` relationship for each record that answers; those that are linked already are left."""
    record, fault = _step(view, command.request, "answer")
    if fault is not None:
        return Output(faults=(fault,))
    known = {link["target"] for link in answers(view, record)}
    faults, fresh = [], []
    for reference in dict.fromkeys(command.answers):
        view.get(reference)
        if type_of(reference) not in ANSWERS:
            message = f"a {type_of(reference)} answers nothing; one of {', '.join(sorted(ANSWERS))} does"
            faults.append(Fault("invalid-answer", message, reference, path="answers"))
        elif reference not in known:
            fresh.append(reference)
    if not fresh and not faults:
        faults.append(Fault("already-answered", "these records are linked as answers already", command.request))
    if faults:
        return Output(faults=tuple(faults))
    made = tuple(
        relate(ANSWERED_BY, command.request, reference, now, description=command.remark) for reference in fresh
    )
    return Output(records=made, sources=(command.request, *fresh))


def close(view: Reader, command: Close, now: int) -> Output:
    """A version of the request that is closed with an outcome."""
    return _turn(
        view,
        command.request,
        "close",
        now,
        state="closed",
        outcome=command.outcome,
        state_reason=command.reason or None,
    )


def withdraw(view: Reader, command: Withdraw, now: int) -> Output:
    """A version of the request that is withdrawn."""
    return _turn(view, command.request, "withdraw", now, state="withdrawn", state_reason=command.reason)


def reopen(view: Reader, command: Reopen, now: int) -> Output:
    """A version of the request that is asked again; answers given before no longer answer it."""
    opened = stamp(now // 1000 * 1000 + 1000)
    changes: dict[str, Any] = {"outcome": None, "assigned_to_ref": None, "opened": opened}
    return _turn(view, command.request, "reopen", now, state="asked", state_reason=command.reason, **changes)


class Requests(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests by state."""

    state: Literal["", "asked", "assigned", "answered", "closed", "withdrawn"] = ""
    assignee: Annotated[str, msgspec.Meta(description="only those assigned to this identity", max_length=400)] = ""
    overdue: Annotated[bool, msgspec.Meta(description="only open ones whose time has passed")] = False
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


def requests(view: Reader, command: Requests, now: int) -> list[dict[str, Any]]:
    """The requests that this reader sees, most urgent first, each with its state and what may be done next."""
    found = []
    for record in view.find(type=TYPE, limit=1000):
        if record.get("revoked") or (command.assignee and record.get("assigned_to_ref") != command.assignee):
            continue
        line = _line(view, record, now)
        if (command.state and line["state"] != command.state) or (command.overdue and not line["overdue"]):
            continue
        found.append(line)
    rank = {name: i for i, name in enumerate(reversed(PRIORITIES))}
    found.sort(key=lambda e: (rank.get(e["priority"], 9), e["needed_by"] or "9999", e["created"], e["id"]))
    return found[: command.limit]


def _line(view: Reader, record: Mapping[str, Any], now: int) -> dict[str, Any]:
    linked = [link["target"] for link in answers(view, record)]
    stored = str(record.get("state", WORKFLOW.initial))
    here = "answered" if linked and stored in ("asked", "assigned") else stored
    needed = when(str(record.get("needed_by") or ""))
    return {
        "id": record["id"],
        "question": record.get("name", ""),
        "state": here,
        "priority": record.get("priority", "routine"),
        "needed_by": record.get("needed_by", ""),
        "overdue": bool(needed is not None and needed < now and here in ("asked", "assigned")),
        "assigned_to": record.get("assigned_to_ref", ""),
        "asked_of": record.get("asked_of_refs", []),
        "asked_by": record.get("created_by_ref", ""),
        "created": record.get("created", ""),
        "answers": linked,
        "actions": [step.action for step in WORKFLOW.actions(here, ("analyst",))],
    }
