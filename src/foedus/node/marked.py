"""Exports whose objects name their labels themselves, for a receiver who gets nothing else.

A label that was given at import, or by default, stands in the journal beside the object, and an export gives back the
object's own bytes. Here each object points at its labels, and their definitions go along:

    {"type": "indicator", …, "object_marking_refs": ["marking-definition--…"]}

The bytes are no longer what the originator wrote, while `id` and `modified` stay: this is for receivers who would
otherwise not know the label, not for exchange between nodes that compare versions.

Source: STIX 2.1, 4.1 (data markings) and 7.2.1 (marking definitions), 7.3 (extension definitions).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from foedus.kernel.canonical import canonical
from foedus.kernel.stixmarking import EXTENSION_ID, extension_objects
from foedus.node.answers import Found, PageQuery, Progress

if TYPE_CHECKING:
    from foedus.node.contract import OnProgress, View
    from foedus.node.node import Node

_MARKING = "marking-definition"
_OURS = {str(one["id"]): one for one in extension_objects()}


class Marker:
    """Puts labels on the objects of one export, and remembers which definitions it still has to give."""

    def __init__(self, node: Node, view: View) -> None:
        self._node, self._view = node, view
        self._named: set[str] = set()  # labels that objects point at
        self._given: set[str] = set()  # definitions that were among the objects
        self._extended = False  # whether one of them uses our extension

    def mark(self, found: Found) -> bytes:
        """The object in canonical JSON, pointing at every label of its record."""
        if found.type == _MARKING:  # its label is its own
            return self._definition(found.id, found.body, found.obj)
        if found.id in _OURS:
            self._given.add(found.id)
        self._named.update(found.labels)
        obj = found.obj
        stated = {str(one) for one in obj.get("object_marking_refs", ())}
        granular = {str(one.get("marking_ref")) for one in obj.get("granular_markings", ())}  # of a part: stays there
        missing = set(found.labels) - stated - granular
        if not missing:
            return found.body
        return canonical({**obj, "object_marking_refs": sorted(stated | missing)})

    def definitions(self) -> Iterator[bytes]:
        """What the objects so far point at and was not among them. Call it last."""
        wanted = sorted(self._named - self._given)
        stored = self._view.many(wanted)
        for marking_id in wanted:
            if marking_id in stored:
                yield self._definition(marking_id, stored[marking_id].body, stored[marking_id].obj)
            elif (made := self._made(marking_id)) is not None:
                yield self._definition(marking_id, canonical(made), made)
        if self._extended:
            yield from (canonical(one) for id, one in _OURS.items() if id not in self._given)

    def _definition(self, marking_id: str, body: bytes, obj: Mapping[str, Any]) -> bytes:
        self._given.add(marking_id)
        self._extended |= EXTENSION_ID in obj.get("extensions", {})
        return body

    def _made(self, marking_id: str) -> dict[str, Any] | None:
        """A definition that follows from its label: TLP's own, or one of ours."""
        for label in self._node.registry.labels((marking_id,)):
            made = self._node.registry.definition(label)
            if made["id"] == marking_id:
                return made
        return None


def export_marked(node: Node, view: View, types: frozenset[str] | None, emit: OnProgress | None) -> Iterator[bytes]:
    """`View.export` with labels: a STIX bundle in chunks, latest versions in release order."""
    marker, total, done = Marker(node, view), view.count(types), 0
    yield b'{"type":"bundle","id":"bundle--' + node.new_uuid().encode() + b'","objects":['
    cursor, first = "", True
    while True:
        page = view.page(PageQuery(cursor=cursor, limit=node.limits.max_page, types=types, bodies=False))
        found = view.many([head.id for head in page.heads])
        if found:
            yield (b"" if first else b",") + b",".join(marker.mark(one) for one in found.values())
            first = False
            done += len(found)
            if emit is not None:
                emit(Progress("exporting", done, total))
        if not page.more:
            break
        cursor = page.next
    rest = b",".join(marker.definitions())
    yield (b"" if first or not rest else b",") + rest + b"]}\n"
