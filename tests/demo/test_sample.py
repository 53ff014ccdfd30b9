"""The sample coalition: valid STIX, clearly invented where it is, and different for each person."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from foedus.domains.intelligence.origins import independent
from foedus.domains.intelligence.similarity import candidates
from foedus.faces.cli.sample import FACTS_AT, INVENTED, Sample, objects, read_sample
from foedus.kernel.labelcheck import check
from foedus.node.setup import own_policies

# RFC 5737 and RFC 2606: what stands in documentation and belongs to nobody
DOCUMENTATION = re.compile(r"192\.0\.2\.\d+|198\.51\.100\.\d+|203\.0\.113\.\d+")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return read_sample()


@pytest.fixture(scope="module")
def everything(sample: Sample) -> list[dict[str, Any]]:
    return list(objects(sample.batches))


@pytest.fixture(scope="module")
def scenario(everything: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in everything if "exercise" in one["labels"]]


def test_the_official_validator_finds_no_broken_must(everything: list[dict[str, Any]]) -> None:
    validator = pytest.importorskip("stix2validator")
    options = validator.ValidationOptions(version="2.1", disabled="all", silent=True)
    found = validator.validate_instance({"type": "bundle", "id": _BUNDLE, "objects": everything}, options)
    assert found.is_valid, [str(error) for error in found.errors]


_BUNDLE = "bundle--0d5e8a2e-52a7-4d0e-9f26-94a1c2f6f8d1"


def test_every_object_is_a_public_fact_or_says_that_it_is_invented(everything: list[dict[str, Any]]) -> None:
    for one in everything:
        words = " ".join(str(one.get(name, "")) for name in ("description", "content", "explanation"))
        if "exercise" in one["labels"]:
            assert any(sentence in words for sentence in INVENTED.values()), one["id"]
        else:
            assert one["labels"] == ["public-fact"] and "Source: " in words, one["id"]
            assert one["created"].startswith(FACTS_AT[:10])


def test_what_people_read_alone_says_exercise_in_its_name(scenario: list[dict[str, Any]]) -> None:
    for one in scenario:
        if one["type"] in ("report", "incident", "grouping", "request-for-information"):
            assert one["name"].startswith(("Exercise", "Exercice")), one["name"]


def test_facts_that_only_general_knowledge_supports_are_left_out(everything: list[dict[str, Any]]) -> None:
    facts = [one for one in everything if "public-fact" in one["labels"]]
    assert sum("Member of" in one["description"] for one in facts) == 32
    assert not any("Source: GK" in one["description"] for one in facts)
    assert all("unconfirmed" in one["description"] for one in facts if "GK" in one["description"])


def test_addresses_and_names_belong_to_nobody(scenario: list[dict[str, Any]]) -> None:
    text = str(scenario)
    for address in re.findall(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", text):
        assert DOCUMENTATION.fullmatch(address), address
    for host in re.findall(r"(?:https?://|@|value = ')([\w-]+(?:\.[\w-]+)+)", text):
        assert host.endswith(".example") or DOCUMENTATION.fullmatch(host), host


def test_references_lead_somewhere(everything: list[dict[str, Any]]) -> None:
    known = {one["id"] for one in everything}
    for one in everything:
        for name, value in one.items():
            if name.endswith(("_ref", "_refs")):
                for reference in value if isinstance(value, list) else [value]:
                    assert reference in known, f"{one['id']}: {name}"


def test_versions_of_one_object_follow_each_other(everything: list[dict[str, Any]]) -> None:
    versions = Counter(one["id"] for one in everything)
    assert max(versions.values()) == 4
    assert len({(one["id"], one["modified"]) for one in everything}) == len(everything)
    assert all(one["modified"] >= one["created"] for one in everything)


def test_building_twice_gives_the_same_bytes(sample: Sample) -> None:
    assert [batch.bundle() for batch in sample.batches] == [batch.bundle() for batch in read_sample().batches]


def test_there_is_something_for_every_page(everything: list[dict[str, Any]]) -> None:
    kinds = Counter(one["type"] for one in everything)
    assert len(kinds) >= 18 and kinds["relationship"] > 60 and kinds["sighting"] > 20
    states = {one["state"] for one in everything if one["type"] == "request-for-information"}
    assert states == {"asked", "assigned", "closed", "withdrawn"}
    assert {one.get("lang") for one in everything if one["type"] == "report"} >= {None, "fr"}
    reports = {one["id"]: one for one in everything if one["type"] == "report"}
    names = {reports[p.left]["name"] for p in candidates(reports.values()) if p.kind == "text"}
    assert any("what others should do" in name for name in names)


def test_five_reports_about_one_address_go_back_to_one_article(everything: list[dict[str, Any]]) -> None:
    relay = next(one["id"] for one in everything if one.get("name") == "TideLock relay, first")
    evidence = {
        one["id"]: one
        for one in everything
        if relay in one.get("object_refs", []) or one.get("sighting_of_ref") == relay
        if one["type"] in ("report", "sighting")
    }
    found = independent(evidence.values())
    names = {one["id"]: one["name"] for one in everything if one["type"] == "identity"}
    repeated = next(origin for origin in found if names[origin.source] == "Quay Watch")
    assert len(repeated.records) == 6  # the article and five that pass it on
    assert {names[o.source] for o in found} == {"Quay Watch", *(f"Exercise cell {n}" for n in _SAW_IT)}


_SAW_IT = ("Finland", "Sweden", "Germany")


def test_labels_are_valid_and_part_the_readers(sample: Sample) -> None:
    policies = [path.read_bytes() for path in own_policies()]
    seen: dict[str, set[str]] = {}
    for label in {batch.label for batch in sample.batches}:
        for person in sample.people:
            answer = check(policies, label, person.clearance, "en", 1_780_000_000_000_000)
            assert answer["valid"], label
            if answer["decision"] == "permit":
                seen.setdefault(person.name, set()).add(label)
    assert seen["liaison"] < seen["auditor"] < seen["analyst"]
    assert len(seen["analyst"]) == len({batch.label for batch in sample.batches})
