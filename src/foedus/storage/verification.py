"""Verify a whole journal against its checkpoints, and name the first entry that was altered.

For every segment: its header, and that it continues the one before. For every frame: its checksum. For every entry:
its number, its time, its leaf from its content, its leaf and address in the stored tree, and where it is erased, that
a tombstone names it; one that a tombstone names and that is not erased yet is pending. For every checkpoint: its
signature, its size, and its root from the leaves. For the stored tree: every leaf, every node, its cursor.

Where a root is wrong, the stored tree may still have the right leaves (its root is the signed one): then the altered
entries are named. Otherwise the entries since the last good checkpoint are named as a range. Verification goes on
behind damage as far as it can, and says from where roots could no longer be checked. Memory: the leaves since the
last checkpoint, a megabyte of frames, two bits an entry.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path

from foedus.kernel.checkpoint import Checkpoint, NoteRefused, Verifier, split_note
from foedus.kernel.merkle import EMPTY_ROOT
from foedus.kernel.ports import Damage, Kind, Verification
from foedus.storage.bits import Bits
from foedus.storage.findings import MAX_DAMAGE, Findings
from foedus.storage.frames import CHECKPOINT, ENTRY, ERASED, FIXED, BadFrame, EntryHead, Frame, entry_head, entry_run
from foedus.storage.layout import Segment, Segments, read_segment, segment_paths
from foedus.storage.recovery import damage_after
from foedus.storage.rootcheck import Batch
from foedus.storage.storedtree import StoredTree
from foedus.storage.tombstones import targets_of

_MAX_OPEN = 1_000_000  # entries without a checkpoint after them that are still kept for a root
_KINDS = frozenset(map(int, Kind))

Progress = Callable[[int, int], None]


def verify_folder(
    folder: Path,
    verifier: Verifier,
    *,
    end: int | None = None,
    address: Callable[[int], int] | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Verify the journal in `folder`, also one too damaged to be opened.

    `end` is the address after the last checkpoint, where the caller knows it: all before it must be good. Without it
    a tail that was never acknowledged is left out. `address` finds entries that the stored tree does not reach yet, to
    look again at one that was being erased. `progress` is called with bytes done and bytes in all.
    """
    return _Verification(folder, verifier, end, address, progress).run()


class _Verification:
    """One run. `seq` is the entry expected next; `batch` the entries that no checkpoint has covered yet."""

    def __init__(
        self,
        folder: Path,
        verifier: Verifier,
        end: int | None,
        address: Callable[[int], int] | None,
        progress: Progress | None,
    ) -> None:
        self.folder = folder
        self.verifier = verifier
        self.end = end
        self.address = address
        self.progress = progress
        self.segments = Segments(folder)
        self.origin = ""
        self.findings = Findings()
        self._report = self.findings.report
        self.seq = 0
        self.last_at = 0
        self.gap = ""  # a bad frame that the next good one will put in its place
        self.checkpoints = 0
        self.size = 0
        self.root = EMPTY_ROOT
        self.erased, self.named = Bits(), Bits()
        self.stored = StoredTree(folder / "tree", self._report)
        self.batch = Batch(self.stored, self.findings)

    def run(self) -> Verification:
        started = time.perf_counter()
        paths = segment_paths(self.folder) if self.folder.is_dir() else []
        if not paths:
            self._report(0, "the folder holds no segment")
        for path in paths:
            self._add(path)
        total = self.segments.end() if paths else 0
        total = total if self.end is None else min(total, self.end)
        if self.end is not None and total < self.end:
            self._report(self.seq, "the journal ends before its last checkpoint")
        for segment in self.segments.all():
            self._segment(segment, total)
        self._finish()
        pending = self._pending()
        self.stored.close()
        self.segments.clear()
        found = self.findings.in_order(self._untold())
        seconds = time.perf_counter() - started
        return Verification(self.size, self.checkpoints, self.erased.count(), self.root, found, seconds, pending)

    def _untold(self) -> list[Damage]:
        """Entries erased without a tombstone. After all else: where entries are damaged, it may be among them."""
        unnamed = list(islice(self.erased.minus(self.named), MAX_DAMAGE))
        doubt = ", or it is among the damaged entries" if self.findings else ""
        return [Damage(seq, f"entry {seq} is erased, but no tombstone names it{doubt}") for seq in unnamed]

    # -- segments and frames

    def _add(self, path: Path) -> None:
        base = self.segments.end() if self.segments.all() else 0
        try:
            segment = read_segment(path)
        except BadFrame as error:
            self._report(int(path.stem), str(error))
            self.segments.add(Segment(path, int(path.stem), base, 0, self.origin))
            return
        self.origin = self.origin or segment.origin
        if segment.base != base or segment.origin != self.origin:
            self._report(segment.first, f"{path.name} does not continue the segment before it")
        # Behind a segment that is missing or short, its own word on its base keeps addresses right.
        base = max(base, segment.base)
        self.segments.add(Segment(path, segment.first, base, segment.header, segment.origin))

    def _segment(self, segment: Segment, total: int) -> None:
        at = segment.base + segment.header
        stop = min(segment.base + self.segments.size_of(segment), total)
        if segment.first != self.seq and not self.gap:
            self.gap = f"{segment.path.name} begins with entry {segment.first} where {self.seq} is expected"
        while at < stop:
            for found in self.segments.frames(at, stop):
                at = found.end
                self._frame(found)
            if at < stop:
                last = segment is self.segments.last and self.end is None
                if last and not damage_after(self.segments, self.verifier, self.size, at, stop):
                    return  # a batch that was never acknowledged
                following = self._next_good(at + 1, stop)
                self.gap = (
                    self.gap
                    or f"damaged bytes {at - segment.base} to {following - segment.base - 1} of {segment.path.name}"
                )
                at = following

    def _next_good(self, start: int, stop: int) -> int:
        """The address of the next good frame, or `stop`."""
        while start < stop:
            chunk = self.segments.read(start, min(1 << 20, stop - start))
            for at in sorted(_all(chunk, ENTRY) + _all(chunk, CHECKPOINT)):
                with suppress(BadFrame):
                    if self.segments.frame_at(start + at).end <= stop:
                        return start + at
            start += max(len(chunk) - 3, 1)
        return stop

    def _frame(self, found: Frame) -> None:
        if found.magic == ENTRY:
            try:
                self._entry(found, entry_head(found.buffer, found.lo, found.hi))
            except BadFrame as error:
                self.gap = self.gap or f"entry {self.seq}: {error}"
        elif found.magic == CHECKPOINT:
            self._checkpoint(found)
        else:
            self.gap = self.gap or f"a segment's header stands at address {found.position}, inside a segment"

    # -- entries

    def _entry(self, found: Frame, head: EntryHead) -> None:
        if not self._reach(head.seq, f"entry {head.seq} stands where entry {self.seq} is expected"):
            return
        seq = head.seq
        if head.at < self.last_at:
            self._report(seq, f"the time of entry {seq} is not after the entry before it")
        self.last_at = head.at
        if head.kind not in _KINDS:
            self._report(seq, f"entry {seq} is of the unknown kind {head.kind}")
        if head.state == ERASED:
            self.erased.add(seq)
            if any(head.salt) or any(found.buffer[found.lo + FIXED : found.hi]):
                self._report(seq, f"entry {seq} says that it is erased, but has content")
        else:
            leaf = sha256(entry_run(found)).digest()
            if leaf != head.leaf:
                self.batch.contradicted(seq, leaf)
                self._report(seq, f"the content of entry {seq} is not what its leaf says")
            if head.kind == Kind.TOMBSTONE:
                self._tombstone(seq, found.buffer[found.lo + FIXED + head.envelope_length : found.hi])
        if self.stored.leaf(seq) not in (None, head.leaf):
            self.batch.differs(seq)
        if self.stored.address(seq) not in (None, found.position):
            self._report(
                seq, f"tree/positions says another place for entry {seq}: delete the folder tree, it is rebuilt"
            )
        self._take(head.leaf)

    def _take(self, leaf: bytes | None) -> None:
        self.batch.take(leaf)
        self.seq += 1

    def _tombstone(self, seq: int, body: bytes) -> None:
        try:
            targets = targets_of(body)
        except ValueError as error:
            self._report(seq, f"tombstone {seq} cannot be read: {error}")
            return
        for target in targets:
            if target < seq:
                self.named.add(target)
            else:
                self._report(seq, f"tombstone {seq} names entry {target}, which is not before it")

    def _reach(self, seq: int, otherwise: str) -> bool:
        """Account for the entries between the expected one and `seq`. False where the frame cannot be placed."""
        if self.gap:
            # With no entry missing, it was a checkpoint, and concerns the entries since the one before.
            self._report(self.seq if seq > self.seq else self.batch.first, f"{self.gap} ({_lost(self.seq, seq)})")
            self.gap = ""
        elif seq != self.seq:
            self._report(min(seq, self.seq), otherwise)
        if seq < self.seq:
            return False
        if seq - self.seq > _MAX_OPEN:
            self.batch.lose_roots("too many entries are missing")
            self.seq = self.batch.first = seq
        while self.seq < seq:
            self._take(self.stored.leaf(self.seq))
        return True

    # -- checkpoints

    def _checkpoint(self, found: Frame) -> None:
        note = found.payload()
        self.checkpoints += 1
        try:
            checkpoint = Checkpoint.parse(split_note(note)[0])
        except NoteRefused as error:
            self._report(self.batch.first, f"the checkpoint after entry {self.seq - 1} cannot be read: {error.message}")
            return
        if not self._reach(
            checkpoint.size, f"the checkpoint after entry {self.seq - 1} is for {checkpoint.size} entries"
        ):
            return
        try:
            self.verifier.verify(note)
        except NoteRefused as error:
            self._report(self.batch.first, f"the checkpoint of {self.seq} entries does not verify: {error.message}")
        if checkpoint.origin != self.origin:
            self._report(self.batch.first, f"the checkpoint of {self.seq} entries is of another origin")
        if self.stored.contradicts(self.seq, found.end, note):
            self._report(-1, "tree/cursor is not that of this journal: delete the folder tree, it is rebuilt")
        self.batch.close(checkpoint, self.seq)
        self.size, self.root = checkpoint.size, checkpoint.root
        if self.progress:
            self.progress(found.end, self.end or self.segments.end())

    def _finish(self) -> None:
        if self.gap:
            self._report(self.seq, f"{self.gap} (at the end)")
        cursor = self.stored.cursor
        if cursor and cursor.size > self.size:
            self._report(self.size, f"the journal ends early: tree/cursor bears a checkpoint of {cursor.size} entries")

    def _pending(self) -> tuple[int, ...]:
        """Entries that a tombstone names and that are not erased yet. Whether they are whole, the findings say."""
        waiting = (seq for seq in self.named.minus(self.erased) if seq < self.size and not self._erased_since(seq))
        return tuple(islice(waiting, MAX_DAMAGE))

    def _erased_since(self, seq: int) -> bool:
        """Whether an erasure that ran beside this verification has reached the entry."""
        address = self.stored.address(seq)
        if address is None and self.address:
            address = self.address(seq)
        if address is None:
            return False
        with suppress(BadFrame):
            found = self.segments.frame_at(address)
            return entry_head(found.buffer, found.lo, found.hi).state == ERASED
        return False


def _all(chunk: bytes, magic: bytes) -> list[int]:
    found, at = [], chunk.find(magic)
    while at >= 0:
        found.append(at)
        at = chunk.find(magic, at + 1)
    return found


def _lost(expected: int, reached: int) -> str:
    if reached > expected + 1:
        return f"entries {expected} to {reached - 1}"
    return f"entry {expected}" if reached > expected else "a checkpoint, or bytes that do not belong there"
