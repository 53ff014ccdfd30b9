"""A marking that is known gets a further definition: it can only narrow, at once and for good, and that is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from foedus.kernel.errors import NotFound
from foedus.node.answers import PageQuery, SearchQuery
from foedus.node.subject import Subject
from tests.node.conftest import World, indicator
from tests.node.test_definitions import OTHER, statement, tlp

PUBLIC = "ALLIANCE UNCLASSIFIED"


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


@pytest.fixture
def low(world: World) -> Subject:
    return world.person("lena", f"{PUBLIC} for FIN")


@pytest.fixture
def red(world: World) -> Subject:
    return world.person("rita", f"{PUBLIC} for FIN + TLP RED")


def _send(world: World, subject: Subject | None, *objects: dict[str, Any], label: str = PUBLIC) -> None:
    world.clock.tick()
    report = world.node.ingest(subject, json.dumps({"objects": objects}).encode(), label)
    assert not report.faults, report.faults
    world.clock.tick()


def _marked(number: int, **more: object) -> dict[str, Any]:
    return indicator(number, name=f"harbour {number}", object_marking_refs=[OTHER], **more)


def _times(world: World, subject: Subject) -> dict[str, int]:
    page = world.node.view(subject, "test").page(PageQuery(bodies=False))
    return {head.id: head.released for head in page.heads}


def _changes(world: World) -> list[tuple[str, object]]:
    return [(change.actor, change.detail) for change in world.node.accounts.log() if change.action == "marking"]


def test_records_marked_before_leave_every_answer(world: World, low: Subject, red: Subject) -> None:
    _send(world, red, tlp(OTHER, "clear"), _marked(1), indicator(2, name="harbour 2"))
    world.settle()
    view = world.node.view(low, "test")
    assert (view.count(), view.search(SearchQuery("harbour")).total) == (3, 2)
    _send(world, red, tlp(OTHER, "red"))
    world.settle()
    for _ in range(2):
        view = world.node.view(low, "test")
        answer = view.search(SearchQuery("harbour"))
        assert [one.id for one in answer.results] == [indicator(2)["id"]]
        assert answer.facets["type"][0].count == 1 and answer.total == 1
        assert _marked(1)["id"] not in _times(world, low)
        assert not view.many([str(_marked(1)["id"])])
        with pytest.raises(NotFound):
            view.neighbours(str(_marked(1)["id"]))
        assert world.node.view(red, "test").get(str(_marked(1)["id"]))
        world.reopen()
        world.settle()


def test_who_still_may_see_them_notices_nothing(world: World, low: Subject, red: Subject) -> None:
    """Their times stay, so that no poller gets them twice; the same after a restart and after a rebuild."""
    _send(world, red, tlp(OTHER, "clear"), *(_marked(n) for n in range(5)), indicator(9))
    before = _times(world, red)
    others = {key: at for key, at in _times(world, low).items() if key == indicator(9)["id"]}
    _send(world, red, tlp(OTHER, "red"), label="TLP:RED")
    after = _times(world, red)
    assert {key: at for key, at in after.items() if key != OTHER} == {k: at for k, at in before.items() if k != OTHER}
    assert {key: at for key, at in _times(world, low).items() if key == indicator(9)["id"]} == others
    world.reopen()
    assert _times(world, red) == after
    world.node.reindex()
    assert _times(world, red) == after


def test_it_is_in_the_administrative_log_with_who_sent_it(world: World, low: Subject, red: Subject) -> None:
    _send(world, low, tlp(OTHER, "clear"), _marked(1))
    assert _changes(world) == []
    _send(world, low, {**tlp(OTHER, "clear"), "name": "the same in other words"})
    assert _changes(world) == []
    _send(world, red, tlp(OTHER, "red"))
    _send(world, None, tlp(OTHER, "green"))
    first, second = {"was": ["TLP:CLEAR"], "now": ["TLP:CLEAR", "TLP:RED"]}, {"was": ["TLP:CLEAR", "TLP:RED"]}
    assert _changes(world) == [
        ("@command-line", {"id": OTHER, **second, "now": ["TLP:CLEAR", "TLP:RED", "TLP:GREEN"]}),
        ("rita", {"id": OTHER, **first}),
    ]
    world.reopen()
    assert len(_changes(world)) == 2


def test_it_is_in_the_log_before_it_counts(world: World, low: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    _send(world, low, tlp(OTHER, "clear"), _marked(1))

    def refuse(*_: object) -> None:
        raise OSError("the disk is full")

    size = world.node.journal.size
    monkeypatch.setattr(world.node.accounts, "record", refuse)
    with pytest.raises(OSError, match="full"):
        _send(world, low, tlp(OTHER, "red"))
    assert world.node.journal.size == size
    assert world.node.view(low, "test").get(str(_marked(1)["id"]))


def test_each_definition_is_in_the_journal(world: World, low: Subject, red: Subject) -> None:
    _send(world, low, tlp(OTHER, "clear"))
    _send(world, red, tlp(OTHER, "red"))
    bodies = [entry.body for entry in world.node.journal.scan() if OTHER.encode() in entry.body]
    assert len(bodies) == 2 and b'"clear"' in bodies[0] and b'"red"' in bodies[1]


def test_who_saw_them_before_stays_in_the_release_log(world: World, low: Subject, red: Subject) -> None:
    _send(world, red, tlp(OTHER, "clear"), _marked(1))
    stix_id = str(_marked(1)["id"])
    world.node.view(low, "web").get(stix_id)
    _send(world, red, tlp(OTHER, "red"))
    assert ("lena", "web") in [(one.subject, one.face) for one in world.node.view(red, "test").seen(stix_id)]
    with pytest.raises(NotFound):
        world.node.view(low, "test").seen(stix_id)


def test_a_definition_that_nobody_understands_hides_from_everybody(world: World, low: Subject, red: Subject) -> None:
    _send(world, red, tlp(OTHER, "clear"), _marked(1))
    strange = {
        "extensions": {
            "extension-definition--00000000-0000-4000-8000-0000000000bb": {
                "extension_type": "property-extension",
                "limit": 1,
            }
        }
    }
    _send(world, low, {**{k: v for k, v in tlp(OTHER, "clear").items() if k != "extensions"}, **strange})
    _send(world, red, tlp(OTHER, "clear"))
    for subject in (low, red):
        assert _marked(1)["id"] not in _times(world, subject)
    assert [change["now"] for _, change in _changes(world)] == [["unknown"]]  # type: ignore[index]


def test_the_labels_of_one_marking_are_bounded(world: World) -> None:
    """Beyond the bound it denies: nobody makes a decision dear by sending definition after definition."""
    registry = world.node.registry
    for number in range(40):
        value = {"statement": "x"} if number % 2 else {"tlp": "red"}
        kind = "statement" if number % 2 else "tlp"
        registry.learn(
            {"type": "marking-definition", "id": OTHER, "definition_type": kind, "definition": value}, number
        )
    sense = registry.meaning_of(OTHER)
    assert sense is not None and len(sense.labels) == 1
    for number in range(40):
        information = {"classification": "U", "control": f"C{number}"}
        acs = {"extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce": {"control_set": information}}
        registry.learn({"type": "marking-definition", "id": OTHER, "extensions": acs}, 100 + number)
    sense = registry.meaning_of(OTHER)
    assert sense is not None and sense.means.value == "unknown" and "16" in sense.reason
    assert registry.edition <= 20


def test_what_came_in_under_a_statement_keeps_the_label_it_was_given(world: World, low: Subject, red: Subject) -> None:
    """A statement says nothing on who may read: the label given does. A limit added later holds from then on."""
    _send(world, low, statement(OTHER), _marked(1))
    _send(world, red, tlp(OTHER, "red"))
    _send(world, red, _marked(2))
    for _ in range(2):
        seen = _times(world, low)
        assert _marked(1)["id"] in seen and _marked(2)["id"] not in seen
        world.reopen()
    assert [(by, change["was"]) for by, change in _changes(world)] == [("rita", ["no-restriction"])]  # type: ignore[index]
