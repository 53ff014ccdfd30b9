"""The journal in memory: the same port, tree and checkpoints without a disk. For simulations and tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from time import perf_counter

from msgspec.structs import replace

from foedus.config import Limits
from foedus.kernel.checkpoint import Checkpoint, NoteRefused, Signer
from foedus.kernel.errors import Damaged, StorageFull
from foedus.kernel.merkle import EMPTY_ROOT, Frontier, entry_leaf
from foedus.kernel.ports import Appended, Clock, Damage, Entry, Kind, NewEntry, Random, Verification
from foedus.storage.bits import Bits
from foedus.storage.limits import check_batch
from foedus.storage.tombstones import targets_of
from foedus.storage.tree import Tree


class MemoryJournal:
    """The port `Journal` in memory. Offsets count bodies only; `entries` may be altered by a test that plays damage."""

    def __init__(self, origin: str, signer: Signer, clock: Clock, random: Random, limits: Limits | None = None) -> None:
        self.origin = origin
        self.entries: list[Entry] = []
        self._signer = signer
        self._clock = clock
        self._random = random
        self._limits = limits or Limits()
        self._tree = Tree()
        self._notes = [signer.sign(Checkpoint(origin, 0, EMPTY_ROOT).text())]
        self._by_offset: dict[int, int] = {}
        self._lengths: list[int] = []
        self._end = 0
        self._closed = False
        self._lock = threading.RLock()

    @property
    def size(self) -> int:
        return self._tree.size

    @property
    def last_at(self) -> int:
        return self.entries[-1].at if self.entries else 0

    def append(self, entries: Sequence[NewEntry]) -> Appended:
        """Keep these entries and a checkpoint, all or none. Raises TooLarge, and StorageFull after `close`."""
        with self._lock:
            if self._closed:
                raise StorageFull("the journal is not open for writing")
            first = self.size
            if not entries:
                return Appended(first, 0, (), (), ())
            check_batch(entries, self._limits)
            at = max(self._clock.now(), self.last_at)
            salts = self._random.bytes(16 * len(entries))
            added = []
            for i, new in enumerate(entries):
                seq, salt = first + i, salts[16 * i : 16 * i + 16]
                leaf = entry_leaf(salt, seq, at, new.kind, new.envelope, new.body)
                added.append(Entry(seq, new.kind, at, new.envelope, new.body, salt, leaf, False, self._end))
                self._by_offset[self._end] = seq
                self._lengths.append(len(new.body))
                self._end += len(new.body) + 1  # one more, so that empty bodies have an offset of their own
            self.entries += added
            self._tree.extend([entry.leaf for entry in added], [entry.offset for entry in added])
            self._notes.append(self._signer.sign(Checkpoint(self.origin, self.size, self._tree.root()).text()))
            times, offsets = [e.at for e in added], [e.offset for e in added]
            return Appended(first, len(added), times, offsets, [e.leaf for e in added])

    def entry(self, seq: int) -> Entry:
        """One entry. Raises IndexError outside the journal."""
        if not 0 <= seq < self.size:
            raise IndexError(f"the journal has no entry {seq}")
        return self.entries[seq]

    def scan(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        stop = self.size if stop is None else min(stop, self.size)
        return (self.entries[seq] for seq in range(max(start, 0), stop))

    def read(self, offsets: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Bodies by (offset, length). Raises Damaged where no body lies."""
        return [self._body(offset, length) for offset, length in zip(offsets, lengths, strict=True)]

    def _body(self, offset: int, length: int) -> bytes:
        seq = self._by_offset.get(offset)
        if seq is None or length > self._lengths[seq]:
            raise Damaged(f"no body of {length} bytes lies at {offset}")
        entry = self.entries[seq]
        return bytes(length) if entry.erased else entry.body[:length]

    def erase(self, seqs: Sequence[int]) -> None:
        """Forget envelope, body and salt. Idempotent. Raises IndexError outside the journal."""
        with self._lock:
            if self._closed:
                raise StorageFull("the journal is not open for writing")
            found = [self.entry(seq) for seq in seqs]
            for entry in found:
                self.entries[entry.seq] = replace(entry, envelope=b"", body=b"", salt=b"", erased=True)

    def checkpoint(self) -> bytes:
        return self._notes[-1]

    def inclusion(self, seq: int, size: int | None = None) -> list[bytes]:
        return self._tree.inclusion(seq, self._within(size))

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        return self._tree.consistency(old, self._within(new))

    def root(self, size: int | None = None) -> bytes:
        return self._tree.root(self._within(size))

    def _within(self, size: int | None) -> int:
        if size is not None and not 0 <= size <= self.size:
            raise ValueError(f"the journal has {self.size} entries, not {size}")
        return self.size if size is None else size

    def verify(self, progress: object = None) -> Verification:
        """Leaves, order, roots, signatures and tombstones; `progress`, a callable, gets (entries done, all)."""
        started = perf_counter()
        damage: list[Damage] = []
        erased, named = Bits(), Bits()
        frontier, last_at = Frontier(), 0
        for note in self._notes:
            try:
                checkpoint = self._signer.verifier.checkpoint(note)
            except NoteRefused as error:
                damage.append(Damage(frontier.size, error.message))
                continue
            first = frontier.size
            for entry in self.entries[first : checkpoint.size]:
                damage += _faults(entry, last_at)
                last_at = entry.at
                if entry.erased:
                    erased.add(entry.seq)
                elif entry.kind is Kind.TOMBSTONE:
                    for seq in targets_of(entry.body):
                        named.add(seq)
            frontier.extend([entry.leaf for entry in self.entries[first : checkpoint.size]])
            if frontier.root() != checkpoint.root:
                last = checkpoint.size - 1
                damage.append(Damage(first, f"entries {first} to {last} are not those of their checkpoint"))
            if callable(progress):
                progress(frontier.size, self.size)
        damage += [Damage(s, f"entry {s} is erased, but no tombstone names it") for s in erased.minus(named)]
        found = tuple(sorted(damage, key=lambda d: d.seq))
        seconds = perf_counter() - started
        pending = tuple(named.minus(erased))
        return Verification(frontier.size, len(self._notes), erased.count(), frontier.root(), found, seconds, pending)

    def close(self) -> None:
        self._closed = True


def _faults(entry: Entry, last_at: int) -> list[Damage]:
    """What is wrong with one entry by itself."""
    found = []
    if entry.at < last_at:
        found.append(Damage(entry.seq, f"the time of entry {entry.seq} is not after the entry before it"))
    if not entry.erased:
        leaf = entry_leaf(entry.salt, entry.seq, entry.at, entry.kind, entry.envelope, entry.body)
        if leaf != entry.leaf:
            found.append(Damage(entry.seq, f"the content of entry {entry.seq} is not what its leaf says"))
    return found
