"""Who is cleared for a label is told to those who publish, and only for labels that they may read themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from foedus.faces.http import api
from tests.leaks.worlds import client
from tests.node.conftest import World

SECRET, LOW = "ALLIANCE SECRET", "ALLIANCE UNCLASSIFIED"


@pytest.fixture
def people(world: World) -> World:
    world.person("anna", f"{SECRET} for FIN", "analyst")
    world.person("bob", f"{LOW} for FIN", "analyst")
    world.person("rita", f"{SECRET} for FIN", "reader")
    world.person("olga", f"{SECRET} for FIN", "auditor")
    world.person("adam", "", "administrator")
    return world


def _check(world: World, name: str, label: str, scopes: set[str] | None = None) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with client(world, name) as session:
            if scopes is not None:
                account = world.node.accounts.get(name)
                token, _ = world.node.accounts.tokens.create(account.id, "narrow", scopes)
                session.headers["authorization"] = f"Bearer {token}"
            answer = await session.post("/api/labels/check", json={"label": label})
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

    return asyncio.run(ask())


def test_a_publisher_sees_the_audience_of_what_they_may_read(people: World) -> None:
    assert _check(people, "anna", SECRET)["audience"] == {"accounts": ["anna", "olga", "rita"], "count": 3}
    assert _check(people, "anna", LOW)["audience"] == {"accounts": ["anna", "bob", "olga", "rita"], "count": 4}
    assert _check(people, "bob", LOW)["audience"]["count"] == 4


def test_nobody_learns_who_is_cleared_for_what_they_may_not_read_themselves(people: World) -> None:
    for label in (SECRET, "ALLIANCE TOP SECRET", f"{SECRET} Releasable to Sweden", "TLP:RED"):
        answer = _check(people, "bob", label)
        assert answer["visible_to_you"] is False and "audience" not in answer


def test_the_answer_does_not_depend_on_who_else_is_cleared(people: World) -> None:
    before = _check(people, "bob", SECRET)
    people.person("sven", f"{SECRET} for FIN")
    assert _check(people, "bob", SECRET) == before


@pytest.mark.parametrize("name", ["rita", "olga", "adam"])
def test_who_may_not_publish_is_told_of_nobody(people: World, name: str) -> None:
    for label in (LOW, SECRET, "TLP:CLEAR"):
        assert "audience" not in _check(people, name, label)


def test_a_token_that_may_only_read_is_told_of_nobody(people: World) -> None:
    assert "audience" not in _check(people, "anna", LOW, {"read"})
    assert "audience" in _check(people, "anna", LOW, {"read", "publish"})


def test_the_names_are_bounded_and_the_count_is_of_all(people: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_NAMES", 2)
    assert _check(people, "anna", LOW)["audience"] == {"accounts": ["anna", "bob"], "count": 4}


def test_a_label_is_decided_once_for_each_clearance_not_for_each_person(
    people: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        people.person(f"p{number}", f"{LOW} for FIN")
    registry, asked = people.node.registry, []
    permits = registry.permits

    def counted(*given: Any) -> bool:
        asked.append(given)
        return permits(*given)

    monkeypatch.setattr(registry, "permits", counted)
    found = people.node.label_audience(people.node.read_label(LOW), people.node.access.local("anna"))
    assert found is not None and found["count"] == 24
    assert len(asked) == 3  # SECRET, UNCLASSIFIED, none


def test_the_label_picker_says_no_more(people: World) -> None:
    from foedus.kernel.label import Label

    label: Label = people.node.read_label(SECRET)
    assert people.node.label_audience(label, people.node.access.local("bob")) is None
    assert people.node.label_audience(label, people.node.access.local("rita")) is None
