"""A View as the domains see it: plain objects and links, nothing of the node (`kernel.domain.Reader`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from foedus.node.answers import Edge

if TYPE_CHECKING:
    from foedus.node.view import View

_PAGE = 200


class DomainReader:
    """Reads through one View; what its subject may not see is absent here too."""

    def __init__(self, view: View) -> None:
        self._view = view

    def get(self, stix_id: str) -> dict[str, Any]:
        """The latest permitted version. Raises NotFound."""
        return self._view.get(stix_id).obj

    def find(self, **where: Any) -> Sequence[dict[str, Any]]:
        """Latest permitted versions whose properties equal the given ones; `type` narrows, `limit` bounds."""
        return self._view.find(**where)

    def links_from(self, stix_id: str, kind: str = "") -> Sequence[dict[str, Any]]:
        """{"source", "kind", "target", "via"} of the links that leave the record."""
        return [link for link in self._links(stix_id, kind) if link["source"] == stix_id]

    def links_to(self, stix_id: str, kind: str = "") -> Sequence[dict[str, Any]]:
        """The same for the links that point at it."""
        return [link for link in self._links(stix_id, kind) if link["target"] == stix_id]

    def _links(self, stix_id: str, kind: str) -> Iterator[dict[str, Any]]:
        kinds = frozenset({kind}) if kind else None
        cursor = ""
        while True:
            page = self._view.neighbours(stix_id, kinds=kinds, limit=_PAGE, cursor=cursor)
            yield from self._in_force(page.edges)
            if not page.more:
                return
            cursor = page.next

    def _in_force(self, edges: Sequence[Edge]) -> Iterator[dict[str, Any]]:
        """Links whose statement is not revoked."""
        via = {found.id: found.obj for found in self._view.many([edge.via for edge in edges]).values()}
        for edge in edges:
            if edge.via in via and not via[edge.via].get("revoked"):
                yield {"source": edge.source, "kind": edge.kind, "target": edge.target, "via": edge.via}
