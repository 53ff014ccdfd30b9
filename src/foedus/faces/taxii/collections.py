"""The collections of a node: one of everything readable, one a domain. Their ids follow from the owner alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from foedus.faces.taxii.media import STIX
from foedus.kernel.domain import Domain, say

_SPACE = uuid.UUID("6b1f4c0e-0d2e-5c4a-9c57-3f0d8a7b2a11")


@dataclass(frozen=True, slots=True)
class Collection:
    """`types` None: everything. Only the collection of everything takes POST and DELETE."""

    id: str
    alias: str
    title: str
    description: str
    types: frozenset[str] | None

    def resource(self, can_write: bool) -> dict[str, Any]:
        """The collection resource (section 5.2)."""
        return {
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "alias": self.alias,
            "can_read": True,
            "can_write": can_write and self.types is None,
            "media_types": [STIX],
        }


def collections(owner: str, domains: Iterable[Domain]) -> tuple[Collection, ...]:
    """All collections, the one of everything first."""
    everything = Collection(
        str(uuid.uuid5(_SPACE, f"{owner}/everything")),
        "everything",
        "Everything readable",
        "Every record that your clearance permits, in the order in which it was released to you.",
        None,
    )
    return (
        everything,
        *(
            Collection(
                str(uuid.uuid5(_SPACE, f"{owner}/domain/{domain.name}")),
                domain.name,
                say(domain.title, "en"),
                f"The records of the domain {domain.name} that your clearance permits.",
                frozenset(domain.types),
            )
            for domain in domains
        ),
    )
