"""Long or writing work on a node as named operations: the command line runs them in its own process when no server
holds the folder, and otherwise asks the server over its Unix socket. One implementation serves both.

An operation takes (node, arguments, body, emit) and returns a JSON-able answer, or chunks of bytes for exports.
Whoever may open the socket may read the folder, so operations trust their caller; `as` names the account to act for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from foedus.kernel.canonical import decode
from foedus.kernel.errors import Fault, NotFound, Refused
from foedus.node import care
from foedus.node.answers import Found, Progress, SearchQuery
from foedus.node.node import Node
from foedus.node.subject import Subject

Emit = Callable[[Progress], None]
Answer = dict[str, Any] | Iterator[bytes]
Operation = Callable[[Node, Mapping[str, Any], bytes, Emit], Answer]


def _acting(node: Node, arguments: Mapping[str, Any]) -> Subject:
    """The account named by `as`. Raises Refused where there is none of that name."""
    name = str(arguments.get("as") or "")
    if not name:
        raise Refused([Fault("missing-account", "say whose view it is: --as NAME", path="--as")])
    try:
        return node.access.local(name)
    except NotFound:
        raise Refused(
            [Fault("unknown-account", f"there is no active account {name!r}; see `foedus user list`")]
        ) from None


def import_(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    subject = _acting(node, arguments) if arguments.get("as") else None
    report = node.ingest(
        subject,
        body,
        arguments.get("label") or None,
        partial=bool(arguments.get("partial")),
        upgrade=bool(arguments.get("upgrade")),
        format=str(arguments.get("format") or ""),
        name=str(arguments.get("name") or ""),
        on_progress=emit,
    )
    return report.as_dict()


def export(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    subject = _acting(node, arguments)
    kinds = arguments.get("types")
    types, format = frozenset(kinds) if kinds else None, str(arguments.get("format") or "stix")
    return care.export(node, subject, types, format, emit, marked=bool(arguments.get("marked")))


def search(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    view = node.view(_acting(node, arguments), "cli")
    kinds = arguments.get("types")
    answer = view.search(
        SearchQuery(
            text=str(arguments.get("text") or ""),
            types=frozenset(kinds) if kinds else None,
            limit=int(arguments.get("limit") or 25),
            offset=int(arguments.get("offset") or 0),
        )
    )
    lang = str(arguments.get("lang") or "en")
    return {
        "total": answer.total,
        "results": [_row(found, [m.text for m in view.markings(found, lang)]) for found in answer.results],
        "facets": {name: {f.value: f.count for f in values} for name, values in answer.facets.items()},
    }


def show(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    view = node.view(_acting(node, arguments), "cli")
    stix_id, lang = str(arguments["id"]), str(arguments.get("lang") or "en")
    found = view.get(stix_id)
    return {
        "object": found.obj,
        "markings": [m.text for m in view.markings(found, lang)],
        "why": [{"marking": r.marking.text, "reason": r.reason} for r in view.why(stix_id, lang)],
        "provenance": msgspec.to_builtins(view.provenance(stix_id)),
        "versions": [v.version for v in view.versions(stix_id)],
    }


def publish(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    subject = _acting(node, arguments)
    decoded = decode(body, node.limits)
    objects = decoded if isinstance(decoded, list) else [decoded]
    if not objects or not all(isinstance(one, dict) for one in objects):
        raise Refused([Fault("not-stix", "give one STIX object or a list of them")])
    done = node.publish(subject, objects, arguments.get("label") or None)
    return {"published": [msgspec.to_builtins(p) for p in done]}


def recall(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    subject = _acting(node, arguments)
    count = node.recall(subject, str(arguments["id"]), str(arguments.get("reason") or ""))
    return {"id": arguments["id"], "erased": count}


def reindex(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    node.reindex(emit)
    return {"reindexed": True, **node.status()}


def backup(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    node.backup(str(arguments["target"]), emit)
    return {"backup": arguments["target"]}


def status(node: Node, arguments: Mapping[str, Any], body: bytes, emit: Emit) -> Answer:
    return node.status()


def _row(found: Found, markings: list[str]) -> dict[str, Any]:
    obj = found.obj
    return {
        "id": found.id,
        "type": found.type,
        "name": obj.get("name") or obj.get("value") or obj.get("relationship_type") or "",
        "version": found.version,
        "markings": markings,
    }


OPERATIONS: dict[str, Operation] = {
    "import": import_,
    "export": export,
    "search": search,
    "show": show,
    "publish": publish,
    "recall": recall,
    "reindex": reindex,
    "backup": backup,
    "status": status,
}
