"""Sealing what this node originates, a group at a time, when one of the group is first released to anybody.

A group is what became durable in one commit under one label set: see exchange/statement.py for why. It is sealed whole,
whichever of it is released first, so that no seal tells which of the group went where.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from foedus.exchange.statement import Seal, Statement, salt_of, seal
from foedus.kernel.checkpoint import Signer
from foedus.kernel.ports import Entry, Journal, Kind
from foedus.storage.exchangestore import ExchangeStore, SealRow
from foedus.storage.labels import ERASED, TOMBSTONE, LabelTable

RECORDS = (Kind.RECORD, Kind.LABEL)


class Sealing:
    """Seals of this node's own entries, made on demand and kept."""

    def __init__(self, owner: str, journal: Journal, table: LabelTable, store: ExchangeStore, signer: Signer) -> None:
        self._owner, self._journal, self._table = owner, journal, table
        self.store, self._signer = store, signer

    def ensure(self, seqs: Sequence[int]) -> dict[int, SealRow]:
        """The seals of these entries, by entry; those of others that never had one are left out, erased ones too."""
        held = self.store.seals(seqs)
        missing = [seq for seq in seqs if seq not in held]
        if not missing:
            return held
        rows: dict[int, SealRow] = {}
        for seq in missing:
            if seq not in rows and self._own(seq):
                rows.update((row.seq, row) for row in self._seal(self._group(seq)))
        self.store.keep_seals(rows.values())
        return held | {seq: row for seq, row in rows.items() if seq in set(missing)}

    def _own(self, seq: int) -> bool:
        code = int(self._table.column("originator")[seq])
        return code >= 0 and self._table.names("originator")[code] == self._owner

    def _group(self, seq: int) -> list[int]:
        """Own entries of the same commit under the same label set. A commit's entries share their time."""
        table = self._table
        at = table.column("at")
        first, stop = np.searchsorted(at, at[seq], "left"), np.searchsorted(at, at[seq], "right")
        rows = np.arange(first, stop)
        same = table.column("labelset")[rows] == table.column("labelset")[seq]
        same &= table.column("originator")[rows] == table.column("originator")[seq]
        same &= table.column("flags")[rows] & (ERASED | TOMBSTONE) == 0
        return [int(row) for row in rows[same]]

    def _seal(self, group: Iterable[int]) -> list[SealRow]:
        entries = [entry for entry in map(self._journal.entry, group) if not entry.erased and entry.kind in RECORDS]
        leaves = [statement_of(entry).leaf for entry in entries]
        seals = seal(self._signer, leaves) if leaves else []
        return [
            SealRow(entry.seq, leaf, one.note, one.index, one.path, None)
            for entry, leaf, one in zip(entries, leaves, seals, strict=True)
        ]


def statement_of(entry: Entry, salt: bytes | None = None) -> Statement:
    """The statement that an entry is. `salt`: the one it came with; None where this node originated it."""
    return Statement(entry.kind, salt_of(entry.salt) if salt is None else salt, entry.envelope, entry.body)


def seal_of(row: SealRow) -> Seal:
    return Seal(row.note, row.place, row.path)
