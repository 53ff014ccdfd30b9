"""The one writer of a node: drafts from many callers, one group commit, one fsync.

Callers submit drafts and get a future. The writer's thread takes everything that waits, leaves out what is there
already, appends the rest as one batch to the journal (durable when it returns), brings the label table up to date and
only then answers. Acknowledged therefore means fsynced and visible in the table.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from msgspec import Struct

from foedus.config import Limits
from foedus.kernel.errors import Busy, FoedusError
from foedus.kernel.ports import Head, Item, Journal, Kind, NewEntry
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


@dataclass(slots=True)
class _Job:
    drafts: Sequence[Draft]
    future: Future[list[Outcome]]
    size: int


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
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="foedus-writer", daemon=True)
        self._thread.start()

    def submit(self, drafts: Sequence[Draft]) -> Future[list[Outcome]]:
        """Queue drafts; the future answers when they are durable."""
        if self._closed:
            raise Busy("the node is stopping")
        job = _Job(drafts, Future(), sum(len(draft.body) + _FRAME for draft in drafts))
        self._queue.put(job)
        return job.future

    def close(self) -> None:
        """Finish what waits, then stop."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        held: _Job | None = None  # a job that did not fit into the last batch
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

    def _commit(self, jobs: list[_Job]) -> None:
        try:
            outcomes = self._append([draft for job in jobs for draft in job.drafts])
        except FoedusError as error:
            for job in jobs:
                job.future.set_exception(error)
            return
        except Exception as error:  # a fault of ours must reach the callers, never hang them
            for job in jobs:
                job.future.set_exception(error)
            return
        position = 0
        for job in jobs:
            job.future.set_result(outcomes[position : position + len(job.drafts)])
            position += len(job.drafts)

    def _append(self, drafts: list[Draft]) -> list[Outcome]:
        outcomes: list[Outcome | None] = [None] * len(drafts)
        fresh: list[int] = []
        within: dict[tuple[str, tuple[str, ...], bytes], int] = {}  # equal drafts inside one batch
        again: list[tuple[int, int]] = []
        known = self._known(drafts)
        for i, draft in enumerate(drafts):
            if not draft.unique or draft.head is None:
                fresh.append(i)
                continue
            if known[i] >= 0:
                outcomes[i] = Outcome(known[i], True)
                continue
            key = (draft.head.id, draft.head.labels, draft.body)
            first = within.setdefault(key, i)
            if first == i:
                fresh.append(i)
            else:
                again.append((i, first))
        if fresh:
            chosen = [drafts[i] for i in fresh]
            done = self._journal.append([NewEntry(d.kind, d.envelope, d.body) for d in chosen])
            items = [
                Item(done.first + n, d.kind, done.at[n], done.offsets[n], d.body, d.head, d.targets)
                for n, d in enumerate(chosen)
            ]
            with self._table_lock:
                self._table.apply(items)
            for n, i in enumerate(fresh):
                outcomes[i] = Outcome(done.first + n, False)
            self._on_commit(items)
        for i, first in again:
            origin = outcomes[first]
            assert origin is not None
            outcomes[i] = Outcome(origin.seq, True)
        return [o for o in outcomes if o is not None]

    def _known(self, drafts: Sequence[Draft]) -> list[int]:
        """For each draft the entry that holds the same bytes under the same label set already, or -1."""
        table = self._table
        of_id = table.hashing.of_id
        hashes = np.array([of_id(d.head.id) if d.head and d.unique else 0 for d in drafts], np.uint64)
        out = [-1] * len(drafts)
        which, _ = table.rows_of_hashes(hashes)
        for i in set(which.tolist()):
            head = drafts[i].head
            if head is None:
                continue
            code = table.code("labelset", head.labels)
            if code < 0:
                continue  # a label set that no entry has yet
            row = table.find_equal(head.id, table.hashing.of_body(drafts[i].body), code)
            if row >= 0 and self._body(row) == drafts[i].body:
                out[i] = row
        return out

    def _body(self, seq: int) -> bytes:
        offsets, lengths = self._table.column("offset"), self._table.column("length")
        return self._journal.read([int(offsets[seq])], [int(lengths[seq])])[0]
