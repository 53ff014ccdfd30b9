"""The node itself: how it stands, whether its journals are sound, and the security policies it knows."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.faces.web.formdata import read_form
from foedus.faces.web.labelpicker import Level, node_of, tag_title
from foedus.faces.web.tasks import Task, tasks_of
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.label import Label
from foedus.kernel.marking import class_phrase, colours, value_phrase
from foedus.kernel.securitypolicy import Policy
from foedus.node.contract import OnProgress

_LANGUAGES = ("en", "fr")


@get("/admin/node", sync_to_thread=True)
def node_page(request: AnyRequest) -> Response[str]:
    """Figures of the node, the last checks, how to back it up."""
    v = visit(request)
    if not v.may("node"):
        v.subject.require("verify")
    checks = tasks_of(v).of(v.subject.name, "verify")
    status = v.verbs.status() if v.may("node") else {}
    return v.page("node.html", {"status": status, "checks": checks[:5], "data": str(node_of(v).settings.data)})


@post("/admin/verify", status_code=200)
async def verify_submit(request: AnyRequest) -> Response[Any]:
    """Begin to check both journals against their checkpoints."""
    await read_form(request)
    v = visit(request)
    v.subject.require("verify")
    return await asyncio.to_thread(_verify, v)


def _verify(v: Visit) -> Response[Any]:
    verbs = v.verbs

    def work(told: OnProgress) -> Any:
        return verbs.verify(told)

    task = tasks_of(v).begin(v.subject.name, "verify", v.t("node.verify"), work)
    return Redirect(f"/admin/verify/{task.id}", status_code=303)


@get("/admin/verify/{task_id:str}", sync_to_thread=True)
def verify_page(request: AnyRequest, task_id: str) -> Response[str]:
    """How far the check is; at its end what it found."""
    v = visit(request)
    return v.page("verify_task.html", _state(tasks_of(v).get(v.subject.name, task_id, "verify")))


@get("/admin/verify/{task_id:str}/state", sync_to_thread=True)
def verify_state(request: AnyRequest, task_id: str) -> Response[str]:
    """The same as a fragment."""
    v = visit(request)
    task = tasks_of(v).get(v.subject.name, task_id, "verify")
    answer = v.fragment("task_state.html", _state(task))
    if task.over:
        answer.headers["HX-Refresh"] = "true"
    return answer


def _state(task: Task) -> dict[str, Any]:
    return {"task": task, "address": f"/admin/verify/{task.id}", "results": task.result or {}}


@get("/policies", sync_to_thread=True)
def policies_page(request: AnyRequest) -> Response[str]:
    """The security policies as they decide here: classifications, tag sets, words in both languages, warnings."""
    v = visit(request)
    if not v.may("publish"):
        v.subject.require("policies")
    return v.page("policies.html", {"policies": [_policy(p) for p in node_of(v).registry.policies]})


def _policy(policy: Policy) -> dict[str, Any]:
    levels = [
        (Level(c.name, c.name, c.name, *colours(Label(policy.name, c.name), policy), False),
         [class_phrase(c, policy, lang) or c.name for lang in _LANGUAGES], c.obsolete, c.unusable)
        for c in sorted(policy.classifications, key=lambda one: one.hierarchy)
    ]  # fmt: skip
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for slot in policy.slots():
        value = slot.value
        groups.setdefault((tag_title(slot), slot.tag.kind.type.value.lower()), []).append(
            {
                "name": value.name,
                "words": [value_phrase(slot, lang) or value.name for lang in _LANGUAGES],
                "excluded": sorted(value.excluded_classes),
                "obsolete": value.obsolete,
                "unusable": value.unusable,
            }
        )
    return {
        "name": policy.name,
        "id": policy.id,
        "version": policy.version,
        "levels": levels,
        "groups": [(name, kind, values) for (name, kind), values in groups.items()],
        "members": sorted(policy.members),
        "equivalents": [(e.name, e.id) for e in policy.equivalent_policies],
        "warnings": policy.warnings,
    }


HANDLERS = (node_page, verify_submit, verify_page, verify_state, policies_page)
