"""Counting independent origins; timelines."""

from __future__ import annotations

from itertools import permutations

import pytest

from foedus.domains.intelligence.origins import Origins, independent, origins
from foedus.domains.intelligence.timeline import Timeline, events, timeline
from foedus.kernel.errors import NotFound, Refused

NOW = 1_780_000_000_000_000
TEXT = "The relay in the port answered every night at the same minute until March"


def report(number: int, by: str = "", **more):
    at = f"2026-01-0{number}T00:00:00.000Z"
    source = {"created_by_ref": f"identity--{by}"} if by else {}
    return {"type": "report", "id": f"report--{number}", "created": at, "modified": at, **source, **more}


def count(records, derivations=()):
    found = independent(records, derivations)
    assert sorted(i for o in found for i in o.records) == sorted(r["id"] for r in records)
    return len(found)


def test_one_source_repeated_by_five_is_one():
    first = report(1, "a", name=TEXT)
    repeats = [
        report(n, by, name=f"Our own words {by} about it all") for n, by in zip(range(2, 7), "bcdef", strict=True)
    ]
    links = [(r["id"], "derived-from", first["id"]) for r in repeats]
    (origin,) = independent([first, *repeats], links)
    assert origin.source == "identity--a" and origin.first == first["id"] and len(origin.records) == 6
    assert {b.kind for b in origin.because} == {"derived-from"} and all(b.text["fr"] for b in origin.because)
    assert count([first, *repeats]) == 6


def test_the_order_of_records_changes_nothing():
    records = [report(1, "a", name=TEXT), report(2, "b", name=TEXT), report(3, "c"), report(4, "a"), report(5)]
    answers = {
        str(independent(list(order), [("report--3", "derived-from", "report--4")])) for order in permutations(records)
    }
    assert len(answers) == 1


def test_same_source_same_text_same_publication():
    assert count([report(1, "a"), report(2, "a")]) == 1
    assert count([report(1, "a", name=TEXT), report(2, "b", description=TEXT + "!")]) == 1
    assert count([report(1, "a", name=TEXT), report(2, "b", description=TEXT + " in fact")]) == 1
    cited = [{"source_name": "press", "url": "https://press.example/1#top"}]
    assert count([report(1, "a", external_references=cited), report(2, "b", external_references=cited)]) == 1
    assert count([report(1, "a"), report(2, "b")]) == 2


def test_catalogues_and_short_texts_do_not_make_records_one():
    cve = [{"source_name": "cve", "external_id": "CVE-2021-44228"}]
    attack = [{"source_name": "mitre-attack", "external_id": "T1059"}]
    assert count([report(1, "a", external_references=cve), report(2, "b", external_references=cve)]) == 2
    assert count([report(1, "a", external_references=attack), report(2, "b", external_references=attack)]) == 2
    assert count([report(1, "a", name="TideLock again"), report(2, "b", name="TideLock again")]) == 2


def test_equal_patterns_corroborate():
    one = {"type": "indicator", "pattern": "[ipv4-addr:value = '203.0.113.7']", "pattern_type": "stix"}
    pair = [{**one, "id": f"indicator--{n}", "created_by_ref": f"identity--{n}"} for n in "ab"]
    assert count(pair) == 2


def test_repeating_somebody_does_not_tie_ones_own_work_to_them():
    own, repeat, other = report(1, "c"), report(2, "c"), report(3, "d")
    assert count([own, repeat, other], [(repeat["id"], "derived-from", other["id"])]) == 2


def test_unnamed_sources_count_once_and_unseen_ones_for_themselves():
    assert count([report(1), report(2)]) == 1
    assert count([report(1, "a"), report(2)]) == 2
    links = [("report--1", "derived-from", "report--8"), ("report--2", "derived-from", "report--8")]
    (origin,) = independent([report(1, "a"), report(2, "b")], links)
    assert origin.first == "report--8" and origin.source == ""


def test_who_saw_it_counts_and_not_who_passed_it_on():
    seen = {"type": "sighting", "sighting_of_ref": "malware--1"}
    passed = [
        {**seen, "id": f"sighting--{by}", "created_by_ref": f"identity--{by}", "where_sighted_refs": ["identity--x"]}
        for by in "ab"
    ]
    assert count(passed) == 1
    passed[1]["where_sighted_refs"] = ["identity--y"]
    assert count(passed) == 2


def test_circles_do_not_hang():
    links = [("report--1", "derived-from", "report--2"), ("report--2", "derived-from", "report--1")]
    assert count([report(1, "a"), report(2, "b")], links) == 1


def test_the_query_sees_only_what_the_reader_sees(memory):
    target = next(i for i in memory.records if i.startswith("malware--"))
    one, two = (report(n, by, object_refs=[target], name=f"Words of {by}") for n, by in ((1, "a"), (2, "b")))
    memory.add([one, two])
    whole = origins(memory, Origins(target=target), NOW)
    assert whole["independent"] == len(whole["origins"])
    assert whole["records"] == sum(len(o.records) for o in whole["origins"])
    copy = {
        "type": "relationship",
        "id": "relationship--1",
        "relationship_type": "derived-from",
        "source_ref": two["id"],
        "target_ref": one["id"],
    }
    memory.add([copy])
    assert origins(memory, Origins(target=target), NOW)["independent"] == whole["independent"] - 1
    memory.add([{**copy, "revoked": True}])
    assert origins(memory, Origins(target=target), NOW)["independent"] == whole["independent"]
    with pytest.raises(NotFound):
        origins(memory, Origins(target="malware--0"), NOW)


def test_events_are_sorted_and_keep_their_zone():
    found = events(
        [
            {
                "type": "campaign",
                "id": "campaign--1",
                "name": "Grey Harbour",
                "first_seen": "2026-01-01T02:00:00+02:00",
                "last_seen": "2026-02-01T00:00:00Z",
                "created": "2026-01-15T00:00:00Z",
                "modified": "2026-01-15T00:00:00Z",
            },
            {"type": "indicator", "id": "indicator--1", "valid_from": "2026-01-01T00:30:00Z", "valid_until": "never"},
        ]
    )
    assert [e.property for e in found] == ["first_seen", "valid_from", "created", "last_seen"]
    assert found[0].written == "2026-01-01T02:00:00+02:00" and found[0].zone == 120 and found[1].zone == 0
    assert found[0].title["fr"] == "première observation" and found[0].summary == "Grey Harbour"


def test_the_timeline_query(memory):
    target = next(i for i in memory.records if i.startswith("indicator--"))
    found = timeline(memory, Timeline(target=target), NOW)
    assert {"valid_from", "first_seen", "published"} <= {e.property for e in found}
    assert [e.at for e in found] == sorted(e.at for e in found)
    assert "created" in {e.property for e in timeline(memory, Timeline(administrative=True), NOW)}
    assert timeline(memory, Timeline(before="2000"), NOW) == []
    assert {e.type for e in timeline(memory, Timeline(type="campaign"), NOW)} == {"campaign"}
    assert len(timeline(memory, Timeline(limit=1), NOW)) == 1
    with pytest.raises(Refused):
        timeline(memory, Timeline(after="soon"), NOW)
