"""One whole object of each type that has a form: what the docs show and the contract suite checks. All invented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence.extensions import REQUEST
from foedus.domains.intelligence.grading import Grading, write
from foedus.domains.intelligence.objects import identify
from foedus.domains.intelligence.requests import TYPE as REQUEST_TYPE

_AT = "2026-03-02T09:30:00.000Z"


def _example(kind: str, **properties: Any) -> dict[str, Any]:
    own = identify(kind, "example")
    return {"type": kind, "spec_version": "2.1", "id": own, "created": _AT, "modified": _AT, **properties}


_IDENTITY = _example(
    "identity",
    name="Arvania national computer emergency team",
    identity_class="organization",
    sectors=["government"],
    extensions=write({}, Grading("B")),
)
_LOCATION = _example("location", name="Port of Kelda", country="FI", latitude=60.15, longitude=24.95, precision=500.0)
_MALWARE = _example("malware", name="TideLock", is_family=True, malware_types=["ransomware"], aliases=["Tide Lock"])
_CAMPAIGN = _example("campaign", name="Grey Harbour", first_seen="2026-01-10T00:00:00Z", objective="Delay port traffic")
_INDICATOR = _example(
    "indicator",
    name="TideLock relay",
    indicator_types=["malicious-activity"],
    pattern="[ipv4-addr:value = '203.0.113.7']",
    pattern_type="stix",
    valid_from=_AT,
    valid_until="2026-06-02T09:30:00Z",
    confidence=70,
)
_INCIDENT = _example("incident", name="Crane control lost for two hours", description="Berth 4, exercise only.")
_REPORT = _example(
    "report",
    name="Ransomware against port operators",
    description="What was seen in the port of Kelda, and what it means for others.",
    report_types=["threat-report"],
    published=_AT,
    object_refs=[_MALWARE["id"], _INDICATOR["id"], _INCIDENT["id"]],
    extensions=write({}, Grading("B", 2)),
)
_REQUEST = _example(
    REQUEST_TYPE,
    name="Has TideLock been seen in other ports?",
    description="Since January, in ports of the region.",
    asked_of_refs=[_IDENTITY["id"]],
    object_refs=[_MALWARE["id"]],
    priority="priority",
    needed_by="2026-03-09T12:00:00.000Z",
    state="asked",
    extensions={REQUEST["id"]: {"extension_type": "new-sdo"}},
)

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    record["type"]: record
    for record in (
        _IDENTITY,
        _LOCATION,
        _MALWARE,
        _CAMPAIGN,
        _INDICATOR,
        _INCIDENT,
        _REPORT,
        _REQUEST,
        _example(
            "sighting",
            sighting_of_ref=_INDICATOR["id"],
            where_sighted_refs=[_IDENTITY["id"]],
            count=3,
            first_seen="2026-03-01T22:10:00Z",
            last_seen="2026-03-01T23:40:00Z",
        ),
        _example("note", abstract="Shift change", content="Logs before 22:00 are lost.", object_refs=[_INCIDENT["id"]]),
        _example("opinion", opinion="agree", explanation="Matches our own logs.", object_refs=[_REPORT["id"]]),
        _example("relationship", relationship_type="indicates", source_ref=_INDICATOR["id"], target_ref=_MALWARE["id"]),
    )
}
