"""A stream of records and marking definitions in memory, and the plain definition of what a class sees of it, when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple, cast

import msgspec

from foedus.kernel.label import Clearance
from foedus.kernel.policyset import PolicySet
from foedus.kernel.ports import Entry, Head, Item, Journal, Kind
from foedus.kernel.spif import read_policy
from foedus.kernel.stixmarking import TLP2_EXTENSION
from foedus.node.definitions import Definitions
from foedus.node.registry import LabelRegistry
from foedus.node.sights import Sights
from foedus.node.subject import Subject
from foedus.storage.labels import LabelTable

START = 1_790_000_000_000_000
GREEN, AMBER, RED = "GREEN", "AMBER", "RED"
STATEMENT, STRANGE = "statement", "strange"  # definitions that limit nobody, and that nobody understands
History = tuple[tuple[int, frozenset[str]], ...]  # levels of TLP held since, oldest first


def marking(number: int) -> str:
    return f"marking-definition--00000000-0000-4000-8000-{number:012d}"


def definition(marking_id: str, says: str) -> dict[str, Any]:
    obj: dict[str, Any] = {"type": "marking-definition", "spec_version": "2.1", "id": marking_id}
    if says == STATEMENT:
        return {**obj, "definition_type": "statement", "definition": {"statement": "anything"}}
    if says == STRANGE:
        return {**obj, "extensions": {"extension-definition--00000000-0000-4000-8000-000000000001": {}}}
    return {**obj, "extensions": {TLP2_EXTENSION: {"tlp_2_0": says.lower()}}}


class Row(NamedTuple):
    """One entry: its time, its label set; for a definition also the marking that it defines, and what it says."""

    at: int
    labels: tuple[str, ...]
    defines: str = ""
    says: str = ""


@dataclass
class Stream:
    """Entries as a journal and a label table hold them. `now` is the clock."""

    rows: list[Row] = field(default_factory=list)
    at: int = START
    entries: list[Entry] = field(default_factory=list)
    table: LabelTable = field(default_factory=lambda: LabelTable(None, seed=1))

    def now(self) -> int:
        return self.at

    def entry(self, seq: int) -> Entry:
        return self.entries[seq]

    def append(self, *rows: Row) -> None:
        """One append: its entries share their time."""
        items = []
        for row in rows:
            seq = len(self.rows)
            obj = definition(row.defines, row.says) if row.defines else {"type": "note", "id": f"note--{seq}"}
            body = msgspec.json.encode(obj)
            self.rows.append(row)
            self.entries.append(Entry(seq, Kind.RECORD, row.at, b"", body, b"", b"", False, seq))
            items.append(
                Item(seq, Kind.RECORD, row.at, seq, body, Head(obj["id"], obj["type"], 0, "FIN", "", row.labels))
            )
        self.table.apply(items)

    def sights(self) -> Sights:
        """As a node that has just started has them: everything is learned from the entries."""
        registry = LabelRegistry(policies())
        return Sights(self.table, registry, Definitions(cast(Journal, self), self.table, registry), self, RLock())


def policies() -> PolicySet:
    folder = Path(__file__).resolve().parents[2] / "policies"
    return PolicySet([read_policy((folder / "tlp.xml").read_bytes())])


def subject(history: History) -> Subject:
    return Subject("somebody", epochs=tuple((since, (Clearance("TLP", levels),)) for since, levels in history))


def shown(sights: Sights, history: History) -> list[tuple[int, int]]:
    """All that the class sees: (entry, release time), in release order."""
    with sights.of(subject(history)) as sight:
        page = sight.page(limit=1_000_000)
    return list(zip(page.seqs.tolist(), page.times.tolist(), strict=True))


def plain(rows: Sequence[Row], history: History, now: int) -> list[tuple[int, int]]:
    """The definition, spelt out one moment at a time, over everything that happened up to `now`."""
    first = history[0][0]
    moments = {row.at for row in rows if row.defines} | {since for since, _ in history[1:]}
    permitted: dict[tuple[str, ...], bool] = {}
    order: list[tuple[int, int]] = []  # (entry, earliest time), in order of release

    def block(moment: int) -> None:
        """What one moment changes, entries up to it being there."""
        was = dict(permitted)
        for labels in was:
            permitted[labels] = _sees(rows, labels, moment, _levels(history, moment))
        order.extend(
            (seq, moment + 1)
            for seq, row in enumerate(rows)
            if row.at <= moment and not was.get(row.labels, True) and permitted[row.labels]
        )

    waiting = sorted(moment for moment in moments if first < moment <= now)
    for seq, row in enumerate(rows):
        while waiting and waiting[0] < row.at:
            block(waiting.pop(0))
        if row.labels not in permitted:  # what came with the first entry counts for it
            begin = max(first, row.at)
            permitted[row.labels] = _sees(rows, row.labels, begin, _levels(history, row.at - 1))
        if permitted[row.labels]:
            order.append((seq, row.at))
    for moment in waiting:
        block(moment)
    last, released = -1, dict[int, int]()
    for seq, earliest in order:
        last = max(last + 1, earliest)
        released[seq] = last
    visible = ((time, seq) for seq, time in released.items() if permitted[rows[seq].labels])
    return [(seq, time) for time, seq in sorted(visible)]


def _levels(history: History, moment: int) -> frozenset[str]:
    held = history[0][1]
    for since, levels in history[1:]:
        held = levels if since <= moment else held
    return held


def _sees(rows: Sequence[Row], labels: tuple[str, ...], moment: int, levels: frozenset[str]) -> bool:
    """Every marking of the set has a definition by then, all that its definitions ask for is held, and one asks."""
    asked: set[str] = set()
    for one in labels:
        says = {row.says for row in rows if row.defines == one and row.at <= moment}
        if not says or STRANGE in says:
            return False
        asked |= says - {STATEMENT}
    return bool(asked) and asked <= levels
