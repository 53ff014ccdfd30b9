"""Keeps links and full text up with the journal: in a thread for short work, in a process of its own for a server.

A process because both projections cost about as much as taking records in: on two cores the server then never
waits for them. The child reads the journal's files itself, like any reader, and says on its standard output how far it is; it ends
when its standard input does, so it never outlives the server.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from foedus.config import Limits
from foedus.kernel.checkpoint import Verifier
from foedus.kernel.ports import Item
from foedus.node.answers import Progress
from foedus.node.contract import OnProgress
from foedus.node.follow import items
from foedus.storage.fulltext import FullText
from foedus.storage.hashing import Hashing
from foedus.storage.labels import LabelTable
from foedus.storage.segments import SegmentJournal
from foedus.storage.sqlite import LinkStore

_IDLE = 0.02  # seconds between looks at a journal that another process writes


class Stores:
    """Both projections with one cursor: the lower of theirs."""

    def __init__(self, folder: Path, hashing: Hashing, journal: SegmentJournal, limits: Limits) -> None:
        self._journal = journal
        self._limits = limits
        self.links = LinkStore(folder / "links.sqlite", hashing)
        self.text = FullText(folder / "text", hashing, self._items, limits=limits)
        self._committed = time.monotonic()
        self._found = self.text.cursor

    @property
    def cursor(self) -> int:
        return min(self.links.cursor, self.text.cursor)

    @property
    def found(self) -> int:
        """Entries below it are committed and found."""
        return min(self.links.cursor, self._found)

    def step(self, stop: int) -> bool:
        """Apply one batch up to entry `stop`. False where there was nothing to do."""
        start = self.cursor
        if start >= stop:
            return False
        batch = next(items(self._journal, start, min(stop, start + self._limits.batch_entries), 2_000), [])
        if not batch:
            return False
        self.links.apply(batch)
        self.text.apply(batch)
        done = self.cursor >= stop
        if done or time.monotonic() - self._committed > self._limits.fulltext_delay:
            self.text.commit()
            self._found = self.text.cursor
            self._committed = time.monotonic()
        return True

    def close(self) -> None:
        self.links.close()
        self.text.close()

    def _items(self, first: int, stop: int) -> Iterator[Item]:
        for batch in items(self._journal, first, stop):
            yield from batch


class Projector:
    """The node's side. With `own` it does the work in a thread; otherwise a child process does."""

    def __init__(
        self,
        folder: Path,
        journal: SegmentJournal,
        table: LabelTable,
        limits: Limits,
        notify: Callable[[], None],
        *,
        own: bool,
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._hashing = table.hashing
        self._limits = limits
        self._notify = notify
        self._own = own
        self._wake = threading.Event()
        self._moved = threading.Condition()
        self._cursor = 0
        self._stores: Stores | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False
        self.fault: BaseException | None = None
        self.lock = threading.RLock()  # SQLite and the index reader are used by one thread at a time
        self._start()

    # -- for readers

    @property
    def cursor(self) -> int:
        """Entries below it are in links and full text, and found."""
        return self._cursor

    def wake(self) -> None:
        """There is something new in the journal."""
        self._wake.set()

    def wait_for(self, cursor: int, timeout: float) -> bool:
        """Until entries below `cursor` are found, or the time is over."""
        with self._moved:
            return self._moved.wait_for(lambda: self._cursor >= cursor or self.fault is not None, timeout)

    # -- life

    def close(self) -> None:
        self._stop()
        with self.lock:
            if self._stores is None:
                self.links.close()
                self.text.close()

    def rebuild(self, on_progress: OnProgress | None = None) -> None:
        """Drop both and build them from the journal."""
        self._stop()
        with self.lock:
            if self._stores is None:
                self.links.close()
                self.text.close()
            stores = Stores(self._folder, self._hashing, self._journal, self._limits)
            stores.links.drop()
            stores.text.drop()
            while stores.step(self._journal.size):
                if on_progress is not None:
                    on_progress(Progress("links and text", stores.cursor, self._journal.size))
            stores.close()
            self._stores = None
        self._start()

    def _start(self) -> None:
        self._stopping = False
        if self._own:
            self._stores = Stores(self._folder, self._hashing, self._journal, self._limits)
            self.links, self.text = self._stores.links, self._stores.text
            self._advance(self._stores.found)
            self._thread = threading.Thread(target=self._work, name="foedus-projector", daemon=True)
        else:
            stores = Stores(self._folder, self._hashing, self._journal, self._limits)  # make the files
            stores.text.commit()
            cursor = stores.cursor
            stores.close()
            self.links = LinkStore.reader(self._folder / "links.sqlite", self._hashing)
            self.text = FullText.reader(self._folder / "text", self._hashing, limits=self._limits)
            self._advance(cursor)
            self._child = subprocess.Popen(  # noqa: S603 - our own module
                [
                    sys.executable,
                    "-m",
                    "foedus.node.projector",
                    str(self._folder),
                    str(self._journal.folder),
                    str(self._journal.verifier),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._thread = threading.Thread(target=self._listen, name="foedus-projector", daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()
            try:
                self._child.wait(30)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        if self._thread is not None:
            self._thread.join()
        if self._child is not None and self._child.stdout is not None:
            self._child.stdout.close()
        self._child = None
        if self._stores is not None:
            with self.lock:
                self._stores.close()
                self._stores = None

    def _advance(self, cursor: int) -> None:
        with self._moved:
            self._cursor = cursor
            self._moved.notify_all()

    def _work(self) -> None:
        stores = self._stores
        assert stores is not None
        try:
            while not self._stopping:
                with self.lock:
                    worked = stores.step(self._journal.size)
                if worked:
                    self._advance(stores.found)
                    self._notify()
                else:
                    self._wake.wait(1.0)
                    self._wake.clear()
        except BaseException as error:  # whoever waits must learn of it
            self.fault = error
            self._advance(self._cursor)
            raise

    def _listen(self) -> None:
        child = self._child
        assert child is not None and child.stdout is not None
        for line in child.stdout:
            with self.lock:
                self.text.reload()
            self._advance(int(line))
            self._notify()
        if not self._stopping:
            self.fault = RuntimeError("the projector ended")
            self._advance(self._cursor)


def main(arguments: list[str]) -> None:
    """The child: follow the journal until standard input ends."""
    folder, journal_folder, key = arguments
    verifier = Verifier.parse(key)
    seed = msgspec.json.decode((Path(folder) / "table" / "header.json").read_bytes(), type=_Header).seed
    stopped = threading.Event()

    def until_told() -> None:
        sys.stdin.buffer.read()
        stopped.set()

    threading.Thread(target=until_told, daemon=True).start()
    with SegmentJournal.open(Path(journal_folder), verifier=verifier, read_only=True) as journal:
        stores = Stores(Path(folder), Hashing(seed), journal, Limits())
        said = -1
        while not stopped.is_set():
            journal.refresh()
            worked = stores.step(journal.size)
            if stores.found != said:
                said = stores.found
                sys.stdout.buffer.write(b"%d\n" % said)
                sys.stdout.buffer.flush()
            if not worked:
                stopped.wait(_IDLE)
        stores.close()


class _Header(msgspec.Struct):
    seed: int


if __name__ == "__main__":
    main(sys.argv[1:])
