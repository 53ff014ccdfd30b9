"""Foedus from the outside: the command as a process, a node's folder, and a server that really listens.

Example:
    node = NodeFolder.make(tmp_path / "fin");  token = node.add("anna", "ALLIANCE SECRET for FIN")
    with node.up() as server:
        httpx.get(f"{server.url}/healthz")
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

FOEDUS = Path(sys.executable).with_name("foedus")
ENVIRONMENT = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}


@dataclass(frozen=True)
class Ran:
    """What one run of the command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def last(self) -> str:
        """The last line of standard output."""
        return self.out.rstrip("\n").rpartition("\n")[2]

    def done(self) -> Ran:
        """Itself, once it ended well."""
        assert self.code == 0, f"exit {self.code}\n{self.out[-2000:]}\n{self.err[-2000:]}"
        return self


def foedus(*arguments: object, stdin: bytes = b"", env: dict[str, str] | None = None, timeout: float = 120) -> Ran:
    """Run the command. A stack trace on standard error is never an answer, whatever was asked."""
    done = subprocess.run(
        [str(FOEDUS), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        timeout=timeout,
        env={**ENVIRONMENT, **(env or {})},
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback (most recent call last)" not in err, err[-4000:]
    return Ran(done.returncode, out, err)


def here(*arguments: object, stdin: bytes = b"") -> Ran:
    """The same in this process: no start-up, the same words and exit code. What escapes the command is raised."""
    from typer.testing import CliRunner

    from foedus.faces.cli.app import app

    done = CliRunner(env={"NO_COLOR": "1", "COLUMNS": "200", "TERM": "dumb"}).invoke(
        app, list(map(str, arguments)), stdin
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`foedus up` as a process of its own."""

    def __init__(self, data: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = open(data.with_name(data.name + ".log"), "ab")  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [str(FOEDUS), "up", "--data", str(data), "--port", str(self.port)],
            stdout=self._log,
            stderr=self._log,
            env=ENVIRONMENT,
        )

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text(errors="replace")

    def wait_ready(self, seconds: float = 30) -> Server:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}\n{self.log[-3000:]}"
            try:
                if httpx.get(f"{self.url}/healthz", timeout=2, trust_env=False).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.03)
        raise AssertionError(f"not ready within {seconds} s\n{self.log[-3000:]}")

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        finally:
            self.close()

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def __enter__(self) -> Server:
        return self.wait_ready()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        self.close()


@dataclass
class NodeFolder:
    """A node made by `foedus init`, and the tokens of the people that were added to it."""

    data: Path
    tokens: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, data: Path, *more: object) -> NodeFolder:
        here("init", "--data", data, "--owner", "FIN", "--owner-name", "Finland", *more).done()
        return cls(data)

    def add(self, name: str, clearance: str | Sequence[str], role: str = "analyst") -> str:
        """A person; their token."""
        wanted = [clearance] if isinstance(clearance, str) else clearance
        options = [part for one in wanted for part in ("--clearance", one)]
        ran = self.here("user add", name, "--role", role, *options, "--token").done()
        self.tokens[name] = ran.last
        return ran.last

    def run(self, command: str, *arguments: object, **more: Any) -> Ran:
        """A command on this folder: `node.run("verify", "--json")`."""
        return foedus(*command.split(), "--data", self.data, *arguments, **more)

    def here(self, command: str, *arguments: object, **more: Any) -> Ran:
        """The same in this process."""
        return here(*command.split(), "--data", self.data, *arguments, **more)

    def up(self, port: int | None = None) -> Server:
        return Server(self.data, port)


def bundle(*objects: object) -> bytes:
    """These objects as a STIX bundle."""
    made = {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000001", "objects": list(objects)}
    return json.dumps(made).encode()


def indicator(number: int, **more: object) -> dict[str, Any]:
    """A valid indicator with an id of its own."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-02T00:00:00.000Z",
        "name": f"indicator number {number}",
        "pattern": f"[ipv4-addr:value = '198.51.100.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }


def basic(name: str, secret: str) -> httpx.BasicAuth:
    return httpx.BasicAuth(name, secret)
