"""The Merkle tree as it is stored, and where each entry lies. Rebuildable from the segments.

Fixed-width columns in the journal's folder `tree/`: `level-00` (one leaf an entry), `level-08` (one hash for 256
leaves), `level-16` (one for 65,536) and `positions` (the address of each entry's frame); and `cursor`, which says
how far they are good and repeats the signed checkpoint of that size. What the cursor does not cover yet waits in
memory, and is read again from the segments after a crash. A proof computes the levels between the stored ones: at
most 255 hashes a step.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from foedus.kernel.merkle import HASH_BYTES, Frontier, consistency_path, fold, inclusion_path, root_at
from foedus.storage.files import read_exactly, replace_file, write_all
from foedus.storage.frames import BadFrame, decode_cursor, encode_cursor

LEVELS = (0, 8, 16)
FLUSH_AFTER = 16_384  # entries that wait in memory before they are written; bounds what an open reads again
_WIDTH = 8
_MAX_CURSOR = 128 * 1024


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the stored tree is good: entries, the address after the checkpoint, the checkpoint's note."""

    size: int
    end: int
    note: bytes


class Growth(NamedTuple):
    """A frontier extended by some leaves, and the nodes that they completed, level by level."""

    frontier: Frontier
    completed: list[list[bytes]]


class Column:
    """Rows of one width: the first `stored` on disk, the rest in memory. Without a path all stay in memory."""

    def __init__(self, path: Path | None, width: int, stored: int = 0) -> None:
        self._path = path
        self._width = width
        self.stored = stored
        self._tail = bytearray()
        self._fd = -1

    def __len__(self) -> int:
        return self.stored + len(self._tail) // self._width

    def extend(self, rows: bytes) -> None:
        self._tail += rows

    def rows(self, index: int, count: int) -> bytes:
        """So many rows from this one on; shorter where the column ends or the file was cut."""
        end = index + count
        out = b""
        if index < self.stored:
            out = read_exactly(self._descriptor(), index * self._width, (min(end, self.stored) - index) * self._width)
            if len(out) < (min(end, self.stored) - index) * self._width:
                return out
        if end > self.stored:
            first = max(index, self.stored) - self.stored
            out += self._tail[first * self._width : (end - self.stored) * self._width]
        return out

    def write(self) -> None:
        """Put the rows that wait in memory on disk, durably. They stay in memory until `forget`."""
        if not self._tail or self._path is None:
            return
        fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, bytes(self._tail), self.stored * self._width)
            os.ftruncate(fd, self.stored * self._width + len(self._tail))
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def forget(self, stored: int) -> None:
        """The first `stored` rows are on disk now: read them there."""
        if self._path is not None:
            del self._tail[: (stored - self.stored) * self._width]
            self.stored = stored

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _descriptor(self) -> int:
        if self._fd < 0:
            assert self._path is not None
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._fd


class Tree:
    """The tree of one journal, and the index of its entries. Safe to read from several threads while one extends it."""

    def __init__(self, folder: Path | None = None, cursor: Cursor | None = None) -> None:
        """`folder` None: all in memory; `cursor` None: empty. Raises ValueError where the files are short."""
        size = cursor.size if cursor else 0
        self.folder = folder
        self.stored = size
        self._lock = threading.RLock()
        self._levels = {n: Column(folder and folder / f"level-{n:02}", HASH_BYTES, size >> n) for n in LEVELS}
        self._positions = Column(folder and folder / "positions", _WIDTH, size)
        self._frontier = Frontier()
        try:
            self._frontier = Frontier.of(size, self.node)
        except OSError as error:
            raise ValueError("the stored tree is incomplete") from error

    @property
    def size(self) -> int:
        return self._frontier.size

    @property
    def pending(self) -> int:
        """Entries that wait in memory."""
        return self.size - self.stored

    def frontier(self) -> Frontier:
        """A copy of the right edge, for computing what the root would be."""
        with self._lock:
            return self._frontier.copy()

    def root(self, size: int | None = None) -> bytes:
        with self._lock:
            return self._frontier.root() if size is None or size == self.size else root_at(self.node, size)

    def prepare(self, leaves: Sequence[bytes]) -> Growth:
        """What the tree would be with these leaves, for `commit` once they are durable."""
        frontier = self.frontier()
        return Growth(frontier, frontier.extend(leaves))

    def commit(self, growth: Growth, positions: Sequence[int]) -> None:
        """Append the prepared entries; `positions` are the addresses of their frames."""
        with self._lock:
            if growth.frontier.size != self.size + len(positions):
                raise ValueError("the tree grew in between")
            for level, column in self._levels.items():
                if level < len(growth.completed):
                    column.extend(b"".join(growth.completed[level]))
            self._positions.extend(struct.pack(f"<{len(positions)}Q", *positions))
            self._frontier = growth.frontier

    def extend(self, leaves: Sequence[bytes], positions: Sequence[int]) -> None:
        """Append entries: their leaves and the addresses of their frames."""
        self.commit(self.prepare(leaves), positions)

    def node(self, level: int, index: int) -> bytes:
        """The hash of one perfect subtree. Raises ValueError where it is not stored."""
        base = max(n for n in LEVELS if n <= level)
        count = 1 << (level - base)
        with self._lock:
            rows = self._levels[base].rows(index * count, count)
        if len(rows) < count * HASH_BYTES:
            raise ValueError(f"node ({level}, {index}) of the tree is not there")
        return fold([rows[i : i + HASH_BYTES] for i in range(0, len(rows), HASH_BYTES)])

    def leaves(self, start: int, count: int) -> bytes:
        """Leaves from `start` on, 32 bytes each, in one run."""
        with self._lock:
            return self._levels[0].rows(start, count)

    def positions(self, start: int, count: int = 1) -> tuple[int, ...]:
        """Addresses of the frames of these entries. Raises ValueError where they are not stored."""
        with self._lock:
            rows = self._positions.rows(start, count)
        if len(rows) < count * _WIDTH:
            raise ValueError(f"entry {start + len(rows) // _WIDTH} is not in the stored index")
        return struct.unpack(f"<{count}Q", rows)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        with self._lock:
            return inclusion_path(self.node, index, size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        with self._lock:
            return consistency_path(self.node, old, new)

    def flush(self, end: int, note: bytes) -> None:
        """Write what waits in memory; `end` and `note` are those of the checkpoint of this size. Raises OSError."""
        if self.folder is None:
            return
        with self._lock:
            if self.pending or not (self.folder / "cursor").exists():
                self.folder.mkdir(mode=0o700, exist_ok=True)
                for column in (*self._levels.values(), self._positions):
                    column.write()
                replace_file(self.folder / "cursor", encode_cursor(self.size, end, note), sync=False)
                self.forget(self.size)

    def forget(self, size: int) -> None:
        """The first `size` entries are on disk (this process or the writer's wrote them): let go of the copies."""
        with self._lock:
            for level, column in self._levels.items():
                column.forget(size >> level)
            self._positions.forget(size)
            self.stored = size

    def close(self) -> None:
        with self._lock:
            for column in (*self._levels.values(), self._positions):
                column.close()


def read_cursor(folder: Path) -> Cursor | None:
    """The cursor of a tree's folder; None where it is missing or not readable."""
    with suppress(OSError, BadFrame):
        fd = os.open(folder / "cursor", os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = read_exactly(fd, 0, _MAX_CURSOR)
        finally:
            os.close(fd)
        return Cursor(*decode_cursor(data))
    return None
