"""The durable side of a channel: leaves in a journal of its own, and beside it which statement each one is.

    log/       a journal (segments.py): entry n holds the leaf of what was released as number n, without a salt
    refs       int64 a number: the entry of the node's journal, or -(row + 1) of a recall that the node keeps elsewhere

The numbers of the refs are the node's own affair: no proof depends on them, so they tell a receiver nothing.

Example:
    log = ChannelLog.create(folder, "foedus/fin-01/channel/nor", signer, clock)
    log.append([(leaf, 17)]);  log.refs[0];  log.journal.checkpoint()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from foedus.config import Limits
from foedus.kernel.checkpoint import Signer
from foedus.kernel.errors import Damaged
from foedus.kernel.ports import Clock, Kind, NewEntry
from foedus.storage.files import storage_errors, write_all
from foedus.storage.segments import SegmentJournal

_WIDTH = 8
_ROOM = 1_024


class _NoSalt:
    """A statement has a salt of its own: a second one would only have to be sent along."""

    def bytes(self, count: int) -> bytes:
        return bytes(count)


class ChannelLog:
    """One channel's log. Thread-safe for one writer and many readers."""

    def __init__(self, folder: Path, journal: SegmentJournal) -> None:
        self.journal = journal
        self._path = folder / "refs"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        stored = np.fromfile(self._path, "<i8") if os.fstat(self._fd).st_size else np.empty(0, "<i8")
        self._held = stored[: journal.size].astype(np.int64)
        self._count = len(self._held)

    @classmethod
    def create(cls, folder: Path, name: str, signer: Signer, clock: Clock, limits: Limits | None = None) -> ChannelLog:
        """A new, empty log. Raises FileExistsError where there is one, StorageFull."""
        journal = SegmentJournal.create(folder / "log", name, signer, clock, _NoSalt(), limits)
        return cls(folder, journal)

    @classmethod
    def open(cls, folder: Path, signer: Signer, clock: Clock, limits: Limits | None = None) -> ChannelLog:
        """Raises Busy, Damaged, StorageFull. Where refs are missing, `missing` says so: call `rebuild`."""
        journal = SegmentJournal.open(folder / "log", signer=signer, clock=clock, random=_NoSalt(), limits=limits)
        return cls(folder, journal)

    @property
    def size(self) -> int:
        return self.journal.size

    @property
    def refs(self) -> NDArray[np.int64]:
        """What each number stands for; a view that holds until the next append."""
        return self._held[: self._count]

    @property
    def missing(self) -> int:
        """Numbers whose refs were lost with their file."""
        return self.size - self._count

    def append(self, released: Sequence[tuple[bytes, int]]) -> int:
        """Number these (leaf, ref), durably; the first number. Refs first: a crash leaves too many, never too few."""
        if self.missing:
            raise Damaged("the refs of this channel are not complete", self._count, hint="run reindex")
        if released:
            self._write(np.array([ref for _, ref in released], "<i8"), self._count)
            self.journal.append([NewEntry(Kind.NOTE, b"", leaf) for leaf, _ in released])
            self._keep([ref for _, ref in released])
        return self.size - len(released)

    def leaves(self, start: int, stop: int) -> list[tuple[bytes, int]]:
        """(leaf, time of release) of these numbers."""
        return [(entry.body, entry.at) for entry in self.journal.scan(start, stop)]

    def rebuild(self, find: Callable[[bytes], int]) -> None:
        """Find the refs anew by their leaves; `GONE` where `find` raises KeyError."""
        found = []
        for entry in self.journal.scan(self._count):
            try:
                found.append(find(entry.body))
            except KeyError:
                found.append(GONE)
        self._write(np.array(found, "<i8"), self._count)
        self._keep(found)

    def close(self) -> None:
        self.journal.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, refs: NDArray[np.int64], place: int) -> None:
        with storage_errors("nothing was released"):
            write_all(self._fd, refs.astype("<i8").tobytes(), place * _WIDTH)
            os.ftruncate(self._fd, (place + len(refs)) * _WIDTH)
            os.fdatasync(self._fd)

    def _keep(self, refs: Sequence[int]) -> None:
        stop = self._count + len(refs)
        if stop > len(self._held):
            grown = np.empty(max(stop, self._count + self._count // 8 + _ROOM), np.int64)
            grown[: self._count] = self._held[: self._count]
            self._held = grown
        self._held[self._count : stop] = refs
        self._count = stop


GONE = -(1 << 62)  # a ref whose statement exists no longer
