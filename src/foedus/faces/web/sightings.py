"""Who has seen a record, one line a person and face. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from foedus.node.answers import Seen


@dataclass(frozen=True, slots=True)
class SeenBy:
    """Somebody who received a record through one face: when first and when last (microseconds)."""

    subject: str
    face: str
    first: int
    last: int


def summed(seen: Iterable[Seen]) -> list[SeenBy]:
    """The latest first."""
    found: dict[tuple[str, str], SeenBy] = {}
    for one in seen:
        known = found.get((one.subject, one.face), SeenBy(one.subject, one.face, one.at, one.at))
        first, last = min(known.first, one.at), max(known.last, one.at)
        found[one.subject, one.face] = SeenBy(one.subject, one.face, first, last)
    return sorted(found.values(), key=lambda s: (-s.last, s.subject, s.face))
