"""Titles, readable bodies, snippets, prose, patterns and differences: pure, and safe as HTML whatever comes in."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from foedus.faces.web.difference import difference
from foedus.faces.web.prose import pattern, prose, safe_url
from foedus.faces.web.readable import Item, ids_in, sheet
from foedus.faces.web.sightings import summed
from foedus.faces.web.snippet import highlight, snippet
from foedus.faces.web.titles import title
from foedus.kernel.searchtext import parse
from foedus.node.answers import Seen

_leaf = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
_json = st.recursive(_leaf, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
_objects = st.dictionaries(
    st.text() | st.sampled_from(["type", "id", "name", "hashes", "pattern", "extensions"]), _json
)


@given(_objects)
def test_any_object_has_a_title_and_a_sheet_that_tells_everything(obj: dict[str, Any]) -> None:
    title(obj)
    body = sheet(obj)
    told = {i.name for i in body.facts} | {n for n, _ in body.lead}
    elsewhere = {
        "type", "id", "spec_version", "name", "created", "modified", "created_by_ref", "object_marking_refs",
        "external_references", "revoked", "extensions", "granular_markings", "lang",
    }  # fmt: skip
    lead = {"description", "content", "abstract", "explanation", "question", "statement", "opinion"}
    assert set(obj) - elsewhere - lead <= told


@given(st.text())
def test_prose_patterns_and_highlights_let_no_tag_through(text: str) -> None:
    for made in (
        prose(text + "<script>x</script>"),
        pattern(text + "<img src=x>"),
        highlight(text + "<b>", parse("b")),
    ):
        assert isinstance(made, Markup)
        assert "<script" not in made
        assert "<img" not in made
        assert "<b>" not in made


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil.example", "http:", "vbscript:x", " "],
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert safe_url(url) == ""
    assert "<a" not in prose(f"[text]({url})")


def test_prose_knows_paragraphs_lists_and_links() -> None:
    html = prose("One.\n\n* a\n* `b`\n\nSee [there](https://example.org/x?a=1&b=2).")
    assert html.count("<p>") == 2
    assert "<li>a</li><li><code>b</code></li>" in html
    assert 'href="https://example.org/x?a=1&amp;b=2" rel="noopener noreferrer nofollow"' in html


def test_a_pattern_is_coloured_by_part() -> None:
    html = pattern("[file:hashes.'SHA-256' = 'a<b'] FOLLOWEDBY [x:y > 3]")
    assert '<span class="pt-word">FOLLOWEDBY</span>' in html
    assert '<span class="pt-text">&#39;a&lt;b&#39;</span>' in html


def test_a_snippet_shows_the_hit_and_not_the_beginning() -> None:
    text = "Nothing here. " * 60 + "The Wätertreatment plant was probed. " + "More. " * 60
    shown = snippet({"type": "report", "description": text}, parse("watertreatment"))
    assert "<mark>Wätertreatment</mark>" in shown
    assert shown.startswith("… ")
    assert len(shown.striptags()) < 260


def test_titles_of_relationships_name_both_ends_where_they_can() -> None:
    obj = {
        "type": "relationship",
        "source_ref": "malware--1",
        "target_ref": "tool--2",
        "relationship_type": "related-to",
    }
    assert title(obj, {"malware--1": "Wiper"}.get) == "Wiper → related to → tool"


def test_timestamps_references_and_places_are_recognised() -> None:
    facts = {
        i.name: i
        for i in sheet(
            {
                "type": "location",
                "latitude": 60.1,
                "longitude": 24.9,
                "x_when": "2026-01-01T00:00:00.000Z",
                "x_who": "identity--00000000-0000-4000-8000-000000000001",
            }
        ).facts
    }
    assert facts["place"] == Item("place", "place", (60.1, 24.9))
    assert facts["x_when"].kind == "time"
    assert facts["x_who"].kind == "ref"


@given(_objects, _objects)
def test_a_difference_is_empty_only_between_equals(a: dict[str, Any], b: dict[str, Any]) -> None:
    a.pop("modified", None)
    b.pop("modified", None)
    assert difference(a, a) == []
    if json.dumps(a, sort_keys=True) != json.dumps(b, sort_keys=True):
        assert difference(a, b)


@given(st.text(alphabet="ab \n<"), st.text(alphabet="ab \n<"))
def test_the_pieces_of_a_text_put_both_versions_together_again(a: str, b: str) -> None:
    for change in difference({"description": a}, {"description": b}):
        assert "".join(t for op, t in change.pieces if op != "add") == a
        assert "".join(t for op, t in change.pieces if op != "cut") == b


def test_a_difference_names_what_came_and_went_in_lists_and_below() -> None:
    changes = difference(
        {"labels": ["a", "b"], "x": {"y": 1}, "old": 1, "modified": "1"},
        {"labels": ["b", "c"], "x": {"y": 2}, "new": 2, "modified": "2"},
    )
    by_path = {c.path: c for c in changes}
    assert set(by_path) == {"labels", "x.y", "old", "new"}
    assert (by_path["labels"].added, by_path["labels"].cut) == (("c",), ("a",))
    assert (by_path["old"].kind, by_path["new"].kind) == ("removed", "added")


def test_ids_are_found_however_deep() -> None:
    one = "report--00000000-0000-4000-8000-000000000001"
    assert list(ids_in({"a": [{"b": one}], "c": "report--x"})) == [one]


def test_releases_are_summed_by_person_and_face() -> None:
    found = summed([Seen("anna", "web", 1), Seen("anna", "web", 9), Seen("rolf", "taxii", 5)])
    assert [(s.subject, s.first, s.last) for s in found] == [("anna", 1, 9), ("rolf", 5, 5)]
