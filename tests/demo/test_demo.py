"""`foedus demo` as people run it: links within seconds, different views, no trace when it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

FOEDUS = Path(sys.executable).with_name("foedus")
LINK = re.compile(r"http://127\.0\.0\.1:(\d+)/signin/link/\S+")


class Demo:
    """A running demo: its process, what it said, its four links."""

    def __init__(self, process: subprocess.Popen[str], said: str, seconds: float) -> None:
        self.process, self.said, self.seconds = process, said, seconds
        self.links = [found.group() for found in LINK.finditer(said)]
        self.port = int(LINK.search(said).group(1))  # type: ignore[union-attr]

    def ready(self) -> Demo:
        """Waits for the server."""
        until = time.monotonic() + 20
        while True:
            try:
                assert httpx.get(f"http://127.0.0.1:{self.port}/healthz", trust_env=False).status_code == 200
                return self
            except httpx.ConnectError:
                assert time.monotonic() < until, "the server does not answer"
                time.sleep(0.05)

    def stop(self, number: int = signal.SIGINT) -> int:
        """A signal to the whole group, as a terminal sends it for Ctrl-C."""
        os.killpg(self.process.pid, number)
        return self.process.wait(20)


@contextmanager
def demo(folder: Path, *arguments: str, browser: str = "") -> Iterator[Demo]:
    """Runs in a folder of its own, with temporary files in it; `browser` as $BROWSER has it."""
    temporary = folder / "t"
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {"TMPDIR": str(temporary), "BROWSER": browser}
    began = time.monotonic()
    process = subprocess.Popen(
        [str(FOEDUS), "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=(folder / "err").open("w"),
        text=True,
        env=environment,
        cwd=folder,
        start_new_session=True,
    )
    try:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        else:
            pytest.fail(f"the demo ended early: {said}{(folder / 'err').read_text()}")
        seconds = time.monotonic() - began
        yield Demo(process, said, seconds).ready()
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def sign_in(link: str) -> httpx.Client:
    """Follow a link as a browser does: its page has a button, so that a preview of the link does not use it up."""
    client = httpx.Client(base_url=link.split("/signin")[0], follow_redirects=True, trust_env=False, timeout=20)
    page = client.get(link)
    assert page.status_code == 200, page.status_code
    answer = client.post(link, headers={"origin": str(client.base_url).rstrip("/")})
    assert answer.status_code == 200, answer.text[:500]
    return client


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path: the server's socket stands in it, and such paths are at most 100 characters long."""
    with tempfile.TemporaryDirectory(prefix="fd-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def running() -> Iterator[Demo]:
    with tempfile.TemporaryDirectory(prefix="fd-") as name, demo(Path(name), "--port", "0") as it:
        yield it


def test_links_come_within_ten_seconds_with_a_line_for_each_person(running: Demo) -> None:
    assert running.seconds < 10
    assert len(running.links) == 4
    for words in ("Intelligence analyst, Finland", "Liaison officer, Switzerland", "Auditor, Finland", "Administrator"):
        assert words in running.said
    assert "invented" in running.said


def test_each_link_shows_what_that_person_may_see(running: Demo) -> None:
    analyst, liaison = (sign_in(link) for link in running.links[:2])
    for client, sees in ((analyst, True), (liaison, False)):
        page = client.get("/search", params={"q": "Breakwater"})
        assert page.status_code == 200
        assert ("Breakwater, what it does" in page.text) is sees
    assert 'lang="fr"' in liaison.get("/").text


def test_a_link_signs_in_once(running: Demo) -> None:
    sign_in(running.links[3])
    with pytest.raises(AssertionError):
        sign_in(running.links[3])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_temporary_folder_goes_when_it_ends(place: Path, number: int) -> None:
    with demo(place, "--port", "0") as it:
        assert list((place / "t").glob("foedus-demo-*"))
        assert it.stop(number) == 0
    assert not list((place / "t").glob("foedus-demo-*"))


def test_a_taken_port_is_passed_over_and_said(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with demo(place, "--port", str(port)) as it:
            assert it.port > port
            it.stop()
    assert f"Port {port} is taken" in (place / "err").read_text()


def test_a_folder_stays_and_is_started_again(place: Path) -> None:
    for _ in range(2):
        with demo(place, "--port", "0", "--data", "kept") as it:
            assert len(it.links) == 4
            it.stop()
        assert (place / "kept" / "node.json").exists()


def test_a_browser_that_the_environment_names_opens_the_analysts_page(place: Path) -> None:
    browser = place / "browser"
    browser.write_text('#!/bin/sh\necho "$1" > "$0.shown"\n')
    browser.chmod(0o700)
    shown = place / "browser.shown"
    with demo(place, "--port", "0", browser=f"{browser} %s") as it:
        until = time.monotonic() + 10
        while not (shown.exists() and shown.read_text().strip()):
            assert time.monotonic() < until, "nothing was opened"
            time.sleep(0.05)
        assert shown.read_text().strip() == it.links[0]


def test_the_folder_of_a_real_node_is_refused(place: Path) -> None:
    init = [str(FOEDUS), "init", "--data", "real", "--owner", "FIN", "--owner-name", "Finland"]
    subprocess.run(init, cwd=place, check=True, capture_output=True)
    ended = subprocess.run(
        [str(FOEDUS), "demo", "--data", "real"], cwd=place, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 2
    assert "not a demo" in ended.stderr


def test_ctrl_c_before_the_server_runs_leaves_nothing_either(place: Path) -> None:
    temporary = place / "t"
    temporary.mkdir()
    process = subprocess.Popen(
        [str(FOEDUS), "demo", "--port", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(temporary), "BROWSER": ""},
        start_new_session=True,
    )
    while not list(temporary.glob("foedus-demo-*/node/journal")):
        assert process.poll() is None
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) in (0, 130)
    assert not list(temporary.glob("foedus-demo-*"))
