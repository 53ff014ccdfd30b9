"""Large files in pieces give the same result as small ones at once."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from foedus.node import bulk
from foedus.node.answers import PageQuery, Progress
from tests.node.conftest import World, indicator

SECRET = "ALLIANCE SECRET for FIN"
STATEMENT = {
    "type": "marking-definition",
    "spec_version": "2.1",
    "id": "marking-definition--00000000-0000-4000-8000-0000000000aa",
    "created": "2026-01-01T00:00:00.000Z",
    "definition_type": "statement",
    "definition": {"statement": "Copyright 2026"},
}


def bundle(objects: list[object], **more: object) -> bytes:
    whole = {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": objects, **more}
    return json.dumps(whole).encode()


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.node.node.LARGE", 100)
    monkeypatch.setattr(bulk, "_PIECE", 7)


def test_in_pieces_and_at_once_give_the_same(make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> None:
    objects: list[object] = [indicator(n, object_marking_refs=[STATEMENT["id"]]) for n in range(30)] + [STATEMENT]
    answers = []
    for name, large in (("whole", 1 << 30), ("cut", 100)):
        monkeypatch.setattr("foedus.node.node.LARGE", large)
        monkeypatch.setattr(bulk, "_PIECE", 7)
        world = make_world(name)
        anna = world.person("anna", SECRET)
        report = world.node.ingest(anna, bundle(objects), "ALLIANCE RESTRICTED")
        page = world.node.view(anna, "t").page(PageQuery())
        answers.append((report.stored, report.labels, sorted(page.bodies)))
    assert answers[0] == answers[1]
    assert answers[0][0] == 31


def test_a_fault_anywhere_keeps_everything_out_and_names_its_place(world: World, pieces: None) -> None:
    anna = world.person("anna", SECRET)
    objects: list[object] = [indicator(n) for n in range(20)]
    objects[17] = {**indicator(17), "modified": "yesterday"}
    report = world.node.ingest(anna, bundle(objects), "ALLIANCE RESTRICTED")
    assert (report.stored, report.refused, [(f.index, f.path) for f in report.faults]) == (0, 20, [(17, "modified")])
    assert world.node.journal.size == 0
    seen: list[Progress] = []
    report = world.node.ingest(anna, bundle(objects), "ALLIANCE RESTRICTED", partial=True, on_progress=seen.append)
    assert (report.stored, report.refused, [f.index for f in report.faults]) == (19, 1, [17])
    assert [step.done for step in seen if step.stage == "storing"] == [7, 14, 20]


def test_the_container_is_read_strictly(world: World, pieces: None) -> None:
    anna = world.person("anna", SECRET)
    twice = bundle([indicator(1)])[:-1] + b', "objects": []}'
    for data in (twice, bundle([indicator(1)], id="nonsense")):
        report = world.node.ingest(anna, data, "ALLIANCE RESTRICTED")
        assert report.stored == 0 and report.faults, data[-40:]
    assert world.node.journal.size == 0


def test_what_is_torn_is_reported_not_raised(world: World, pieces: None) -> None:
    anna = world.person("anna", SECRET)
    report = world.node.ingest(anna, bundle([indicator(n) for n in range(9)])[:-50], "ALLIANCE RESTRICTED")
    assert report.stored == 0 and report.faults
