"""A node's server that is killed: the process, the projector beside it, and a port that nobody else is given."""

from __future__ import annotations

import http.client
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from tests.forking import Forked, Forks
from tests.process import ENVIRONMENT, FOEDUS

LOADED = ("foedus.faces.cli.app", "foedus.faces.http.site", "uvicorn.protocols.http.httptools_impl", __name__)
SEGMENT_BYTES = 400_000  # so that kills fall into the beginning of a segment, too


def serve(data: str, port: str) -> None:
    """What `foedus up` does, with small segments. Runs in a forked process."""
    from foedus.config import Limits, Settings
    from foedus.faces.http.server import serve as up

    up(Settings(Path(data), port=int(port), limits=Limits(segment_bytes=SEGMENT_BYTES)))


def quiet_port() -> int:
    """A free port below those that the kernel gives out: a client that calls while nobody listens must not be
    connected to itself."""
    while True:
        port = random.SystemRandom().randrange(12_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Serving:
    """One server from its start to its end. With `forks` it is forked; without, it is the command `foedus up`."""

    def __init__(self, data: Path, port: int, forks: Forks | None) -> None:
        self.port = port
        self._log = data.with_name(data.name + ".log")
        self._began = self._log.stat().st_size if self._log.exists() else 0
        self._forked: Forked | None = None
        self._command: subprocess.Popen[bytes] | None = None
        if forks is not None:
            self._forked = forks.run("tests.breakage.serving:serve", [str(data), str(port)], self._log)
            self.pid = self._forked.pid
        else:
            with self._log.open("ab") as log:
                self._command = subprocess.Popen(
                    [FOEDUS, "up", "--data", data, "--port", str(port)], stdout=log, stderr=log, env=ENVIRONMENT
                )
            self.pid = self._command.pid

    @property
    def log(self) -> str:
        """What this server has said."""
        with self._log.open("rb") as file:
            file.seek(self._began)
            return file.read().decode(errors="replace")

    def ended(self) -> bool:
        return self._forked.ended() if self._forked else self._command is not None and self._command.poll() is not None

    def wait_ready(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert not self.ended(), f"the server ended by itself\n{self.log[-3000:]}"
            with suppress(OSError, http.client.HTTPException):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
                try:
                    connection.request("GET", "/healthz")
                    if connection.getresponse().status == 200:
                        return
                finally:
                    connection.close()
            time.sleep(0.005)
        raise AssertionError(f"not ready within {seconds} s\n{self.log[-3000:]}")

    def projector(self) -> psutil.Process | None:
        """The child that keeps links and full text, where there is one at this moment."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.pid).children():
                with suppress(psutil.Error):
                    if "foedus.node.follower" in child.cmdline():
                        return child
        return None

    def kill(self, *, projector: bool) -> psutil.Process | None:
        """SIGKILL to the server, and to its projector at once or not. The projector that it leaves behind, if any."""
        child = self.projector()
        self._signal(signal.SIGKILL)
        if child is not None and projector:
            with suppress(psutil.Error):
                child.kill()
        self._wait()
        return child

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self._signal(signal.SIGTERM)
        return self._wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._forked:
            self._forked.signal(number)
        elif self._command:
            self._command.send_signal(number)

    def _wait(self) -> int:
        if self._forked:
            return self._forked.wait()
        assert self._command is not None
        return self._command.wait(30)
