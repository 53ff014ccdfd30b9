"""The commands that scripts may rely on, run as processes exactly as the contract writes them."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.process import NodeFolder, basic, bundle, foedus, free_port, here, indicator

LABEL_XML = """<?xml version="1.0" encoding="UTF-8"?>
<originatorConfidentialityLabel xmlns="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
    ReviewDateTime="2030-01-01T00:00:00Z">
  <ConfidentialityInformation>
    <PolicyIdentifier>{policy}</PolicyIdentifier>
    <Classification>{classification}</Classification>
    <Category TagName="Context" Type="PERMISSIVE"><GenericValue>{policy}</GenericValue></Category>
  </ConfidentialityInformation>
  <CreationDateTime>2026-01-01T00:00:00Z</CreationDateTime>
</originatorConfidentialityLabel>
"""
CLEARANCE_XML = """<?xml version="1.0" encoding="UTF-8"?>
<ConfidentialityClearance xmlns="urn:nato:stanag:4774:confidentialityclearance:1:0"
    xmlns:c="urn:nato:stanag:4774:confidentialitymetadatalabel:1:0">
  <c:PolicyIdentifier>{policy}</c:PolicyIdentifier>
  <ClassificationList>{classifications}</ClassificationList>
  <c:Category TagName="Context" Type="PERMISSIVE"><c:GenericValue>{policy}</c:GenericValue></c:Category>
  <c:Category TagName="Releasable To" Type="PERMISSIVE"><c:GenericValue>{policy}</c:GenericValue></c:Category>
</ConfidentialityClearance>
"""


def label_file(folder: Path, classification: str, policy: str = "ALLIANCE") -> Path:
    path = folder / f"label-{policy}-{classification}.xml"
    path.write_text(LABEL_XML.format(policy=policy, classification=classification))
    return path


def clearance_file(folder: Path, *classifications: str, policy: str = "ALLIANCE") -> Path:
    path = folder / f"clearance-{policy}-{classifications[-1]}.xml"
    listed = "".join(f"<c:Classification>{one}</c:Classification>" for one in classifications)
    path.write_text(CLEARANCE_XML.format(policy=policy, classifications=listed))
    return path


def write(path: Path, *objects: object) -> Path:
    path.write_bytes(bundle(*objects))
    return path


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeFolder]:
    """A node made with files only: STANAG 4774 clearances for its people."""
    folder = tmp_path_factory.mktemp("cli")
    node = NodeFolder.make(folder / "fin")
    low, high = ("UNCLASSIFIED",), ("UNCLASSIFIED", "RESTRICTED", "CONFIDENTIAL", "SECRET")
    node.add("anna", str(clearance_file(folder, *high)))
    node.add("bob", str(clearance_file(folder, *low)), "reader")
    yield node


def exported(node: NodeFolder, name: str, *more: object) -> list[str]:
    found = node.here("export", "--as", name, *more).done().json
    assert found["type"] == "bundle"
    return [one["id"] for one in found.get("objects", [])]


def test_init_makes_a_folder_and_a_one_time_link(tmp_path: Path) -> None:
    data = tmp_path / "new" / "fin"
    ran = foedus("init", "--data", data, "--owner", "FIN", "--owner-name", "Finland").done()
    assert re.search(r"http://\S+/signin/link/\S+", ran.out)
    assert data.stat().st_mode & 0o077 == 0
    assert all(key.stat().st_mode & 0o077 == 0 for key in (data / "keys").iterdir())
    again = here("init", "--data", data, "--owner", "FIN", "--owner-name", "Finland")
    assert again.code == 2 and "not empty" in again.err and "foedus up" in again.err


def test_init_with_a_policy_of_ones_own(tmp_path: Path, shared_data: Path) -> None:
    policy = shared_data / "labels" / "nato-4774-policy.xml"
    food = shared_data / "labels" / "food-policy.xml"
    node = NodeFolder.make(tmp_path / "fin", "--policy", policy, "--policy", food)
    node.add("anna", str(clearance_file(tmp_path, "UNCLASSIFIED", "RESTRICTED", "SECRET", policy="NATO")))
    label = label_file(tmp_path, "SECRET", "NATO")
    source = write(tmp_path / "b.json", indicator(1))
    report = node.here("import", source, "--label", label, "--as", "anna", "--json").done().json
    assert (report["stored"], report["labels"]) == (1, {"NATO SECRET": 1})
    assert exported(node, "anna") == [indicator(1)["id"]]
    shown = node.here("show", indicator(1)["id"], "--as", "anna", "--lang", "fr", "--json").done().json
    assert shown["markings"] == ["NATO SECRET"]
    assert shown["object"] == indicator(1)


def test_a_policy_that_cannot_be_read_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.xml"
    bad.write_text('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>')
    data = tmp_path / "fin"
    ran = foedus("init", "--data", data, "--owner", "FIN", "--owner-name", "Finland", "--policy", bad)
    assert ran.code == 2 and "bad.xml" in ran.err and "root:" not in ran.err
    assert not data.exists() or not any(data.iterdir())


def test_the_token_is_the_last_line(journey: NodeFolder) -> None:
    ran = journey.run(
        "user add", "tove", "--role", "analyst", "--clearance", "ALLIANCE SECRET for FIN", "--token"
    ).done()
    assert re.fullmatch(r"fds_[\w-]{20,}", ran.last)
    ran = journey.here("token add", "tove", "--scope", "read", "--days", "1").done()
    assert re.fullmatch(r"fds_[\w-]{20,}", ran.last)


def test_import_and_export_with_and_without_a_server(journey: NodeFolder, tmp_path: Path) -> None:
    secret, low = label_file(tmp_path, "SECRET"), "ALLIANCE UNCLASSIFIED"
    first = write(tmp_path / "first.json", indicator(10), indicator(11))
    second = write(tmp_path / "second.json", indicator(12))
    report = journey.run("import", first, "--label", secret, "--as", "anna", "--json").done().json
    assert (report["stored"], report["refused"], report["faults"]) == (2, 0, [])
    report = journey.here("import", second, "--label", low, "--json").done().json
    assert report["labels"] == {"ALLIANCE UNCLASSIFIED": 1}
    assert exported(journey, "anna") == [indicator(n)["id"] for n in (10, 11, 12)]
    assert exported(journey, "bob") == [indicator(12)["id"]]

    with journey.up() as server:
        assert len(journey.run("export", "--as", "bob", "--marked").done().json["objects"]) > 1
        third = write(tmp_path / "third.json", indicator(13))
        report = journey.run("import", third, "--label", secret, "--as", "anna", "--json").done().json
        assert report["stored"] == 1
        assert exported(journey, "anna") == [indicator(n)["id"] for n in (10, 11, 12, 13)]
        assert [o["id"] for o in journey.run("export", "--as", "anna", "--type", "indicator").done().json["objects"]]
        assert exported(journey, "bob", "--type", "indicator") == [indicator(12)["id"]]
        assert exported(journey, "bob", "--type", "malware", "--json") == []
        url = f"{server.url}/taxii2/api/collections/everything/objects/"
        got = httpx.get(url, auth=basic("anna", journey.tokens["anna"]))
        assert [o["id"] for o in got.json()["objects"]] == [indicator(n)["id"] for n in (10, 11, 12, 13)]
        assert journey.run("verify", "--json").done().json["sound"]
    assert exported(journey, "anna") == [indicator(n)["id"] for n in (10, 11, 12, 13)]


def test_an_export_can_carry_its_labels(journey: NodeFolder, tmp_path: Path) -> None:
    source = write(tmp_path / "kept.json", indicator(60))
    journey.here("import", source, "--label", label_file(tmp_path, "SECRET"), "--as", "anna").done()
    plain, marked = (
        {one["id"]: one for one in journey.here("export", "--as", "anna", *more).done().json["objects"]}
        for more in ((), ("--marked",))
    )
    assert plain[indicator(60)["id"]] == indicator(60)
    (label,) = marked[indicator(60)["id"]]["object_marking_refs"]
    assert marked[label]["name"] == "ALLIANCE SECRET"
    refused = journey.here("export", "--as", "anna", "--marked", "--format", "csv")
    assert refused.code == 2 and "only STIX objects can be marked" in refused.err


def test_several_files_and_standard_input(journey: NodeFolder, tmp_path: Path) -> None:
    files = [write(tmp_path / f"{n}.json", indicator(n)) for n in (20, 21)]
    reports = journey.here("import", *files, "--label", "ALLIANCE SECRET", "--json").done().json
    assert [(r["file"], r["stored"]) for r in reports] == [("20.json", 1), ("21.json", 1)]
    one = journey.here("import", "-", "--label", "ALLIANCE SECRET", "--json", stdin=bundle(indicator(22))).done().json
    assert one["stored"] == 1


def test_faults_name_object_and_property_and_partial_keeps_the_rest(journey: NodeFolder, tmp_path: Path) -> None:
    source = write(tmp_path / "mixed.json", indicator(30), indicator(31, modified="yesterday"))
    ran = journey.here("import", source, "--label", "ALLIANCE SECRET", "--json")
    assert (ran.code, ran.json["stored"], ran.json["refused"]) == (2, 0, 2)
    (fault,) = ran.json["faults"]
    assert (fault["object_id"], fault["path"], fault["index"]) == (indicator(31)["id"], "modified", 1)
    ran = journey.here("import", source, "--label", "ALLIANCE SECRET")
    assert ran.code == 2 and indicator(31)["id"] in ran.err and "modified" in ran.err
    ran = journey.here("import", source, "--label", "ALLIANCE SECRET", "--partial", "--json")
    assert (ran.json["stored"], ran.json["refused"]) == (1, 1)
    assert indicator(30)["id"] in exported(journey, "anna")
    assert indicator(31)["id"] not in exported(journey, "anna")


def test_search_show_publish_recall(journey: NodeFolder, tmp_path: Path) -> None:
    source = tmp_path / "one.json"
    source.write_text(json.dumps(indicator(40, name="the quicksilver affair")))
    ran = journey.here("publish", source, "--as", "anna", "--label", "ALLIANCE SECRET", "--json").done()
    stix_id = ran.json["published"][0]["id"]
    assert stix_id == indicator(40)["id"]
    found = journey.here("search", "quicksilver", "--as", "anna", "--json").done().json
    assert (found["total"], found["results"][0]["id"]) == (1, stix_id)
    assert journey.here("search", "quicksilver", "--as", "bob", "--json").done().json["total"] == 0
    shown = journey.here("show", stix_id, "--as", "anna", "--json").done().json
    assert shown["object"]["name"] == "the quicksilver affair" and shown["markings"] == ["ALLIANCE SECRET"]
    hidden = journey.here("show", stix_id, "--as", "bob", "--json")
    absent = journey.here("show", "indicator--00000000-0000-4000-8000-999999999999", "--as", "bob", "--json")
    assert (hidden.code, hidden.out, hidden.err) == (absent.code, absent.out, absent.err)
    assert hidden.code == 3
    assert journey.here("recall", stix_id, "--as", "bob").code == 4
    done = journey.here("recall", stix_id, "--as", "anna", "--reason", "an error", "--json").done().json
    assert done["erased"] >= 1
    assert journey.here("show", stix_id, "--as", "anna").code == 3
    assert journey.here("search", "quicksilver", "--as", "anna", "--json").done().json["total"] == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"not json", "not-json"),
        (b"[]", "not-stix"),
        (b"[1]", "not-stix"),
        (json.dumps(indicator(41)).encode()[:-1] + b',"name":"again"}', "duplicate-key"),
        (b'{"type":"indicator"}', "missing-property"),
    ],
)
def test_publish_refuses_by_name(journey: NodeFolder, body: bytes, code: str) -> None:
    ran = journey.here("publish", "-", "--as", "anna", "--json", stdin=body)
    assert ran.code == 2
    assert code in {fault["code"] for fault in ran.json["faults"]}


def test_a_revoked_token_and_a_disabled_account_end_at_once(journey: NodeFolder) -> None:
    node = NodeFolder(journey.data)
    node.add("eve", "ALLIANCE SECRET for FIN")
    listed = node.here("token list", "eve", "--json").done().json
    with node.up() as server:
        ask = lambda: httpx.get(f"{server.url}/taxii2/", auth=basic("eve", node.tokens["eve"])).status_code  # noqa: E731
        assert ask() == 200
        node.here("token revoke", listed[0]["id"]).done()
        deadline = time.monotonic() + 5
        while ask() == 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ask() == 401
        second = node.here("token add", "eve").done().last
        node.tokens["eve"] = second
        assert ask() == 200
        node.here("user disable", "eve").done()
        while ask() == 200 and time.monotonic() < deadline + 5:
            time.sleep(0.05)
        assert ask() == 401


def test_reindex_backup_restore(journey: NodeFolder, tmp_path: Path) -> None:
    before = journey.here("export", "--as", "anna").done().json["objects"]
    journey.run("reindex", "--json").done()
    assert journey.here("export", "--as", "anna").done().json["objects"] == before
    with journey.up():
        journey.run("backup", tmp_path / "copy", "--json").done()
    foedus("restore", tmp_path / "copy", "--data", tmp_path / "again", "--json").done()
    again = NodeFolder(tmp_path / "again", journey.tokens)
    assert again.here("export", "--as", "anna").done().json["objects"] == before
    with again.up() as server:
        answer = httpx.get(f"{server.url}/taxii2/", auth=basic("anna", journey.tokens["anna"]))
        assert answer.status_code == 200, "people and their tokens are in the backup"


def test_up_is_ready_soon_and_stops_at_once_when_told(journey: NodeFolder) -> None:
    port = free_port()
    server = journey.up(port)
    server.wait_ready()
    answer = httpx.get(f"http://127.0.0.1:{port}/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 5
    assert "Traceback" not in server.log


def test_up_on_a_port_in_use_says_so(journey: NodeFolder) -> None:
    with journey.up() as server:
        other = foedus("up", "--data", journey.data, "--port", server.port, timeout=30)
        assert other.code == 2 and str(server.port) in other.err and "--port" in other.err


def test_two_servers_on_one_folder(journey: NodeFolder) -> None:
    with journey.up() as server:
        other = foedus("up", "--data", journey.data, "--port", free_port(), timeout=30)
        assert other.code == 8 and "busy" in other.err
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        assert journey.here("export", "--as", "anna").code == 0, "the first one still answers the command line"


def test_verify_finds_a_flipped_byte_and_names_the_entry(tmp_path: Path) -> None:
    node = NodeFolder.make(tmp_path / "fin")
    source = write(tmp_path / "b.json", *(indicator(n) for n in range(20)))
    node.here("import", source, "--label", "ALLIANCE SECRET").done()
    sound = node.here("verify", "--json").done().json
    assert sound["sound"] and sound["journal"]["entries"] == 21  # and the definition of the label
    (segment,) = [
        p for p in (node.data / "journal").rglob("*") if p.is_file() and b"indicator number 13" in p.read_bytes()
    ]
    content = bytearray(segment.read_bytes())
    at = content.index(b"indicator number 13")
    content[at] ^= 1
    segment.write_bytes(content)
    ran = node.run("verify", "--json")
    assert (ran.code, ran.json["sound"], ran.json["journal"]["sound"]) == (6, False, False)
    assert ran.json["journal"]["damage"][0]["seq"] == 14
    assert ran.json["releases"]["sound"]
    ran = node.here("verify")
    assert ran.code == 6 and "entry 14" in ran.err


# -- labels


CHECKS = [
    # policy, label, clearance, valid, decision, what the reason must name
    ("food-policy", "food-label-milk-chocolate.xml", "food-clearance-all-okay.xml", True, "permit", ""),
    ("food-policy", "food-label-milk-chocolate.xml", "food-clearance-lactose-intolerant.xml", True, "deny", "Lactose"),
    ("food-policy", "food-label-cheap-milk-chocolate.xml", "food-clearance-all-okay.xml", False, "deny", "Commodity"),
    ("food-policy", "food-label-cheap-milk-chocolate.xml", None, False, None, "Commodity"),
    ("nato-4774-policy", "nato-4774-17-1.nato", None, True, None, ""),
    ("nato-4774-policy", "nato-4774-17-1.xml", None, True, None, ""),
    ("nato-4774-policy", "nato-4774-17-2.nato", None, True, None, ""),
    ("nato-4774-policy", "nato-4774-17-2.xml", None, True, None, ""),
    ("tlp", "TLP AMBER", "TLP RED", True, "permit", ""),
    ("tlp", "TLP RED", "TLP AMBER", True, "deny", "RED"),
    ("nato-4774-policy", "food-label-milk-chocolate.xml", None, False, None, ""),
]


@pytest.mark.parametrize(("policy", "label", "clearance", "valid", "decision", "names"), CHECKS)
def test_label_check(
    shared_data: Path, policy: str, label: str, clearance: str | None, valid: bool, decision: str | None, names: str
) -> None:
    folder = shared_data / "labels"

    def given(name: str) -> str:
        return str(folder / name) if (folder / name).is_file() else name

    options = ["--clearance", given(clearance)] if clearance else []
    asked = ["--policy", folder / f"{policy}.xml", "--label", given(label), *options]
    run = foedus if label == "food-label-milk-chocolate.xml" else here
    answer = run("label", "check", *asked, "--lang", "fr", "--json").done().json
    assert {"valid", "marking", "decision", "reason"} <= set(answer)
    assert (answer["valid"], answer["decision"]) == (valid, decision)
    assert names in answer["reason"]
    if valid:
        assert answer["marking"]


def test_label_check_of_files_one_writes_oneself(tmp_path: Path) -> None:
    label, low = label_file(tmp_path, "SECRET"), clearance_file(tmp_path, "UNCLASSIFIED")
    high = clearance_file(tmp_path, "UNCLASSIFIED", "SECRET")
    check = lambda *more: here("label", "check", "--label", label, *more, "--json").done().json  # noqa: E731
    assert check("--clearance", high)["decision"] == "permit"
    denied = check("--clearance", low)
    assert (denied["valid"], denied["decision"]) == (True, "deny") and denied["reason"]
    assert check("--lang", "fr")["marking"] == "ALLIANCE SECRET"


def test_one_marking_in_two_languages_is_one_label() -> None:
    asked = "ALLIANCE RESTRICTED Releasable to Japan, Switzerland"
    english = here("label", "check", "--label", asked, "--json").done().json
    french = foedus("label", "check", "--label", asked, "--lang", "fr", "--json").done().json
    assert english["marking"] == asked
    assert french["marking"] == "ALLIANCE DIFFUSION RESTREINTE Communicable à Japon, Suisse"
    back = here("label", "check", "--label", french["marking"], "--json").done().json
    assert back["marking"] == asked
