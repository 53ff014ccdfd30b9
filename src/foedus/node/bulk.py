"""Large STIX files, a piece at a time: memory follows the file, not ten times its size.

The container is read strictly around its first object; the objects follow in pieces of some thousand, definitions of
markings first. Where nothing may be kept of a file with faults, a first pass only looks for them. Two versions of one
object that contradict each other are found within a piece; across pieces they stand side by side, as from two files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from foedus.kernel.errors import Fault
from foedus.kernel.label import Label
from foedus.kernel.record import read_input
from foedus.node import care
from foedus.node.answers import ImportReport
from foedus.node.contract import OnProgress
from foedus.node.ingest import Ingest
from foedus.node.subject import Subject

if TYPE_CHECKING:
    from foedus.node.node import Node

LARGE = 8 * 1024 * 1024  # bytes: below it a file is read at once
_PIECE = 4_000
_DEFINITION = b'"marking-definition"'  # as a value: references go on with two hyphens


class _Container(msgspec.Struct):
    objects: msgspec.Raw


class _Piece(NamedTuple):
    places: Sequence[int]  # of its objects in the file
    data: bytes


class Bulk:
    """One large file. `None` from `opened` where it is not a container that can be cut: it is read at once then."""

    def __init__(self, head: bytes, objects: list[msgspec.Raw]) -> None:
        self._head = head
        self._objects = objects

    @classmethod
    def opened(cls, data: bytes) -> Bulk | None:
        try:
            raw = msgspec.json.decode(data, type=_Container).objects
            objects = msgspec.json.decode(raw, type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        inside = bytes(raw)
        start = data.rfind(inside)
        if start < 0 or not objects:
            return None
        return cls(data[:start] + b"[" + bytes(objects[0]) + b"]" + data[start + len(inside) :], objects)

    def run(
        self,
        node: Node,
        given: Label | None,
        default: Label,
        *,
        subject: Subject | None,
        partial: bool,
        upgrade: bool,
        on_progress: OnProgress | None,
    ) -> ImportReport:
        """Import it; the report is that of `Node.ingest`."""
        started = node.clock.now()
        faults = [one for one in read_input(self._head, node.limits, upgrade=upgrade).faults if one.index < 0]
        if not partial:
            faults += self._look(node, upgrade, on_progress)
            if faults:
                return self._refused(node, faults, started)
        return self._store(node, subject, given, default, faults, upgrade, on_progress, started)

    def _pieces(self) -> Iterator[_Piece]:
        definitions = [i for i, raw in enumerate(self._objects) if _DEFINITION in bytes(raw)]
        first = set(definitions)
        order = definitions + [i for i in range(len(self._objects)) if i not in first]
        for start in range(0, len(order), _PIECE):
            places = order[start : start + _PIECE]
            yield _Piece(places, b'{"objects":[' + b",".join(bytes(self._objects[i]) for i in places) + b"]}")

    def _look(self, node: Node, upgrade: bool, on_progress: OnProgress | None) -> list[Fault]:
        """Every fault, up to the limit; nothing is kept."""
        faults: list[Fault] = []
        started, done = node.clock.now(), 0
        for piece in self._pieces():
            read = read_input(piece.data, node.limits, upgrade=upgrade)
            faults += _placed([*read.faults, *node.domain_faults(read.valid)], piece.places)
            done += len(piece.places)
            if on_progress is not None:
                on_progress(care.step("checking", done, len(self._objects), started, node.clock.now()))
            if len(faults) > node.limits.max_faults_reported:
                break
        return faults

    def _store(
        self,
        node: Node,
        subject: Subject | None,
        given: Label | None,
        default: Label,
        faults: list[Fault],
        upgrade: bool,
        on_progress: OnProgress | None,
        started: int,
    ) -> ImportReport:
        labels: Counter[str] = Counter()
        notices: list[str] = []
        done = stored = known = refused = 0
        for piece in self._pieces():
            read = read_input(piece.data, node.limits, upgrade=upgrade)
            ingest = Ingest(node, read, given, default, subject=subject, partial=True)
            report = ingest.finish([future.result() for future in ingest.futures])
            stored, known, refused = stored + report.stored, known + report.known, refused + report.refused
            labels.update(report.labels)
            notices += [one for one in report.notices if one not in notices]
            faults += _placed(report.faults, piece.places)
            done += len(piece.places)
            if on_progress is not None:
                on_progress(care.step("storing", done, len(self._objects), started, node.clock.now()))
        shown = tuple(faults[: node.limits.max_faults_reported])
        seconds = (node.clock.now() - started) / 1_000_000
        return ImportReport(len(self._objects), stored, known, refused, shown, tuple(notices), dict(labels), seconds)

    def _refused(self, node: Node, faults: list[Fault], started: int) -> ImportReport:
        total = len(self._objects)
        shown = tuple(faults[: node.limits.max_faults_reported])
        return ImportReport(total, 0, 0, total, shown, (), {}, (node.clock.now() - started) / 1_000_000)


def _placed(faults: Sequence[Fault], places: Sequence[int]) -> list[Fault]:
    """Faults of a piece with the places of their objects in the whole file."""
    return [replace(one, index=places[one.index]) if 0 <= one.index < len(places) else one for one in faults]
