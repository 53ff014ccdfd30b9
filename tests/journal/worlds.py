"""What the journal's tests share: a clock and a source of salts that repeat, keys, and entries."""

from __future__ import annotations

import json
import random

from foedus.kernel.checkpoint import Signer
from foedus.kernel.ports import Kind, NewEntry

ORIGIN = "node.fin.example/journal"
SIGNER = Signer(ORIGIN, bytes(range(32)))


class TickingClock:
    """Goes on by `step` microseconds at each reading; a test may set it back."""

    def __init__(self, at: int = 1_700_000_000_000_000, step: int = 1_000) -> None:
        self.at, self.step = at, step

    def now(self) -> int:
        self.at += self.step
        return self.at


class SeededRandom:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


def record(number: int, size: int = 40) -> NewEntry:
    body = json.dumps({"id": f"report--{number}", "text": "x" * size}).encode()
    return NewEntry(Kind.RECORD, json.dumps({"n": number}).encode(), body)


def records(start: int, count: int, size: int = 40) -> list[NewEntry]:
    return [record(number, size) for number in range(start, start + count)]


def tombstone(*seqs: int) -> NewEntry:
    return NewEntry(Kind.TOMBSTONE, b"{}", json.dumps({"targets": list(seqs)}).encode())
