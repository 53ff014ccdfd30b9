"""The servers under test: started on loopback with fresh data, watched, and always stopped.

with opentaxii(python) as server:
    expect(once(server.address, get(server.objects, server.authorization)), 200)
    server.cpu_seconds()
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from benchmarks.environment import BENCH, ROOT
from benchmarks.http_load import LoadFault, expect, get, once

PEERS = ROOT / "benchmarks" / "peers"
HOST = "127.0.0.1"
LABEL = "ALLIANCE SECRET for FIN"


@dataclass
class Server:
    """One running server. `objects` is the path of its collection's objects."""

    name: str
    address: tuple[str, int]
    process: subprocess.Popen[bytes]
    folder: Path
    objects: str = ""
    authorization: str = ""
    startup_seconds: float = 0.0
    readers: dict[str, str] = field(default_factory=dict)  # name -> Authorization

    def tree(self) -> list[psutil.Process]:
        """The server's processes."""
        try:
            parent = psutil.Process(self.process.pid)
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        total = 0.0
        for process in self.tree():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def memory(self) -> tuple[int, int]:
        """(resident bytes, anonymous resident bytes) over all its processes; mapped files count in the first alone."""
        resident = anonymous = 0
        for process in self.tree():
            with suppress(psutil.Error, OSError):
                resident += process.memory_info().rss
                anonymous += anonymous_bytes(process.pid)
        return resident, anonymous


def anonymous_bytes(pid: int) -> int:
    """RssAnon of one process (Linux); 0 where the system does not tell."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


class MemoryWatch:
    """Samples a server's memory ten times a second: `with MemoryWatch(server) as watch: ...; watch.peak`."""

    def __init__(self, server: Server) -> None:
        self.peak = 0
        self.peak_anonymous = 0
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while True:
            resident, anonymous = self._server.memory()
            self.peak = max(self.peak, resident)
            self.peak_anonymous = max(self.peak_anonymous, anonymous)
            if self._stop.wait(0.1):
                return

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def free_port() -> int:
    """A port of loopback that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def folder(name: str) -> Iterator[Path]:
    """A fresh folder on the project's own disk, removed afterwards."""
    (BENCH / "run").mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=BENCH / "run"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def running(
    command: Sequence[str], env: dict[str, str], address: tuple[str, int], ready: str, log: Path
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """The process, once `ready` answers below 500, and how long that took. Ended in any case, its children too."""
    with log.open("ab") as out:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=out, stderr=out, cwd=ROOT, start_new_session=True
        )
    try:
        yield process, wait_ready(process, address, ready, log) - start
    finally:
        stop(process)


def wait_ready(process: subprocess.Popen[bytes], address: tuple[str, int], ready: str, log: Path) -> float:
    """The moment at which the server first answered. Raises LoadFault where it ends or is silent for a minute."""
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        if process.poll() is not None:
            raise LoadFault(f"the server ended at start: {log.read_text(errors='replace')[-800:]}")
        with suppress(OSError, LoadFault):
            if once(address, get(ready, accept="*/*"), timeout=5).status < 500:
                return time.perf_counter()
        time.sleep(0.005)
    raise LoadFault("the server was not ready within a minute")


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process group that we started; SIGKILL after fifteen seconds."""
    for sign, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)


def gunicorn(python: Path, app: str, port: int, workers: int, threads: int) -> list[str]:
    """gunicorn in the peers' environment, with keep-alive."""
    return [
        *(str(python), "-m", "gunicorn", "--chdir", str(PEERS), "--bind", f"{HOST}:{port}"),
        *("--workers", str(workers), "--worker-class", "gthread", "--threads", str(threads)),
        *("--keep-alive", "60", "--timeout", "600", "--log-level", "error", app),
    ]


@contextmanager
def opentaxii(python: Path, workers: int = 1) -> Iterator[Server]:
    """OpenTAXII with SQLite and a bearer token."""
    with ExitStack() as stack:
        place = stack.enter_context(folder("opentaxii"))
        env = {"BENCH_FOLDER": str(place)}
        script = [str(python), str(PEERS / "opentaxii_app.py")]
        made = subprocess.run(script, env={**os.environ, **env}, capture_output=True, text=True, timeout=60)
        if made.returncode:
            raise LoadFault(f"OpenTAXII could not be prepared: {made.stderr[-800:]}")
        facts = json.loads(made.stdout.splitlines()[-1])
        address = (HOST, free_port())
        command = gunicorn(python, "opentaxii_app:app", address[1], workers, 8)
        process, startup = stack.enter_context(running(command, env, address, "/taxii2/", place / "log"))
        yield Server(
            "OpenTAXII",
            address,
            process,
            place,
            f"/taxii2/{facts['root']}/collections/{facts['collection']}/objects/",
            f"Bearer {facts['token']}",
            startup,
        )


@contextmanager
def medallion(python: Path) -> Iterator[Server]:
    """medallion with its memory back end: one process, for its store lives in it."""
    with ExitStack() as stack:
        place = stack.enter_context(folder("medallion"))
        password = secrets.token_hex(16)
        env = {"BENCH_FOLDER": str(place), "BENCH_PASSWORD": password}
        address = (HOST, free_port())
        command = gunicorn(python, "medallion_app:app", address[1], 1, 8)
        process, startup = stack.enter_context(running(command, env, address, "/taxii2/", place / "log"))
        yield Server(
            "medallion",
            address,
            process,
            place,
            "/bench/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/objects/",
            "Basic " + base64.b64encode(f"bench:{password}".encode()).decode(),
            startup,
        )


def foedus_program() -> str:
    """The product's command line, as its environment has it."""
    program = Path(sys.executable).parent / "foedus"
    if not program.exists():
        raise LoadFault("the foedus command is not in this environment")
    return str(program)


def foedus_command(*arguments: str) -> str:
    """Run one command of Foedus; its standard output."""
    done = subprocess.run([foedus_program(), *arguments], capture_output=True, text=True, timeout=3600, cwd=ROOT)
    if done.returncode:
        raise LoadFault(f"foedus {arguments[0]} ended with {done.returncode}: {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def init_node(data: Path, readers: dict[str, str]) -> dict[str, str]:
    """A node in `data` with these analysts (name -> clearance); their Authorization headers."""
    foedus_command("init", "--data", str(data), "--owner", "FIN", "--owner-name", "Finland")
    tokens = {}
    for name, clearance in readers.items():
        said = foedus_command(
            *("user", "add", name, "--data", str(data), "--role", "analyst", "--clearance", clearance, "--token")
        )
        tokens[name] = f"Bearer {said.strip().splitlines()[-1]}"
    return tokens


@contextmanager
def foedus(data: Path, tokens: dict[str, str]) -> Iterator[Server]:
    """A node that has been made already; the first of `tokens` is the one that posts."""
    address = (HOST, free_port())
    command = [foedus_program(), "up", "--data", str(data), "--port", str(address[1])]
    with running(command, {}, address, "/healthz", data.parent / "log") as (process, startup):
        first = next(iter(tokens.values()))
        objects = everything(address, first)
        yield Server("Foedus", address, process, data, objects, first, startup, tokens)


@contextmanager
def fresh_foedus(clearance: str = LABEL) -> Iterator[Server]:
    """A new node with one analyst, running."""
    with folder("foedus") as place, ExitStack() as stack:
        tokens = init_node(place / "data", {"anna": clearance})
        yield stack.enter_context(foedus(place / "data", tokens))


def everything(address: tuple[str, int], authorization: str) -> str:
    """The objects path of the collection of everything readable, found as a TAXII client finds it."""

    def ask(path: str) -> dict[str, object]:
        return dict(json.loads(expect(once(address, get(path, authorization)), 200).body))

    found = ask("/taxii2/")
    roots = [str(found["default"])] if found.get("default") else [str(r) for r in found.get("api_roots", [])]  # type: ignore[attr-defined]
    for root in roots:
        path = urlsplit(root).path
        collections = ask(f"{path}collections/").get("collections", [])
        writable = [c for c in collections if c["can_write"]]  # type: ignore[attr-defined]
        for wanted in sorted(writable, key=lambda c: "every" not in f"{c.get('alias')} {c['title']}".lower()):
            return f"{path}collections/{wanted['id']}/objects/"
    raise LoadFault("no collection of the node accepts POST")
