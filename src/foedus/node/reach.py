"""References that lead further than the readers of a record can follow.

A report under RESTRICTED that refers to a SECRET indicator shows its readers an id that they cannot open. Its writer is
told so before it is published: which of the records that the writer may see are meant, and whom of the people here it
concerns. What the writer may not see is not looked at, so the answer tells of nothing hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foedus.kernel.label import Label
from foedus.kernel.links import links
from foedus.node.answers import Found

if TYPE_CHECKING:
    from foedus.node.contract import View
    from foedus.node.node import Node
    from foedus.node.subject import Subject

_MOST = 300  # references that are looked up


@dataclass(frozen=True, slots=True)
class Beyond:
    """A record that some reader of the new one may not see. `names`: accounts here; empty where it is its
    classification alone that is higher."""

    found: Found
    names: tuple[str, ...]


def beyond(node: Node, view: View, obj: Mapping[str, Any], labels: Sequence[Label]) -> list[Beyond]:
    """Of what `obj` refers to and the view's subject may see, what is more restricted than these labels.

    For those who may publish (NotPermitted otherwise): they may ask for the audience of each record anyway.
    """
    view.subject.require("publish")
    known = view.many(_referred(obj)[:_MOST])
    if not known:
        return []
    now, registry = node.clock.now(), node.registry

    def reads(one: Subject) -> bool:
        return all(registry.permits(label, one.clearances, now) for label in labels)

    # Who is cleared for what the writer is not cleared for is nobody's business: then only the levels are compared.
    readers = [one for one in node.access.everyone() if reads(one)] if reads(view.subject) else []
    out = []
    for found in known.values():
        names = tuple(one.name for one in readers if not registry.decide(found.labels, one.clearances, now).permit)
        if names or _higher(node, registry.labels(found.labels), labels):
            out.append(Beyond(found, names))
    return out


def _referred(obj: Mapping[str, Any]) -> list[str]:
    """What the object links; [] where its references are so broken that it will be refused."""
    own = obj.get("id")
    try:
        return list(dict.fromkeys(end for link in links(obj) for end in (link.source, link.target) if end != own))
    except (KeyError, TypeError):
        return []


def _higher(node: Node, referred: Sequence[Label], labels: Sequence[Label]) -> bool:
    """Whether a label of the record stands higher than those of the same policy among `labels`."""
    return any(
        theirs.policy == ours.policy and _height(node, theirs) > _height(node, ours)
        for theirs in referred
        for ours in labels
    )


def _height(node: Node, label: Label) -> int:
    policy = node.registry.policies.find(label.policy, label.policy_id)
    level = policy.classification(label.classification) if policy is not None else None
    return level.hierarchy if level is not None else 0
