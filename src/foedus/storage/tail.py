"""The end of a journal that another process writes: its new entries in order, and nothing else.

The writer says how far the journal is durable, so nothing of a batch that it may yet cut off is read. A follower needs
no tree and checks no signature: that is what `verify` does, and what a journal does when it is opened. Every frame's
checksum is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from foedus.kernel.errors import Damaged
from foedus.kernel.ports import Entry
from foedus.storage.frames import ENTRY, BadFrame, decode_entry
from foedus.storage.layout import Segments


class Tail:
    """Entries of the journal in `folder`, as far as `reach` has told. `locate`: where an entry lies."""

    def __init__(self, folder: Path, locate: Callable[[int], int]) -> None:
        self._segments = Segments(folder)
        self._locate = locate
        self._limit = (0, 0)  # entries, and the address after the last of them: replaced at once, for another thread
        self._loaded = -1
        self._place = (-1, 0)  # the entry that is likely to be asked for next, and its address

    @property
    def size(self) -> int:
        """Entries that may be read."""
        return self._limit[0]

    def reach(self, size: int, end: int) -> None:
        """The writer has made `size` entries durable, the last of which ends before address `end`. From any thread."""
        if size > self._limit[0]:
            self._limit = (size, end)

    def scan(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Entries start .. stop-1 in order, as far as they may be read. Raises Damaged."""
        size, end = self._limit
        stop = size if stop is None else min(stop, size)
        if start >= stop:
            return
        if end != self._loaded:
            self._segments.load()
            self._loaded = end
        follows = start == self._place[0] or self._place[0] < 0
        address = self._place[1] if start == self._place[0] else self._locate(start)
        seq = start
        for found in self._segments.frames(address, end):
            if found.magic != ENTRY:
                continue
            try:
                entry = decode_entry(found.buffer, found.lo, found.hi, found.position)
            except BadFrame as error:
                raise Damaged(f"entry {seq}: {error}", seq) from error
            if entry.seq != seq:
                raise Damaged(f"entry {seq} is not where the one before it ends", seq, hint="run verify")
            seq += 1
            if follows:
                self._place = (seq, found.end)
            yield entry
            if seq >= stop:
                return
        raise Damaged(f"entry {seq}, or a checkpoint before it, is damaged", seq, hint="run verify")

    def close(self) -> None:
        """Close the open files."""
        self._segments.clear()
