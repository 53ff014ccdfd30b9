"""What a plan remembers of good objects accepts exactly what the whole plan accepts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.kernel.stix.validate import PLANS, problems_of

from .samples import EXTENSION, LATER, MALWARE, TIME, UUID4, UUID5, sample

KINDS = sorted(PLANS)
REFERENCE = {"source_name": "s", "external_id": "T1", "url": "https://example.com/a"}
COMMON: dict[str, Any] = {
    "created_by_ref": f"identity--{UUID4}",
    "labels": ["a"],
    "lang": "en",
    "confidence": 3,
    "external_references": [REFERENCE],
    "x_text": "t",
    "x_list": ["a"],
    "x_tree": {"a": 1},
    "x_hex": "00",
}
VALUES = st.sampled_from(
    [
        *("", "x", "00", "0", "AA==", "en", TIME, LATER, "2016-12-31T23:59:60.000Z", "2016-02-30T00:00:00.000Z", "1"),
        *("2016-04-06T20:03:48Z", "2017-04-06T20:03:47.9999Z", "2015-06-30T23:59:60.5Z", "http://x.test/%", "CAPEC-1"),
        *(MALWARE, f"identity--{UUID4}", f"file--{UUID5}", f"marking-definition--{UUID4}", "malware--1", EXTENSION),
        *(0, 1, -1, 101, 2.5, True, False, None, [], {}, [None], [[]], {"a": None}, {"": 1}),
        *([REFERENCE], [{"source_name": "s"}], [{**REFERENCE, "url": "no"}], [{"source_name": "cve", "url": "a:b"}]),
        *([{**REFERENCE, "external_id": "CVE-2021-4422"}], [{**REFERENCE, "external_id": 1}], [{**REFERENCE, "x": []}]),
        *([MALWARE], ["x", 1], [{"selectors": ["nothing"], "marking_ref": f"marking-definition--{UUID4}"}]),
    ]
)


def _learn(kind: str) -> list[dict[str, Any]]:
    """Good objects of a type, which its plan then knows."""
    objects = [sample(kind)]
    wide = {**sample(kind), **COMMON}
    if problems_of(wide) is None:
        objects.append(wide)
    for obj in objects:
        problems_of(obj)
        assert problems_of(copy.deepcopy(obj)) is None
    return objects


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_remembered_shape_finds_the_same_faults(kind: str, data: st.DataObject) -> None:
    obj = copy.deepcopy(data.draw(st.sampled_from(_learn(kind))))
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted({*obj, "granular_markings", "revoked", "x_new_bin"})))
        if data.draw(st.booleans()) and name in obj and name != "type":
            del obj[name]
        elif name != "type":
            obj[name] = copy.deepcopy(data.draw(VALUES))
    plan = PLANS[kind]
    thorough = plan.every_problem(obj)
    assert plan.problems(obj) == thorough
    assert plan.problems(obj) == thorough  # once more: it may just have been remembered
