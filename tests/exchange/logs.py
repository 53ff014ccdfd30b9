"""What the exchange's tests share: originators with keys, and a channel's log in memory."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

from foedus.exchange.channel import Sent, entry_leaf
from foedus.exchange.statement import Statement, seal, sealing_name
from foedus.kernel.checkpoint import Checkpoint, Signer
from foedus.kernel.merkle import Frontier, consistency_path, inclusion_path
from foedus.kernel.ports import Kind

CHANNEL = "foedus/fin-01020304/channel/nor"
KEY = Signer(CHANNEL, bytes(range(32)))
ORIGINATORS = {
    code: Signer(sealing_name(f"foedus/{code.lower()}-01020304"), bytes([n]) * 32)
    for n, code in enumerate(("FIN", "NOR", "HQ"))
}
AT = 1_790_000_000_000_000
LABEL = "marking-definition--00000000-0000-4000-8000-000000000001"


def envelope(originator: str = "FIN", *labels: str) -> bytes:
    return json.dumps({"labels": labels or (LABEL,), "originator": originator}, separators=(",", ":")).encode()


def record(number: int, originator: str = "FIN", *labels: str) -> Statement:
    body = b'{"id":"report--%d","name":"report %d"}' % (number, number)
    return Statement(Kind.RECORD, random.Random(number).randbytes(16), envelope(originator, *labels), body)


def recall(leaf: bytes, originator: str = "FIN") -> Statement:
    body = b'{"recalls":["%s"]}' % leaf.hex().encode()
    return Statement(Kind.TOMBSTONE, random.Random(leaf).randbytes(16), envelope(originator), body)


def sealed(statement: Statement, originator: str = "FIN") -> Sent:
    (one,) = seal(ORIGINATORS[originator], [statement.leaf])
    return Sent(statement.leaf, AT, statement, one)


class MemoryLog:
    """A channel's log whose nodes are computed anew each time."""

    def __init__(self, entries: Sequence[Sent] = (), signer: Signer = KEY, name: str = CHANNEL) -> None:
        self.entries, self.signer, self.name = list(entries), signer, name

    def add(self, *entries: Sent) -> None:
        self.entries += entries

    def erase(self, leaf: bytes) -> None:
        self.entries = [Sent(leaf, AT) if one.leaf == leaf else one for one in self.entries]

    @property
    def size(self) -> int:
        return len(self.entries)

    def note(self) -> bytes:
        return self.signer.sign(Checkpoint(self.name, self.size, self._frontier().root()).text())

    def sent(self, start: int, stop: int) -> Sequence[Sent]:
        return self.entries[start:stop]

    def recalls(self, start: int, limit: int) -> Sequence[tuple[int, Sent]]:
        found = [
            (n, one)
            for n, one in enumerate(self.entries)
            if n >= start and one.statement is not None and one.statement.kind is Kind.TOMBSTONE
        ]
        return found[:limit]

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        return consistency_path(self._node, old, new)

    def inclusion(self, number: int, size: int) -> Sequence[bytes]:
        return inclusion_path(self._node, number, size)

    def _frontier(self) -> Frontier:
        frontier = Frontier()
        frontier.extend([entry_leaf(n, one) for n, one in enumerate(self.entries)])
        return frontier

    def _node(self, level: int, index: int) -> bytes:
        levels = Frontier().extend([entry_leaf(n, one) for n, one in enumerate(self.entries)])
        return levels[level][index]
