"""A manifest tells that records are there: that is a release, told apart from one of their bodies."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from foedus.kernel.errors import StorageFull
from foedus.node.answers import PageQuery
from tests.leaks.worlds import client
from tests.node.conftest import World, indicator

OBJECTS = "/taxii2/api/collections/everything/objects/"
MANIFEST = "/taxii2/api/collections/everything/manifest/"
LOW = "ALLIANCE UNCLASSIFIED for FIN"


@pytest.fixture
def filled(world: World) -> World:
    anna = world.person("anna", "ALLIANCE SECRET for FIN")
    world.person("bob", LOW, "reader")
    world.person("olga", LOW, "auditor")
    public = json.dumps({"objects": [indicator(number) for number in range(3)]}).encode()
    assert world.node.ingest(anna, public, "ALLIANCE UNCLASSIFIED").stored == 3
    hidden = json.dumps({"objects": [indicator(9)]}).encode()
    assert world.node.ingest(anna, hidden, "ALLIANCE SECRET").stored == 1
    return world


def _get(world: World, path: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with client(world, "bob") as session:
            return await session.get(path)

    return asyncio.run(ask())


def _log(world: World) -> list[tuple[object, object, object]]:
    notes = world.node.releases(world.node.access.local("olga"))
    return [(note["subject"], note["face"], note["count"]) for note in reversed(notes)]


def test_manifest_and_versions_are_in_the_release_log(filled: World) -> None:
    assert len(_get(filled, MANIFEST).json()["objects"]) == 3
    assert _get(filled, f"{OBJECTS}{indicator(1)['id']}/versions/").json()["versions"]
    assert _log(filled) == [("bob", "taxii-ids", 3), ("bob", "taxii-ids", 1)]
    assert len(_get(filled, OBJECTS).json()["objects"]) == 3
    assert _log(filled)[-1] == ("bob", "taxii", 3)


def test_who_has_seen_a_record_tells_ids_from_bodies(filled: World) -> None:
    _get(filled, MANIFEST)
    anna = filled.node.access.local("anna")
    view = filled.node.view(anna, "test")
    assert [(one.subject, one.face) for one in view.seen(str(indicator(1)["id"])) if one.subject == "bob"] == [
        ("bob", "taxii-ids")
    ]
    assert [one for one in view.seen(str(indicator(9)["id"])) if one.subject == "bob"] == []


def test_an_answer_without_ids_is_no_release(filled: World) -> None:
    for path in (f"{MANIFEST}?match[id]={indicator(9)['id']}", f"{OBJECTS}{indicator(9)['id']}/versions/"):
        _get(filled, path)
    assert _log(filled) == []


def test_a_body_in_the_same_request_is_recorded_besides_its_id(filled: World) -> None:
    view = filled.node.view(filled.node.access.local("bob"), "test")
    view.page(PageQuery(bodies=False))
    view.page(PageQuery())
    assert _log(filled) == [("bob", "test-ids", 3), ("bob", "test", 3)]


def test_ids_that_cannot_be_recorded_do_not_leave(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StorageFull("the disk is full")

    monkeypatch.setattr(filled.node.released.journal, "append", refuse)
    answer = _get(filled, MANIFEST)
    assert answer.status_code >= 500 and str(indicator(1)["id"]) not in answer.text
