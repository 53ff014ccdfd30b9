"""The programs in the how-to pages work against a running node."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
FOEDUS = Path(sys.executable).with_name("foedus")


class Running:
    """A node that holds the sample, its address, and a token of an account that may see part of it."""

    def __init__(self, address: str, token: str, expected: int) -> None:
        self.address = address
        self.token = token
        self.expected = expected


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="fdoc-") as name:
        process = subprocess.Popen(
            [str(FOEDUS), "demo", "--data", "n", "--port", "0"],
            cwd=name,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"BROWSER": ""},
            text=True,
        )
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:  # ends where the demo does
                said += line
                if "Ctrl-C" in line:
                    break
            port = re.search(r"127\.0\.0\.1:(\d+)/signin", said)
            assert port is not None, said
            address = f"http://127.0.0.1:{port[1]}"
            _until_ready(address)
            token = _foedus(name, "token", "add", "liaison", "--data", "n", "--scope", "read").strip()
            exported = _foedus(name, "export", "--data", "n", "--as", "liaison")
            yield Running(address, token, exported.count('"spec_version"'))
        finally:
            process.terminate()
            process.wait(20)


def _foedus(folder: str, *arguments: str) -> str:
    done = subprocess.run([str(FOEDUS), *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def _until_ready(address: str) -> None:
    for _ in range(200):
        try:
            httpx.get(f"{address}/healthz", trust_env=False)
            return
        except httpx.ConnectError:
            time.sleep(0.1)
    pytest.fail("the node does not answer")


def program(page: str, number: int, node: Running) -> str:
    """The Python block of a page, for this node."""
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[number]
    return found.replace("http://127.0.0.1:8440", node.address)


def test_the_taxii_client_reads_all_that_its_account_may_see(node: Running) -> None:
    pytest.importorskip("taxii2client")
    pytest.importorskip("stix2")
    seen: list[object] = []
    code = (
        program("taxii-client.md", 0, node)
        .replace('"feed"', '"liaison"')
        .replace("        ...", "        seen.append(obj)")
    )
    names: dict[str, object] = {"TOKEN": node.token, "seen": seen}
    exec(code, names)
    assert len(seen) == node.expected > 100
    malware = next(one["id"] for one in seen if one["type"] == "malware")  # type: ignore[index]
    code = program("taxii-client.md", 1, node).replace('source.get("malware--…")', f'found = source.get("{malware}")')
    exec(code, names)
    assert names["found"].id == malware  # type: ignore[attr-defined]


def test_the_poller_misses_nothing_and_gets_nothing_twice(
    node: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = program("follow-a-feed.md", 0, node).replace("limit=1000", "limit=50").replace("time.sleep(30)", "break")
    assert "break" in code  # the page's own loop has no end
    got: list[dict[str, str]] = []
    for _ in range(2):  # the second time there is nothing new
        exec(code, {"TOKEN": node.token, "store": got.extend})
    assert len(got) == node.expected
    assert len({(one["id"], one["modified"]) for one in got}) == len(got)
