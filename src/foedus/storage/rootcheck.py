"""Whether the entries since one checkpoint make the root that the next one signs.

The leaves of a batch are taken from its frames. Where they do not make the signed root, three things may be so: the
stored tree has the right leaves (its root is the signed one), and names the altered entries; the leaves that follow
from the entries' contents are right, and their frames lie; or it cannot be told, and the batch is named as a range.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.kernel.checkpoint import Checkpoint
from foedus.kernel.merkle import Frontier
from foedus.storage.findings import Findings
from foedus.storage.storedtree import StoredTree
from foedus.storage.tree import LEVELS


class Batch:
    """The entries that no checkpoint has covered yet, from `first` on, and the tree of all before them."""

    def __init__(self, stored: StoredTree, findings: Findings) -> None:
        self._stored = stored
        self._report = findings.report
        self.first = 0
        self._leaves: list[bytes | None] = []  # None where unknown
        self._computed: dict[int, bytes] = {}  # leaves from the content of entries that contradict their frame
        self._differing: list[int] = []  # entries whose leaf is another one in the stored tree
        self._frontier: Frontier | None = Frontier()  # None where it cannot be told

    def take(self, leaf: bytes | None) -> None:
        """The next entry's leaf, None where the entry is missing and the stored tree does not know it."""
        self._leaves.append(leaf)

    def contradicted(self, seq: int, computed: bytes) -> None:
        """The content of an entry has another leaf than its frame says."""
        self._computed[seq] = computed

    def differs(self, seq: int) -> None:
        """The stored tree has another leaf for an entry."""
        self._differing.append(seq)

    def close(self, checkpoint: Checkpoint, following: int) -> None:
        """Find leaves for the open entries that make the signed root, and take the tree forward with them."""
        frontier = self._matching(self._leaves, checkpoint)
        if frontier:
            for seq in self._differing:
                self._report(
                    seq, f"tree/level-00 has another leaf for entry {seq}: delete the folder tree, it is rebuilt"
                )
        elif self._stored.root(checkpoint.size) == checkpoint.root:
            for seq in self._differing:
                if seq not in self._computed:
                    self._report(seq, f"entry {seq} was altered: the signed tree has another leaf")
            frontier = self._stored.frontier(checkpoint.size)
        elif self._computed:
            mended = [self._computed.get(self.first + i, leaf) for i, leaf in enumerate(self._leaves)]
            frontier = self._matching(mended, checkpoint)
        if frontier is None and self._frontier is not None:
            first, last = self.first, checkpoint.size - 1
            self._report(first, f"entries {first} to {last} are not those of their checkpoint")
            self.lose_roots("it cannot be told which of them is right")
        self._frontier = frontier
        self.first = following
        self._leaves, self._computed, self._differing = [], {}, []

    def _matching(self, leaves: Sequence[bytes | None], checkpoint: Checkpoint) -> Frontier | None:
        """The frontier with these leaves, where it has the checkpoint's root."""
        if self._frontier is None or None in leaves:
            return None
        frontier = self._frontier.copy()
        completed = frontier.extend([leaf for leaf in leaves if leaf is not None])
        if frontier.root() != checkpoint.root:
            return None
        for level in LEVELS[1:]:
            if level < len(completed):
                first = (frontier.size >> level) - len(completed[level])
                self._stored.compare(level, first, completed[level])
        return frontier

    def lose_roots(self, reason: str) -> None:
        """From here on roots are checked only where the stored tree has them."""
        self._frontier = None
        self._report(
            self.first,
            f"{reason}; roots from entry {self.first} on are checked again only where the stored tree has them",
        )
