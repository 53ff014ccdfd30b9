"""Recall: the originator withdraws a record. A tombstone in the journal first, then its content is overwritten.

Between the two a crash, or a disk that refuses, can leave a recalled entry with its content. It is out of every sight
from the tombstone on; its content is erased at the next start, or by the running node before its next recall or
verification. Until then `verify` names it as pending.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from foedus.kernel.canonical import canonical
from foedus.kernel.errors import Fault, FoedusError, NotFound, Refused
from foedus.kernel.ports import Journal, Kind
from foedus.node.follow import item_of
from foedus.node.subject import Subject
from foedus.node.view import View
from foedus.node.writer import Draft
from foedus.storage.labels import TOMBSTONE, LabelTable

if TYPE_CHECKING:
    from foedus.node.node import Node

_WAIT = 5.0  # seconds that a recall waits for links and full text at most
_REASON = 500  # characters


class Recalls:
    """The recalls of a running node. Safe for many threads: one recall at a time."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._left: set[int] = set()  # recalled, and not yet known to be erased
        self._lock = threading.Lock()

    def withdraw(self, subject: Subject, stix_id: str, reason: str = "") -> int:
        """Withdraw every version that the subject may see; how many. NotFound, NotPermitted; Refused for marking
        definitions; StorageFull where the disk refuses: the record may be withdrawn all the same, see above."""
        node = self._node
        subject.require("recall")
        if stix_id.startswith("marking-definition--"):  # without it, another meaning could be given to what is there
            raise Refused([Fault("not-recallable", "records rely on what a marking definition says", stix_id)])
        seqs = View(node, subject, "recall").own_entries(stix_id)
        if not seqs:
            raise NotFound
        return self.carry_out(seqs, by=subject.name, reason=reason)

    def carry_out(self, seqs: Sequence[int], *, by: str, reason: str = "") -> int:
        """Withdraw these entries, whoever may decide it having decided; how many. Raises StorageFull as above."""
        if not seqs:
            return 0
        node = self._node
        note: dict[str, Any] = {"by": by, "targets": list(seqs)}
        if reason:
            note["reason"] = reason[:_REASON]
        draft = Draft(Kind.TOMBSTONE, node.envelope(()), canonical(note), None, unique=False, targets=tuple(seqs))
        with self._lock:
            (outcome,) = node.writer.submit([draft]).result()
            self._left.update(seqs)
            self._erase()
        node.projector.wait_for(outcome.seq + 1, _WAIT)
        return len(seqs)

    def settle(self) -> None:
        """Wait for a recall that is under way, and try again to erase what the disk refused before."""
        with self._lock, suppress(FoedusError):
            self._erase()

    def _erase(self) -> None:
        if self._left:
            self._node.journal.erase(sorted(self._left))
            self._left.clear()


def finish_recalls(journal: Journal, table: LabelTable) -> None:
    """A crash between a tombstone and its erasures is made good before anything is read."""
    flags = table.column("flags")
    for seq in ((flags & TOMBSTONE) != 0).nonzero()[0].tolist():
        targets = item_of(journal.entry(seq)).targets
        left = [target for target in targets if not journal.entry(target).erased]
        if left:
            journal.erase(left)
        table.erase(targets)
