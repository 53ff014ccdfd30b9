"""Observables may carry any property under any name, those that other objects have as times and references included."""

from __future__ import annotations

from typing import Any

from foedus.node.answers import PageQuery, SearchQuery
from tests.node.conftest import World
from tests.node.test_journey import LOW, bundle, ids

ODD: list[dict[str, Any]] = [
    {"modified": 5},
    {"modified": "2020-01-01T00:00:00.000Z"},
    {"created": "long ago", "modified": "2020-01-01T00:00:00.000Z"},
    {"created_by_ref": 7},
    {"created_by_ref": ["identity--f431f809-377b-45e0-aa1c-6a4751cae5ff"]},
    {"name": {"deep": ["words"]}, "description": 4, "labels": "one", "confidence": "high"},
    {"x_ref": 5, "x_refs": [1, "two", {}], "relationship_type": 3},
    {"pattern": 4, "title": True, "aliases": {"a": 1}, "external_references": "none"},
]


def test_they_are_kept_found_and_there_after_a_restart(world: World) -> None:
    anna = world.person("anna", LOW)
    records = {}
    for number, odd in enumerate(ODD):
        record = {
            "type": "domain-name",
            "spec_version": "2.1",
            "id": _id(number),
            "value": f"odd{number}.example",
            **odd,
        }
        if world.node.ingest(anna, bundle(record), "ALLIANCE UNCLASSIFIED", partial=True).stored:
            records[_id(number)] = record
    assert len(records) >= 6
    answers = []
    for _ in range(2):
        world.settle()
        view = world.node.view(anna, "test")
        assert set(ids(view.page(PageQuery()))) == set(records)
        for name, record in records.items():
            assert view.get(name).obj == record
            assert [hit.id for hit in view.search(SearchQuery(text=record["value"])).results] == [name]
        edges = [view.neighbours(name).edges for name in records]
        answers.append((view.page(PageQuery()).bodies, view.search(SearchQuery(text="odd*")).facets, edges))
        world.reopen()
        world.node.reindex()
    assert answers[0] == answers[1]


def _id(number: int) -> str:
    return f"domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f{number}"
