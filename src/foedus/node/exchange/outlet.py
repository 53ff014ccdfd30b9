"""The way out: for each peer, what of the journal it may see, numbered once and for all in its channel.

What is released follows from the peer's sight, as for any reader: entries as they are written, and older ones late,
when a clearance or a label has turned. A definition goes before the first record that names it. A recall goes to
whoever got what it recalls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foedus.exchange.channel import Sent
from foedus.kernel.domain import domains
from foedus.node.exchange.peer import Peer
from foedus.node.exchange.recalling import as_sent
from foedus.node.exchange.sealing import Sealing, seal_of, statement_of
from foedus.node.follow import item_of
from foedus.storage.channellog import GONE, ChannelLog
from foedus.storage.labels import TOMBSTONE

if TYPE_CHECKING:
    from foedus.node.node import Node

Rows = NDArray[np.int64]
_BATCH = 5_000  # entries numbered in one commit of a channel
_FACE = "channel"


class Outlet:
    """One peer's channel, as its sender writes it. Implements `exchange.channel.Log`. Used by one writing thread."""

    def __init__(self, node: Node, sealing: Sealing, log: ChannelLog, peer: Peer) -> None:
        self._node, self._sealing, self._log, self.peer = node, sealing, log, peer
        self._store = sealing.store
        refs = log.refs
        self._sent = np.zeros(0, bool)  # by entry of the journal
        self._recalled = {int(ref) for ref in refs[refs < 0]}
        self._recall_numbers = [int(n) for n in np.flatnonzero((refs < 0) & (refs != GONE))]
        self._mark(refs[refs >= 0])
        self._cursor = self._store.cursor(peer.code)
        self._permitted: NDArray[np.bool_] | None = None  # by code of a label set: as of the last look

    # -- looking

    def advance(self) -> int:
        """Number what is new for this peer; how many entries. Everything up to the journal's end has been looked at."""
        node = self._node
        with node.sights.of(self.peer.subject()) as sight:
            stop = node.table.cursor
            rows = self._candidates(sight.permitted, stop)
            rows = rows[sight.visible(rows)]
            rows = rows[self._passes(rows)]
            needed = self._definitions(rows)
        released = self._released(rows, needed) + self._recalls(stop)
        released.sort(key=lambda one: one[2])
        for start in range(0, len(released), _BATCH):
            self._number(released[start : start + _BATCH])
        if stop != self._cursor:
            self._store.keep_cursor(self.peer.code, stop)
            self._cursor = stop
        return len(released)

    def _candidates(self, permitted: NDArray[np.bool_], stop: int) -> Rows:
        """Entries that were not looked at, and older ones whose label set has turned. Not those sent already."""
        rows = np.arange(self._cursor, stop)
        before = self._permitted
        known = 0 if before is None else len(before)
        turned = np.flatnonzero(permitted[:known] & ~before[:known]) if before is not None else None
        if turned is None:
            rows = np.arange(stop)  # after a start: whatever turned meanwhile
        elif len(turned):
            older = np.flatnonzero(np.isin(self._node.table.column("labelset")[: self._cursor], turned))
            rows = np.concatenate([older, rows])
        self._permitted = permitted.copy()
        self._grow(stop)
        unsent: Rows = rows[~self._sent[rows]]
        return unsent

    def _passes(self, rows: Rows) -> NDArray[np.bool_]:
        """Records of the peering's domains; of other originators only where they are passed on, never back."""
        table = self._node.table
        originators = table.column("originator")[rows]
        own = originators == table.code("originator", self._node.owner)
        mask = own | (originators != table.code("originator", self.peer.code) if self.peer.relay else own)
        if self.peer.domains:
            types = {record.type for one in domains() if one.name in self.peer.domains for record in one.records}
            codes = [table.code("type", name) for name in types]
            mask &= np.isin(table.column("type")[rows], [code for code in codes if code >= 0])
        return np.asarray(mask, bool)

    def _definitions(self, rows: Rows) -> dict[int, int]:
        """Definitions that these rows need and that were not sent: their entry, by the first row that needs it."""
        table = self._node.table
        out: dict[int, int] = {}
        names = table.names("labelset")
        sets, firsts = np.unique(table.column("labelset")[rows], return_index=True)
        for code, first in sorted(zip(sets.tolist(), firsts.tolist(), strict=True), key=lambda pair: pair[1]):
            for marking in names[code] or ():
                for seq in table.rows_of(marking):
                    if seq not in out and not self._sent[seq]:
                        out[seq] = int(rows[first])
        return out

    # -- numbering

    def _released(self, rows: Rows, needed: dict[int, int]) -> list[tuple[bytes, int, tuple[int, int, int]]]:
        """(leaf, ref, order): definitions stand before the first record that needs them."""
        order = {int(row): (int(row), 1, 0) for row in rows}
        order.update({seq: (before, 0, seq) for seq, before in needed.items()})
        seals = self._sealing.ensure(sorted(order))
        return [(seals[seq].leaf, seq, place) for seq, place in order.items() if seq in seals]

    def _recalls(self, stop: int) -> list[tuple[bytes, int, tuple[int, int, int]]]:
        """Of what was sent and has been recalled since the last look."""
        flags = self._node.table.column("flags")[self._cursor : stop]
        tombstones = self._cursor + np.flatnonzero(flags & TOMBSTONE)
        out = []
        for tombstone in tombstones.tolist():
            targets = item_of(self._node.journal.entry(tombstone)).targets
            for leaf in self._leaves_of([seq for seq in targets if seq < len(self._sent) and self._sent[seq]]):
                row = self._store.recall_of(leaf)
                if row is not None and -(row.id + 1) not in self._recalled:
                    out.append((as_sent(row, 0).leaf, -(row.id + 1), (tombstone, 1, row.id)))
        return out

    def _leaves_of(self, seqs: Iterable[int]) -> list[bytes]:
        """Leaves of entries that were sent, from the channel itself: their seals may be gone."""
        refs = self._log.refs
        numbers = [int(np.flatnonzero(refs == seq)[0]) for seq in seqs]
        return [self._log.leaves(number, number + 1)[0][0] for number in numbers]

    def _number(self, released: Sequence[tuple[bytes, int, Any]]) -> None:
        seqs = [ref for _, ref, _ in released if ref >= 0]
        # Recorded first, as with every reader: a crash in between leaves a release too many in the log, never one less.
        reason = f"cleared as {self.peer.code}"
        self._node.released.record(self.peer.subject().name, _FACE, seqs, reason=reason).result()
        first = self._log.append([(leaf, ref) for leaf, ref, _ in released])
        self._mark(np.array(seqs, np.int64))
        for number, (_, ref, _) in enumerate(released, first):
            if ref < 0:
                self._recalled.add(ref)
                self._recall_numbers.append(number)

    def _mark(self, seqs: Rows) -> None:
        if len(seqs):
            self._grow(int(seqs.max()) + 1)
            self._sent[seqs] = True

    def _grow(self, stop: int) -> None:
        if stop > len(self._sent):
            self._sent = np.concatenate([self._sent, np.zeros(stop + stop // 8 - len(self._sent), bool)])

    # -- the port `Log`

    @property
    def size(self) -> int:
        return self._log.size

    def note(self) -> bytes:
        return self._log.journal.checkpoint()

    def sent(self, start: int, stop: int) -> list[Sent]:
        if stop <= start:
            return []
        refs = [int(ref) for ref in self._log.refs[start:stop]]
        seals = self._store.seals([ref for ref in refs if ref >= 0])
        out = []
        for (leaf, at), ref in zip(self._log.leaves(start, stop), refs, strict=True):
            out.append(self._sent_one(leaf, at, ref, seals))
        return out

    def _sent_one(self, leaf: bytes, at: int, ref: int, seals: Any) -> Sent:
        if ref < 0:
            row = self._store.recall(-ref - 1) if ref != GONE else None
            return Sent(leaf, at) if row is None else as_sent(row, at)
        entry, row = self._node.journal.entry(ref), seals.get(ref)
        if entry.erased or row is None:
            return Sent(leaf, at)
        statement = statement_of(entry, row.salt)
        return Sent(leaf, at, statement, seal_of(row)) if statement.leaf == leaf else Sent(leaf, at)

    def recalls(self, start: int, limit: int) -> list[tuple[int, Sent]]:
        numbers = [number for number in self._recall_numbers if number >= start][:limit]
        return [(number, self.sent(number, number + 1)[0]) for number in numbers]

    def consistency(self, old: int, new: int) -> list[bytes]:
        return self._log.journal.consistency(old, new)

    def inclusion(self, number: int, size: int) -> list[bytes]:
        return self._log.journal.inclusion(number, size)

    def close(self) -> None:
        self._log.close()
