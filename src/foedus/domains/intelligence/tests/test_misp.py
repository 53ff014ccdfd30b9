"""MISP events: what they become, what is said about the rest. The events here are invented."""

from __future__ import annotations

import json
from typing import Any

import pytest
import stix2validator

from foedus.domains.intelligence.formats import misp, tlp
from foedus.domains.intelligence.grading import display
from foedus.domains.intelligence.grading import read as grading_of
from foedus.kernel.domain import domains
from foedus.kernel.stix.validate import validate

EVENT = "5f5d3b5a-1d2c-4c3b-9a4d-000000000001"


def uuid(number: int) -> str:
    return f"5f5d3b5a-1d2c-4c3b-9a4d-{number:012d}"


def attribute(number: int, kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {
        "uuid": uuid(number),
        "type": kind,
        "value": value,
        "category": "Network activity",
        "timestamp": "1767270000",
        "to_ids": True,
        **more,
    }


def event(**more: Any) -> dict[str, Any]:
    return {
        "Event": {
            "uuid": EVENT,
            "info": "Relay against ports",
            "date": "2026-01-01",
            "timestamp": "1767268800",
            "publish_timestamp": "1767268900",
            "threat_level_id": "1",
            "analysis": "2",
            "distribution": "3",
            "Orgc": {"name": "Arvania CERT", "uuid": uuid(900)},
            "Tag": [{"name": "tlp:amber"}],
            **more,
        }
    }


def read(tree: Any) -> tuple[dict[str, dict[str, Any]], list[Any]]:
    objects, faults = misp.read(json.dumps(tree).encode())
    assert len({o["id"] for o in objects}) == len(objects)
    for made in objects:
        result = stix2validator.validate_instance(made, stix2validator.ValidationOptions(version="2.1"))
        assert result.is_valid, (made, [str(e) for e in result.errors])
        assert validate(made) == []
    known = {o["id"] for o in objects}
    for made in objects:
        for name, value in made.items():
            refs = value if name.endswith("_refs") else [value] if name.endswith("_ref") else []
            assert name == "object_marking_refs" or set(refs) <= known, (made["id"], name)
    return {o["id"]: o for o in objects}, faults


def of(objects: dict[str, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [o for o in objects.values() if o["type"] == kind]


def test_an_event_becomes_a_report():
    objects, faults = read(event(Attribute=[attribute(1, "ip-dst", "203.0.113[.]7", comment="night only")]))
    (report,), (indicator,), (author,) = of(objects, "report"), of(objects, "indicator"), of(objects, "identity")
    assert report["id"] == f"report--{EVENT}" and indicator["id"] == f"indicator--{uuid(1)}"
    assert set(report["object_refs"]) == {indicator["id"], author["id"]}
    assert report["created_by_ref"] == author["id"] == f"identity--{uuid(900)}"
    assert report["modified"] == "2026-01-01T12:00:00.000Z" and report["created"] == "2026-01-01T00:00:00.000Z"
    assert indicator["pattern"] == "[ipv4-addr:value = '203.0.113.7']" and indicator["description"] == "night only"
    assert report["object_marking_refs"] == indicator["object_marking_refs"] == [tlp.TLP2["amber"]]
    assert 'misp:threat-level="high"' in report["labels"]
    assert faults == []


KINDS = {
    "md5": "a" * 32,
    "sha256": "b" * 64,
    "domain": "evil.example",
    "url": "https://evil.example/x'y",
    "email-src": "a@evil.example",
    "filename": "it's.exe",
    "AS": "AS65000",
    "mac-address": "aa:bb:cc:dd:ee:ff",
    "regkey": "HKEY_LOCAL_MACHINE\\Software\\x",
    "mutex": "Global\\x",
    "user-agent": "x/1",
    "domain|ip": "evil.example|203.0.113.7",
    "filename|sha1": "a.exe|" + "c" * 40,
    "ip-dst|port": "203.0.113.7|443",
    "regkey|value": "HKEY_USERS\\Software\\x|1",
    "yara": 'rule x { strings: $a = "b" condition: $a }',
    "vulnerability": "CVE-2021-44228",
    "threat-actor": "Grey Harbour",
    "campaign-name": "Night Tide",
    "jabber-id": "a@jabber.example",
    "text": "words",
    "malware-sample": "a.exe|" + "d" * 32,
    "ip-src": "not an address",
}


@pytest.mark.parametrize("to_ids", [True, False])
def test_every_kind_of_attribute_is_kept_in_some_form(to_ids):
    rows = [attribute(i, kind, value, to_ids=to_ids) for i, (kind, value) in enumerate(KINDS.items(), 1)]
    objects, faults = read(event(Attribute=rows))
    report = objects[f"report--{EVENT}"]
    for row in rows:
        assert any(i.endswith(row["uuid"]) for i in objects), row["type"]
    whole = json.dumps(list(objects.values()))
    for kind, value in KINDS.items():
        if to_ids or kind not in ("ip-dst|port", "regkey|value"):
            assert json.dumps(value.split("|")[0].removeprefix("AS"))[1:-1] in whole.replace("\\\\\\\\", "\\\\"), kind
    assert all(f.notice for f in faults) and len(report["object_refs"]) > len(rows) // 2
    assert [f for f in faults if "jabber-id kept as notes" in f.message]


def test_objects_references_galaxies_and_sightings():
    file = {
        "uuid": uuid(50),
        "name": "file",
        "timestamp": "1767270000",
        "Attribute": [
            attribute(51, "filename", "a.exe", to_ids=True),
            attribute(52, "sha256", "b" * 64, to_ids=True, Sighting=[sighting(60), sighting(61, type="1")]),
            attribute(53, "size-in-bytes", "12", to_ids=False),
        ],
        "ObjectReference": [
            {"uuid": uuid(54), "referenced_uuid": uuid(1), "relationship_type": "connects to", "comment": "seen"},
            {"uuid": uuid(55), "referenced_uuid": uuid(999), "relationship_type": "x"},
        ],
    }
    cluster = {
        "uuid": uuid(70),
        "value": "Phishing - T1566",
        "tag_name": 'misp-galaxy:x="y"',
        "meta": {"external_id": ["T1566"], "synonyms": ["Phish"]},
    }
    row = attribute(1, "domain", "evil.example", Galaxy=[{"type": "mitre-attack-pattern", "GalaxyCluster": [cluster]}])
    other = {"type": "surveillance-vendor", "GalaxyCluster": [{"value": "X", "tag_name": "vendor-x"}]}
    objects, faults = read(event(Attribute=[row], Object=[file], Galaxy=[other]))
    (indicator,) = [o for o in of(objects, "indicator") if "file:" in o["pattern"]]
    assert indicator["pattern"] == f"[file:name = 'a.exe' AND file:hashes.'SHA-256' = '{'b' * 64}']"
    (grouping,) = of(objects, "grouping")
    kinds = {(r["relationship_type"], r["source_ref"], r["target_ref"]) for r in of(objects, "relationship")}
    (pattern,) = of(objects, "attack-pattern")
    assert kinds == {
        ("connects-to", grouping["id"], f"indicator--{uuid(1)}"),
        ("indicates", f"indicator--{uuid(1)}", pattern["id"]),
    }
    assert pattern["name"] == "Phishing" and pattern["external_references"][0]["external_id"] == "T1566"
    assert of(objects, "sighting")[0]["sighting_of_ref"] == indicator["id"]
    assert of(objects, "opinion")[0]["opinion"] == "strongly-disagree"
    assert "vendor-x" in objects[f"report--{EVENT}"]["labels"]
    said = " ".join(f.message for f in faults)
    assert "object references left out" in said and "surveillance-vendor kept as keywords" in said


def test_an_object_without_a_uuid_refers_to_nothing_and_nothing_to_it():
    nameless = attribute(81, "sha256", "c" * 64)
    del nameless["uuid"]
    file = {"uuid": uuid(80), "name": "file", "Attribute": [nameless]}
    pointing = {"name": "domain-ip", "Attribute": [attribute(82, "domain", "evil.example")]}
    pointing["ObjectReference"] = [{"referenced_uuid": "", "relationship_type": "drops"}]
    objects, faults = read(event(Object=[file, pointing]))
    assert of(objects, "relationship") == []
    assert any("object references left out" in f.message for f in faults)


def sighting(number: int, **more: Any) -> dict[str, Any]:
    where = {"uuid": uuid(901), "name": "Belmora CERT"}
    return {"uuid": uuid(number), "date_sighting": "1767280000", "type": "0", "Organisation": where, **more}


def test_the_stricter_tlp_wins_and_an_unknown_one_closes():
    rows = [
        attribute(1, "domain", "a.example", Tag=[{"name": "tlp:green"}]),
        attribute(2, "domain", "b.example", Tag=[{"name": "TLP:RED"}]),
        attribute(3, "domain", "c.example", Tag=[{"name": "tlp:purple"}]),
        attribute(4, "domain", "d.example", Tag=[{"name": "tlp:ex:chr"}]),
    ]
    objects, faults = read(event(Attribute=rows))
    marks = [tlp.of_refs(objects[f"indicator--{uuid(n)}"]["object_marking_refs"]) for n in (1, 2, 3, 4)]
    assert marks == ["amber", "red", "red", "red"]
    assert [f.code for f in faults].count("unknown-tlp") >= 2


def test_grading_tags_and_keywords():
    tags = [
        {"name": 'admiralty-scale:source-reliability="b"'},
        {"name": 'admiralty-scale:information-credibility="2"'},
        {"name": "ics"},
    ]
    objects, _ = read(event(Attribute=[attribute(1, "domain", "a.example", Tag=tags)], Tag=tags))
    assert display(grading_of(objects[f"indicator--{uuid(1)}"])) == "B2"
    assert display(grading_of(objects[f"report--{EVENT}"])) == "B2"
    assert "ics" in objects[f"indicator--{uuid(1)}"]["labels"]
    assert "ics" in objects[f"report--{EVENT}"]["labels"]


def test_what_has_no_place_is_said():
    rows = [
        attribute(1, "domain", "a.example", deleted=True),
        attribute(2, "attachment", "a.pdf", data="QUJD", to_ids=False),
        attribute(3, "link", "https://press.example/1"),
    ]
    objects, faults = read(
        event(Attribute=rows, distribution="0", EventReport=[{"uuid": uuid(80), "name": "R", "content": "x"}])
    )
    said = " ".join(f.message for f in faults)
    assert "deleted attributes left out" in said and "attached files left out" in said and "not a label" in said
    assert "QUJD" not in json.dumps(list(objects.values()))
    assert objects[f"report--{EVENT}"]["external_references"][0]["url"] == "https://press.example/1"
    assert of(objects, "note")[0]["content"] == "x"


def test_the_same_event_gives_the_same_objects_and_a_newer_one_new_versions():
    tree = event(Attribute=[attribute(1, "domain", "a.example")])
    first, again = read(tree)[0], read({"response": [tree, tree]})[0]
    assert first == again
    newer = event(Attribute=[attribute(1, "domain", "a.example", timestamp="1767280000")], timestamp="1767280001")
    later = read(newer)[0]
    assert later.keys() == first.keys()
    assert later[f"indicator--{uuid(1)}"]["modified"] > first[f"indicator--{uuid(1)}"]["modified"]


@pytest.mark.parametrize(
    "tree",
    [
        {"Event": {}},
        {"Event": {"info": "x"}},
        {"Event": {"info": "x", "uuid": EVENT}},
        {"Event": {"info": "x", "uuid": "nonsense", "date": "2026-01-01"}},
        {"type": "bundle"},
        [],
        [1],
        event(Attribute=[{"type": "domain"}]),
        event(date="never", timestamp=""),
    ],
)
def test_bad_events_are_faults(tree):
    _, faults = misp.read(json.dumps(tree).encode())
    assert [f for f in faults if not f.notice]


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [1], [None], [{}], {"x": 1}, [[]], True, "\ud7ff", -1])
def test_no_shape_of_input_makes_it_raise(value):
    names = ("Attribute", "Object", "Galaxy", "Tag", "Orgc", "EventReport", "uuid", "timestamp", "info", "distribution")
    for name in names:
        misp.read(json.dumps(event(**{name: value})).encode())
    for name in (
        "Sighting",
        "Galaxy",
        "Tag",
        "uuid",
        "value",
        "type",
        "timestamp",
        "to_ids",
        "first_seen",
        "last_seen",
    ):
        row = {**attribute(1, "domain", "a.example"), name: value}
        misp.read(json.dumps(event(Attribute=[row], Object=[{"name": "file", "Attribute": [row]}])).encode())


def test_formats_are_told_apart():
    importers = {i.name: i for d in domains() if d.name == "intelligence" for i in d.importers}
    data = {"misp": json.dumps(event()).encode(), "csv": b"type,value\nip,203.0.113.7\n"}
    data["stix"] = b'{"type": "bundle", "id": "bundle--x", "objects": []}'
    for name, example in data.items():
        assert [n for n, i in importers.items() if i.sniff(example)] == ([name] if name in importers else [])
