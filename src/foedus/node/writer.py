"""The one writer of a node: drafts from many callers, one group commit, one fsync.

Callers submit drafts and wait for their outcomes. The writer's thread takes everything that waits, leaves out what is
there already, appends the rest as one batch to the journal (durable when it returns), brings the label table up to date
and only then answers. Acknowledged therefore means fsynced and visible in the table.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from foedus.config import Limits
from foedus.kernel.errors import Busy
from foedus.kernel.ports import Head, Item, Journal, Kind, NewEntry
from foedus.node.commits import Promise
from foedus.storage.labels import LabelTable

_FRAME = 512  # more than the frame and envelope of an entry


class Draft(Struct, frozen=True, gc=False):
    """One entry to be. `unique` drafts are left out where an equal one is there already."""

    kind: Kind
    envelope: bytes
    body: bytes
    head: Head | None
    unique: bool = True
    targets: tuple[int, ...] = ()


class Outcome(Struct, frozen=True, gc=False):
    """Where a draft stands: its entry, and whether an equal one was there before."""

    seq: int
    known: bool


class Commit(Promise[list[Outcome]]):
    """Drafts on their way, and then where each of them stands."""

    __slots__ = ("drafts", "size")

    def __init__(self, drafts: Sequence[Draft]) -> None:
        super().__init__()
        self.drafts = drafts
        self.size = sum([len(draft.body) + _FRAME for draft in drafts])  # bytes in the journal, at most


class Writer:
    """Serialises all writing of one node. Raises Busy once closed; storage errors reach the callers of the batch."""

    def __init__(
        self,
        journal: Journal,
        table: LabelTable,
        table_lock: threading.RLock,
        limits: Limits,
        on_commit: Callable[[Sequence[Item]], None],
    ) -> None:
        self._table_lock = table_lock
        self._journal = journal
        self._table = table
        self._limits = limits
        self._batch_bytes = limits.batch_bytes // 2  # what one caller may send is bounded by the other half
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[Commit | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="foedus-writer", daemon=True)
        self._thread.start()

    def submit(self, drafts: Sequence[Draft]) -> Commit:
        """Queue drafts; their outcomes are there when they are durable."""
        if self._closed:
            raise Busy("the node is stopping")
        commit = Commit(drafts)
        self._queue.put(commit)
        return commit

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        held: Commit | None = None  # a job that did not fit into the last batch
        while True:
            job = held or self._queue.get()
            held = None
            if job is None:
                return
            jobs, entries, size = [job], len(job.drafts), job.size
            while entries < self._limits.batch_entries:
                try:
                    job = self._queue.get_nowait()
                except queue.Empty:
                    break
                if job is None:
                    self._queue.put(None)
                    break
                if entries + len(job.drafts) > self._limits.batch_entries or size + job.size > self._batch_bytes:
                    held = job
                    break
                jobs.append(job)
                entries += len(job.drafts)
                size += job.size
            self._commit(jobs)

    def _commit(self, jobs: list[Commit]) -> None:
        try:
            outcomes = self._append([draft for job in jobs for draft in job.drafts])
        except Exception as error:  # a fault of ours must reach the callers too, never hang them
            for job in jobs:
                job.fail(error)
            return
        position = 0
        for job in jobs:
            stop = position + len(job.drafts)
            job.keep(outcomes[position:stop])
            position = stop

    def _append(self, drafts: list[Draft]) -> list[Outcome]:
        with self._table_lock:  # a table that is being rebuilt knows nothing yet
            first_of = self._there_already(drafts)
        chosen = [draft for i, draft in enumerate(drafts) if i not in first_of] if first_of else drafts
        seqs = iter(self._write(chosen) if chosen else ())
        outcomes: list[Outcome] = []
        for i in range(len(drafts)):
            first = first_of.get(i)
            if first is None:
                outcomes.append(Outcome(next(seqs), False))
            else:
                outcomes.append(Outcome(first if first >= 0 else outcomes[~first].seq, True))
        return outcomes

    def _write(self, drafts: Sequence[Draft]) -> range:
        """Their entries, once they are durable and in the table."""
        done = self._journal.append([NewEntry(d.kind, d.envelope, d.body) for d in drafts])
        items = [
            Item(seq, d.kind, at, offset, d.body, d.head, d.targets)
            for seq, (d, at, offset) in enumerate(zip(drafts, done.at, done.offsets, strict=True), done.first)
        ]
        with self._table_lock:
            self._table.apply(items)
        self._on_commit(items)
        return range(done.first, done.first + len(items))

    def _there_already(self, drafts: Sequence[Draft]) -> dict[int, int]:
        """Which drafts are left out: position -> the entry that is equal, or ~position of an equal draft before it."""
        found = self._known(drafts)
        heads = [draft.head for draft in drafts if draft.head is not None and draft.unique]
        if len({head.id for head in heads}) == len(heads):
            return found
        held: dict[tuple[str, str, tuple[str, ...], bytes], int] = {}
        for i, draft in enumerate(drafts):
            if draft.head is not None and draft.unique and i not in found:
                first = held.setdefault((draft.head.id, draft.head.originator, draft.head.labels, draft.body), i)
                if first != i:
                    found[i] = ~first
        return found

    def _known(self, drafts: Sequence[Draft]) -> dict[int, int]:
        """Drafts whose bytes an entry of this originator holds already under this label set, with that entry."""
        table = self._table
        of_id = table.hashing.of_id
        hashes = np.array([of_id(d.head.id) if d.head and d.unique else 0 for d in drafts], np.uint64)
        found: dict[int, int] = {}
        which, _ = table.rows_of_hashes(hashes)
        for i in set(which.tolist()):
            head = drafts[i].head
            if head is None:
                continue
            code, origin = table.code("labelset", head.labels), table.code("originator", head.originator)
            if code < 0 or origin < 0:
                continue  # a label set or an originator that no entry has yet
            row = table.find_equal(head.id, table.hashing.of_body(drafts[i].body), code, origin)
            if row >= 0 and self._body(row) == drafts[i].body:
                found[i] = row
        return found

    def _body(self, seq: int) -> bytes:
        offsets, lengths = self._table.column("offset"), self._table.column("length")
        return self._journal.read([int(offsets[seq])], [int(lengths[seq])])[0]
