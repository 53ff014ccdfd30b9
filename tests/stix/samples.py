"""One small valid object of every type, for tests to change."""

from __future__ import annotations

import copy
from typing import Any

UUID4 = "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
UUID5 = "ff26c055-6336-5bc5-b98d-13d6226742dd"
TIME = "2016-04-06T20:03:48.000Z"
LATER = "2017-04-06T20:03:48.000Z"
MALWARE = f"malware--{UUID4}"
EXTENSION = f"extension-definition--{UUID4}"

_DOMAIN: dict[str, dict[str, Any]] = {
    "attack-pattern": {
        "name": "Spear phishing",
        "external_references": [{"source_name": "capec", "external_id": "CAPEC-163"}],
    },
    "campaign": {"name": "C", "first_seen": TIME, "last_seen": LATER},
    "course-of-action": {"name": "C"},
    "grouping": {"context": "suspicious-activity", "object_refs": [MALWARE]},
    "identity": {"name": "ACME", "identity_class": "organization"},
    "incident": {"name": "I"},
    "indicator": {"pattern": "[url:value = 'http://x.test/']", "pattern_type": "stix", "valid_from": TIME},
    "infrastructure": {"name": "I"},
    "intrusion-set": {"name": "I", "goals": ["g"]},
    "location": {"latitude": 48.85, "longitude": 2.35, "precision": 10},
    "malware": {"is_family": True, "name": "M", "kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "p"}]},
    "malware-analysis": {"product": "p", "result": "malicious"},
    "note": {"content": "c", "object_refs": [MALWARE]},
    "observed-data": {
        "first_observed": TIME,
        "last_observed": LATER,
        "number_observed": 3,
        "object_refs": [f"file--{UUID5}"],
    },
    "opinion": {"opinion": "agree", "object_refs": [MALWARE]},
    "report": {"name": "R", "published": TIME, "object_refs": [MALWARE]},
    "threat-actor": {"name": "T"},
    "tool": {"name": "T"},
    "vulnerability": {"name": "V", "external_references": [{"source_name": "cve", "external_id": "CVE-2021-44228"}]},
    "relationship": {"relationship_type": "uses", "source_ref": f"campaign--{UUID4}", "target_ref": MALWARE},
    "sighting": {"sighting_of_ref": MALWARE, "count": 1, "where_sighted_refs": [f"identity--{UUID4}"]},
    "language-content": {"object_ref": MALWARE, "contents": {"fr": {"name": "nom"}}},
    "extension-definition": {
        "name": "E",
        "schema": "https://example.com/s",
        "version": "1.0.0",
        "extension_types": ["new-sdo"],
        "created_by_ref": f"identity--{UUID4}",
    },
    "x-example-thing": {"extensions": {EXTENSION: {"extension_type": "new-sdo"}}, "some_value": 3},
}
_OBSERVABLES: dict[str, dict[str, Any]] = {
    "artifact": {"payload_bin": "aGVsbG8=", "mime_type": "image/jpeg"},
    "autonomous-system": {"number": 15139},
    "directory": {"path": "/tmp", "path_enc": "UTF-8"},
    "domain-name": {"value": "example.com"},
    "email-addr": {"value": "john@example.com"},
    "email-message": {"is_multipart": False, "subject": "s", "body": "b"},
    "file": {"name": "foo.zip", "hashes": {"MD5": "B365B9A80A06906FC9B400C06C33FF43"}, "size": 3},
    "ipv4-addr": {"value": "198.51.100.3"},
    "ipv6-addr": {"value": "2001:db8::/32"},
    "mac-addr": {"value": "d2:fb:49:24:37:18"},
    "mutex": {"name": "__CLEANSWEEP__"},
    "network-traffic": {"src_ref": f"ipv4-addr--{UUID5}", "protocols": ["tcp"], "src_port": 24678},
    "process": {"pid": 12},
    "software": {"name": "Word", "cpe": "cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*", "languages": ["en", "fra"]},
    "url": {"value": "https://example.com/research/index.html"},
    "user-account": {"user_id": "1001", "extensions": {"unix-account-ext": {"gid": 1001}}},
    "windows-registry-key": {"key": "HKEY_LOCAL_MACHINE\\system", "values": [{"name": "F", "data_type": "REG_SZ"}]},
    "x509-certificate": {"serial_number": "36:f7", "validity_not_before": TIME},
    "x-example-observable": {"some_value": True, "extensions": {EXTENSION: {"extension_type": "new-sco"}}},
}
_STATEMENT = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": f"marking-definition--{UUID4}",
    "created": "2016-08-01T00:00:00Z",
    "definition_type": "statement",
    "definition": {"statement": "Copyright"},
}
TYPES = (*_DOMAIN, *_OBSERVABLES, "marking-definition")
OBSERVABLE_TYPES = tuple(_OBSERVABLES)


def sample(kind: str, **changes: Any) -> dict[str, Any]:
    """A valid object of this type; a change to `...` takes a property away."""
    if kind == "marking-definition":
        obj: dict[str, Any] = dict(_STATEMENT)
    elif kind in _OBSERVABLES:
        uuid = UUID4 if kind == "process" else UUID5
        obj = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid}", **_OBSERVABLES[kind]}
    else:
        obj = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{UUID4}", "created": TIME, "modified": TIME}
        obj |= _DOMAIN[kind]
    obj |= changes
    return copy.deepcopy({name: value for name, value in obj.items() if value is not ...})
