"""A full disk and a read-only one: clear errors, nothing lost, and work goes on when there is room again."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.process import NodeFolder, Server, bundle, foedus, free_port, indicator

MEDIA = "application/taxii+json;version=2.1"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 10 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(place)], capture_output=True)
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    ballast = disk / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass
    assert os.statvfs(disk).f_bavail == 0
    return ballast


def post(server: Server, token: str, *numbers: int) -> httpx.Response:
    return httpx.post(
        f"{server.url}/taxii2/api/collections/everything/objects/",
        json={"objects": [indicator(n, description="x" * 20_000) for n in numbers]},
        headers={"authorization": f"Bearer {token}", "content-type": MEDIA},
        timeout=30,
    )


def get(server: Server, token: str, path: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", headers={"authorization": f"Bearer {token}"}, timeout=30)


def ids(server: Server, token: str) -> set[str]:
    answer = get(server, token, "/taxii2/api/collections/everything/objects/?limit=1000")
    assert answer.status_code == 200, answer.text
    return {one["id"] for one in answer.json().get("objects", [])}


def test_a_disk_that_fills_up_under_a_server(disk: Path) -> None:
    node = NodeFolder.make(disk / "fin")
    token = node.add("anna", "ALLIANCE SECRET for FIN")
    stored: set[str] = set()
    with node.up() as server:
        assert post(server, token, 1, 2).status_code == 202
        stored |= {str(indicator(n)["id"]) for n in (1, 2)}
        assert ids(server, token) == stored
        ballast = fill(disk)
        for n in range(10, 14):
            answer = post(server, token, n)
            assert answer.status_code == 503, answer.text
            assert answer.json()["error_code"] == "storage-unavailable"
            assert answer.json()["description"]
        # Reading needs a line in the release log: what cannot be recorded is not released.
        answer = get(server, token, "/taxii2/api/collections/everything/objects/")
        assert answer.status_code in (200, 503), answer.text
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        ballast.unlink()
        assert post(server, token, 20, 21).status_code == 202, "room again: no restart is needed"
        stored |= {str(indicator(n)["id"]) for n in (20, 21)}
        assert ids(server, token) == stored
        end = time.monotonic() + 30
        while get(server, token, "/api/search?q=indicator").json().get("total") != 4 and time.monotonic() < end:
            time.sleep(0.2)
        assert get(server, token, "/api/search?q=indicator").json()["total"] == 4
        assert server.stop() == 0
        assert "Traceback" not in server.log
    assert node.here("verify", "--json").done().json["sound"]
    with node.up() as server:
        assert ids(server, token) == stored


def test_the_command_line_on_a_full_disk(disk: Path, tmp_path: Path) -> None:
    node = NodeFolder.make(disk / "fin")
    node.add("anna", "ALLIANCE SECRET for FIN")
    source = tmp_path / "one.json"
    source.write_bytes(bundle(indicator(1, description="x" * 20_000)))
    node.run("import", source, "--label", "ALLIANCE SECRET").done()
    source.write_bytes(bundle(indicator(2, description="x" * 20_000)))
    ballast = fill(disk)
    for words in (("import", source, "--label", "ALLIANCE SECRET"), ("backup", disk / "copy")):
        ran = node.run(words[0], *words[1:])
        assert ran.code == 7, (words, ran.code, ran.err)
        assert "storage-unavailable" in ran.err
    ran = foedus("init", "--data", disk / "other", "--owner", "SWE", "--owner-name", "Sweden")
    assert ran.code == 7, ran.err
    assert node.run("verify", "--json").done().json["sound"], "looking needs no room"
    ballast.unlink()
    report = node.run("import", source, "--label", "ALLIANCE SECRET", "--json").done().json
    assert report["stored"] == 1
    assert len(node.here("export", "--as", "anna").done().json["objects"]) == 2


def test_a_read_only_folder(disk: Path, tmp_path: Path) -> None:
    node = NodeFolder.make(disk / "fin")
    node.add("anna", "ALLIANCE SECRET for FIN")
    source = tmp_path / "one.json"
    source.write_bytes(bundle(indicator(1)))
    node.run("import", source, "--label", "ALLIANCE SECRET").done()
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    try:
        for words in (
            ("up", "--port", free_port()),
            ("import", source, "--label", "ALLIANCE SECRET"),
            ("export", "--as", "anna"),
            ("user add", "bob", "--role", "reader"),
        ):
            ran = node.run(words[0], *words[1:], timeout=30)
            assert ran.code == 7, (words, ran.code, ran.err)
            assert "storage-unavailable" in ran.err and len(ran.err) < 1000, ran.err
        assert node.run("verify", "--json").done().json["sound"], "looking needs no writing"
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert node.run("verify", "--json").done().json["sound"]
    assert len(node.run("export", "--as", "anna").done().json["objects"]) == 1
