"""From journal entries to the items that projections take, for start-up, rebuilding and the projector."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from foedus.kernel.ports import Entry, Head, Item, Kind
from foedus.kernel.record import created_by_of, version_of
from foedus.node.envelopes import read_envelope


class _Tombstone(msgspec.Struct):
    targets: tuple[int, ...] = ()


class Followed(Protocol):
    """Where entries come from in order: a journal, or its tail."""

    def scan(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]: ...


_record = msgspec.json.Decoder(dict).decode
_tombstone = msgspec.json.Decoder(_Tombstone).decode
_RECORDS = (Kind.RECORD, Kind.LABEL)
_envelope = lru_cache(4_096)(read_envelope)  # few label sets make up all records


def item_of(entry: Entry, *, whole: bool = False) -> Item:
    """One entry as an item, with the head that it was taken in with; one that is erased or no record has none.

    `whole`: with the record decoded.
    """
    head: Head | None = None
    record: dict[str, Any] | None = None
    targets: tuple[int, ...] = ()
    if not entry.erased:
        if entry.kind is Kind.TOMBSTONE:
            targets = _tombstone(entry.body).targets
        elif entry.kind in _RECORDS:
            record = _record(entry.body)
            originator, labels = _envelope(entry.envelope)
            head = Head(record["id"], record["type"], version_of(record), originator, created_by_of(record), labels)
    return Item(entry.seq, entry.kind, entry.at, entry.offset, entry.body, head, targets, record if whole else None)


def items(
    journal: Followed, start: int, stop: int | None = None, batch: int = 5_000, *, whole: bool = False
) -> Iterator[list[Item]]:
    """Entries from `start` in batches of items; `whole`: with their records decoded."""
    held: list[Item] = []
    for entry in journal.scan(start, stop):
        held.append(item_of(entry, whole=whole))
        if len(held) >= batch:
            yield held
            held = []
    if held:
        yield held
