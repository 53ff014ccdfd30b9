"""What the report of an import tells: nothing of what its reader may not see."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.node.conftest import World, indicator

SECRET, LOW = "ALLIANCE SECRET for FIN", "ALLIANCE UNCLASSIFIED for FIN"


def told(world: World, name: str, *objects: dict[str, Any], label: str | None = None) -> dict[str, Any]:
    subject = world.node.access.local(name)
    report = world.node.ingest(subject, json.dumps({"objects": objects}).encode(), label).as_dict()
    return {key: value for key, value in report.items() if key != "seconds"}


def test_a_report_does_not_tell_that_a_hidden_record_or_label_is_there(make_world: Callable[..., World]) -> None:
    with_it, without = make_world("one"), make_world("two")
    for world in (with_it, without):
        world.person("anna", SECRET)
        world.person("lena", LOW)
    assert told(with_it, "anna", indicator(1), label="ALLIANCE SECRET")["stored"] == 1
    registry = with_it.node.registry
    secret = str(registry.definition(with_it.node.read_label("ALLIANCE SECRET"))["id"])
    for label in ("ALLIANCE SECRET", "ALLIANCE RESTRICTED", None):
        marked = indicator(2, object_marking_refs=[secret])
        for one in (indicator(1), marked):
            answers = [told(world, "lena", one, label=label) for world in (with_it, without)]
            assert answers[0] == answers[1]
    assert told(with_it, "anna", indicator(1), label="ALLIANCE SECRET")["known"] == 1
    published = [
        world.node.publish(world.node.access.local("lena"), [indicator(3)], "ALLIANCE SECRET")[0].known
        for world in (with_it, without)
        for _ in range(2)
    ]
    assert not any(published)


def test_who_may_see_it_is_told_what_was_there(world: World) -> None:
    world.person("anna", SECRET)
    assert told(world, "anna", indicator(1), label="ALLIANCE SECRET")["labels"] == {"ALLIANCE SECRET": 1}
    again = told(world, "anna", indicator(1), label="ALLIANCE SECRET")
    assert (again["stored"], again["known"]) == (0, 1)
    unknown = indicator(2, object_marking_refs=["marking-definition--00000000-0000-4000-8000-0000000000bb"])
    report = told(world, "anna", unknown)
    assert report["labels"] == {"Unknown marking": 1} and "not known here" in report["notices"][0]
