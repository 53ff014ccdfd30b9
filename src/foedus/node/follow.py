"""From journal entries to the items that projections take, for start-up, rebuilding and the projector."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from foedus.kernel.ids import timestamp
from foedus.kernel.ports import Entry, Head, Item, Journal, Kind
from foedus.node.ingest import read_envelope


class _Stix(msgspec.Struct):
    id: str
    type: str
    created: str = ""
    modified: str = ""
    created_by_ref: str = ""


class _Tombstone(msgspec.Struct):
    targets: tuple[int, ...] = ()


_stix = msgspec.json.Decoder(_Stix).decode
_tombstone = msgspec.json.Decoder(_Tombstone).decode
_RECORDS = (Kind.RECORD, Kind.LABEL)
_envelope = lru_cache(4_096)(read_envelope)  # few label sets make up all records


def item_of(entry: Entry) -> Item:
    """One entry as an item; an erased one, and one that is no record, has no head."""
    head: Head | None = None
    targets: tuple[int, ...] = ()
    if not entry.erased:
        if entry.kind is Kind.TOMBSTONE:
            targets = _tombstone(entry.body).targets
        elif entry.kind in _RECORDS:
            head = _head(_stix(entry.body), *_envelope(entry.envelope))
    return Item(entry.seq, entry.kind, entry.at, entry.offset, entry.body, head, targets)


def _head(read: _Stix, originator: str, labels: tuple[str, ...]) -> Head:
    when = read.modified or (read.created if read.type == "marking-definition" else "")
    return Head(read.id, read.type, timestamp(when) if when else 0, originator, read.created_by_ref, labels)


def items(journal: Journal, start: int, stop: int | None = None, batch: int = 5_000) -> Iterator[list[Item]]:
    """Entries from `start` in batches of items."""
    held: list[Item] = []
    for entry in journal.scan(start, stop):
        held.append(item_of(entry))
        if len(held) >= batch:
            yield held
            held = []
    if held:
        yield held
