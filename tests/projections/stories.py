"""Journal entries for the projection tests: bodies as the node stores them, with their heads."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from foedus.kernel.ports import Head, Item, Kind

START = 1_700_000_000_000_000
OPEN = ("marking-definition--00000000-0000-4000-8000-000000000001",)
CLOSED = ("marking-definition--00000000-0000-4000-8000-000000000002",)
BOTH = OPEN + CLOSED


def micros(stamp: str | None) -> int:
    if not stamp:
        return 0
    when = datetime.fromisoformat(stamp.replace("Z", "+00:00")).astimezone(UTC)
    return int(when.timestamp()) * 1_000_000 + when.microsecond


def stix(type_: str, name: str = "", **more: Any) -> dict[str, Any]:
    """A small STIX object; give `id` to make a further version."""
    stamp = "2024-01-01T00:00:00.000Z"
    obj: dict[str, Any] = {"type": type_, "spec_version": "2.1", "created": stamp, "modified": stamp}
    obj["id"] = f"{type_}--{uuid.UUID(int=random.Random(f'{type_}{name}{more}').getrandbits(128), version=4)}"
    if name:
        obj["name"] = name
    return obj | more


def head(obj: dict[str, Any], labels: tuple[str, ...] = OPEN, originator: str = "FIN") -> Head:
    version = micros(obj.get("modified") or obj.get("created"))
    return Head(obj["id"], obj["type"], version, originator, obj.get("created_by_ref", ""), tuple(sorted(labels)))


@dataclass
class Story:
    """A list of entries that grows as a journal does."""

    items: list[Item] = field(default_factory=list)
    step: int = 1000  # microseconds between entries

    @property
    def size(self) -> int:
        return len(self.items)

    @property
    def now(self) -> int:
        return self.items[-1].at if self.items else START

    def add(self, obj: dict[str, Any], labels: tuple[str, ...] = OPEN, originator: str = "FIN", wait: int = 0) -> int:
        body = msgspec.json.encode(obj, order="deterministic")
        return self._put(Kind.RECORD, body, head(obj, labels, originator), (), wait)

    def recall(self, *seqs: int) -> int:
        """A tombstone; the entries it names are erased, as the journal does it."""
        for seq in seqs:
            old = self.items[seq]
            self.items[seq] = Item(seq, Kind.RECORD, old.at, old.offset, b"", None)
        return self._put(Kind.TOMBSTONE, b"{}", None, seqs, 0)

    def note(self) -> int:
        return self._put(Kind.NOTE, b"{}", None, (), 0)

    def batches(self, size: int) -> Sequence[list[Item]]:
        return [self.items[i : i + size] for i in range(0, len(self.items), size)]

    def bodies(self, seqs: Sequence[int]) -> list[bytes]:
        return [self.items[seq].body for seq in seqs]

    def _put(self, kind: Kind, body: bytes, top: Head | None, targets: tuple[int, ...], wait: int) -> int:
        seq = len(self.items)
        at = self.now + self.step + wait
        offset = self.items[-1].offset + len(self.items[-1].body) + 100 if self.items else 0
        self.items.append(Item(seq, kind, at, offset, body, top, targets))
        return seq
