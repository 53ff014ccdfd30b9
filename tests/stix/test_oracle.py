"""Agreement with the official validator (stix2-validator): what it calls a broken MUST, Foedus refuses.

The converse does not hold, on purpose: the validator leaves some MUSTs of the standard unchecked (types of references,
which properties an object needs), and where its regular expressions differ from the standard's text the text counts.
"""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from foedus.kernel.stix import validate

from .samples import MALWARE, TIME, TYPES, UUID4, sample

validator = pytest.importorskip("stix2validator")
OPTIONS = validator.ValidationOptions(version="2.1")
logging.getLogger("stix2validator").setLevel(logging.ERROR)

# Where the validator refuses what the standard permits: a fixed list of languages and of media types, RFC 3987 URLs,
# host names without underscore, leap seconds, a language without marking in granular markings.
LENIENT = frozenset({"lang", "languages", "mime_type", "path_enc", "name_enc", "url", "value", "granular_markings"})


def broken_musts(obj: dict[str, Any]) -> list[str]:
    result = validator.validate_instance(obj, OPTIONS)
    return [str(error) for error in result.errors or ()]


@pytest.mark.parametrize("kind", TYPES)
def test_the_samples_are_valid_to_the_validator(kind: str) -> None:
    assert broken_musts(sample(kind)) == []


junk: Any = st.one_of(
    st.sampled_from([None, True, -1, 0, 1.5, 10**9, "", "x", "AAAA", TIME, "2016-02-30T00:00:00.000Z", MALWARE]),
    st.sampled_from([[], {}, ["a"], [1], [{}], [MALWARE], {"a": 1}, {"a": None}, f"bundle--{UUID4}", "2016-01-01"]),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sampled_from(TYPES), st.data())
def test_a_must_that_the_validator_finds_broken_is_a_fault(kind: str, data: st.DataObject) -> None:
    obj = sample(kind)
    name = data.draw(st.sampled_from([*sorted(obj), "labels", "confidence", "x_custom", "9bad", "object_marking_refs"]))
    assume(name not in LENIENT | {"type"})
    value = data.draw(st.just(...) | junk)
    if value is ...:
        obj.pop(name, None)
    else:
        obj[name] = json.loads(json.dumps(value))
    assume("id" in obj)
    try:
        expected = broken_musts(obj)
    except Exception:  # it fails on some wrong types itself
        assume(False)
    if expected:
        assert validate(obj), expected
