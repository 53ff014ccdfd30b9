"""`foedus demo`: a node with the sample coalition, three people who see different things, and a link for each.

Without --data everything is in a temporary folder that goes when the demo ends, by Ctrl-C or otherwise. With --data
the folder stays, and a second run starts it again with fresh links. A folder that some other node lives in is refused:
the demo makes accounts, and no real node should get them by mistake.
"""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import rich.markup

from foedus.config import Settings
from foedus.faces.cli.output import Bar, err, out
from foedus.faces.cli.sample import Person, Sample, read_sample
from foedus.kernel.errors import Fault, Refused
from foedus.node import care, service
from foedus.node.node import Node
from foedus.node.people import COMMAND_LINE

_HOST = "127.0.0.1"
_PORTS = 50  # how many are tried from the wanted one on
_MARK = "demo"  # a file that says: this folder was made by the demo

_ADMINISTRATOR = Person(
    "admin",
    "Administrator",
    "Administrator",
    ("administrator",),
    "",
    "en",
    "UTC",
    "what is public: the role looks after people and the node, and reads nothing by itself",
)


def run_demo(data: Path | None, port: int, open_browser: bool = False) -> None:
    """Make or reopen the demo's node, print the links, serve until stopped. Raises FoedusError.

    `open_browser` opens the analyst's page; so does a set $BROWSER.
    """
    started = time.monotonic()
    sample = read_sample()
    with _stops_cleanly(), _folder(data) as folder:
        chosen = free_port(port)
        prepare(folder, sample, chosen)
        links = _links(folder, sample, chosen)
        _say(folder, sample, links, chosen, kept=data is not None, seconds=time.monotonic() - started)
        if port and chosen != port:
            err.print(f"[yellow]Port {port} is taken; the demo uses {chosen}.[/]")
        if open_browser or os.environ.get("BROWSER"):
            threading.Thread(target=_open, args=(chosen, links[0][1]), daemon=True).start()
        from foedus.faces.http.server import serve  # the web stack loads only where it is used

        serve(Settings(data=folder, host=_HOST, port=chosen))
    out.print("The demo has ended." if data is not None else "The demo has ended; its folder is gone.")


def prepare(folder: Path, sample: Sample, port: int) -> None:
    """A node with the sample in it. What is there already is kept. Raises Refused for a folder of something else."""
    mark = folder / _MARK
    if (folder / "node.json").exists():
        if not mark.exists():
            message = f"{folder} is the folder of a node that is not a demo"
            raise Refused([Fault("not-a-demo", message)], message, hint="name a new folder, or none")
    else:
        service.init(folder, sample.owner, sample.owner_name, [], port)
        mark.write_text("This folder was made by `foedus demo`. Nothing in it is real.\n", encoding="utf-8")
    _import(folder, sample)
    _add_people(folder, sample)


def _import(folder: Path, sample: Sample) -> None:
    """In one go per run of equal labels, in the order of time; known versions are passed over."""
    with Node.open(Settings(folder)) as node, Bar() as bar:
        begun, done = node.clock.now(), 0
        for batch in sample.batches:
            report = node.ingest(None, batch.bundle(), batch.label)
            if report.faults:
                raise Refused(list(report.faults), "the sample itself is faulty")
            done += len(batch.objects)
            bar(care.step("sample", done, sample.count, begun, node.clock.now()))


def _add_people(folder: Path, sample: Sample) -> None:
    with service.people(folder) as people:
        there = {account.name for account in people.accounts.all()}
        for person in sample.people:
            if person.name not in there:
                people.people.add(
                    COMMAND_LINE,
                    person.name,
                    roles=person.roles,
                    display_name=person.display_name,
                    clearances=people.clearances([person.clearance]),
                    language=person.language,
                    zone=person.zone,
                )


def _links(folder: Path, sample: Sample, port: int) -> list[tuple[Person, str]]:
    with service.people(folder) as people:
        everybody = (*sample.people, _ADMINISTRATOR)
        return [(person, people.link(people.accounts.get(person.name), port)) for person in everybody]


def _say(
    folder: Path, sample: Sample, links: list[tuple[Person, str]], port: int, *, kept: bool, seconds: float
) -> None:
    out.print(
        f"\n[bold]The demo node of {sample.owner_name}[/]: {sample.count} objects, ready after {seconds:.1f} s.\n"
        "Members and partners are public facts; the exercise GREY HARBOUR 26 is invented and marked so.\n"
        "\nEach link signs in once. Use a private window for each person, to compare what they see.\n"
    )
    for person, link in links:
        out.print(f"[bold]{person.title}[/] [dim]({person.clearance or 'no clearance'})[/]")
        out.print(f"  sees {person.sees}")
        out.print(f"  {rich.markup.escape(link)}\n")
    place = rich.markup.escape(str(folder))
    out.print(f"From another terminal: foedus search TideLock --data {place} --as analyst")
    out.print(f"API http://{_HOST}:{port}/api/schema/openapi.json   TAXII 2.1 http://{_HOST}:{port}/taxii2/")
    out.print(f"Ctrl-C ends it{'' if kept else ' and removes its folder'}.\n")
    out.file.flush()


def free_port(wanted: int) -> int:
    """The wanted port of loopback, or the next free one; 0 stands for any. Raises Refused where none is free.

    Somebody may take it between this and the start of the server, which then says so.
    """
    last = min(65_535, wanted + _PORTS)
    for port in range(wanted, last + 1):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((_HOST, port))
                trial.listen(1)  # on Linux two sockets may be bound with SO_REUSEADDR, but only one listens
            except OSError:
                continue
            return int(trial.getsockname()[1])
    message = f"no port from {wanted} to {last} is free"
    raise Refused([Fault("address-in-use", message)], message, hint="name another one with --port")


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    if data is not None:
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="foedus-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name) / "node"


@contextmanager
def _stops_cleanly() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo like Ctrl-C does, so that the temporary folder goes too."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    def hang_up(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # the running server has its own way to stop

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, hang_up)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _open(port: int, link: str) -> None:
    """Show the page in a browser as soon as the node answers."""
    for _ in range(100):
        try:
            if httpx.get(f"http://{_HOST}:{port}/healthz", timeout=1, trust_env=False).status_code == 200:
                webbrowser.open(link)
                return
        except httpx.HTTPError:
            time.sleep(0.1)
