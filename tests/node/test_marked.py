"""Exports that carry their labels: another node keeps the label that was given here at import, and no reader more."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from foedus.kernel.errors import Refused
from foedus.kernel.stixmarking import EXTENSION_ID, TLP2_IDS
from foedus.node import care
from foedus.node.subject import Subject
from tests.node.conftest import World, indicator
from tests.node.test_journey import SECRET, bundle

LOW = "ALLIANCE RESTRICTED for FIN"
OBSERVABLE = {
    "type": "ipv4-addr",
    "spec_version": "2.1",
    "id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd",
    "value": "198.51.100.3",
}
PART = {
    **indicator(4),
    "granular_markings": [{"marking_ref": TLP2_IDS["AMBER"], "selectors": ["name"]}],
}


def taken(world: World, subject: Subject, types: frozenset[str] | None = None, *, marked: bool = True) -> Any:
    chunks = care.export(world.node, subject, types, "stix", None, marked=marked)
    return json.loads(b"".join(chunks))


def by_id(found: Any) -> dict[str, Any]:
    ids = [one["id"] for one in found["objects"]]
    assert len(set(ids)) == len(ids)
    return {one["id"]: one for one in found["objects"]}


@pytest.fixture
def sender(make_world: Callable[..., World]) -> World:
    world = make_world("sender")
    world.person("anna", SECRET)
    world.person("bob", LOW, "reader")
    for label, objects in (
        ("ALLIANCE SECRET", [indicator(1)]),
        ("ALLIANCE RESTRICTED Releasable to Japan", [indicator(2), OBSERVABLE, PART]),
        ("TLP:GREEN", [indicator(3)]),
    ):
        world.node.ingest(None, bundle(*objects), label)
    return world


def test_a_receiver_keeps_the_label(sender: World, make_world: Callable[..., World]) -> None:
    receiver = make_world("receiver", seed=2)
    anna, bob = receiver.person("anna", SECRET), receiver.person("bob", LOW, "reader")
    sent = taken(sender, sender.node.access.local("anna"))
    report = receiver.node.ingest(None, json.dumps(sent).encode())
    assert (report.refused, report.faults) == (0, ())
    for name, subject in (("anna", anna), ("bob", bob)):
        here = receiver.node.view(subject, "test")
        there = sender.node.view(sender.node.access.local(name), "test")
        for one in (*(indicator(n)["id"] for n in (1, 2, 3, 4)), OBSERVABLE["id"]):
            kept, was = here.many([one]), there.many([one])
            assert kept.keys() == was.keys(), (name, one)
            for stix_id, found in kept.items():
                assert {m.text for m in here.markings(found)} == {m.text for m in there.markings(was[stix_id])}


def test_the_definitions_go_along_once_and_no_others(sender: World) -> None:
    for name, most in (("anna", 5), ("bob", 4)):
        objects = by_id(taken(sender, sender.node.access.local(name)))
        marks = {i for i in objects if i.startswith("marking-definition")}
        named = {m for one in objects.values() for m in one.get("object_marking_refs", ())}
        named |= {g["marking_ref"] for one in objects.values() for g in one.get("granular_markings", ())}
        assert named <= marks
        assert len([one for one in objects if one.startswith(("indicator", "ipv4"))]) == most
        assert EXTENSION_ID in objects and objects[EXTENSION_ID]["created_by_ref"] in objects
    assert "SECRET" not in json.dumps(taken(sender, sender.node.access.local("bob")))


def test_only_the_marking_is_added(sender: World) -> None:
    anna = sender.node.access.local("anna")
    plain, marked = by_id(taken(sender, anna, marked=False)), by_id(taken(sender, anna))
    for stix_id, obj in plain.items():
        left = {name: value for name, value in marked[stix_id].items() if name != "object_marking_refs"}
        assert left == {name: value for name, value in obj.items() if name != "object_marking_refs"}
    assert TLP2_IDS["AMBER"] not in marked[str(PART["id"])]["object_marking_refs"]  # it marks a part, and stays there


def test_without_the_option_the_objects_come_back_as_they_came_in(sender: World) -> None:
    plain = by_id(taken(sender, sender.node.access.local("anna"), marked=False))
    assert plain[str(indicator(1)["id"])] == indicator(1)
    assert plain[OBSERVABLE["id"]] == OBSERVABLE


def test_an_export_of_one_type_brings_its_definitions(sender: World) -> None:
    objects = by_id(taken(sender, sender.node.access.local("anna"), frozenset({"ipv4-addr"})))
    assert sorted({i.partition("--")[0] for i in objects}) == [
        "extension-definition", "identity", "ipv4-addr", "marking-definition",
    ]  # fmt: skip
    nothing = taken(sender, sender.node.access.local("anna"), frozenset({"malware"}))
    assert nothing["objects"] == []


def test_the_official_validator_finds_no_broken_must(sender: World) -> None:
    validator = pytest.importorskip("stix2validator")
    options = validator.ValidationOptions(version="2.1", disabled="all", silent=True)
    found = validator.validate_instance(taken(sender, sender.node.access.local("anna")), options)
    assert found.is_valid, [str(error) for error in found.errors]


def test_tables_cannot_be_marked(sender: World) -> None:
    with pytest.raises(Refused, match="unmarkable-format"):
        care.export(sender.node, sender.node.access.local("anna"), None, "csv", None, marked=True)
