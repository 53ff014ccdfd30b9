"""What the benchmarks' clients believe, and what they refuse to believe."""

from __future__ import annotations

import json

import pytest
from benchmarks.http_load import Answer, LoadFault
from benchmarks.search import check, path_in, searches
from benchmarks.taxii_clients import check_status, cursor_in
from hypothesis import given
from hypothesis import strategies as st

TRAP = {"id": "note--1", "content": '"more": true, "next": "wrong"', "labels": ["a", "b"]}


@pytest.mark.parametrize("count", [0, 1, 40])
@pytest.mark.parametrize(
    "order", [("more", "next", "objects"), ("objects", "next", "more"), ("more", "objects", "next")]
)
def test_the_cursor_is_found_wherever_it_stands(order: tuple[str, ...], count: int) -> None:
    parts = {"more": True, "next": "2026|note--1", "objects": [TRAP] * count}
    body = json.dumps({name: parts[name] for name in order}).encode()
    assert cursor_in(body) == "2026|note--1"


@given(st.lists(st.dictionaries(st.text(), st.text() | st.lists(st.text())), max_size=30), st.booleans())
def test_objects_never_pass_for_the_cursor(objects: list[object], spaced: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    whole = {"more": False, "objects": [TRAP, *objects, TRAP]}
    assert cursor_in(json.dumps(whole, separators=separators).encode()) is None


def test_more_without_a_cursor_is_a_fault() -> None:
    with pytest.raises(LoadFault):
        cursor_in(b'{"more": true, "objects": []}')


def test_a_status_must_count_every_object() -> None:
    def said(success: int, failure: int) -> Answer:
        return Answer(202, {}, json.dumps({"success_count": success, "failure_count": failure}).encode(), 0.0)

    check_status(said(3, 0), 3)
    for wrong in (said(2, 1), said(2, 0), said(3, 1)):
        with pytest.raises(LoadFault):
            check_status(wrong, 3)


def test_searches_are_counted_from_the_load() -> None:
    texts = ["the lateral movement of malware", "lateral movement, uncommonly", "lateral movement"]
    found = searches(json.dumps({"description": text}).encode() for text in texts)
    assert found.rare == ("uncommonly",)
    assert set(found.common[:2]) == {"lateral", "movement"}
    assert found.phrase[0] == '"lateral movement"'


def test_the_search_is_found_in_the_openapi_document() -> None:
    get = {"parameters": [{"name": "limit"}, {"name": "q"}]}
    document = {"paths": {"/api/v1/saved/search/of/mine": {}, "/api/search": {"post": {}, "get": get}}}
    assert path_in(document) == "/api/search?q="
    with pytest.raises(LoadFault):
        path_in({"paths": {"/api/search": {"post": get}}})


def test_results_without_the_word_are_a_fault() -> None:
    check('"lateral movement"', {"results": [{"name": "Movement, lateral"}]})
    for wrong in ({"results": []}, {"results": [{"name": "other"}]}, {"count": 3}):
        with pytest.raises(LoadFault):
            check("lateral", wrong)
