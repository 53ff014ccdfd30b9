"""The release log: every release to a person, token, file or channel, in a journal of its own.

A release is recorded durably before the answer leaves (fail closed: what cannot be recorded is not released). Many
answers share one fsync. A body is canonical JSON: {"face", "ranges": [[first, last], …], "subject", "token"?, "count"}.
"""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec

from foedus.kernel.errors import Busy, FoedusError, StorageFull
from foedus.kernel.ports import Kind, NewEntry
from foedus.node.mending import discard, or_anew
from foedus.storage.segments import SegmentJournal

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.decode


def ranges(seqs: Sequence[int]) -> list[list[int]]:
    """Ascending runs [first, last] of these numbers."""
    ordered = sorted(seqs)
    if ordered and len(set(ordered)) == ordered[-1] - ordered[0] + 1:  # most pages are one run
        return [[ordered[0], ordered[-1]]]
    out: list[list[int]] = []
    for seq in ordered:
        if out and seq == out[-1][1] + 1:
            out[-1][1] = seq
        elif not out or seq > out[-1][1]:
            out.append([seq, seq])
    return out


class ReleaseLog:
    """Appends releases with group commit and answers who has seen an entry, from an interval index that follows it."""

    def __init__(self, journal: SegmentJournal, index: Path) -> None:
        self._journal = journal
        self._queue: queue.SimpleQueue[tuple[bytes, Future[None]] | None] = queue.SimpleQueue()
        self._closed = False
        self._index_path = index
        self._lock = threading.Lock()
        self._index = or_anew("index of releases", lambda: self._open_index(index), lambda: self._drop_index(index))
        self._thread = threading.Thread(target=self._run, name="foedus-releases", daemon=True)
        self._thread.start()

    @property
    def journal(self) -> SegmentJournal:
        return self._journal

    def record(
        self, subject: str, face: str, seqs: Sequence[int], *, token: str = "", reason: str = ""
    ) -> Future[None]:
        """Record that these entries were released. The future answers when it is durable."""
        future: Future[None] = Future()
        if not seqs:
            future.set_result(None)
            return future
        if self._closed:
            raise Busy("the node is stopping")
        note: dict[str, Any] = {"subject": subject, "face": face, "ranges": ranges(seqs), "count": len(seqs)}
        if token:
            note["token"] = token
        if reason:
            note["reason"] = reason
        self._queue.put((_encode(note), future))
        return future

    def close(self) -> None:
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._index.close()
        self._journal.close()

    def newest(self, limit: int, before: int | None = None) -> list[tuple[int, int, dict[str, Any]]]:
        """(number, time, note), newest first, below `before`."""
        stop = self._journal.size if before is None else min(before, self._journal.size)
        entries = list(self._journal.scan(max(0, stop - limit), stop))
        return [(e.seq, e.at, _decode(e.body)) for e in reversed(entries)]

    def releases_of(self, seqs: Sequence[int], limit: int = 500) -> Iterator[tuple[int, dict[str, Any]]]:
        """(time, note) of the releases that held one of these entries, newest first."""
        self._follow()
        found: set[int] = set()
        with self._lock:
            for seq in seqs:
                rows = self._index.execute(
                    "SELECT DISTINCT note FROM span JOIN owner ON owner.id = span.id "
                    "WHERE first <= ? AND last >= ? ORDER BY note DESC LIMIT ?",
                    (seq, seq, limit),
                )
                found.update(row[0] for row in rows)
        for number in sorted(found, reverse=True)[:limit]:
            entry = self._journal.entry(number)
            yield entry.at, _decode(entry.body)

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch = [first]
            while len(batch) < 4096:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._queue.put(None)
                    break
                batch.append(more)
            try:
                self._journal.append([NewEntry(Kind.NOTE, b"{}", body) for body, _ in batch])
            except Exception as error:
                told = error if isinstance(error, FoedusError) else StorageFull("the release log cannot be written")
                for _, future in batch:
                    future.set_exception(told)
                continue
            for _, future in batch:
                future.set_result(None)

    @staticmethod
    def _drop_index(path: Path) -> None:
        discard(path.parent, f"{path.name}*")

    @staticmethod
    def _open_index(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("CREATE VIRTUAL TABLE IF NOT EXISTS span USING rtree_i32(id, first, last)")
        db.execute("CREATE TABLE IF NOT EXISTS owner(id INTEGER PRIMARY KEY, note INTEGER NOT NULL)")
        db.execute("CREATE TABLE IF NOT EXISTS cursor(one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL)")
        db.execute("INSERT OR IGNORE INTO cursor VALUES (1, 0)")
        return db

    def _follow(self) -> None:
        """Bring the interval index up to the journal: it is a projection, read only by audits."""
        with self._lock:
            (start,) = self._index.execute("SELECT next FROM cursor").fetchone()
            stop = self._journal.size
            if start >= stop:
                return
            self._index.execute("BEGIN")
            for entry in self._journal.scan(start, stop):
                for first, last in _decode(entry.body).get("ranges", ()):
                    row = self._index.execute("INSERT INTO owner(note) VALUES (?)", (entry.seq,)).lastrowid
                    self._index.execute("INSERT INTO span VALUES (?, ?, ?)", (row, first, last))
            self._index.execute("UPDATE cursor SET next = ?", (stop,))
            self._index.execute("COMMIT")
