"""Requests for information, walked from asked to closed."""

from __future__ import annotations

import pytest

from foedus.domains.intelligence import request_verbs as rv
from foedus.domains.intelligence.examples import EXAMPLES
from foedus.domains.intelligence.requests import TYPE, WORKFLOW, check, state
from foedus.kernel.errors import NotFound

NOW = 1_780_000_000_000_000
SECOND = 1_000_000
REPORT, NOTE, IDENTITY = (EXAMPLES[k]["id"] for k in ("report", "note", "identity"))


def ask(memory, **more):
    out = memory.publish(rv.ask(memory, rv.Ask(question="Where?", **more), NOW))
    (record,) = out.records
    return record["id"]


def test_the_whole_way(memory):
    own = ask(memory, about=[REPORT], asked_of=[IDENTITY], needed_by="2026-07-01")
    assert check(memory.get(own)) == []
    assert state(memory, memory.get(own)) == "asked"
    memory.publish(rv.assign(memory, rv.Assign(request=own, assignee=IDENTITY), NOW + SECOND))
    assert memory.get(own)["assigned_to_ref"] == IDENTITY
    out = memory.publish(rv.answer(memory, rv.Answer(request=own, answers=[REPORT, NOTE]), NOW + 2 * SECOND))
    assert {r["type"] for r in out.records} == {"relationship"} and set(out.sources) == {own, REPORT, NOTE}
    assert memory.get(own)["state"] == "assigned" and state(memory, memory.get(own)) == "answered"
    memory.publish(rv.close(memory, rv.Close(request=own, outcome="partly-satisfied"), NOW + 3 * SECOND))
    assert memory.get(own)["state"] == "closed"
    memory.publish(rv.reopen(memory, rv.Reopen(request=own, reason="It was the other port."), NOW + 4 * SECOND))
    assert state(memory, memory.get(own)) == "asked", "answers from before count no longer"
    assert "outcome" not in memory.get(own) and "assigned_to_ref" not in memory.get(own)
    memory.publish(rv.answer(memory, rv.Answer(request=own, answers=[REPORT]), NOW + 5 * SECOND))
    assert state(memory, memory.get(own)) == "answered"


def test_who_does_not_see_the_answer_sees_the_request_open(memory):
    own = ask(memory)
    out = memory.publish(rv.answer(memory, rv.Answer(request=own, answers=[REPORT]), NOW + SECOND))
    for record in out.records:
        del memory.records[record["id"]]
    (line,) = [e for e in rv.requests(memory, rv.Requests(), NOW) if e["id"] == own]
    assert line["state"] == "asked" and line["answers"] == []


def test_a_step_that_the_table_does_not_have_is_a_fault(memory):
    own = ask(memory)
    (fault,) = rv.close(memory, rv.Close(request=own), NOW).faults
    assert fault.code == "wrong-state" and "assign" in fault.message
    memory.publish(rv.withdraw(memory, rv.Withdraw(request=own, reason="Found it."), NOW + SECOND))
    for out in (
        rv.assign(memory, rv.Assign(request=own, assignee=IDENTITY), NOW),
        rv.answer(memory, rv.Answer(request=own, answers=[REPORT]), NOW),
        rv.withdraw(memory, rv.Withdraw(request=own, reason="again"), NOW),
    ):
        assert out.faults and not out.records


def test_what_is_not_a_request_is_not_found(memory):
    for stix_id in (REPORT, f"{TYPE}--00000000-0000-4000-8000-000000000000", "nonsense"):
        with pytest.raises(NotFound):
            rv.close(memory, rv.Close(request=stix_id), NOW)
    with pytest.raises(NotFound):
        rv.ask(memory, rv.Ask(question="?", about=["report--00000000-0000-4000-8000-000000000000"]), NOW)


def test_wrong_commands_are_faults(memory):
    own = ask(memory)
    assert rv.ask(memory, rv.Ask(question="?", needed_by="soon"), NOW).faults[0].code == "invalid-timestamp"
    assert rv.ask(memory, rv.Ask(question="?", needed_by="2001"), NOW).faults[0].code == "too-late"
    assert rv.assign(memory, rv.Assign(request=own, assignee=REPORT), NOW).faults[0].code == "invalid-reference"
    assert rv.answer(memory, rv.Answer(request=own, answers=[IDENTITY]), NOW).faults[0].code == "invalid-answer"
    memory.publish(rv.answer(memory, rv.Answer(request=own, answers=[REPORT]), NOW))
    assert rv.answer(memory, rv.Answer(request=own, answers=[REPORT]), NOW).faults[0].code == "already-answered"


def test_versions_go_forward_even_where_the_clock_does_not(memory):
    own = ask(memory)
    before = memory.get(own)["modified"]
    memory.publish(rv.assign(memory, rv.Assign(request=own, assignee=IDENTITY), NOW - 10 * SECOND))
    assert memory.get(own)["modified"] > before


def test_the_list_is_sorted_by_urgency_and_names_next_steps(memory):
    slow, fast = ask(memory, needed_by="2026-12-01"), ask(memory, priority="flash")
    lines = [e for e in rv.requests(memory, rv.Requests(), NOW) if e["id"] in (slow, fast)]
    assert [e["id"] for e in lines] == [fast, slow]
    assert lines[0]["actions"] == ["assign", "answer", "withdraw"]
    late = rv.requests(memory, rv.Requests(overdue=True), NOW + 10**15)
    assert slow in [e["id"] for e in late] and fast not in [e["id"] for e in late]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "missing-property"),
        ({"state": "answered"}, "invalid-state"),
        ({"state": "assigned"}, "missing-property"),
        ({"state": "closed"}, "missing-property"),
        ({"priority": "now"}, "invalid-priority"),
        ({"needed_by": "2026-01-01"}, "invalid-timestamp"),
        ({"asked_of_refs": ["report--x"]}, "invalid-reference"),
        ({"object_refs": "report--x"}, "invalid-reference"),
        ({"extensions": {}}, "missing-extension"),
    ],
)
def test_faults_of_a_request(change, code):
    assert code in {f.code for f in check({**EXAMPLES[TYPE], **change})}


def test_the_table_ends_where_it_should():
    assert WORKFLOW.states == {"asked", "assigned", "answered", "closed", "withdrawn"}
    assert {s.target for s in WORKFLOW.steps if s.action == "reopen"} == {"asked"}
