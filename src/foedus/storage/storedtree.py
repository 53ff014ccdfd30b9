"""The stored tree as verification sees it: questions about it have no answer where it has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from foedus.kernel.merkle import HASH_BYTES, Frontier, root_at
from foedus.storage.tree import Cursor, Tree, read_cursor

_AHEAD = 4_096  # leaves and addresses that are read at once


class StoredTree:
    """Reads the files of `tree/`; `report(seq, message)` takes what is wrong with them. Every answer may be None."""

    def __init__(self, folder: Path, report: Callable[[int, str], None]) -> None:
        self.report = report
        self.cursor: Cursor | None = None
        self.tree: Tree | None = None
        self._window = range(0)
        self._leaves = b""
        self._addresses: tuple[int, ...] = ()
        if not (folder / "cursor").exists():
            return
        self.cursor = read_cursor(folder)
        if self.cursor is None:
            report(-1, "tree/cursor is damaged: delete the folder tree, it is rebuilt")
            return
        try:
            self.tree = Tree(folder, self.cursor)
        except ValueError:
            report(-1, "the stored tree is incomplete: delete the folder tree, it is rebuilt")

    def leaf(self, seq: int) -> bytes | None:
        if not self._covers(seq):
            return None
        at = (seq - self._window.start) * HASH_BYTES
        return self._leaves[at : at + HASH_BYTES]

    def address(self, seq: int) -> int | None:
        return self._addresses[seq - self._window.start] if self._covers(seq) else None

    def root(self, size: int) -> bytes | None:
        if self.tree and size <= self.tree.size:
            with suppress(ValueError):
                return root_at(self.tree.node, size)
        return None

    def frontier(self, size: int) -> Frontier:
        assert self.tree
        return Frontier.of(size, self.tree.node)

    def compare(self, level: int, first: int, nodes: Sequence[bytes]) -> None:
        for index, expected in enumerate(nodes, first):
            if self.tree and (index + 1) << level <= self.tree.size:
                try:
                    good = self.tree.node(level, index) == expected
                except ValueError:
                    good = False
                if not good:
                    where = f"tree/level-{level:02} is wrong from entry {index << level} on"
                    self.report(index << level, f"{where}: delete the folder tree, it is rebuilt")

    def contradicts(self, size: int, end: int, note: bytes) -> bool:
        """Whether the cursor has another checkpoint for this size."""
        return bool(self.cursor and self.cursor.size == size and (end, note) != (self.cursor.end, self.cursor.note))

    def close(self) -> None:
        if self.tree:
            self.tree.close()

    def _covers(self, seq: int) -> bool:
        if seq in self._window:
            return True
        if not self.tree or seq >= self.tree.size:
            return False
        count = min(_AHEAD, self.tree.size - seq)
        try:
            self._addresses = self.tree.positions(seq, count)
            self._leaves = self.tree.leaves(seq, count)
        except (ValueError, OSError):
            self._leaves = b""
        if len(self._leaves) < count * HASH_BYTES:
            self.report(
                seq, f"the stored tree is incomplete from entry {seq} on: delete the folder tree, it is rebuilt"
            )
            self.tree = None
            return False
        self._window = range(seq, seq + count)
        return True
