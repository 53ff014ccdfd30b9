"""Gradings: what is written, read, shown and refused."""

from __future__ import annotations

import pytest

from foedus.domains.intelligence import grading as g
from foedus.domains.intelligence.examples import EXAMPLES

NOW = 1_780_000_000_000_000
REPORT, IDENTITY, LOCATION = (EXAMPLES[k]["id"] for k in ("report", "identity", "location"))


def test_shown_as_people_write_it():
    assert g.display(g.read(EXAMPLES["report"])) == "B2"
    assert g.display(g.read(EXAMPLES["identity"])) == "B–"
    assert g.display(g.Grading(credibility=6)) == "–6"
    assert g.display(g.read(EXAMPLES["note"])) == ""
    assert g.explain(g.Grading("A", 1), "fr") == "Totalement fiable; Confirmé par d'autres sources"


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ({"source_reliability": "G"}, "invalid-reliability"),
        ({"source_reliability": ["A"]}, "invalid-reliability"),
        ({"information_credibility": 0}, "invalid-credibility"),
        ({"information_credibility": "2"}, "invalid-credibility"),
        ({"information_credibility": True}, "invalid-credibility"),
        ({}, "empty-grading"),
        ("B2", "invalid-grading"),
    ],
)
def test_faults(part, code):
    record = {**EXAMPLES["report"], "extensions": {g.EXTENSION: part}}
    assert code in {f.code for f in g.check(record)}
    assert not g.read(record)


def test_a_source_has_no_credibility(memory):
    out = g.grade(memory, g.Grade(target=IDENTITY, reliability="A", credibility=1), NOW)
    assert [f.code for f in out.faults] == ["misplaced-credibility"]
    memory.publish(g.grade(memory, g.Grade(target=IDENTITY, reliability="C"), NOW))
    assert g.display(g.read(memory.get(IDENTITY))) == "C–"


def test_others_grade_in_a_note(memory):
    before = memory.get(REPORT)
    out = memory.publish(g.grade(memory, g.Grade(target=REPORT, reliability="D", credibility=4, in_note=True), NOW))
    assert [r["type"] for r in out.records] == ["note"] and memory.get(REPORT) == before
    lines = g.gradings(memory, g.Gradings(target=REPORT), NOW)
    assert [(line["basis"], line["grading"]) for line in lines] == [("record", "B2"), ("note", "D4")]


def test_what_cannot_be_graded(memory):
    assert g.grade(memory, g.Grade(target=LOCATION, reliability="A"), NOW).faults[0].code == "not-gradable"
    assert g.grade(memory, g.Grade(target=REPORT), NOW).faults[0].code == "empty-grading"


def test_other_extensions_stay(memory):
    memory.records[REPORT]["extensions"]["extension-definition--x"] = {"extension_type": "property-extension", "y": 1}
    memory.publish(g.grade(memory, g.Grade(target=REPORT, reliability="A"), NOW))
    assert memory.get(REPORT)["extensions"]["extension-definition--x"]["y"] == 1
