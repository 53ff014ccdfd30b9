"""From input to valid records and faults."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.kernel.canonical import canonical
from foedus.kernel.errors import FoedusError, Refused, TooLarge
from foedus.kernel.ids import format_time, timestamp
from foedus.kernel.record import Input, read_input, read_objects, version_of

from .samples import LATER, OBSERVABLE_TYPES, TIME, TYPES, UUID4, UUID5, sample

BUNDLE = f"bundle--{UUID4}"
MARKING = f"marking-definition--{UUID5}"


def read(tree: Any, **options: Any) -> Input:
    return read_input(json.dumps(tree).encode(), **options)


def codes(found: Input) -> list[tuple[str, int, str]]:
    return [(fault.code, fault.index, fault.path) for fault in found.faults]


ALL = [sample(kind) for kind in TYPES]


@pytest.mark.parametrize(
    ("tree", "container"),
    [
        ({"type": "bundle", "id": BUNDLE, "objects": ALL}, "bundle"),
        ({"objects": ALL}, "envelope"),
        ({"more": False, "next": "3", "objects": ALL}, "envelope"),
        (ALL, "list"),
    ],
)
def test_every_container_gives_its_objects(tree: Any, container: str) -> None:
    found = read(tree)
    assert (found.container, found.faults, found.total) == (container, [], len(ALL))
    assert [item.obj for item in found.valid] == ALL
    assert [item.body for item in found.valid] == [canonical(obj) for obj in ALL]
    assert [(item.id, item.type) for item in found.valid] == [(obj["id"], obj["type"]) for obj in ALL]


def test_one_object_is_an_input_too() -> None:
    found = read(sample("tool", created_by_ref=f"identity--{UUID4}", modified=LATER))
    (item,) = found.valid
    assert found.container == "object"
    assert (item.version, item.created_by, item.markings) == (timestamp(LATER), f"identity--{UUID4}", ())
    head = item.head("FIN", [MARKING, "marking-definition--a"])
    assert (head.originator, head.labels, head.version) == ("FIN", ("marking-definition--a", MARKING), item.version)


@pytest.mark.parametrize("kind", TYPES)
def test_versions(kind: str) -> None:
    obj = sample(kind)
    expected = 0 if kind in OBSERVABLE_TYPES else timestamp(obj.get("modified", obj.get("created")))
    assert version_of(obj) == expected == read(obj).valid[0].version


def test_markings_are_those_of_the_object_of_its_parts_and_of_what_it_contains() -> None:
    other, third = f"marking-definition--{UUID4}", "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"
    member = {"type": "mutex", "name": "m", "object_marking_refs": [third]}
    obj = sample("observed-data", object_refs=..., objects={"0": member}, object_marking_refs=[MARKING, MARKING])
    obj["granular_markings"] = [
        {"marking_ref": other, "selectors": ["type"]},
        {"lang": "fr", "selectors": ["type"]},
        {"marking_ref": MARKING, "selectors": ["id"]},
    ]
    assert read(obj).valid[0].markings == (MARKING, other, third)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        ({"type": "bundle", "objects": ALL}, [("missing-property", -1, "id")]),
        ({"type": "bundle", "id": "bundle--1", "objects": ALL}, [("invalid-identifier", -1, "id")]),
        ({"type": "bundle", "id": BUNDLE, "objects": {}}, [("wrong-type", -1, "objects")]),
        ({"type": "bundle", "id": BUNDLE, "objects": []}, [("empty-list", -1, "objects")]),
        ({"objects": 5}, [("wrong-type", -1, "objects")]),
        ([], [("empty-list", -1, "")]),
        (5, [("not-stix", -1, "")]),
        ("text: with a colon", [("not-stix", -1, "")]),
        (None, [("not-stix", -1, "")]),
        ({}, [("missing-property", 0, "type"), ("missing-property", 0, "id")]),
        ([5, "x"], [("wrong-type", 0, ""), ("wrong-type", 1, "")]),
        ([{"type": "bundle", "id": BUNDLE}], [("nested-bundle", 0, "type")]),
    ],
)
def test_faults_of_the_container(tree: Any, expected: list[tuple[str, int, str]]) -> None:
    assert set(codes(read(tree))) == set(expected) or codes(read(tree))[0] == expected[0]


def test_an_empty_bundle_is_valid() -> None:
    assert read({"type": "bundle", "id": BUNDLE}) == Input("bundle", [], [], 0)


def test_a_fault_in_one_object_never_loses_the_others() -> None:
    good, bad = sample("tool"), sample("malware", is_family="yes")
    found = read([bad, good, 5, bad])
    assert [item.obj for item in found.valid] == [good]
    assert codes(found) == [("wrong-type", 0, "is_family"), ("wrong-type", 2, ""), ("wrong-type", 3, "is_family")]
    assert found.faults[0].object_id == bad["id"]
    assert found.total == 4


def test_faults_of_the_text_lose_only_their_own_object() -> None:
    good = json.dumps(sample("tool"))
    twice = good.replace('"name"', '"name": "a", "name"').replace("tool", "malware")
    data = f'{{"objects": [{twice}, {good}]}}'.encode()
    found = read_input(data)
    assert [item.type for item in found.valid] == ["tool"]
    assert ("duplicate-key", 0, "name") in codes(found)
    assert ("missing-property", 0, "is_family") in codes(found), "its other faults are named as well"


def test_a_key_twice_in_the_container_loses_all() -> None:
    good = json.dumps(sample("tool"))
    found = read_input(f'{{"objects": [{good}], "objects": [{good}]}}'.encode())
    assert (found.valid, codes(found)) == ([], [("duplicate-key", -1, "objects")])
    single = read_input(good.replace('"name"', '"name": "a", "name"').encode())
    assert (single.valid, codes(single)) == ([], [("duplicate-key", 0, "name")])


def test_a_smuggled_marking_is_found_even_where_colons_are_escaped() -> None:
    obj = json.dumps(sample("tool", description="xxxx", object_marking_refs=[MARKING]))
    forged = obj.replace('"xxxx"', '"\\u003a\\u003a"').replace('"labels"', "") + ""
    forged = forged.replace('"object_marking_refs"', f'"object_marking_refs": ["{MARKING}"], "object_marking_refs"')
    assert codes(read_input(forged.encode())) == [("duplicate-key", 0, "object_marking_refs")]


def test_repeated_objects_are_collapsed_and_contradicting_ones_refused() -> None:
    one, other = sample("tool"), sample("tool", name="other")
    assert len(read([one, dict(reversed(one.items())), one]).valid) == 1
    found = read([sample("malware"), one, other, one])
    assert codes(found) == [("conflicting-versions", 2, "modified")]
    assert [item.type for item in found.valid] == ["malware"], "nobody can say which one is right"
    later = read([one, {**other, "modified": LATER}])
    assert [item.version for item in later.valid] == [timestamp(TIME), timestamp(LATER)]
    assert later.faults == []
    observables = read([sample("mutex"), sample("mutex", x_note="n")])
    assert codes(observables) == [("conflicting-versions", 1, "id")]


def test_the_list_of_faults_is_bounded_and_says_so() -> None:
    found = read([sample("tool", name=n) for n in range(50)], limits=Limits(max_faults_reported=10))
    assert len(found.faults) == 11
    assert (found.faults[-1].code, found.faults[-1].index) == ("more-faults", -1)
    assert "40" in found.faults[-1].message


def test_limits_of_one_object() -> None:
    limits = Limits(max_object_bytes=2_000, max_depth=8, max_string=500)
    deep: Any = 1
    for _ in range(9):
        deep = [deep]
    found = read(
        [
            sample("tool", x_deep=deep),
            sample("tool", description="x" * 501),
            sample("tool", x_list=["y" * 400] * 6),
            sample("tool", x_list=["y" * 400] * 2, x_deep=[[[[[1]]]]]),
        ],
        limits=limits,
    )
    assert codes(found)[:1] == [("too-deep", 0, "x_deep[0][0][0][0][0][0]")] or codes(found)[0][0] == "too-deep"
    assert ("string-too-long", 1, "description") in codes(found)
    assert ("object-too-large", 2, "") in codes(found)
    assert len(found.valid) == 1
    with pytest.raises(TooLarge):
        read_input(b" " * 11, Limits(max_import_file=10))


@pytest.mark.parametrize("levels", [61, 62, 63, 64, 65, 300, 900, 990, 1_000, 5_000])
def test_depth_is_counted_from_the_outside_whichever_way_the_text_was_read(levels: int) -> None:
    inner = "[" * (levels - 3) + "1" + "]" * (levels - 3)  # bundle, objects and the object are three
    for digits in ("", ", 00000000000000000000"):  # the second makes the reader look closer
        obj = json.dumps(sample("tool", description="d" + digits, x_deep="@")).replace('"@"', inner)
        data = f'{{"type": "bundle", "id": "{BUNDLE}", "objects": [{obj}]}}'.encode()
        try:
            found = read_input(data)
        except Refused as error:
            assert [fault.code for fault in error.faults] == ["too-deep"]
            assert levels > 64
        else:
            assert [fault.code for fault in found.faults] == (["too-deep"] if levels > 64 else [])
            assert len(found.valid) == (levels <= 64)


def test_only_known_types_are_taken_when_asked() -> None:
    found = read([sample("tool"), sample("x-example-thing")], known_types=frozenset({"tool"}))
    assert codes(found) == [("unknown-type", 1, "type")]
    assert [item.type for item in found.valid] == ["tool"]


def test_objects_of_the_program_go_the_same_way() -> None:
    assert [item.obj for item in read_objects(ALL).valid] == ALL
    assert codes(read_objects([sample("tool", name=float("nan"))])) == [("wrong-type", 0, "name")]
    assert codes(read_objects([sample("tool", x_big=2**53)]))[0] == ("inexact-number", 0, "x_big")
    for wrong in ([{"a": object()}], [{"a": "\ud800"}], [{(1, 2): 3}]):
        with pytest.raises(Refused):
            read_objects(wrong)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damaged_input_is_answered_with_faults_only(data: st.DataObject) -> None:
    source = bytearray(json.dumps({"type": "bundle", "id": BUNDLE, "objects": ALL[:6]}).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(source) - 1))
        source[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = read_input(bytes(source))
    except FoedusError as error:
        assert isinstance(error, Refused)
        assert error.faults
    else:
        for item in found.valid:
            assert json.loads(item.body) == item.obj
            assert canonical(item.obj) == item.body


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_answered(data: bytes) -> None:
    try:
        assert read_input(data).faults
    except Refused as error:
        assert len(error.faults) >= 1


def test_very_many_faulty_objects_are_answered_in_bounded_time_and_memory() -> None:
    data = b"[" + b",".join([b'{"a":1}'] * 50_000) + b"]"
    tracemalloc.start()
    started = time.perf_counter()
    found = read_input(data)
    seconds, (_, peak) = time.perf_counter() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.total == 50_000
    assert len(found.faults) == Limits().max_faults_reported + 1
    assert peak < 40_000_000
    assert seconds < 20


def test_the_garbage_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    with pytest.raises(Refused):
        read_input(b"{")
    assert gc.isenabled()


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_times_come_back(micros: int) -> None:
    assert timestamp(format_time(micros)) == micros


@given(st.datetimes())
def test_times_are_those_of_the_calendar(moment: Any) -> None:
    text = moment.isoformat(timespec="microseconds") + "Z"
    assert format_time(timestamp(text)).rstrip("0Z.") == text.rstrip("0Z.")


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1970-01-01T00:00:00.0000019Z", 1),
        ("2016-12-31T23:59:60Z", timestamp("2017-01-01T00:00:00Z")),
        ("1969-12-31T23:59:59.5Z", -500_000),
    ],
)
def test_times(text: str, micros: int) -> None:
    assert timestamp(text) == micros
