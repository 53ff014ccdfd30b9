"""Reading a search and matching single records against it."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.kernel.errors import Refused
from foedus.kernel.searchtext import SearchText, encoded_words, matches, parse, when, words

REPORT = {
    "type": "report",
    "id": "report--84e4d88f-44ea-4bcd-bbf3-b2c1c320bcb3",
    "created": "2026-02-01T08:00:00.000Z",
    "modified": "2026-02-03T08:00:00.000Z",
    "name": "Opération contre la station de traitement d'eau",
    "description": "Beacon to 203.0.113.7 and evil.example, seen by the SCADA watch.",
    "labels": ["water", "ics"],
    "created_by_ref": "identity--f431f809-377b-45e0-aa1c-6a4751cae5ff",
}


def found(text: str) -> bool:
    return matches(parse(text), REPORT, originator="FIN", marking="NATO SECRET Releasable to Japan")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "operation",
        "OPÉRATION eau",
        '"traitement d\'eau"',
        "scad* beac*",
        "203.0.113.7",
        "203.0.113",
        "evil.example",
        "water -fire",
        "type:report,indicator",
        "TYPE:report originator:fin",
        'label:"nato secret"',
        "label:japan",
        "-type:indicator",
        "after:2026-02 before:2026-03",
        "after:2026-02-03T09:00:00+01:00",
        '-"eau traitement"',
        "-scadb*",
    ],
)
def test_holds(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "operations",
        '"eau traitement"',
        "scadb*",
        "-scad*",
        "7.203",
        "-water",
        '-"d eau"',
        "type:indicator",
        "originator:SWE",
        "-originator:FIN",
        'label:"NATO CONFIDENTIAL"',
        "before:2026-02-03T08:00:00Z",
        "after:2026-02-04",
        "431f809",
    ],
)
def test_fails(text: str) -> None:
    assert not found(text)


def test_phrases_do_not_run_from_one_property_into_the_next() -> None:
    assert not matches(parse('"water ics"'), REPORT)


def test_a_pasted_address_is_words_and_no_filter() -> None:
    assert parse("http://evil.example/x").phrases == (("http", "evil", "example", "x"),)
    assert not parse("http://evil.example/x").filters


def test_a_record_without_time_answers_no_bound() -> None:
    address = {"type": "ipv4-addr", "id": "ipv4-addr--x", "value": "203.0.113.7"}
    assert matches(parse("203.0.113.7"), address)
    assert not matches(parse("203.0.113.7 after:1970"), address)
    assert not matches(parse("203.0.113.7 before:2100"), address)


@pytest.mark.parametrize("text", ["after:soon", "before:2026-13", "-after:2026", "type:,", "a " * 17, "x" * 513])
def test_refused_with_the_reason(text: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(text)
    assert caught.value.faults[0].message


def test_limits_are_those_given() -> None:
    with pytest.raises(Refused):
        parse("a b", Limits(max_search_terms=1))


@given(st.text(max_size=500))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        search = parse(text, Limits(max_search_terms=600))
    except Refused:
        return
    assert isinstance(search, SearchText)
    matches(search, REPORT)


@given(st.lists(st.sampled_from(["Ä", "b", " ", "ß", "-", "_", "1", "İ", "ﬁ"]), max_size=20))
def test_words_are_stable_under_folding(letters: list[str]) -> None:
    text = "".join(letters)
    assert words(" ".join(words(text))) == words(text)


def test_when() -> None:
    assert when("1970-01-02") == 86_400_000_000
    assert when("1970-01-01T00:00:00.000001Z") == 1
    assert when("1969") == -31_536_000_000_000
    assert when("nonsense") is None


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=40) | st.text("aB1 _-.é\u0301 \u00a8\u00b5\ufb01ßΣς中\u2028\x85\xa0İ", max_size=40))
@example("x" * 80 + "é" * 80)
def test_words_in_utf_8_are_the_same_words(text: str) -> None:
    if any("\ud800" <= c <= "\udfff" for c in text):
        return
    assert encoded_words(text) == [word.encode() for word in words(text)]
