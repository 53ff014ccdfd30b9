"""Finding what is the same, and merging it on review."""

from __future__ import annotations

import random
import time

import pytest

from foedus.domains.intelligence.duplicates import Duplicates, Merge, Separate, duplicates, merge, separate
from foedus.domains.intelligence.similarity import candidates, exact_key

NOW = 1_780_000_000_000_000


def indicator(number: int, pattern: str, **more):
    return {"type": "indicator", "id": f"indicator--{number}", "pattern": pattern, "pattern_type": "stix", **more}


def test_exact_keys_see_through_writing():
    same = [
        indicator(1, "[domain-name:value = 'Evil.example']"),
        indicator(2, "[ domain-name:value='evil.example.' ]"),
    ]
    assert len({exact_key(r) for r in same}) == 1
    assert exact_key(indicator(3, "[file:name = 'a  b']")) != exact_key(indicator(4, "[file:name = 'a b']"))
    assert exact_key({"type": "url", "value": "HTTP://A.example/X"}) == exact_key(
        {"type": "url", "value": "http://a.example/X"}
    )
    assert exact_key({"type": "domain-name", "value": "evil.example"}) != exact_key(same[0])
    (pair,) = candidates(same)
    assert pair.kind == "exact" and pair.score == 100


def test_names_and_aliases_meet():
    found = candidates(
        [
            {"type": "threat-actor", "id": "threat-actor--1", "name": "Grey Harbour"},
            {"type": "intrusion-set", "id": "intrusion-set--1", "name": "UNC 7", "aliases": ["grey-harbour"]},
            {"type": "malware", "id": "malware--1", "name": "Grey Harbour"},
        ]
    )
    assert [(p.left, p.right, p.kind) for p in found] == [("intrusion-set--1", "threat-actor--1", "name")]


def texts(count: int, seed: int = 1, length: int = 150) -> list[dict]:
    """Random reports of which every tenth is the one before with a tenth of its words changed."""
    chance = random.Random(seed)
    vocabulary = [f"w{i}" for i in range(20_000)]
    made: list[dict] = []
    for i in range(count):
        text = made[-1]["description"].split() if i % 10 == 9 else chance.choices(vocabulary, k=length)
        if i % 10 == 9:
            for _ in range(length // 10):
                text[chance.randrange(length)] = chance.choice(vocabulary)
        made.append({"type": "report", "id": f"report--{i:06d}", "name": "Report", "description": " ".join(text)})
    return made


def test_near_duplicates_are_found_and_others_are_not():
    found = candidates(texts(2_000))
    planted = {(f"report--{i - 1:06d}", f"report--{i:06d}") for i in range(9, 2_000, 10)}
    pairs = {(p.left, p.right) for p in found}
    assert pairs <= planted
    assert len(pairs) >= 0.9 * len(planted)
    assert all(80 <= p.score < 100 for p in found)


@pytest.mark.slow
def test_twenty_thousand_reports_take_seconds():
    records = texts(20_000)
    begun = time.perf_counter()
    found = candidates(records)
    assert time.perf_counter() - begun < 15
    assert len(found) > 1_800


def test_many_equal_records_stay_linear():
    same = [{"type": "report", "id": f"report--{i:05d}", "name": "All the very same words here"} for i in range(5_000)]
    assert len(candidates(same)) == 4_999


def test_revoked_and_empty_records_are_left_alone():
    assert candidates([]) == []
    assert candidates([indicator(1, "[x:y = '1']"), indicator(2, "[x:y = '1']", revoked=True)]) == []
    assert candidates([{"type": "report", "id": "report--1"}, {"type": "note", "id": "note--1", "content": ""}]) == []


@pytest.fixture
def pair(memory):
    at = "2026-01-01T00:00:00.000Z"
    for number, more in ((1, {"aliases": ["A"]}), (2, {"description": "Known since May.", "labels": ["x"]})):
        memory.add(
            [
                {
                    "type": "malware",
                    "id": f"malware--{number}",
                    "name": "HarbourWorm",
                    "created": at,
                    "modified": at,
                    **more,
                }
            ]
        )
    return memory


def test_merge_and_undo_lose_nothing(pair):
    before = {k: pair.get(k) for k in ("malware--1", "malware--2")}
    (proposal,) = duplicates(pair, Duplicates(type="malware"), NOW)
    assert {proposal["left"], proposal["right"]} == set(before)
    out = pair.publish(merge(pair, Merge(keep="malware--1", duplicate="malware--2", reason="same hash"), NOW))
    assert out.sources == ("malware--1", "malware--2")
    assert {k: pair.get(k) for k in before} == before
    assert duplicates(pair, Duplicates(type="malware"), NOW) == []
    pair.publish(separate(pair, Separate(keep="malware--1", duplicate="malware--2"), NOW + 1))
    assert len(duplicates(pair, Duplicates(target="malware--2"), NOW)) == 1
    assert {k: pair.get(k) for k in before} == before


def test_combining_writes_what_both_have(pair):
    pair.publish(merge(pair, Merge(keep="malware--1", duplicate="malware--2", combine=True), NOW))
    kept = pair.get("malware--1")
    assert kept["aliases"] == ["A"] and kept["labels"] == ["x"] and kept["description"] == "Known since May."
    assert pair.get("malware--2")["modified"] == "2026-01-01T00:00:00.000Z"


def test_merges_that_make_no_sense_are_faults(pair):
    assert merge(pair, Merge(keep="malware--1", duplicate="malware--1"), NOW).faults[0].code == "same-record"
    from foedus.domains.intelligence.examples import EXAMPLES

    report = EXAMPLES["report"]["id"]
    assert merge(pair, Merge(keep="malware--1", duplicate=report), NOW).faults[0].code == "different-types"
    pair.publish(merge(pair, Merge(keep="malware--1", duplicate="malware--2"), NOW))
    assert merge(pair, Merge(keep="malware--1", duplicate="malware--2"), NOW).faults[0].code == "already-merged"
    assert merge(pair, Merge(keep="malware--2", duplicate="malware--1"), NOW).faults[0].code == "circle"
    assert separate(pair, Separate(keep="malware--2", duplicate="malware--1"), NOW).faults[0].code == "not-merged"
