"""Which colour and icon a STIX type gets: few families that an analyst learns once."""

from __future__ import annotations

from collections.abc import Mapping

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "threat": ("threat-actor", "intrusion-set", "campaign"),
    "means": ("malware", "tool", "attack-pattern", "malware-analysis", "x-mitre-tactic", "x-mitre-matrix"),
    "harm": ("incident", "vulnerability", "event", "impact"),
    "evidence": ("indicator", "sighting", "observed-data", "x-mitre-analytic", "x-mitre-detection-strategy"),
    "writing": ("report", "note", "opinion", "grouping", "x-mitre-collection", "request-for-information"),
    "party": ("identity",),
    "place": ("location",),
    "defence": ("course-of-action", "task", "x-mitre-asset", "infrastructure", "x-mitre-data-component"),
    "link": ("relationship",),
    "rule": ("marking-definition", "extension-definition", "language-content"),
}
OBSERVABLES = frozenset(  # STIX 2.1, section 6
    [
        "artifact",
        "autonomous-system",
        "directory",
        "domain-name",
        "email-addr",
        "email-message",
        "file",
        "ipv4-addr",
        "ipv6-addr",
        "mac-addr",
        "mutex",
        "network-traffic",
        "process",
        "software",
        "url",
        "user-account",
        "windows-registry-key",
        "x509-certificate",
    ]
)
_FAMILY_OF = {kind: name for name, kinds in FAMILIES.items() for kind in kinds}

# Types with a drawing of their own in static/icons.svg; the others show their family's.
_DRAWN = frozenset(
    [
        "report",
        "indicator",
        "incident",
        "sighting",
        "location",
        "identity",
        "malware",
        "campaign",
        "attack-pattern",
        "relationship",
        "vulnerability",
        "note",
        "opinion",
        "threat-actor",
        "intrusion-set",
        "tool",
        "course-of-action",
        "infrastructure",
        "observed-data",
        "grouping",
        "marking-definition",
    ]
)
_OF_FAMILY = {
    "threat": "threat-actor", "means": "attack-pattern", "harm": "incident", "evidence": "indicator",
    "writing": "report", "party": "identity", "place": "location", "defence": "course-of-action",
    "link": "relationship", "rule": "marking-definition", "observable": "observed-data", "other": "other",
}  # fmt: skip


def family(kind: str) -> str:
    """The family of a STIX type: "threat", "observable", … "other"."""
    return _FAMILY_OF.get(kind) or ("observable" if kind in OBSERVABLES else "other")


def icon(kind: str) -> str:
    """The symbol in icons.svg that stands for a STIX type."""
    return kind if kind in _DRAWN else _OF_FAMILY[family(kind)]
