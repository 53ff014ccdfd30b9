"""Rules of STIX 2.1, one by one, and what validation promises as a whole."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.kernel.stix import validate

from .samples import EXTENSION, LATER, MALWARE, OBSERVABLE_TYPES, TIME, TYPES, UUID4, UUID5, sample

EARLIER = "2015-01-01T00:00:00.000Z"
MARKING = f"marking-definition--{UUID5}"
IDENTITY = f"identity--{UUID4}"


def places(obj: Any) -> set[tuple[str, str]]:
    return {(fault.code, fault.path) for fault in validate(obj)}


@pytest.mark.parametrize("kind", TYPES)
def test_a_sample_of_every_type_is_valid(kind: str) -> None:
    assert validate(sample(kind)) == []


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_may_carry_custom_properties_markings_and_extensions(kind: str) -> None:
    obj = sample(kind, x_acme_score=1.5, x_acme_list=[1], x_acme_thing={"a": {"b": []}}, object_marking_refs=[MARKING])
    obj["granular_markings"] = [{"marking_ref": MARKING, "selectors": ["x_acme_list.[0]", "type", "id"]}]
    obj["extensions"] = {**obj.get("extensions", {}), EXTENSION: {"extension_type": "property-extension", "rank": 5}}
    assert validate(obj) == []


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_needs_its_id_of_its_own_type(kind: str) -> None:
    assert ("missing-property", "id") in places(sample(kind, id=...))
    for wrong in (f"other-type--{UUID4}", f"{kind}--1", f"{kind}--{UUID4[:-1]}", f"{kind}--{UUID4}x", 5, None, [], {}):
        assert places(sample(kind, id=wrong)) & {("invalid-identifier", "id"), ("wrong-type", "id")}, wrong


@pytest.mark.parametrize("kind", TYPES)
def test_spec_version_is_optional_for_observables_only(kind: str) -> None:
    expected = set() if kind in OBSERVABLE_TYPES else {("missing-property", "spec_version")}
    assert places(sample(kind, spec_version=...)) == expected


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in OBSERVABLE_TYPES])
def test_stix_20_is_refused_by_name_with_the_way_out(kind: str) -> None:
    (fault,) = validate(sample(kind, spec_version="2.0"), 7)
    assert (fault.code, fault.path, fault.index, fault.object_id) == ("stix-2.0", "spec_version", 7, f"{kind}--{UUID4}")
    assert "--upgrade" in fault.message


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("tool", {"name": ...}, "missing-property", "name"),
    ("tool", {"name": 5}, "wrong-type", "name"),
    ("tool", {"name": None}, "wrong-type", "name"),
    ("tool", {"labels": []}, "empty-list", "labels"),
    ("tool", {"labels": "one"}, "wrong-type", "labels"),
    ("tool", {"labels": ["a", 1]}, "wrong-type", "labels[1]"),
    ("tool", {"revoked": "true"}, "wrong-type", "revoked"),
    ("tool", {"confidence": 101}, "out-of-range", "confidence"),
    ("tool", {"confidence": -1}, "out-of-range", "confidence"),
    ("tool", {"confidence": True}, "wrong-type", "confidence"),
    ("tool", {"confidence": 1.5}, "wrong-type", "confidence"),
    ("tool", {"lang": "english"}, "invalid-language", "lang"),
    ("tool", {"created": "2016-04-06T20:03:48Z"}, "invalid-timestamp", "created"),
    ("tool", {"created": "2016-04-06 20:03:48.000Z"}, "invalid-timestamp", "created"),
    ("tool", {"created": "2016-04-06T20:03:48.000+00:00"}, "invalid-timestamp", "created"),
    ("tool", {"created": "2016-04-06T24:00:00.000Z"}, "invalid-timestamp", "created"),
    ("tool", {"created": "2016-04-06T20:03:60.000Z"}, "invalid-timestamp", "created"),
    ("tool", {"created": "2015-02-29T20:03:48.000Z"}, "invalid-timestamp", "created"),
    ("tool", {"created": "٢٠١٦-04-06T20:03:48.000Z"}, "invalid-timestamp", "created"),
    ("tool", {"created": 1460000000}, "wrong-type", "created"),
    ("tool", {"modified": EARLIER}, "invalid-order", "modified"),
    ("tool", {"modified": "2016-04-06T20:03:47.9999999Z"}, "invalid-order", "modified"),
    ("tool", {"created_by_ref": MALWARE}, "wrong-reference", "created_by_ref"),
    ("tool", {"created_by_ref": "identity--1"}, "invalid-identifier", "created_by_ref"),
    ("tool", {"created_by_ref": ["x"]}, "wrong-type", "created_by_ref"),
    ("tool", {"object_marking_refs": [IDENTITY]}, "wrong-reference", "object_marking_refs[0]"),
    ("tool", {"object_marking_refs": MARKING}, "wrong-type", "object_marking_refs"),
    ("tool", {"severity": "high"}, "reserved-property", "severity"),
    ("tool", {"x": 1}, "invalid-property-name", "x"),
    ("tool", {"Bad_Name": 1}, "invalid-property-name", "Bad_Name"),
    ("tool", {"bad-name": 1}, "invalid-property-name", "bad-name"),
    ("tool", {"a" * 251: 1}, "invalid-property-name", "a" * 80 + "…"),
    ("tool", {"x_null": None}, "null", "x_null"),
    ("tool", {"x_empty": []}, "empty-list", "x_empty"),
    ("tool", {"x_payload_bin": "??"}, "invalid-base64", "x_payload_bin"),
    ("tool", {"x_payload_hex": "abc"}, "invalid-hex", "x_payload_hex"),
    ("tool", {"external_references": [{"description": "d"}]}, "missing-property", "external_references[0].source_name"),
    ("tool", {"external_references": [{"source_name": "s"}]}, "missing-property", "external_references[0]"),
    (
        "tool",
        {"external_references": [{"source_name": "s", "url": "no url"}]},
        "invalid-url",
        "external_references[0].url",
    ),
    (
        "tool",
        {"external_references": [{"source_name": "s", "url": "a:%zz"}]},
        "invalid-url",
        "external_references[0].url",
    ),
    (
        "tool",
        {"external_references": [{"source_name": "cve"}]},
        "missing-property",
        "external_references[0].external_id",
    ),
    (
        "tool",
        {"external_references": [{"source_name": "capec", "external_id": "463"}]},
        "invalid-external-id",
        "external_references[0].external_id",
    ),
    (
        "tool",
        {"external_references": [{"source_name": "s", "url": "a:b", "hashes": {"MD5": "1"}}]},
        "invalid-hash",
        "external_references[0].hashes.MD5",
    ),
    ("tool", {"kill_chain_phases": [{"phase_name": "p"}]}, "missing-property", "kill_chain_phases[0].kill_chain_name"),
    ("tool", {"granular_markings": [{"selectors": ["name"]}]}, "invalid-granular-marking", "granular_markings[0]"),
    (
        "tool",
        {"granular_markings": [{"selectors": ["name"], "lang": "fr", "marking_ref": MARKING}]},
        "invalid-granular-marking",
        "granular_markings[0]",
    ),
    (
        "tool",
        {"granular_markings": [{"selectors": ["absent"], "lang": "fr"}]},
        "unresolved-selector",
        "granular_markings[0].selectors[0]",
    ),
    (
        "tool",
        {"labels": ["a"], "granular_markings": [{"selectors": ["labels.[1]"], "lang": "fr"}]},
        "unresolved-selector",
        "granular_markings[0].selectors[0]",
    ),
    (
        "tool",
        {"granular_markings": [{"selectors": [], "lang": "fr"}]},
        "empty-list",
        "granular_markings[0].selectors",
    ),
    ("tool", {"extensions": {}}, "empty-dictionary", "extensions"),
    ("tool", {"extensions": {"acme": {}}}, "invalid-extension-key", "extensions.acme"),
    ("tool", {"extensions": {EXTENSION: {}}}, "missing-property", f"extensions.{EXTENSION}.extension_type"),
    (
        "tool",
        {"extensions": {EXTENSION: {"extension_type": "new"}}},
        "not-in-enumeration",
        f"extensions.{EXTENSION}.extension_type",
    ),
    ("campaign", {"last_seen": EARLIER}, "invalid-order", "last_seen"),
    ("indicator", {"valid_until": TIME}, "invalid-order", "valid_until"),
    ("indicator", {"pattern": "[url:value = ]"}, "invalid-pattern", "pattern"),
    ("indicator", {"pattern": ""}, "invalid-pattern", "pattern"),
    ("indicator", {"pattern": "[" + "(" * 5000}, "invalid-pattern", "pattern"),
    ("indicator", {"pattern": "[file:hashes.MD5 = 'abc']"}, "invalid-pattern", "pattern"),
    ("location", {"latitude": 90.5}, "out-of-range", "latitude"),
    ("location", {"longitude": ...}, "missing-property", "longitude"),
    ("location", {"latitude": ..., "longitude": ..., "region": "europe"}, "missing-property", "precision"),
    ("location", {"latitude": ..., "longitude": ..., "precision": ...}, "missing-property", ""),
    ("malware", {"name": ...}, "missing-property", "name"),
    ("malware", {"sample_refs": [IDENTITY]}, "wrong-reference", "sample_refs[0]"),
    ("malware", {"operating_system_refs": [MALWARE]}, "wrong-reference", "operating_system_refs[0]"),
    ("malware-analysis", {"result": ...}, "missing-property", ""),
    ("malware-analysis", {"host_vm_ref": MALWARE}, "wrong-reference", "host_vm_ref"),
    ("note", {"object_refs": []}, "empty-list", "object_refs"),
    ("opinion", {"opinion": "maybe"}, "not-in-enumeration", "opinion"),
    ("observed-data", {"number_observed": 0}, "out-of-range", "number_observed"),
    ("observed-data", {"object_refs": ...}, "missing-property", "object_refs"),
    ("observed-data", {"object_refs": [MALWARE]}, "wrong-reference", "object_refs[0]"),
    (
        "observed-data",
        {"object_refs": ..., "objects": {"0": {"type": "ipv4-addr", "value": "1.2.3"}}},
        "invalid-address",
        "objects.0.value",
    ),
    (
        "observed-data",
        {"object_refs": ..., "objects": {"0": {"type": "file", "name": "f", "parent_directory_ref": "1"}}},
        "unresolved-reference",
        "objects.0.parent_directory_ref",
    ),
    ("relationship", {"source_ref": f"relationship--{UUID4}"}, "wrong-reference", "source_ref"),
    ("relationship", {"target_ref": MARKING}, "wrong-reference", "target_ref"),
    ("relationship", {"relationship_type": "Uses It"}, "invalid-relationship-type", "relationship_type"),
    ("relationship", {"start_time": TIME, "stop_time": TIME}, "invalid-order", "stop_time"),
    ("sighting", {"sighting_of_ref": f"sighting--{UUID4}"}, "wrong-reference", "sighting_of_ref"),
    ("sighting", {"where_sighted_refs": [MALWARE]}, "wrong-reference", "where_sighted_refs[0]"),
    ("sighting", {"count": 1_000_000_000}, "out-of-range", "count"),
    ("language-content", {"object_ref": f"bundle--{UUID4}"}, "wrong-reference", "object_ref"),
    ("extension-definition", {"created_by_ref": ...}, "missing-property", "created_by_ref"),
    ("marking-definition", {"definition": {}}, "empty-dictionary", "definition"),
    ("marking-definition", {"definition": {"text": "x"}}, "missing-property", "definition.statement"),
    ("artifact", {"url": "a:b", "hashes": {"MD5": "0" * 32}}, "missing-property", "payload_bin"),
    ("artifact", {"payload_bin": ...}, "missing-property", "payload_bin"),
    ("artifact", {"payload_bin": ..., "url": "https://x.test/"}, "missing-property", "hashes"),
    ("artifact", {"encryption_algorithm": "ROT13"}, "not-in-enumeration", "encryption_algorithm"),
    ("artifact", {"mime_type": "picture"}, "invalid-media-type", "mime_type"),
    ("directory", {"path_enc": "?"}, "invalid-character-set", "path_enc"),
    ("domain-name", {"value": "-x.example"}, "invalid-domain-name", "value"),
    ("marking-definition", {"lang": "english"}, "invalid-language", "lang"),
    (
        "user-account",
        {"extensions": {"unix-account-ext": {"gid": 1, "Bad-Name": 1}}},
        "invalid-property-name",
        "extensions.unix-account-ext.Bad-Name",
    ),
    ("domain-name", {"value": "no domain"}, "invalid-domain-name", "value"),
    ("domain-name", {"resolves_to_refs": [MALWARE]}, "wrong-reference", "resolves_to_refs[0]"),
    ("email-addr", {"value": "nobody"}, "invalid-email", "value"),
    ("email-message", {"is_multipart": True}, "not-permitted", "body"),
    ("email-message", {"subject": ..., "body": ...}, "invalid-identifier", "id"),
    ("file", {"size": -1}, "out-of-range", "size"),
    ("file", {"name": ..., "hashes": ...}, "missing-property", ""),
    ("file", {"hashes": {"SHA-256": "12"}}, "invalid-hash", "hashes.SHA-256"),
    ("file", {"extensions": {"ntfs-ext": {}}}, "missing-property", "extensions.ntfs-ext"),
    ("file", {"magic_number_hex": "zz"}, "invalid-hex", "magic_number_hex"),
    (
        "file",
        {"extensions": {"windows-pebinary-ext": {"pe_type": "exe", "sections": [{}]}}},
        "missing-property",
        "extensions.windows-pebinary-ext.sections[0].name",
    ),
    ("ipv6-addr", {"value": "::1/129"}, "invalid-address", "value"),
    ("mac-addr", {"value": "D2:FB:49:24:37:18"}, "invalid-address", "value"),
    ("network-traffic", {"src_ref": ...}, "missing-property", ""),
    ("network-traffic", {"src_port": 65536}, "out-of-range", "src_port"),
    ("network-traffic", {"src_ref": MALWARE}, "wrong-reference", "src_ref"),
    ("network-traffic", {"start": LATER, "end": TIME}, "invalid-order", "end"),
    (
        "network-traffic",
        {"extensions": {"socket-ext": {"address_family": "AF_X"}}},
        "not-in-enumeration",
        "extensions.socket-ext.address_family",
    ),
    ("process", {"id": f"process--{UUID5}"}, "invalid-identifier", "id"),
    ("process", {"pid": ...}, "missing-property", ""),
    ("software", {"cpe": "cpe:/a:word"}, "invalid-cpe", "cpe"),
    ("url", {"value": "example.com"}, "invalid-url", "value"),
    ("windows-registry-key", {"key": "HKLM\\system"}, "invalid-registry-key", "key"),
    ("windows-registry-key", {"values": [{"data_type": "REG_X"}]}, "not-in-enumeration", "values[0].data_type"),
    ("x509-certificate", {"x509_v3_extensions": {"other": "x"}}, "missing-property", "x509_v3_extensions"),
    ("x-example-thing", {"some_value": None}, "null", "some_value"),
    ("x-example-thing", {"created": ...}, "missing-property", "created"),
]


@pytest.mark.parametrize(("kind", "changes", "code", "path"), CASES, ids=lambda item: str(item)[:40])
def test_a_broken_rule_is_named_with_its_place_and_nothing_else(
    kind: str, changes: dict[str, Any], code: str, path: str
) -> None:
    found = places(sample(kind, **changes))
    assert (code, path) in found
    assert {
        item for item in found if item[1].split("[")[0].split(".")[0] not in (*changes, path, "id", "name")
    } == set()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("tool", {"modified": "2016-04-06T20:03:48.0000001Z"}),
        ("tool", {"created_by_ref": f"x-unit--{UUID4}"}),
        ("tool", {"lang": "zh-Hant-TW"}),
        ("tool", {"lang": "prs-AF"}),
        ("tool", {"created": "2015-06-30T23:59:60.000Z"}),
        ("indicator", {"pattern_type": "yara", "pattern": "rule x { condition: true }"}),
        (
            "indicator",
            {
                "pattern": "[file:name MATCHES 'a.*'] FOLLOWEDBY ([url:value LIKE 'b%'] AND [mutex:name='c']) "
                "WITHIN 5 SECONDS"
            },
        ),
        ("location", {"latitude": -90, "longitude": 180}),
        ("network-traffic", {"src_port": 0, "ipfix": {"minimumIpTotalLength": 32, "name": "x"}}),
        ("url", {"value": "https://exämple.test/a|b?q={x}#é"}),
        ("domain-name", {"value": "_dmarc.münchen.example."}),
        ("email-addr", {"value": '"odd name"@example.com'}),
        ("process", {"environment_variables": {"PATH": "/bin"}}),
        (
            "observed-data",
            {
                "object_refs": ...,
                "objects": {
                    "0": {"type": "file", "name": "f", "parent_directory_ref": "1"},
                    "1": {"type": "directory", "path": "/"},
                },
            },
        ),
        (
            "marking-definition",
            {
                "definition": ...,
                "definition_type": ...,
                "extensions": {EXTENSION: {"extension_type": "property-extension", "tlp_2_0": "clear"}},
            },
        ),
    ],
    ids=str,
)
def test_what_the_standard_permits_passes(kind: str, changes: dict[str, Any]) -> None:
    assert validate(sample(kind, **changes)) == []


@pytest.mark.parametrize(
    "obj", [None, 1, "x", [], {}, {"type": None}, {"type": 5, "id": 6}, {"type": "a"}, {"type": "Ab-c"}]
)
def test_what_is_no_object_of_stix_gets_faults(obj: Any) -> None:
    assert validate(obj, 3)
    assert all(fault.index == 3 for fault in validate(obj, 3))


def test_the_four_tlp_markings_of_the_standard_are_fixed() -> None:
    tlp = sample("marking-definition", definition_type="tlp", definition={"tlp": "red"})
    assert places(tlp) == {("invalid-marking", name) for name in ("id", "name", "created")}
    red = {
        **tlp,
        "id": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        "name": "TLP:RED",
        "created": "2017-01-20T00:00:00.000Z",
    }
    assert validate(red) == []
    assert places({**red, "x_more": 1}) == {("invalid-marking", "x_more")}
    assert places({**red, "definition": {"tlp": "green"}}) == {("invalid-marking", name) for name in ("id", "name")}


def test_a_marking_must_not_mark_itself() -> None:
    own = sample("marking-definition")["id"]
    obj = sample("marking-definition", object_marking_refs=[MARKING, own])
    assert places(obj) == {("circular-marking", "object_marking_refs[1]")}


def test_all_faults_come_at_once() -> None:
    obj = sample("indicator", name=5, labels=[], confidence=200, pattern=..., created="x", x_null=None)
    assert places(obj) == {
        ("wrong-type", "name"),
        ("empty-list", "labels"),
        ("out-of-range", "confidence"),
        ("missing-property", "pattern"),
        ("invalid-timestamp", "created"),
        ("null", "x_null"),
    }


def test_one_object_gives_a_bounded_number_of_faults() -> None:
    assert len(validate(sample("tool", labels=[0] * 100_000))) <= 1_000
    assert len(validate(sample("tool", **{f"Bad{n}": 0 for n in range(100_000)}))) <= 1_001


JUNK = [
    *[TIME, "2016-02-30T00:00:00Z", MALWARE, MARKING, "AAAA", "url--1"],
    *[[], {}, [1], ["a"], [{}], {"a": 1}, [[]], None],
]
junk: Any = st.booleans() | st.integers(-5, 70_000) | st.floats(allow_nan=False) | st.text(max_size=8)
junk |= st.sampled_from(JUNK)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(TYPES), st.data())
def test_no_value_anywhere_makes_validation_fail_or_change_the_object(kind: str, data: st.DataObject) -> None:
    obj = sample(kind)
    spots: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
            spots.append((value, key))
            collect(value[key])

    collect(obj)
    container, key = data.draw(st.sampled_from(spots))
    container[key] = data.draw(junk)
    before = copy.deepcopy(obj)
    faults = validate(obj, 1)
    assert obj == before
    json.dumps([fault.as_dict() for fault in faults])
    assert faults == validate(copy.deepcopy(obj), 1), "what was remembered changes no answer"
