"""Files that are no STIX at all, or a trap: each gets one clear report, and nothing of it is stored."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.process import NodeFolder, bundle, foedus, indicator

GOOD = json.dumps(indicator(1))
NUMBER = bundle(indicator(1, x_big="?")).replace(b'"?"', b"0815")

FILES = {
    # name -> (content, code of a fault)
    "empty": (b"", "empty-input"),
    "blank": (b" \n\t", "empty-input"),
    "cut off": (bundle(indicator(1))[:-40], "not-json"),
    "html": (b"<!DOCTYPE html><html><body>sign in</body></html>", "not-json"),
    "gzip": (gzip.compress(bundle(indicator(1))), "not-json"),
    "binary": (bytes(range(256)) * 40, None),
    "utf-16": (bundle(indicator(1)).decode().encode("utf-16"), "not-utf-8"),
    "byte order mark": (b"\xef\xbb\xbf" + bundle(indicator(1)), "byte-order-mark"),
    "latin-1": (bundle(indicator(1, name="café")).replace(b"\\u00e9", b"\xe9"), "invalid-utf-8"),
    "lone surrogate": (bundle(indicator(1)).replace(b"indicator number 1", b"\\udc00"), "lone-surrogate"),
    "key twice": (f'{{"objects":[{GOOD[:-1]},"name":"another"}}]}}'.encode(), "duplicate-key"),
    "bundle key twice": (bundle(indicator(1))[:-1] + b',"objects":[]}', "duplicate-key"),
    "big number": (NUMBER.replace(b"0815", b"1" + b"0" * 400), "inexact-number"),
    "long number": (
        bundle(indicator(1, x_big=1)).replace(b'"x_big": 1', b'"x_big": 9007199254740993'),
        "inexact-number",
    ),
    "not a number": (NUMBER.replace(b"0815", b"NaN"), None),
    "deep": (b"[" * 500_000, "too-deep"),
    "deep inside": (bundle(indicator(1, x_a=1)).replace(b'"x_a": 1', b'"x_a": ' + b"[" * 200 + b"]" * 200), "too-deep"),
    "huge string": (bundle(indicator(1, description="x" * 1_200_000)), "string-too-long"),
    "bundle in bundle": (bundle(json.loads(bundle(indicator(1)))), "nested-bundle"),
    "two versions in one": (bundle(indicator(1), indicator(1, name="other")), "conflicting-versions"),
    "no bundle id": (json.dumps({"type": "bundle", "objects": [indicator(1)]}).encode(), "missing-property"),
    "a number": (b"7", "not-stix"),
    "nothing in it": (b"[]", "empty-list"),
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> NodeFolder:
    node = NodeFolder.make(tmp_path_factory.mktemp("bad") / "fin")
    node.add("anna", "ALLIANCE SECRET for FIN")
    return node


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_reported_and_nothing_is_stored(node: NodeFolder, tmp_path: Path, name: str) -> None:
    content, code = FILES[name]
    path = tmp_path / "input.json"
    path.write_bytes(content)
    ran = node.here("import", path, "--label", "ALLIANCE SECRET", "--json")
    assert ran.code == 2
    assert ran.json["stored"] == 0
    assert ran.json["faults"] and all(fault["message"] for fault in ran.json["faults"])
    if code is not None:
        assert code in {fault["code"] for fault in ran.json["faults"]}
    words = node.here("import", path, "--label", "ALLIANCE SECRET")
    assert words.code == 2 and words.err.strip() and len(words.err) < 20_000
    assert "\x1b" not in words.err + words.out, "no control character of the input reaches the terminal"
    assert node.here("export", "--as", "anna").done().json["objects"] == []


def test_control_characters_of_a_file_do_not_reach_the_terminal(node: NodeFolder, tmp_path: Path) -> None:
    path = tmp_path / "evil\x1b[31m.json"
    path.write_bytes(json.dumps({"type": "x\u001b]0;owned\u0007", "id": "\u001b[2J", "a\u001b[1m": 1}).encode())
    ran = node.here("import", path, "--label", "ALLIANCE SECRET")
    assert ran.code == 2
    assert "\x1b" not in ran.err + ran.out and "\x07" not in ran.err + ran.out


def test_what_looks_like_markup_is_text(node: NodeFolder, tmp_path: Path) -> None:
    other = NodeFolder.make(tmp_path / "fin")
    other.add("anna", "ALLIANCE SECRET for FIN")
    name = "[/bold][red]quicksilver[/] [link=x]\u001b[2J"
    source = tmp_path / "one[red].json"
    source.write_bytes(bundle(indicator(1, name=name)))
    assert "one[red].json" in other.here("import", source, "--label", "ALLIANCE SECRET").done().out
    found = other.here("search", "quicksilver", "--as", "anna").done().out
    assert "[/bold][red]quicksilver[/] [link=x]" in found and "\x1b" not in found


def test_a_large_good_file(node: NodeFolder, tmp_path: Path) -> None:
    other = NodeFolder.make(tmp_path / "fin")
    path = tmp_path / "many.json"
    path.write_bytes(bundle(*(indicator(n) for n in range(5_000))))
    report = foedus("import", "--data", other.data, path, "--label", "ALLIANCE SECRET", "--json").done().json
    assert (report["stored"], report["total"]) == (5_000, 5_000)
