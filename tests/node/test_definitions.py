"""Nobody can give a marking a wider meaning than its definition has: not before, not after, not by taking it away."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from foedus.kernel.errors import NotFound, Refused
from foedus.kernel.stixmarking import TLP2_EXTENSION
from foedus.node.subject import Subject
from tests.node.conftest import World

OTHER = "marking-definition--00000000-0000-4000-8000-0000000000aa"
SECRET = "ALLIANCE SECRET"
RECORD = "identity--00000000-0000-4000-8000-000000000001"


def tlp(marking_id: str, level: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": marking_id,
        "created": "2026-01-01T00:00:00.000Z",
        "name": "anything",
        "extensions": {TLP2_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level}},
    }


def statement(marking_id: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": marking_id,
        "created": "2026-01-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": "free for all"},
    }


def identity(markings: Sequence[str] = ()) -> dict[str, Any]:
    marked = {"object_marking_refs": list(markings)} if markings else {}
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": RECORD,
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": "Somebody",
        **marked,
    }


def sees(world: World, subject: Subject) -> bool:
    world.clock.tick()
    try:
        world.node.view(subject, "http").get(RECORD)
    except NotFound:
        return False
    return True


def send(world: World, subject: Subject, *objects: dict[str, Any], label: str | None = None) -> None:
    world.clock.tick()
    report = world.node.ingest(subject, json.dumps({"objects": objects}).encode(), label)
    assert not report.faults, report.faults


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def low(world: World) -> Subject:
    return world.person("lena", "ALLIANCE UNCLASSIFIED for FIN")


@pytest.fixture
def high(world: World) -> Subject:
    return world.person("hanna", "ALLIANCE SECRET for FIN")


@pytest.mark.parametrize("definition", [lambda i: tlp(i, "clear"), statement])
def test_the_id_of_a_label_cannot_be_taken_beforehand(
    world: World, low: Subject, high: Subject, definition: Callable[[str], dict[str, Any]]
) -> None:
    label = world.node.read_label(SECRET)
    taken = str(world.node.registry.definition(label)["id"])
    send(world, low, definition(taken))
    send(world, high, identity(), label=SECRET)
    assert (sees(world, high), sees(world, low)) == (True, False)
    world.reopen()
    assert (sees(world, high), sees(world, low)) == (True, False)


def test_a_record_that_names_the_taken_id_is_hidden_once_the_label_is_used(
    world: World, low: Subject, high: Subject
) -> None:
    label = world.node.read_label(SECRET)
    taken = str(world.node.registry.definition(label)["id"])
    send(world, low, tlp(taken, "clear"))
    send(world, high, identity([taken]))
    assert sees(world, low)  # nothing here has said yet what the id stands for
    world.node.publish(high, [{**identity(), "id": RECORD[:-1] + "2"}], SECRET)
    assert (sees(world, high), sees(world, low)) == (True, False)
    world.reopen()
    assert (sees(world, high), sees(world, low)) == (True, False)


def test_a_definition_sent_beforehand_does_not_widen_the_one_that_comes_with_records(
    world: World, low: Subject, high: Subject
) -> None:
    for number, first in enumerate((tlp(OTHER, "clear"), statement(OTHER))):
        other = f"{OTHER[:-1]}{number}"
        send(world, low, {**first, "id": other})
        send(world, high, tlp(other, "red"), {**identity([other]), "id": RECORD})
        assert not sees(world, low)
        world.reopen()
        assert not sees(world, low)


def test_a_second_definition_widens_nothing_and_its_narrowing_survives_a_restart(
    world: World, low: Subject, high: Subject
) -> None:
    send(world, high, tlp(OTHER, "clear"), identity([OTHER]))
    assert sees(world, low)
    send(world, low, tlp(OTHER, "red"))
    assert not sees(world, low)
    send(world, low, statement(OTHER))
    send(world, low, {**tlp(OTHER, "clear"), "name": "yet another"})
    assert not sees(world, low)
    world.reopen()
    assert not sees(world, low)


def test_a_definition_cannot_be_recalled_and_replaced(world: World, low: Subject, high: Subject) -> None:
    send(world, high, tlp(OTHER, "red"), label="ALLIANCE UNCLASSIFIED")
    send(world, high, identity([OTHER]))
    absent = OTHER[:-1] + "b"
    for one in (OTHER, absent):
        with pytest.raises(Refused) as refused:
            world.node.recall(low, one)
        assert refused.value.faults[0].message == "records rely on what a marking definition says"
    send(world, low, tlp(OTHER, "clear"))
    world.reopen()
    assert not sees(world, low)


def test_late_definitions_keep_their_moment_over_a_restart(world: World, low: Subject) -> None:
    send(world, low, {**identity([OTHER]), "name": "early"}, label="ALLIANCE UNCLASSIFIED")
    assert not sees(world, low)
    send(world, low, tlp(OTHER, "clear"), label="TLP:CLEAR")
    world.clock.tick()
    send(world, low, {**tlp(OTHER, "clear"), "name": "the same in other words"}, label="TLP:CLEAR")
    world.clock.tick()
    times = [world.node.view(low, "http").latest_release()]
    world.reopen()
    times.append(world.node.view(low, "http").latest_release())
    assert times[0] == times[1]


def test_a_decision_about_an_earlier_moment_is_not_that_of_a_later_one(world: World, low: Subject) -> None:
    label = world.node.read_label(
        "ALLIANCE SECRET; Context: ALLIANCE; successor 2026-10-01T00:00:00Z = (ALLIANCE UNCLASSIFIED)"
    )
    assert label.succession is not None
    turn = label.succession.at
    definition = world.node.registry.definition(label)
    world.node.registry.learn(definition, world.clock.now())
    labels = (str(definition["id"]),)
    before = world.node.registry.decide(labels, low.clearances, turn - 1).permit
    after = world.node.registry.decide(labels, low.clearances, turn + 1).permit
    again = world.node.registry.decide(labels, low.clearances, turn - 1).permit
    assert (before, after, again) == (False, True, False)
