"""Real files through a real server: what is valid comes back equal, what is invalid is refused by name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.process import NodeFolder, Server
from tests.taxii.conftest import MEDIA

FULL = "ALLIANCE TOP SECRET for FIN + TLP RED"
ACS = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"


def objects_of(path: Path) -> list[dict[str, Any]]:
    read = json.loads(path.read_bytes())
    if isinstance(read, list):
        return read
    return read.get("objects", []) if read.get("type") == "bundle" else [read]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeFolder, Server]]:
    node = NodeFolder.make(tmp_path_factory.mktemp("corpus") / "fin")
    node.add("anna", FULL)
    node.add("zoe", FULL)
    with node.up() as server:
        yield node, server


def upload(node: NodeFolder, server: Server, path: Path, **query: object) -> httpx.Response:
    answer = httpx.post(
        f"{server.url}/api/import",
        params={"label": "ALLIANCE SECRET", "name": path.name, "format": "stix", **query},
        content=path.read_bytes(),
        headers={"authorization": f"Bearer {node.tokens['anna']}", "content-type": "application/json"},
        timeout=60,
    )
    assert answer.status_code < 500, (path.name, answer.text)
    return answer


def readable(node: NodeFolder, server: Server, name: str = "anna") -> dict[str, list[dict[str, Any]]]:
    """All versions of all that this account may see, through TAXII."""
    found: dict[str, list[dict[str, Any]]] = {}
    query = {"match[version]": "all", "limit": "1000"}
    while True:
        answer = httpx.get(
            f"{server.url}/taxii2/api/collections/everything/objects/",
            params=query,
            headers={"authorization": f"Bearer {node.tokens[name]}"},
            timeout=60,
        )
        page = answer.json()
        for one in page.get("objects", []):
            found.setdefault(one["id"], []).append(one)
        if not page["more"]:
            return found
        query["next"] = page["next"]


def test_every_valid_file_comes_back_equal(corpus: tuple[NodeFolder, Server], shared_data: Path) -> None:
    node, server = corpus
    files = sorted((shared_data / "stix" / "valid").rglob("*.json"))
    assert len(files) >= 200
    posted: list[tuple[str, dict[str, Any]]] = []
    for path in files:
        answer = upload(node, server, path)
        report = answer.json()
        # samples of different files may contradict each other, never those of one file
        assert answer.status_code == 200 and not report["faults"], (path.name, report["faults"][:3])
        posted += [(path.name, one) for one in objects_of(path)]
    present = readable(node, server)
    absent = [(name, one) for name, one in posted if one not in present.get(one["id"], [])]
    # what is not shown carries a marking that nobody here is cleared for, and nothing else is missing
    defined = {one["id"]: one for _, one in posted if one["type"] == "marking-definition"}
    for name, one in absent:
        refs = [*one.get("object_marking_refs", ()), *(g.get("marking_ref") for g in one.get("granular_markings", ()))]
        beyond = [ref for ref in refs if ref and (ref not in defined or _not_ours(defined[ref]))]
        assert beyond, f"{name}: {one['id']} is not shown as it was, and its markings {refs} do not say why"
    assert len(absent) < len(posted) / 20
    exported = node.run("export", "--as", "anna").done().json["objects"]
    assert {one["id"] for one in exported} == set(present)
    assert all(one in present[one["id"]] for one in exported)


def _not_ours(definition: dict[str, Any]) -> bool:
    """A definition that limits who may read and that no clearance of ours meets."""
    return ACS in definition.get("extensions", {}) or definition.get("definition_type") not in (
        "statement",
        "tlp",
        None,
    )


def test_acs_marked_objects_are_stored_and_shown_to_nobody(
    corpus: tuple[NodeFolder, Server], shared_data: Path
) -> None:
    node, server = corpus
    path = shared_data / "stix" / "valid" / "misp-stix" / "external-bundle_with_acs_marking.json"
    objects = objects_of(path)
    marked = {
        one["id"]
        for one in objects
        if set(one.get("object_marking_refs", ()))
        & {m["id"] for m in objects if m["type"] == "marking-definition" and ACS in m.get("extensions", {})}
    }
    assert marked
    report = upload(node, server, path).json()
    assert report["total"] == report["stored"] + report["known"] == len(objects)
    for name in ("anna", "zoe"):  # other files hold the same ids without that marking
        present = readable(node, server, name)
        assert not [one["id"] for one in objects if one["id"] in marked and one in present.get(one["id"], [])]


def test_every_invalid_file_is_refused_by_name_and_leaves_nothing(
    corpus: tuple[NodeFolder, Server], shared_data: Path
) -> None:
    node, server = corpus
    before = readable(node, server)
    for path in sorted((shared_data / "stix" / "invalid").rglob("*.json")):
        answer = upload(node, server, path)
        report = answer.json()
        assert answer.status_code == 422, path.name
        assert report["stored"] == 0 and report["faults"], path.name
        named = [fault for fault in report["faults"] if fault["code"] != "more-faults"]
        assert all(fault["message"] and (fault["path"] or fault["index"] >= 0) for fault in named), (path.name, named)
    assert readable(node, server) == before


def test_partial_keeps_the_good_ones(corpus: tuple[NodeFolder, Server], shared_data: Path) -> None:
    node, server = corpus
    kept = 0
    for path in sorted((shared_data / "stix" / "invalid" / "misp-stix").glob("*.json")):
        objects = objects_of(path)
        report = upload(node, server, path, partial="true").json()
        bad = {fault["index"] for fault in report["faults"] if fault["index"] >= 0}
        assert report["refused"] == len(bad) > 0, path.name
        assert report["stored"] + report["known"] == len(objects) - len(bad), path.name
        kept += report["stored"]
        present = readable(node, server)
        for index, one in enumerate(objects):
            assert (index in bad) or one["id"] in present, (path.name, one["id"])
            if index in bad:
                assert one not in present.get(one["id"], []), (path.name, one["id"])
    assert kept


def test_stix_2_0_is_refused_with_the_way_out(corpus: tuple[NodeFolder, Server], tmp_path: Path) -> None:
    node, server = corpus
    old = {
        "type": "bundle",
        "id": "bundle--00000000-0000-4000-8000-000000000002",
        "spec_version": "2.0",
        "objects": [
            {
                "type": "indicator",
                "id": "indicator--00000000-0000-4000-8000-00000000020a",
                "created": "2017-01-01T00:00:00Z",
                "modified": "2017-01-01T00:00:00Z",
                "labels": ["malicious-activity"],
                "pattern": "[ipv4-addr:value = '198.51.100.1']",
                "valid_from": "2017-01-01T00:00:00Z",
            }
        ],
    }
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    refused = upload(node, server, path)
    assert refused.status_code == 422
    assert "2.0" in refused.text and "upgrade" in refused.text
    ran = node.run("import", path, "--label", "ALLIANCE SECRET", "--json")
    assert ran.code == 2 and "--upgrade" in ran.out
    ran = node.run("import", path, "--label", "ALLIANCE SECRET", "--upgrade", "--json").done()
    assert ran.json["stored"] == 1
    (raised,) = readable(node, server)["indicator--00000000-0000-4000-8000-00000000020a"]
    assert (raised["spec_version"], raised["pattern_type"]) == ("2.1", "stix")
    envelope = {"objects": old["objects"]}
    answer = httpx.post(
        f"{server.url}/taxii2/api/collections/everything/objects/",
        json=envelope,
        headers={"authorization": f"Bearer {node.tokens['anna']}", "content-type": MEDIA},
    )
    assert answer.json()["failure_count"] == 1 and "2.0" in answer.json()["failures"][0]["message"]
