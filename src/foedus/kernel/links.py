"""Typed links: which references a STIX object makes. Pure: an object in, (kind, target) pairs out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class Link(NamedTuple):
    """From the object itself (or, for a relationship, from its source) to `target`."""

    source: str
    kind: str  # the relationship's type, or the property's name without _ref(s)
    target: str


# References that name who wrote or marked an object; they are columns of the label table, not links.
NOT_LINKS = frozenset({"created_by_ref", "object_marking_refs"})


def links(obj: Mapping[str, Any]) -> Iterator[Link]:
    """Every link that the object makes. A relationship or sighting links the ends, by its own type."""
    kind = obj.get("type")
    own = str(obj.get("id", ""))
    if kind == "relationship":
        yield Link(str(obj["source_ref"]), str(obj["relationship_type"]), str(obj["target_ref"]))
        return
    if kind == "sighting":
        of = str(obj["sighting_of_ref"])
        yield Link(own, "sighting-of", of)
        for place in obj.get("where_sighted_refs", ()):
            yield Link(own, "where-sighted", str(place))
        for data in obj.get("observed_data_refs", ()):
            yield Link(own, "observed-data", str(data))
        return
    for name, value in obj.items():
        if name in NOT_LINKS:
            continue
        if name.endswith("_ref") and isinstance(value, str):
            yield Link(own, name[:-4].replace("_", "-"), value)
        elif name.endswith("_refs") and isinstance(value, list):
            for target in value:
                if isinstance(target, str):
                    yield Link(own, name[:-5].replace("_", "-"), target)
