"""The body of a tombstone: canonical JSON whose member `targets` lists the entries that a recall erases."""

from __future__ import annotations

import json


def targets_of(body: bytes) -> list[int]:
    """The sequence numbers that a tombstone names. Raises ValueError where the body is not a tombstone's."""
    members = json.loads(body)
    targets = members.get("targets") if isinstance(members, dict) else None
    if not isinstance(targets, list) or not all(type(seq) is int and seq >= 0 for seq in targets):
        raise ValueError("a tombstone has a list `targets` of sequence numbers")
    return targets
