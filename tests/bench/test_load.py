"""The load: consistent copies of real objects."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from benchmarks.bignode import is_rare, with_marking
from benchmarks.load import Load, envelopes, mask, varied
from hypothesis import given
from hypothesis import strategies as st

IDENTITY = "identity--c78cb6e5-0c4b-4611-8297-d1b8b55e40b5"
MARKING = "marking-definition--fa42a846-8d90-4e51-bc29-71d5b4802168"
MALWARE = "malware--6a21e3a4-5ffe-4581-af9a-6a54c7536f44"
PATTERN = "attack-pattern--707399d6-ab3e-4963-9315-d9d3818cd6a0"
LINK = "relationship--00038d0e-7fc7-41c3-9055-edb4d87ea912"


def stix(identifier: str, **more: Any) -> dict[str, Any]:
    return {
        "type": identifier.partition("--")[0],
        "id": identifier,
        "created_by_ref": IDENTITY,
        "object_marking_refs": [MARKING],
        **more,
    }


@pytest.fixture
def load() -> Load:
    foreign = "see report--11111111-1111-4111-8111-111111111111, é"
    objects = [
        {"type": "marking-definition", "id": MARKING},
        {"type": "identity", "id": IDENTITY, "name": "MITRE"},
        stix(MALWARE, description=foreign),
        stix(PATTERN),
        stix(LINK, source_ref=MALWARE, target_ref=PATTERN),
    ]
    return Load(json.dumps({"objects": objects}).encode())


def test_the_first_objects_are_the_originals(load: Load) -> None:
    made = [json.loads(raw) for raw in load.objects(load.size)]
    assert [one["id"] for one in made] == [IDENTITY, MALWARE, PATTERN, LINK]
    assert [json.loads(raw)["id"] for raw in load.preamble] == [MARKING]


def test_relationships_of_a_copy_point_into_the_copy(load: Load) -> None:
    made = [json.loads(raw) for raw in load.objects(1 + 3 * 50)]
    ids = [one["id"] for one in made]
    assert len(set(ids)) == len(ids)
    links = [one for one in made if one["type"] == "relationship"]
    assert len({one["source_ref"] for one in links}) == 50
    for link in links:
        assert {link["source_ref"], link["target_ref"]} <= set(ids)
        assert (link["created_by_ref"], link["object_marking_refs"]) == (IDENTITY, [MARKING])


def test_what_is_not_an_id_of_the_load_is_left_alone(load: Load) -> None:
    for raw in load.objects(40):
        obj = json.loads(raw)
        if obj["type"] == "malware":
            assert obj["description"] == "see report--11111111-1111-4111-8111-111111111111, é"


@given(st.uuids(version=4), st.integers(0, 10_000))
def test_ids_stay_uuids_of_their_version(original: uuid.UUID, copy: int) -> None:
    made = uuid.UUID(varied(str(original).encode(), mask(copy)).decode())
    assert (made.version, made.variant) == (original.version, original.variant)
    assert (made == original) is (copy == 0)


def test_envelopes_hold_all_objects_once_and_are_kept(load: Load, tmp_path: Path) -> None:
    first = envelopes(load, 25, 10, tmp_path)
    again = envelopes(load, 25, 10, tmp_path)
    assert first.counts == [10, 10, 5]
    assert list(first) == list(again)
    ids = [one["id"] for body in first for one in json.loads(body)["objects"]]
    assert ids == [json.loads(raw)["id"] for raw in load.objects(25)]


@pytest.mark.parametrize("raw", [b'{"id":"a","object_marking_refs":["b"]}', b'{"id":"a"}'])
def test_a_label_is_added_to_the_markings(raw: bytes) -> None:
    made = json.loads(with_marking(raw, b'"label"'))
    assert made["object_marking_refs"][0] == "label"
    assert made["object_marking_refs"][1:] == json.loads(raw).get("object_marking_refs", [])


def test_about_one_in_five_hundred_is_for_the_second_reader() -> None:
    assert 150 < sum(is_rare(number) for number in range(100_000)) < 250
