"""Neighbours pair each link with the record that states it, whatever is recalled while the answer is made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from foedus.node.answers import Found
from foedus.node.view import View
from tests.node.conftest import World, indicator

CENTRE = "malware--00000000-0000-4000-8000-00000000000a"


def _relationship(number: int, source: str) -> dict[str, Any]:
    return {
        "type": "relationship",
        "spec_version": "2.1",
        "id": f"relationship--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": "indicates",
        "source_ref": source,
        "target_ref": CENTRE,
    }


@pytest.mark.parametrize("withdrawn", [0, 1, 2, 3])
def test_a_recall_while_neighbours_are_read_misplaces_no_statement(
    world: World, monkeypatch: pytest.MonkeyPatch, withdrawn: int
) -> None:
    anna = world.person("anna", "ALLIANCE SECRET for FIN")
    sources = [indicator(number) for number in range(4)]
    stated = {str(source["id"]): _relationship(number, str(source["id"])) for number, source in enumerate(sources)}
    malware = {
        **{key: value for key, value in _relationship(9, "").items() if key in ("created", "modified", "spec_version")},
        "type": "malware",
        "id": CENTRE,
        "is_family": False,
    }
    world.node.ingest(anna, json.dumps({"objects": [malware, *sources, *stated.values()]}).encode(), "ALLIANCE SECRET")
    world.settle()
    gone = list(stated.values())[withdrawn]["id"]
    read = View.rows
    calls = []

    def recall_first(view: View, seqs: Sequence[int]) -> list[Found]:
        if not calls:
            calls.append(world.node.recall(anna, gone))
        return read(view, seqs)

    monkeypatch.setattr(View, "rows", recall_first)
    edges = world.node.view(anna, "test").neighbours(CENTRE).edges
    assert calls == [1]
    expected = {(source, CENTRE, one["id"]) for source, one in stated.items() if one["id"] != gone}
    assert {(edge.source, edge.target, edge.via) for edge in edges} == expected
