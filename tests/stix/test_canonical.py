"""Strict reading and canonical writing of JSON."""

from __future__ import annotations

import json
import math
import random
import time
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.kernel import canonical as module
from foedus.kernel.canonical import canonical, decode, is_canonical, read_quickly
from foedus.kernel.errors import Fault, Refused, TooLarge
from foedus.kernel.json_faults import explain

finite = st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | finite | text
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4), max_leaves=20
)


def exact(tree: Any) -> bool:
    """Whether no number of the tree is a whole one beyond 2^53-1 that RFC 8785 writes as an integer."""
    if isinstance(tree, float):
        return not (tree.is_integer() and 2**53 - 1 < abs(tree) < 1e21)
    if isinstance(tree, dict):
        return all(exact(item) for item in tree.values())
    return not isinstance(tree, list) or all(exact(item) for item in tree)


@settings(max_examples=400, deadline=None)
@given(trees)
@example({"\ufffd": 1, "\U0001f600": 2, "a": -0.0})
@example([1e-5, 1.5e-6, 1e15 + 0.5, 1e21, 5e-324, 1.7976931348623157e308])
@example({"text": "12345678901234567890 : \\u003a", "null": None})
def test_canonical_form_is_rfc_8785(tree: Any) -> None:
    assert canonical(tree) == rfc8785.dumps(tree)


@settings(max_examples=400, deadline=None)
@given(trees.filter(exact), st.booleans(), st.sampled_from([None, 1]))
def test_reading_gives_the_tree_and_its_canonical_form_is_canonical(tree: Any, ascii_only: bool, indent: Any) -> None:
    data = json.dumps(tree, ensure_ascii=ascii_only, indent=indent).encode()
    read = decode(data)
    assert read == tree
    body = canonical(read)
    assert body == rfc8785.dumps(tree)
    assert is_canonical(body)
    assert decode(body) == tree


@settings(max_examples=300, deadline=None)
@given(st.recursive(scalars, lambda inner: st.lists(inner, max_size=4), max_leaves=8), st.randoms())
def test_quick_reading_takes_only_what_thorough_reading_takes(value: Any, rng: random.Random) -> None:
    data = bytearray(json.dumps({"a": value, "b": [value]}).encode())
    for _ in range(rng.randrange(3)):
        data[rng.randrange(len(data))] = rng.choice(b'0123456789"{}[]:,.eE-+\\u\x00\xff ')
    source = bytes(data)
    explained = explain(source, Limits())
    try:
        tree = decode(source)
    except Refused:
        assert explained.faults
    else:
        assert not explained.faults
        assert tree == explained.tree


def refusal(data: bytes, limits: Limits | None = None) -> list[Fault]:
    with pytest.raises(Refused) as error:
        decode(data, limits)
    return list(error.value.faults)


@pytest.mark.parametrize(
    ("data", "code", "index", "path"),
    [
        (b'{"a":1,"a":1}', "duplicate-key", 0, "a"),
        (b'{"a":1,"\\u0061":2}', "duplicate-key", 0, "a"),
        (b'{"x":{"y":[0,{"k":1,"k":2}]}}', "duplicate-key", 0, "x.y[1].k"),
        (b'{"objects":[{"id":"i"},{"n":1,"n":[":"]}]}', "duplicate-key", 1, "n"),
        (b'{"objects":[{"id":"i"}],"objects":[]}', "duplicate-key", -1, "objects"),
        (b'[{"s":"\\u003a\\u003a","s":""}]', "duplicate-key", 0, "s"),
        (b'{"s":"\\u003a","t":1,"t":2}', "duplicate-key", 0, "t"),
        (b'[{"n":9007199254740992}]', "inexact-number", 0, "n"),
        (b'[{"n":-9007199254740992}]', "inexact-number", 0, "n"),
        (b"[[12345678901234567890]]", "inexact-number", 0, "[0]"),
        (b'[{"n":1e16}]', "inexact-number", 0, "n"),
        (b'[{"n":0.10000000000000000555}]', "inexact-number", 0, "n"),
        (b'[{"n":1e400}]', "inexact-number", 0, "n"),
        (b'[{"n":1e-400}]', "inexact-number", 0, "n"),
        (b'[{"n":NaN}]', "inexact-number", 0, "n"),
        (b'[{"n":-Infinity}]', "inexact-number", 0, "n"),
        (b'[{"n":1' + b"0" * 5000 + b"}]", "inexact-number", 0, "n"),
        (b'[{"s":"\\ud800"}]', "lone-surrogate", 0, "s"),
        (b'[{"\\udc00":1}]', "lone-surrogate", 0, "?"),
        (b'[{"s":"\xff"}]', "invalid-utf-8", 0, "s"),
        (b'[{"s":"\xed\xa0\x80"}]', "invalid-utf-8", 0, "s"),
        (b'[{"s":"\xc0\x80"}]', "invalid-utf-8", 0, "s"),
        (b"[" * 65 + b"]" * 65, "too-deep", 0, "[0][0][0][0][0][0][0]"),
        (b"[" * 100_000, "too-deep", -1, ""),
        (b'{"a":' * 100_000, "too-deep", -1, ""),
        (b"", "empty-input", -1, ""),
        (b" \n\t ", "empty-input", -1, ""),
        (b"\xef\xbb\xbf{}", "byte-order-mark", -1, ""),
        ('{"a":1}'.encode("utf-16"), "not-utf-8", -1, ""),
        ('{"a":1}'.encode("utf-16-le"), "not-utf-8", -1, ""),
        ('{"a":1}'.encode("utf-32-be"), "not-utf-8", -1, ""),
        (b"\x1f\x8b\x08\x00", "not-json", -1, ""),
        (b"PK\x03\x04", "not-json", -1, ""),
        (b"\x00\x01\x02\x03\x04", "not-json", -1, ""),
        (b"<!DOCTYPE html><html></html>", "not-json", -1, ""),
        (b"<stix:STIX_Package/>", "not-json", -1, ""),
        (b"type,id,value\nurl,1,x\n", "not-json", -1, ""),
        (b'{"a": "b', "not-json", -1, ""),
        (b'{"a": [1, 2', "not-json", -1, ""),
        (b'{"a": 01}', "not-json", -1, ""),
        (b'{"a": "\x00"}', "not-json", -1, ""),
        (b"{'a': 1}", "not-json", -1, ""),
        (b'{"a": 1} x', "not-json", -1, ""),
    ],
)
def test_what_is_refused_is_named_with_its_place(data: bytes, code: str, index: int, path: str) -> None:
    faults = refusal(data)
    assert [(fault.code, fault.index, fault.path) for fault in faults] == [(code, index, path)]
    assert len(faults[0].message) < 300


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"<html>", "HTML"),
        (b"a,b,c\n1,2,3", "CSV"),
        (b'{"a": "b', "cut off"),
        ('{"a":1}'.encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
    ],
)
def test_the_message_says_what_it_is_instead(data: bytes, hint: str) -> None:
    assert hint in refusal(data)[0].message


def test_every_fault_is_named_at_once() -> None:
    data = b'[{"id":"x--1","a":1,"a":2,"n":1e400},{"b":"\\ud800"},{"ok":true}]'
    assert [(fault.code, fault.index, fault.object_id) for fault in refusal(data)] == [
        ("duplicate-key", 0, "x--1"),
        ("inexact-number", 0, "x--1"),
        ("lone-surrogate", 1, ""),
    ]


@pytest.mark.parametrize(
    ("data", "tree"),
    [
        (b"[1.0, 1e2, -0.0, 0.1, 1.50]", [1, 100, 0, 0.1, 1.5]),
        (b"[9007199254740991, -9007199254740991]", [2**53 - 1, 1 - 2**53]),
        (b'["1234567890123456789 12345678901234567890"]', ["1234567890123456789 12345678901234567890"]),
        (b'["\\ud83d\\ude00", "\\u003a"]', ["\U0001f600", ":"]),
        (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
        (b"[" * 64 + b"]" * 64, None),
    ],
)
def test_what_is_exact_passes(data: bytes, tree: Any) -> None:
    assert decode(data) == (tree if tree is not None else json.loads(data))


def test_limits() -> None:
    limits = Limits(max_string=10, max_depth=3, max_import_file=100)
    assert [fault.code for fault in refusal(b'["' + b"x" * 11 + b'"]', limits)] == ["string-too-long"]
    assert [fault.code for fault in refusal(b"[[[[1]]]]", limits)] == ["too-deep"]
    assert decode(b"[[[1]]]", limits) == [[[1]]]
    with pytest.raises(TooLarge, match="max_import_file"):
        decode(b" " * 101, limits)


def test_the_list_of_faults_is_bounded() -> None:
    data = b"[" + b",".join([b'{"a":1,"a":2}'] * 5_000) + b"]"
    faults = refusal(data, Limits(max_faults_reported=10))
    assert len(faults) == 11
    assert "4990" in faults[-1].message


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53, "\ud800", {1: 2}, {"a": b"x"}, {"a": {1, 2}}, [object()]])
def test_what_has_no_canonical_form(value: Any) -> None:
    with pytest.raises(ValueError, match="no canonical form"):
        canonical(value)


@pytest.mark.parametrize("data", [b'{"b":1,"a":2}', b'{ "a":1}', b'{"a":1.0}', b'{"a":"\\u00e9"}', b"", b"\xff", b"[1"])
def test_other_bytes_are_not_canonical(data: bytes) -> None:
    assert not is_canonical(data)


def test_a_long_row_of_digits_in_a_string_costs_no_refusal() -> None:
    data = json.dumps([{"hash": "0" * 64, "text": "call 00000000000000000000 now"}]).encode()
    assert module.read_quickly(data) is None  # looks again ...
    assert decode(data) == json.loads(data)  # ... and finds nothing wrong


def test_hostile_texts_are_answered_in_bounded_time() -> None:
    started = time.perf_counter()
    for data in (
        b"[" * 1_000_000,
        b'"' + b"\\" * 1_000_000,
        b"[" + b"1" * 1_000_000 + b"]",
        b"[" + b"0" * 1_000_000,
        b"1 " * 500_000,
        b'{"a":1,' * 100_000,
        b"1e" + b"9" * 1_000_000,
    ):
        assert refusal(data)
    assert time.perf_counter() - started < 10


@settings(max_examples=400, deadline=None)
@given(trees, st.booleans())
@example([-0.0, 0, "\x7f/\u2028\U0001f600"], True)
def test_canonical_form_of_whole_numbers_is_never_longer_than_the_text(tree: Any, ascii_only: bool) -> None:
    """So equal lengths prove that no key was dropped."""
    text = json.dumps(tree, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    quick = read_quickly(text)
    if quick is not None and quick.numbers.whole:
        assert len(canonical(quick.tree)) <= len(text)


def test_a_decimal_number_is_not_whole() -> None:
    for literal in (b"1e3", b"1.0", b"-1E2", b"0.5"):
        quick = read_quickly(b"[" + literal + b"]")
        assert quick is not None and not quick.numbers.whole
