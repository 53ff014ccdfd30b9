"""Ports: what the node needs from the outside. Each has one contract suite that every implementation passes.

Times are microseconds since 1970-01-01T00:00:00Z in an int. Entries of a journal are numbered from 0. What there is
one of for every record is a Struct: made four times as fast as a frozen dataclass, and out of the garbage collector's
sight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct


class Kind(IntEnum):
    """What a journal entry is."""

    RECORD = 1  # envelope and a STIX object
    TOMBSTONE = 2  # a recall: names the entries whose body and salt are erased
    NOTE = 3  # anything else a journal of its own keeps (the release log)
    LABEL = 4  # the marking definition of a label that entries name in their envelope; read through the registry


class NewEntry(Struct, frozen=True, gc=False):
    """What a caller hands to `Journal.append`. Both parts are canonical JSON (RFC 8785)."""

    kind: Kind
    envelope: bytes  # at most 65,535 bytes
    body: bytes


class Entry(Struct, frozen=True, gc=False):
    """One entry as it stands in the journal. Erased: envelope, body and salt are empty, the leaf remains."""

    seq: int
    kind: Kind
    at: int  # never decreasing over the journal; the entries of one append share it
    envelope: bytes
    body: bytes
    salt: bytes  # 16 bytes
    leaf: bytes  # merkle.entry_leaf of all of it, see docs/journal-format.md
    erased: bool
    offset: int  # of the body: position in the concatenation of all segments' frames (see `Journal.read`)


@dataclass(frozen=True, slots=True)
class Appended:
    """The result of one durable append: entries first .. first+count-1."""

    first: int
    count: int
    at: Sequence[int]  # one time an entry
    offsets: Sequence[int]  # one body offset an entry, for `Journal.read`
    leaves: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing `verify` found."""

    seq: int  # the first entry concerned
    message: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer of `Journal.verify`: sound where `damage` is empty.

    `pending`: recalled entries whose content is still there. A crash, or a verification from another process, can come
    between a tombstone and its erasures; the node finishes them, at its next start at the latest.
    """

    entries: int
    checkpoints: int
    erased: int
    root: bytes
    damage: tuple[Damage, ...]
    seconds: float
    pending: tuple[int, ...] = ()


class Journal(Protocol):
    """An append-only log under a Merkle tree with signed checkpoints. One writer; readers at any time.

    `append` returns only when the batch is durable. It raises StorageFull and leaves the journal as it was
    where the disk refuses. Every batch ends in a checkpoint, and a batch is there wholly or not at all.
    """

    @property
    def size(self) -> int: ...
    @property
    def origin(self) -> str: ...
    def append(self, entries: Sequence[NewEntry]) -> Appended: ...
    def entry(self, seq: int) -> Entry: ...
    def scan(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]: ...
    def read(self, offsets: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Bodies by (offset, length), fast: neighbours are read at once."""
        ...

    def erase(self, seqs: Sequence[int]) -> None:
        """Overwrite envelope, body and salt of these entries in place, durably. Idempotent."""
        ...

    def checkpoint(self) -> bytes:
        """The latest signed checkpoint (C2SP tlog-checkpoint), as text bytes."""
        ...

    def inclusion(self, seq: int, size: int | None = None) -> list[bytes]: ...
    def consistency(self, old: int, new: int | None = None) -> list[bytes]: ...
    def verify(self, progress: object = None) -> Verification: ...
    def close(self) -> None: ...


class Head(Struct, frozen=True, gc=False):
    """The few properties of a record that projections filter and order by."""

    id: str  # STIX id
    type: str
    version: int  # `modified` (for marking definitions `created`) in microseconds; 0 where the type has none
    originator: str  # the node that made the record: "FIN"
    created_by: str  # created_by_ref, "" where absent
    labels: tuple[str, ...]  # ids of the marking definitions that are its label set, sorted


class Item(Struct, frozen=True, gc=False):
    """One entry with its head decoded once, as projections take it. A tombstone has no head."""

    seq: int
    kind: Kind
    at: int
    offset: int
    body: bytes
    head: Head | None
    targets: tuple[int, ...] = ()  # of a tombstone: the entries it erases
    record: dict[str, Any] | None = None  # the body decoded, where whoever made the item has decoded it anyway


@runtime_checkable
class Projection(Protocol):
    """Something that is computed from the journal and can be dropped and rebuilt to the same answers.

    `apply` takes items in order, starting at `cursor`; it is idempotent for items below the cursor. After a crash the
    cursor is at or before what is there, never after.
    """

    @property
    def cursor(self) -> int: ...
    def apply(self, items: Sequence[Item]) -> None: ...
    def erase(self, seqs: Sequence[int]) -> None:
        """Remove every trace of these entries' content, from files too."""
        ...

    def drop(self) -> None: ...
    def close(self) -> None: ...


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> int: ...


class Random(Protocol):
    """Where salts, secrets and ids come from."""

    def bytes(self, count: int) -> bytes: ...
