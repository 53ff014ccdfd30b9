"""STANAG 4778 bindings of an export: which label holds for which object, as XML beside the bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foedus.kernel.label import Label
from foedus.kernel.stanag4778 import Data, bind
from foedus.node.answers import PageQuery
from foedus.node.subject import Subject

if TYPE_CHECKING:
    from foedus.node.node import Node


def bindings(node: Node, subject: Subject, types: frozenset[str] | None) -> bytes:
    """BindingInformation for every record that the subject may see; objects with the same label share a binding."""
    groups: dict[str, tuple[Label, list[Data]]] = {}
    view = node.view(subject, "file")
    cursor = ""
    while True:
        page = view.page(PageQuery(cursor=cursor, limit=node.limits.max_page, types=types, bodies=False))
        for found in view.many([head.id for head in page.heads]).values():
            for one in found.labels:
                for label in node.registry.labels((one,)):
                    groups.setdefault(one, (label, []))[1].append(Data(f"urn:stix:{found.id}", found.body))
        if not page.more:
            return bind(list(groups.values()))
        cursor = page.next
