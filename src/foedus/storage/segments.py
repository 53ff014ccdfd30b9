"""The journal in plain files: append, read, scan, erase, prove, verify. One writer a folder; readers at any time.

    journal = SegmentJournal.create(folder, "node.fin.example/journal", signer, clock, random)
    done = journal.append([NewEntry(Kind.RECORD, b"{}", b'{"type":"report"}')])   # durable when it returns
    journal.read(done.offsets, [17])

    with SegmentJournal.open(folder, verifier=signer.verifier, read_only=True) as reader:
        reader.refresh()  # what the writer has added since

The folder holds segments `<first entry, 20 digits>.seg`, the stored tree `tree/`, the writer's `lock`, and while an
erasure is under way `erasing`. docs/journal-format.md describes every byte.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from foedus.config import Limits
from foedus.kernel.checkpoint import Checkpoint, Signer, Verifier
from foedus.kernel.errors import Damaged, StorageFull
from foedus.kernel.merkle import EMPTY_ROOT
from foedus.kernel.ports import Appended, Clock, Entry, NewEntry, Random, Verification
from foedus.storage import erasure, recovery
from foedus.storage.backup import copy_journal
from foedus.storage.files import Descriptor, FolderLock, replace_file, storage_errors, sync_folder, write_all
from foedus.storage.frames import (
    CHECKPOINT,
    ENTRY,
    BadFrame,
    decode_entry,
    encode_entries,
    encode_segment,
    frame,
)
from foedus.storage.layout import Segments, read_segment, segment_path, segment_paths
from foedus.storage.limits import check_batch
from foedus.storage.recovery import Head
from foedus.storage.tree import FLUSH_AFTER, Tree, read_cursor
from foedus.storage.verification import verify_folder

_AHEAD = 4096  # bytes of a batch besides its entries: the checkpoint


class SegmentJournal:
    """The port `Journal` over segment files. Thread-safe: one append or erasure at a time, reads beside them.

    `create` and `open` are the ways to one. A reader (`read_only=True`) takes no lock, never writes, and sees the
    journal as of its opening or last `refresh`.
    """

    def __init__(self, folder: Path, segments: Segments, tree: Tree, head: Head, verifier: Verifier) -> None:
        self.folder = folder
        self.verifier = verifier
        self.segments = segments
        self._tree = tree
        self.head = head
        self._write_lock = threading.RLock()
        self._signer: Signer | None = None
        self._clock: Clock | None = None
        self._random: Random | None = None
        self._limits = Limits()
        self._lock: FolderLock | None = None
        self._output: Descriptor | None = None
        self._torn = False  # a failed append left bytes after the head that could not be cut yet

    @classmethod
    def create(
        cls, folder: Path, origin: str, signer: Signer, clock: Clock, random: Random, limits: Limits | None = None
    ) -> SegmentJournal:
        """A new, empty journal in `folder`, which is made. Raises FileExistsError where there is one, StorageFull."""
        if not origin or "\n" in origin:
            raise ValueError("an origin is one line of text")
        with storage_errors("the journal cannot be created"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if segment_paths(folder):
                raise FileExistsError(f"{folder} already holds a journal")
            note = signer.sign(Checkpoint(origin, 0, EMPTY_ROOT).text())
            replace_file(segment_path(folder, 0), encode_segment(0, 0, origin) + frame(CHECKPOINT, note))
            sync_folder(folder.parent)
        return cls.open(folder, signer=signer, clock=clock, random=random, limits=limits)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        signer: Signer | None = None,
        verifier: Verifier | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
        limits: Limits | None = None,
        read_only: bool = False,
    ) -> SegmentJournal:
        """Open an existing journal; a writer needs signer, clock and random, a reader the verifier.

        Raises Busy where another process writes it, Damaged where stored bytes are not what was written, StorageFull.
        """
        verifier = verifier or (signer.verifier if signer else None)
        if verifier is None or (signer and verifier != signer.verifier):
            raise ValueError("open needs a verifier, and the signer's own where there is one")
        if not read_only and not (signer and clock and random):
            raise ValueError("a writer needs signer, clock and random")
        if not folder.is_dir():
            raise Damaged(f"{folder} holds no journal", 0)
        with storage_errors("the journal cannot be opened"):
            lock = None if read_only else FolderLock(folder)
            try:
                journal = cls._opened(folder, verifier, writer=not read_only)
            except BaseException:
                if lock:
                    lock.release()
                raise
        journal._signer, journal._clock, journal._random, journal._lock = signer, clock, random, lock
        journal._limits = limits or Limits()
        return journal

    @classmethod
    def _opened(cls, folder: Path, verifier: Verifier, *, writer: bool) -> SegmentJournal:
        cursor = read_cursor(folder / "tree")  # before the segments: they may grow meanwhile, and never be behind it
        segments = Segments(folder)
        segments.load()
        stop = segments.end()
        if writer:
            erasure.finish(segments)
        tree, start = recovery.stored_tree(segments, cursor, verifier, stop)
        if writer and tree.size == 0:
            shutil.rmtree(folder / "tree", ignore_errors=True)
        head = recovery.read_on(segments, tree, verifier, start, stop, store=writer)
        if not head.note:
            raise Damaged("the journal has no checkpoint that verifies", 0, hint="run verify; restore from a backup")
        recovery.require_torn(segments, verifier, head, stop)
        journal = cls(folder, segments, tree, head, verifier)
        if writer:
            journal._output = Descriptor(segments.last.path, os.O_RDWR)
            if stop > max(head.end, segments.last.base + segments.last.header):
                journal._cut()
            if tree.pending >= FLUSH_AFTER or start.size == 0:
                tree.flush(head.end, head.note)
        else:
            journal._sync_seen(start.end)
        return journal

    def close(self) -> None:
        """Store the tree, let go of the files and of the folder. Idempotent."""
        with self._write_lock:
            if self._lock:
                with suppress(OSError):  # the tree can be rebuilt; the segments are durable already
                    self._tree.flush(self.head.end, self.head.note)
                self._lock.release()
                self._lock = None
            self._output = None
            self._signer = None
            self._tree.close()
            self.segments.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def refresh(self) -> int:
        """Of a reader: take in what the writer has appended since. Returns the size. Raises Damaged."""
        with self._write_lock, storage_errors("the journal cannot be read"):
            if not self._lock:
                try:
                    self._follow()
                except Damaged:
                    self._follow()  # a failed append of the writer may have been cut off while it was read
            return self.size

    def _follow(self) -> None:
        before = self.head
        if self._tree.size != before.size:
            raise Damaged("the journal was damaged when it was last read", before.size, hint="run verify")
        self.segments.load()
        stop = self.segments.end()
        head = recovery.read_on(self.segments, self._tree, self.verifier, before, stop, store=False)
        if head.size > before.size:
            self._sync_seen(before.end)
            self.head = head
            cursor = read_cursor(self.folder / "tree")
            if cursor and self._tree.stored < cursor.size <= head.size:
                self._tree.forget(cursor.size)
        recovery.require_torn(self.segments, self.verifier, head, stop)

    # -- reading

    @property
    def size(self) -> int:
        return self.head.size

    @property
    def origin(self) -> str:
        return self.segments.origin

    @property
    def last_at(self) -> int:
        """The time of the last entry; 0 in an empty journal."""
        return self.head.last_at

    def checkpoint(self) -> bytes:
        return self.head.note

    def entry(self, seq: int) -> Entry:
        """One entry. Raises IndexError outside the journal, Damaged where its frame is."""
        if not 0 <= seq < self.size:
            raise IndexError(f"the journal has no entry {seq}")
        (address,) = self._tree.positions(seq)
        try:
            found = self.segments.frame_at(address)
            entry = decode_entry(found.buffer, found.lo, found.hi, address)
        except BadFrame as error:
            raise Damaged(f"entry {seq}: {error}", seq) from error
        if found.magic != ENTRY or entry.seq != seq:
            raise Damaged(f"entry {seq} is not where the index says", seq, hint="run verify")
        return entry

    def scan(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Entries start .. stop-1 in order, as of the call. Memory: 1 MB, or the longest entry. Raises Damaged."""
        head = self.head
        stop = head.size if stop is None else min(stop, head.size)
        seq = max(start, 0)
        if seq >= stop:
            return
        (address,) = self._tree.positions(seq)
        for found in self.segments.frames(address, head.end):
            if found.magic != ENTRY:
                continue
            try:
                entry = decode_entry(found.buffer, found.lo, found.hi, found.position)
            except BadFrame as error:
                raise Damaged(f"entry {seq}: {error}", seq) from error
            if entry.seq != seq:
                raise Damaged(f"entry {seq} is not where the index says", seq, hint="run verify")
            yield entry
            seq += 1
            if seq >= stop:
                return
        raise Damaged(f"entry {seq}, or a checkpoint before it, is damaged", seq, hint="run verify")

    def read(self, offsets: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Bodies by (offset, length), unchecked, neighbours at once. The body of an erased entry reads as zeros."""
        return self.segments.read_many(offsets, lengths)

    # -- proofs

    def inclusion(self, seq: int, size: int | None = None) -> list[bytes]:
        """The inclusion proof of one entry in the tree of `size` entries. Raises ValueError outside the journal."""
        return self._tree.inclusion(seq, self._within(size))

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """The proof that the tree of `new` entries begins with that of `old`. Raises ValueError outside the journal."""
        return self._tree.consistency(old, self._within(new))

    def address(self, seq: int) -> int:
        """Where the frame of one entry lies. Raises ValueError outside the journal."""
        return self._tree.positions(seq)[0]

    def root(self, size: int | None = None) -> bytes:
        """The root of the first `size` entries."""
        return self._tree.root(self._within(size))

    def _within(self, size: int | None) -> int:
        if size is not None and not 0 <= size <= self.size:
            raise ValueError(f"the journal has {self.size} entries, not {size}")
        return self.size if size is None else size

    # -- writing

    def append(self, entries: Sequence[NewEntry]) -> Appended:
        """Write these entries and a checkpoint, durably, wholly or not at all. No entries: nothing is written.

        Raises TooLarge where a limit is met and StorageFull where the disk refuses; the journal is then as it was.
        """
        with self._write_lock:
            if not (self._signer and self._clock and self._random):
                raise StorageFull("the journal is not open for writing")
            head = self.head
            if not entries:
                return Appended(head.size, 0, (), (), ())
            total = check_batch(entries, self._limits)
            with storage_errors("nothing was stored"):
                if self._torn:
                    self._cut()
                self._make_room(total)
                base = max(head.end, self.segments.last.base + self.segments.last.header)
                at = max(self._clock.now(), head.last_at)
                salts = self._random.bytes(16 * len(entries))
                parts, positions, leaves, bodies = encode_entries(entries, head.size, at, salts, base)
                growth = self._tree.prepare(leaves)
                size = growth.frontier.size
                note = self._signer.sign(Checkpoint(self.origin, size, growth.frontier.root()).text())
                parts.append(frame(CHECKPOINT, note))
                data = b"".join(parts)
                self._write(data, base)
            self._tree.commit(growth, positions)
            self.head = Head(size, base + len(data), note, at)
            self._store_tree()
            return Appended(head.size, len(entries), (at,) * len(entries), bodies, leaves)

    def erase(self, seqs: Sequence[int]) -> None:
        """Overwrite envelope, body and salt of these entries in place, durably. Idempotent.

        Raises IndexError outside the journal, StorageFull where the disk refuses: call it again, or open the journal
        again, and it is finished. The tombstone that names the entries is the caller's to append first.
        """
        with self._write_lock:
            if not self._signer:
                raise StorageFull("the journal is not open for writing")
            for seq in seqs:
                if not 0 <= seq < self.size:
                    raise IndexError(f"the journal has no entry {seq}")
            with storage_errors("the erasure is not finished"):
                erasure.erase(self.segments, {self._tree.positions(seq)[0]: seq for seq in sorted(set(seqs))})

    def _make_room(self, total: int) -> None:
        """Begin a new segment where this batch would make the last one too long."""
        last, end = self.segments.last, self.head.end
        if self.size == last.first or end - last.base + total + _AHEAD <= self._limits.segment_bytes:
            return
        path = segment_path(self.folder, self.size)
        try:
            replace_file(path, encode_segment(self.size, end, self.origin))
            output, segment = Descriptor(path, os.O_RDWR), read_segment(path)
        except BaseException:
            path.unlink(missing_ok=True)  # or a smaller batch would go on in the last segment, behind its successor
            raise
        self.segments.add(segment)
        self._output = output

    def _write(self, data: bytes, address: int) -> None:
        assert self._output is not None
        try:
            write_all(self._output.fd, data, address - self.segments.last.base)
            os.fdatasync(self._output.fd)
        except BaseException:
            self._torn = True
            with suppress(OSError):  # otherwise the next append, or the next open, cuts it
                self._cut()
            raise

    def _cut(self) -> None:
        """Cut what follows the last checkpoint. Raises OSError."""
        assert self._output is not None
        last = self.segments.last
        os.ftruncate(self._output.fd, max(self.head.end - last.base, last.header))
        os.fdatasync(self._output.fd)
        self._torn = False

    def _store_tree(self) -> None:
        if self._tree.pending >= FLUSH_AFTER:
            with suppress(OSError):  # the entries are durable; the tree waits in memory until the next batch
                self._tree.flush(self.head.end, self.head.note)

    def _sync_seen(self, start: int) -> None:
        """Make durable what a reader is about to show: it may have been read before the writer's own fsync."""
        first = self.segments.locate(start)
        for segment in self.segments.all():
            if segment.base >= first.base:
                try:
                    os.fdatasync(self.segments.descriptor(segment))
                except OSError:
                    if os.access(segment.path, os.W_OK):
                        raise  # otherwise the disk is read-only and nothing waits to be written

    # -- care

    def verify(self, progress: object = None) -> Verification:
        """Check every byte up to the last checkpoint; `progress`, a callable, gets (bytes done, bytes in all)."""
        report = progress if callable(progress) else None
        return verify_folder(self.folder, self.verifier, end=self.head.end, address=self.address, progress=report)

    def copy_to(self, folder: Path) -> int:
        """A consistent copy into a new folder while the journal is in use; its size. See `backup.copy_journal`."""
        with storage_errors("the copy is not complete"):
            return copy_journal(self, folder)
