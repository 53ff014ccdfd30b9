"""Our STIX extension definitions: one new object type, one set of additional properties.

Their ids are UUIDv5 of their names, so every node writes the same ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foedus.domains.intelligence.objects import identify

SINCE = "2026-01-01T00:00:00.000Z"  # when the definitions were first written; definitions do not change

AUTHOR: dict[str, Any] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": identify("identity", "foedus"),
    "created": SINCE,
    "modified": SINCE,
    "name": "Foedus",
    "description": "Author of the STIX extension definitions of the Foedus software.",
    "identity_class": "system",
}


def _definition(name: str, title: str, description: str, kind: str) -> dict[str, Any]:
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": identify("extension-definition", name),
        "created_by_ref": AUTHOR["id"],
        "created": SINCE,
        "modified": SINCE,
        "name": title,
        "description": description,
        "schema": f"schemas/{name}.json in the folder src/foedus/domains/intelligence of the Foedus sources",
        "version": "1.0.0",
        "extension_types": [kind],
    }


REQUEST = _definition(
    "request-for-information",
    "Request for information",
    "An object type for a question that one body asks of others, with its state from asked to closed.",
    "new-sdo",
)
GRADING = _definition(
    "source-grading",
    "Source and information grading",
    "source_reliability (A to F) on a source or report, information_credibility (1 to 6) on a report: "
    "the two scales of STANAG 2511 and AJP-2.1.",
    "property-extension",
)
DEFINITIONS: tuple[Mapping[str, Any], ...] = (AUTHOR, REQUEST, GRADING)
