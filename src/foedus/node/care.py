"""Looking after a node: progress, backup and restore, importers and exporters by format."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from foedus.kernel.domain import Exporter, Importer, domains
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.ports import Clock
from foedus.node.answers import PageQuery, Progress
from foedus.node.contract import OnProgress
from foedus.node.marked import export_marked
from foedus.node.subject import Subject

if TYPE_CHECKING:
    from foedus.node.node import Node

_SECOND = 1_000_000


def step(stage: str, done: int, total: int, started: int, now: int) -> Progress:
    """A step of long work with its rate and the time left, from when it began (microseconds)."""
    spent = (now - started) / _SECOND
    rate = done / spent if spent > 0 else 0.0
    return Progress(stage, done, total, rate, (total - done) / rate if rate and total else None)


def counter(stage: str, on_progress: OnProgress | None, clock: Clock) -> Callable[[int, int], None] | None:
    """`on_progress` in the form that the journal calls: (done, total)."""
    if on_progress is None:
        return None
    started = clock.now()
    return lambda done, total: on_progress(step(stage, done, total, started, clock.now()))


def importer_for(data: bytes, format: str, name: str) -> Importer | None:
    """The importer of a foreign format, by name, suffix or content; None for STIX. Raises Refused for unknown names."""
    known = [importer for domain in domains() for importer in domain.importers]
    if format == "stix":
        return None
    if format:
        found = next((i for i in known if i.name == format), None)
        if found is None:
            possible = ", ".join(["stix", *(i.name for i in known)])
            raise Refused([Fault("unknown-format", f"{format!r} is not a format; possible: {possible}")])
        return found
    suffix = Path(name).suffix.lower()
    named = [i for i in known if suffix in i.suffixes and suffix != ".json"]
    return next((i for i in (*named, *known) if i.sniff(data)), named[0] if named else None)


def exporter_for(format: str) -> Exporter:
    """Raises Refused for unknown names."""
    known = [exporter for domain in domains() for exporter in domain.exporters]
    for exporter in known:
        if exporter.name == format:
            return exporter
    possible = ", ".join(["stix", "stanag4778", *(e.name for e in known)])
    raise Refused([Fault("unknown-format", f"{format!r} is not a format; possible: {possible}")])


def export(
    node: Node,
    subject: Subject,
    types: frozenset[str] | None,
    format: str,
    emit: OnProgress | None,
    *,
    marked: bool = False,
) -> Iterator[bytes]:
    """Permitted records as chunks of a file; `marked`: STIX objects that name their labels. Raises Refused,
    NotPermitted."""
    subject.require("export")
    view = node.view(subject, "file")
    if marked:
        if format not in ("", "stix"):
            raise Refused([Fault("unmarkable-format", f"only STIX objects can be marked, not {format}", path="format")])
        return export_marked(node, view, types, emit)
    if format in ("", "stix"):
        return view.export(types, emit)
    if format == "stanag4778":
        from foedus.node.bindings import bindings

        return iter([bindings(node, subject, types)])
    exporter = exporter_for(format)
    objects = []
    cursor = ""
    while True:
        found = view.page(PageQuery(cursor=cursor, limit=node.limits.max_page, types=types))
        objects += [node.decode(body) for body in found.bodies]
        if not found.more:
            return iter([exporter.write(objects)])
        cursor = found.next


def backup(node: Node, target: str, on_progress: OnProgress | None) -> None:
    """A consistent copy while the node runs: journals up to a checkpoint, people, keys, policies. Raises Refused."""
    folder = Path(target)
    if folder.exists() and any(folder.iterdir()):
        raise Refused([Fault("folder-in-use", f"{folder} is not empty")], hint="name a new folder")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused([Fault("unwritable", f"{folder} cannot be made: {error.strerror}")]) from error
    steps: list[tuple[str, Callable[[], object]]] = [
        ("people", lambda: node.accounts.backup(folder / "accounts.sqlite")),
        ("releases", lambda: node.released.journal.copy_to(folder / "releases")),
        ("journal", lambda: node.journal.copy_to(folder / "journal")),
        ("keys", lambda: shutil.copytree(node.settings.data / "keys", folder / "keys")),
        ("policies", lambda: shutil.copytree(node.settings.data / "policies", folder / "policies")),
        ("node", lambda: shutil.copy2(node.settings.data / "node.json", folder / "node.json")),
    ]
    for number, (name, do) in enumerate(steps):
        if on_progress is not None:
            on_progress(Progress(f"backup: {name}", number, len(steps)))
        do()
    for name in ("run", "projections"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)


def restore_folder(source: Path, data: Path) -> None:
    """Copy a backup to a new node's folder. Raises Refused where the one is no backup or the other is in use."""
    if not (source / "node.json").is_file():
        raise Refused([Fault("no-backup", f"{source} is not a backup of a node")])
    if data.exists() and any(data.iterdir()):
        raise Refused([Fault("folder-in-use", f"{data} is not empty")], hint="name a new folder")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(source, data, dirs_exist_ok=True)
