"""Duplicates that a person reviews: proposed, merged by a link, separated again. Nothing is ever lost.

Merging says `duplicate-of` from the one to the other; both records stay as their originators wrote them. Where asked,
the kept record gets a new version with the names, keywords and references of both. Separating revokes the link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from foedus.domains.intelligence.objects import relate, revise, type_of
from foedus.domains.intelligence.records import summary
from foedus.domains.intelligence.similarity import NAMED, OBSERVABLE, TEXTUAL, THRESHOLD, candidates
from foedus.kernel.domain import Output, Reader
from foedus.kernel.errors import Fault

DUPLICATE_OF = "duplicate-of"
COMPARED = tuple(sorted(NAMED | TEXTUAL | OBSERVABLE | {"indicator"}))
FAMILIES = ({"threat-actor", "intrusion-set"}, {"malware", "tool"}, {"report", "note", "grouping"})
MAX_COMPARED = 20_000

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]


class Merge(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Say that one record is a duplicate of another."""

    keep: Id
    duplicate: Id
    reason: Annotated[str, msgspec.Meta(description="why they are the same", max_length=10_000)] = ""
    combine: Annotated[
        bool,
        msgspec.Meta(
            description="also write a version of the kept record with what both have: only its originator may"
        ),
    ] = False


class Separate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Take a merge back."""

    keep: Id
    duplicate: Id


class Duplicates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Records that may be the same."""

    type: Annotated[
        str, msgspec.Meta(description="compare records of this type; empty: all that can be", max_length=250)
    ] = ""
    target: Annotated[str, msgspec.Meta(description="only duplicates of this record", max_length=400)] = ""
    threshold: Annotated[float, msgspec.Meta(ge=50, le=100)] = THRESHOLD
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100


def merge(view: Reader, command: Merge, now: int) -> Output:
    """The `duplicate-of` relationship, and with `combine` a new version of the kept record."""
    kept, other = view.get(command.keep), view.get(command.duplicate)
    if fault := _unfit(view, command.keep, command.duplicate):
        return Output(faults=(fault,))
    link = relate(DUPLICATE_OF, command.duplicate, command.keep, now, description=command.reason)
    made: tuple[dict[str, Any], ...] = (link,)
    if command.combine and (more := _united(kept, other)):
        made = (link, revise(kept, now, **more))
    return Output(records=made, sources=(command.keep, command.duplicate))


def _unfit(view: Reader, keep: str, duplicate: str) -> Fault | None:
    one, two = type_of(keep), type_of(duplicate)
    if keep == duplicate:
        return Fault("same-record", "a record is no duplicate of itself", keep, path="duplicate")
    if one != two and not any({one, two} <= family for family in FAMILIES):
        return Fault("different-types", f"a {two} is no duplicate of a {one}", duplicate, path="duplicate")
    if _linked(view, duplicate, keep):
        return Fault("already-merged", "they are merged already", duplicate)
    # A circle of duplicates would leave no record to keep.
    here, seen = [keep], {keep}
    while here:
        for link in view.links_from(here.pop(), DUPLICATE_OF):
            if link["target"] == duplicate:
                return Fault("circle", "the record to keep is itself a duplicate of the other", keep, path="keep")
            if link["target"] not in seen:
                seen.add(link["target"])
                here.append(link["target"])
    return None


def _linked(view: Reader, duplicate: str, keep: str) -> list[str]:
    """The relationships that say so."""
    return [str(link["via"]) for link in view.links_from(duplicate, DUPLICATE_OF) if link["target"] == keep]


def _united(kept: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What the kept record gains: list properties of both, and what it lacks and the other has of its descriptions."""
    gained: dict[str, Any] = {}
    lists = {n: [*(kept.get(n) or []), *(other.get(n) or [])] for n in ("aliases", "labels", "external_references")}
    if "aliases" in kept or "aliases" in other or type_of(str(kept["id"])) in NAMED - {"identity"}:
        names = [n for n in (other.get("name"),) if n and n != kept.get("name")]
        lists["aliases"] += names
    for name, values in lists.items():
        united = [v for i, v in enumerate(values) if v not in values[:i]]
        if united and united != kept.get(name):
            gained[name] = united
    for name in ("description", "first_seen", "last_seen", "confidence"):
        if name not in kept and name in other:
            gained[name] = other[name]
    return gained


def separate(view: Reader, command: Separate, now: int) -> Output:
    """A revoked version of the relationship: the merge is undone, and that it was made stays on record."""
    view.get(command.keep)
    links = _linked(view, command.duplicate, command.keep)
    if not links:
        return Output(faults=(Fault("not-merged", "these records are not merged", command.duplicate),))
    return Output(records=tuple(revise(view.get(i), now, revoked=True) for i in links), sources=tuple(links))


def duplicates(view: Reader, command: Duplicates, now: int) -> list[dict[str, Any]]:
    """Pairs for review, best first, without those that are merged: {"left", "right", "score", "kind", "reason", …}."""
    target = view.get(command.target) if command.target else None
    types = (command.type,) if command.type else (str(target["type"]),) if target else COMPARED
    records: dict[str, dict[str, Any]] = {}
    for kind in types:
        if left := MAX_COMPARED - len(records):
            records.update((str(r["id"]), r) for r in view.find(type=kind, limit=left))
    if target is not None:
        records[command.target] = target
    found = []
    for pair in candidates(records.values(), command.threshold):
        if command.target and command.target not in (pair.left, pair.right):
            continue
        if _linked(view, pair.left, pair.right) or _linked(view, pair.right, pair.left):
            continue
        names = {"left_summary": summary(records[pair.left]), "right_summary": summary(records[pair.right])}
        found.append({**{n: getattr(pair, n) for n in ("left", "right", "score", "kind", "reason")}, **names})
        if len(found) >= command.limit:
            break
    return found
