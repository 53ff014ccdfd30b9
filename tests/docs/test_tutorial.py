"""The tutorial's commands run as they stand, and print what it says they print."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- end of step ---"


def steps() -> list[tuple[str, list[str]]]:
    """(commands, lines that they print): each shell block with the text block after it."""
    found: list[tuple[str, list[str]]] = []
    for kind, content in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if kind == "sh":
            found.append((content, []))
        else:
            found[-1] = (found[-1][0], content.splitlines())
    return found


def said(line: str, output: list[str]) -> bool:
    """Whether the output has this line; … stands for anything."""
    pattern = re.compile(".*".join(re.escape(part.strip()) for part in line.split("…")) + r"\s*")
    return any(pattern.fullmatch(one.strip()) for one in output)


def test_every_command_of_the_tutorial_does_what_it_says() -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("the tutorial uses bash and curl")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    every = steps()
    assert len(every) >= 8
    script = "set -e -o pipefail -m\n" + "".join(f"{commands}\necho '{MARK}'\n" for commands, _ in every)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="fdoc-") as folder:
        shell = subprocess.Popen(
            ["bash", "-c", script.replace("8440", port)],
            cwd=folder,
            env=os.environ | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = shell.communicate(timeout=120)
        finally:
            _end(shell.pid)
    outputs = output.split(MARK)
    assert shell.returncode == 0, output
    for (commands, lines), shown in zip(every, outputs, strict=False):
        printed = shown.replace(port, "8440").splitlines()
        for line in lines:
            assert said(line, printed), f"{commands}\nprinted\n{shown}\nand not\n{line}"


def _end(session: int) -> None:
    """What the tutorial left running, where it stopped half-way."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session:
                os.kill(int(stat.parent.name), signal.SIGTERM)
        except (OSError, ValueError):
            continue
