"""Indicator patterns: what the fast path takes, the full grammar takes too."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.kernel.stix.patterns import check_pattern, full_grammar_faults, is_plain, pattern_problem

KINDS = [
    "file",
    "ipv4-addr",
    "x-foo",
    "network-traffic",
    "url",
    "x509-certificate",
    "email-message",
    "and",
    "in",
    "not",
]
NAMES = [
    *[
        "name",
        "value",
        "pid",
        "dst_port",
        "extensions",
        "x_foo",
        "src_ref",
        "hashes",
        "true",
        "null",
        "exists",
        "t",
        "h",
    ],
    *["matches", "start", "stop", "within", "repeats", "issubset", "issuperset", "followedby", "seconds", "times"],
    *["hashes.MD5", "hashes.'SHA-1'", "hashes.'SHA-256'"],
]
STEPS = [
    ".value",
    ".'SHA-256'",
    ".MD5",
    "[*]",
    "[0]",
    ".name",
    ".within",
    ".start",
    ".'A-B'",
    ".hashes",
    ".not",
    ".true",
]
VALUES = ["'x'", r"'it\'s'", "'é'", "1", "12", "true", "'a\\\\'", "'#!'", "0", "-1", "1.5", "''", "'" + "a" * 32 + "'"]

path = st.builds(
    lambda name, steps: name + "".join(steps), st.sampled_from(NAMES), st.lists(st.sampled_from(STEPS), max_size=2)
)
tail = st.builds(
    lambda where, operator, value: f"{where} {operator} {value}",
    path,
    st.sampled_from(["=", "!=", "LIKE"]),
    st.sampled_from(VALUES),
)
chains = st.builds(
    lambda kind, glue, tails: "[" + f" {glue} ".join(f"{kind}:{tail}" for tail in tails) + "]",
    st.sampled_from(KINDS),
    st.sampled_from(["AND", "OR"]),
    st.lists(tail, min_size=1, max_size=3),
)


@settings(max_examples=1500, deadline=None)
@given(chains)
def test_the_fast_path_takes_a_subset_of_the_grammar(pattern: str) -> None:
    if is_plain(pattern):
        assert full_grammar_faults(pattern, "2.1") == ()
        assert full_grammar_faults(pattern, "2.0") == ()


@pytest.mark.parametrize(
    "pattern",
    [
        "[ipv4-addr:value = '198.51.100.1']",
        "[url:value = 'http://x.test/' OR url:value = 'http://y.test/' OR url:value = 'z']",
        f"[file:hashes.'SHA-256' = '{'a' * 64}' AND file:name = 'it\\'s' AND file:size != 12]",
        "[network-traffic:dst_port = 24678 AND network-traffic:protocols[*] = 'http']",
    ],
)
def test_usual_patterns_take_the_fast_path(pattern: str) -> None:
    assert is_plain(pattern)
    assert pattern_problem(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    ["", "x", "[", "[file:name]", "[file:name = 'a'", "[file:name = 'a'] AND", "[ab:name = 'a']", "[file:ab = 'a']",
     "[file:Name = 'a']", "[file:hashes.MD5 = 'a']", "[file:name = 'a'] START t'x' STOP t'y'", "[" + "(" * 4000 + "]"],
)  # fmt: skip
def test_what_is_no_pattern_is_named(pattern: str) -> None:
    problems = check_pattern({"pattern": pattern, "pattern_type": "stix"})
    assert problems
    assert all(code == "invalid-pattern" and path == "pattern" and message for path, code, message in problems)
    assert pattern_problem(pattern)


def test_patterns_are_read_in_bounded_time() -> None:
    started = time.perf_counter()
    comparison = "file:name = 'x'"
    assert is_plain("[" + " OR ".join([comparison] * 50_000) + "]")
    for pattern in (
        "[" + " OR ".join([comparison] * 50_000) + "!]",
        "[file:name = '" + "a" * 900_000,
        "[" + "(" * 500_000,
        "[file:name = 'a'] AND " * 40_000,
    ):
        assert pattern_problem(pattern)
    assert time.perf_counter() - started < 5
