"""Who wrote a record of our own, and the definitions it relies on. They are kept under the label set of each record
that needs them: whoever sees the record sees them, and to nobody else do they tell that something was published.

The owner's identity has an id that follows from the owner's code, so that every node knows the same nation by the same
identity object.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from foedus.kernel.domain import Domain

_SPACE = uuid.UUID("5b0a7f0e-2f61-5b7c-8d0e-6f3f2a9c4d17")  # ours, for identities of owners
_SINCE = "2026-01-01T00:00:00.000Z"


def identity(owner: str, owner_name: str) -> dict[str, Any]:
    """The identity object of a node's owner."""
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid.uuid5(_SPACE, owner)}",
        "created": _SINCE,
        "modified": _SINCE,
        "name": owner_name,
        "identity_class": "organization",
    }


def signed(obj: dict[str, Any], author: str) -> dict[str, Any]:
    """The object with its author, where its type has one and none is named."""
    if "created" not in obj or "created_by_ref" in obj or obj.get("type") == "marking-definition":
        return obj
    return {**obj, "created_by_ref": author}


def relied_on(obj: Mapping[str, Any], domains: tuple[Domain, ...]) -> Iterator[dict[str, Any]]:
    """The extension definitions of our own that the object uses, with their author."""
    used = set(obj.get("extensions", ()))
    if not used:
        return
    for domain in domains:
        if any(one["id"] in used for one in domain.definitions):
            yield from (dict(one) for one in domain.definitions)
