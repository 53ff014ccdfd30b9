"""MISP events (JSON) to STIX 2.1. One event becomes a report and what it speaks of.

| MISP | STIX |
| --- | --- |
| event | report, by the organisation `Orgc` as an identity |
| attribute with a value, to_ids | indicator |
| attribute with a value, not to_ids | observed-data with the cyber-observable object |
| YARA, Sigma, Snort, Suricata, STIX pattern | indicator in that language |
| vulnerability, threat-actor, campaign-name | the object of that name |
| link | external reference of the report |
| every other attribute, event report | note on the report: nothing is lost |
| object | grouping of its attributes' records; object reference: relationship |
| galaxy cluster | attack pattern, actor, malware, tool, location …, in the report |
| sighting; false positive | sighting; opinion that disagrees |
| tags | TLP: marking; admiralty-scale: grading; others: labels |

What has no place in STIX is said in notices: attached files, sharing settings, deleted attributes. Ids come from MISP's
UUIDs and times from its timestamps, so the same event gives the same objects and a newer one their next versions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from foedus.domains.intelligence.formats.misp_event import MAX_ATTRIBUTES, Event
from foedus.kernel.canonical import decode
from foedus.kernel.errors import Fault, Refused


def sniff(data: bytes) -> bool:
    """Whether this begins like a MISP event, or a list or answer of them."""
    start = data[: 64 * 1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start.startswith((b"{", b"[")):
        return False
    return b'"Event"' in start or (b'"Attribute"' in start and b'"info"' in start) or b'"threat_level_id"' in start


def read(data: bytes) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Objects of every event, and faults: `notice` for what was kept in another form or left out. Never raises."""
    try:
        tree = decode(data)
    except Refused as refused:
        return [], list(refused.faults)
    objects: dict[str, dict[str, Any]] = {}
    faults: list[Fault] = []
    events = list(_events(tree))
    if not events:
        return [], [Fault("not-misp", "no MISP event: an object with `Event`, or a list of them, is expected")]
    for index, raw in enumerate(events):
        event = Event(raw, index)
        for made in event.convert():
            known = objects.get(made["id"])
            if known is None or str(made.get("modified", "")) > str(known.get("modified", "")):
                objects[made["id"]] = made
        faults += event.faults
    return list(objects.values()), faults


def _events(tree: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, Mapping) and "response" in tree:
        tree = tree["response"]
    for item in tree if isinstance(tree, list) else [tree]:
        inner = item.get("Event", item) if isinstance(item, Mapping) else None
        if isinstance(inner, Mapping) and "info" in inner:
            yield inner


__all__ = ["MAX_ATTRIBUTES", "read", "sniff"]
