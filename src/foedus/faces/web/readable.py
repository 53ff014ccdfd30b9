"""A record's body for people: what it says first, then facts in a good order, unknown properties included. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from foedus.faces.web.prose import safe_url
from foedus.kernel.searchtext import when

STIX_ID = re.compile(
    r"[a-z0-9][a-z0-9-]{0,248}--[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"
)
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")

# Told elsewhere on the page: title, banner, provenance, references.
_ELSEWHERE = frozenset(
    {"type", "id", "spec_version", "name", "created", "modified", "created_by_ref", "object_marking_refs",
     "external_references", "revoked", "extensions", "granular_markings", "lang"}
)  # fmt: skip
_LEAD = ("description", "content", "abstract", "explanation", "question", "statement", "opinion")

# What a reader of this type looks for first; the rest follows as the record has it.
_ORDER: Mapping[str, tuple[str, ...]] = {
    "report": ("report_types", "published"),
    "indicator": ("pattern", "pattern_type", "indicator_types", "valid_from", "valid_until", "confidence"),
    "incident": ("incident_types", "severity", "status", "first_seen", "last_seen"),
    "sighting": ("sighting_of_ref", "count", "first_seen", "last_seen", "where_sighted_refs", "observed_data_refs"),
    "location": ("latitude", "longitude", "precision", "city", "administrative_area", "country", "region"),
    "identity": ("identity_class", "sectors", "roles", "contact_information"),
    "malware": ("malware_types", "is_family", "aliases", "first_seen", "last_seen", "capabilities"),
    "campaign": ("aliases", "objective", "first_seen", "last_seen"),
    "attack-pattern": ("aliases", "kill_chain_phases"),
    "threat-actor": ("threat_actor_types", "aliases", "roles", "goals", "sophistication", "first_seen", "last_seen"),
    "intrusion-set": ("aliases", "goals", "resource_level", "primary_motivation", "first_seen", "last_seen"),
    "relationship": ("source_ref", "relationship_type", "target_ref", "start_time", "stop_time"),
    "note": ("authors", "object_refs"),
    "opinion": ("opinion", "authors", "object_refs"),
    "observed-data": ("first_observed", "last_observed", "number_observed", "object_refs"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One property. `kind` names the template's way to show `value`.

    text, long (a text of several lines), time (microseconds), number, truth, ref (id), refs (ids), tags (texts),
    pattern, hashes (pairs), phases (pairs), place (latitude, longitude), tree (pairs of name and Item), items (Items).
    """

    name: str
    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Reference:
    """An external reference; `url` is "" where it is not a safe http(s) address."""

    source: str
    external_id: str
    description: str
    url: str
    shown_url: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A record to read: `lead` are texts (name, text), `facts` the rest, `extensions` by their key."""

    lead: tuple[tuple[str, str], ...]
    facts: tuple[Item, ...]
    references: tuple[Reference, ...]
    extensions: tuple[Item, ...]
    revoked: bool


def item(name: str, value: Any, depth: int = 24) -> Item:
    """The way to show one value, found from the value alone, so that properties nobody knows are readable too."""
    if isinstance(value, bool):
        return Item(name, "truth", value)
    if isinstance(value, int | float):
        return Item(name, "number", value)
    if isinstance(value, str):
        return _text(name, value)
    if isinstance(value, list):
        return _list(name, value, depth)
    if isinstance(value, Mapping):
        if name == "hashes" and all(isinstance(v, str) for v in value.values()):
            return Item(name, "hashes", tuple(value.items()))
        if depth <= 0:
            return Item(name, "text", "…")
        return Item(name, "tree", tuple(item(str(k), v, depth - 1) for k, v in value.items()))
    return Item(name, "text", "")


def _text(name: str, value: str) -> Item:
    if _TIMESTAMP.match(value) and (at := when(value)) is not None:
        return Item(name, "time", at)
    if STIX_ID.match(value):
        return Item(name, "ref", value)
    if name == "pattern":
        return Item(name, "pattern", value)
    return Item(name, "long" if "\n" in value or len(value) > 200 else "text", value)


def _list(name: str, values: list[Any], depth: int) -> Item:
    if values and all(isinstance(v, str) and STIX_ID.match(v) for v in values):
        return Item(name, "refs", tuple(values))
    if all(isinstance(v, str | int | float) and len(str(v)) <= 120 for v in values):
        return Item(name, "tags", tuple(str(v) for v in values))
    if name == "kill_chain_phases" and all(isinstance(v, Mapping) for v in values):
        return Item(
            name, "phases", tuple((str(v.get("kill_chain_name", "")), str(v.get("phase_name", ""))) for v in values)
        )
    if depth <= 0:
        return Item(name, "text", "…")
    return Item(name, "items", tuple(item("", v, depth - 1) for v in values))


def _facts(obj: Mapping[str, Any]) -> Iterator[Item]:
    kind = str(obj.get("type", ""))
    first = [n for n in _ORDER.get(kind, ()) if n in obj]
    order = dict.fromkeys([*first, *(n for n in obj if n not in _ELSEWHERE and n not in _LEAD)])
    if "opinion" in first:
        order["opinion"] = None
    for name in order:
        if name == "latitude" and "longitude" in obj:
            yield Item("place", "place", (obj["latitude"], obj["longitude"]))
        elif not (name == "longitude" and "latitude" in obj):
            yield item(name, obj[name])


def _references(value: Any) -> Iterator[Reference]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, Mapping):
            url = str(entry.get("url", ""))
            yield Reference(
                str(entry.get("source_name", "")),
                str(entry.get("external_id", "")),
                str(entry.get("description", "")),
                safe_url(url),
                url,
            )


def sheet(obj: Mapping[str, Any]) -> Sheet:
    """Everything a record says, sorted for reading."""
    lead = tuple((n, obj[n]) for n in _LEAD if isinstance(obj.get(n), str) and n != "opinion")
    extensions = obj.get("extensions")
    return Sheet(
        lead=lead,
        facts=tuple(_facts(obj)),
        references=tuple(_references(obj.get("external_references"))),
        extensions=tuple(item(str(k), v) for k, v in extensions.items()) if isinstance(extensions, Mapping) else (),
        revoked=obj.get("revoked") is True,
    )


def ids_in(obj: Any, depth: int = 24) -> Iterator[str]:
    """Every STIX id that stands as a whole string somewhere in the value."""
    if isinstance(obj, str):
        if STIX_ID.match(obj):
            yield obj
    elif isinstance(obj, Mapping) and depth:
        for inner in obj.values():
            yield from ids_in(inner, depth - 1)
    elif isinstance(obj, list) and depth:
        for inner in obj:
            yield from ids_in(inner, depth - 1)
