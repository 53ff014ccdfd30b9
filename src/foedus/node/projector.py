"""Keeps links and full text up with the journal: in a thread for short work, in a process of its own for a server.

A process because both projections cost about as much as taking records in: on two cores the server then never
waits for them. The child reads the journal's files itself, like any reader, and says on its standard output how far it
is; it ends when its standard input does, so it never outlives the server.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from foedus.config import Limits
from foedus.kernel.checkpoint import Verifier
from foedus.kernel.errors import Damaged, StorageFull
from foedus.kernel.ports import Item
from foedus.node import process
from foedus.node.answers import Progress
from foedus.node.contract import OnProgress
from foedus.node.follow import items
from foedus.node.mending import discard, is_damage, is_damage_in_reading, is_full, or_anew
from foedus.storage.fulltext import FullText
from foedus.storage.hashing import Hashing
from foedus.storage.labels import LabelTable
from foedus.storage.segments import SegmentJournal
from foedus.storage.sqlite import LinkStore

_log = logging.getLogger("foedus.projections")
_IDLE = 0.02  # seconds between looks at a journal that another process writes
_REST_AFTER_COMMIT = 4  # times as long as a commit of the full text took, it waits until the next
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # seconds before a child that died is started again
_REST = 600.0  # seconds in which a reader's finding drops the files at most once
_DAMAGED = Damaged.exit_code
_FULL = StorageFull.exit_code


class Stores:
    """Both projections with one cursor: the lower of theirs."""

    def __init__(self, folder: Path, hashing: Hashing, journal: SegmentJournal, limits: Limits) -> None:
        self._journal = journal
        self._limits = limits
        self.links = LinkStore(folder / "links.sqlite", hashing)
        try:
            self.text = FullText(folder / "text", hashing, self._items, limits=limits)
        except BaseException:
            self.links.close()
            raise
        self._committed = time.monotonic()
        self._cost = 0.0  # seconds of the last commit
        self._found = self.text.cursor

    @property
    def cursor(self) -> int:
        return min(self.links.cursor, self.text.cursor)

    @property
    def found(self) -> int:
        """Entries below it are committed and found."""
        return min(self.links.cursor, self._found)

    def step(self, stop: int) -> bool:
        """Apply one batch up to entry `stop`; commit the full text when it is time. False where nothing was done."""
        start = self.cursor
        batch: list[Item] = []
        if start < stop:
            batch = next(items(self._journal, start, min(stop, start + self._limits.batch_entries), 2_000), [])
        if batch:
            self.links.apply(batch)
            self.text.apply(batch)
        if self.waits and self._is_time(caught_up=self.cursor >= stop):
            self._commit()
            return True
        return bool(batch)

    @property
    def waits(self) -> bool:
        """Whether something was applied that cannot be found yet."""
        return self._found < self.text.cursor

    def _is_time(self, *, caught_up: bool) -> bool:
        """At once for a record alone; under a stream of single ones a commit must not take more than it serves."""
        since = time.monotonic() - self._committed
        most = self._limits.fulltext_delay
        return since > most or (caught_up and since >= min(most, _REST_AFTER_COMMIT * self._cost))

    def _commit(self) -> None:
        began = time.monotonic()
        self.text.commit()
        self._found = self.text.cursor
        self._committed = time.monotonic()
        self._cost = self._committed - began

    def close(self) -> None:
        self.links.close()
        self.text.close()

    def _items(self, first: int, stop: int) -> Iterator[Item]:
        for batch in items(self._journal, first, stop):
            yield from batch


class Projector:
    """The node's side. With `own` it does the work in a thread; otherwise a child process does.

    A child that dies is started again. Files that cannot be opened, written or read are dropped and rebuilt.
    """

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
        self._quit = threading.Event()
        self._life = threading.Lock()  # no child is started once `_quit` is set
        self._suspected = self._renewing = False
        self._dropped_at = -_REST
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

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around every use of `links` and `text`: one reader at a time. Raises Damaged where the files turn out to be;
        they are then rebuilt."""
        with self.lock:
            if self._renewing:
                raise Damaged("links and full text are being rebuilt", hint="ask again in a moment")
            try:
                yield
            except BaseException as error:
                if not is_damage_in_reading(error):
                    raise
                self._suspect(error)
                raise Damaged("links and full text are being rebuilt", hint="ask again in a moment") from error

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
            self._discard()
            stores = self._opened()
            while stores.step(self._journal.size):
                if on_progress is not None:
                    on_progress(Progress("links and text", stores.cursor, self._journal.size))
            stores.close()
            self._stores = None
        self._start()

    def _start(self) -> None:
        self._quit.clear()
        if self._own:
            self._stores = self._opened()
            self.links, self.text = self._stores.links, self._stores.text
            self._advance(self._stores.found)
            self._thread = threading.Thread(target=self._work, name="foedus-projector", daemon=True)
        else:
            self._open_readers()
            self._thread = threading.Thread(target=self._supervise, name="foedus-projector", daemon=True)
        self._thread.start()

    def _stop(self) -> None:
        self._quit.set()
        self._wake.set()
        with self._life:
            child = self._child
        if child is not None and child.stdin is not None:
            child.stdin.close()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        if self._thread is not None:
            self._thread.join()
        self._child = None
        if self._stores is not None:
            with self.lock:
                self._stores.close()
                self._stores = None

    def _opened(self) -> Stores:
        """Both projections, begun anew where they are damaged or not of this journal."""
        stores = or_anew(
            "links and full text",
            lambda: Stores(self._folder, self._hashing, self._journal, self._limits),
            self._discard,
        )
        if max(stores.links.cursor, stores.text.cursor) <= self._journal.size:
            return stores
        stores.close()
        self._discard()
        return Stores(self._folder, self._hashing, self._journal, self._limits)

    def _open_readers(self) -> None:
        """Make the files where they are not there, and open them for reading."""

        def opened() -> tuple[LinkStore, FullText, int]:
            stores = self._opened()
            stores.text.commit()
            cursor = stores.cursor
            stores.close()
            links = LinkStore.reader(self._folder / "links.sqlite", self._hashing)
            return links, FullText.reader(self._folder / "text", self._hashing, limits=self._limits), cursor

        with self.lock:
            self.links, self.text, cursor = or_anew("links and full text", opened, self._discard)
        self._advance(cursor)

    def _discard(self) -> None:
        discard(self._folder, "links.sqlite*", "text")

    def _suspect(self, error: BaseException) -> None:
        """A reader found damage: end the child, so that the files are dropped before the next one is started."""
        with self._life:
            if self._own or time.monotonic() - self._dropped_at < _REST:
                return
            self._dropped_at = time.monotonic()
            self._suspected = True
            _log.warning("links and full text: damaged (%s: %s)", type(error).__name__, error)
            if self._child is not None:
                self._child.kill()

    def _advance(self, cursor: int) -> None:
        with self._moved:
            self._cursor = cursor
            self._moved.notify_all()

    def _work(self) -> None:
        stores = self._stores
        assert stores is not None
        try:
            while not self._quit.is_set():
                with self.lock:
                    worked = stores.step(self._journal.size)
                if worked:
                    self._advance(stores.found)
                    self._notify()
                else:
                    self._wake.wait(_IDLE if stores.waits else 1.0)
                    self._wake.clear()
        except BaseException as error:  # whoever waits must learn of it
            self.fault = error
            self._advance(self._cursor)
            raise

    def _supervise(self) -> None:
        """Run a child for as long as the node runs, and another one, later each time, when it dies.

        A child that says that its files are damaged, twice without getting further, gets new ones.
        """
        fruitless = 0
        while (child := self._spawn()) is not None:
            before = self._cursor
            self._listen(child)
            code = child.wait()
            if self._quit.is_set():
                return
            fruitless = 0 if self._cursor > before else fruitless + 1
            _log.warning("the projector ended with %d and is started again", code)
            if self._suspected or (code == _DAMAGED and fruitless > 1):
                self._renew()
            self._quit.wait(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**fruitless))

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        with self._life:
            if self._quit.is_set():
                return None
            module = [sys.executable, "-m", "foedus.node.projector"]
            places = [str(self._folder), str(self._journal.folder), str(self._journal.verifier)]
            self._child = subprocess.Popen([*module, *places], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            return self._child

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        """Until the child's standard output ends."""
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                if not line.endswith(b"\n"):
                    return  # cut off in the middle of a number
                try:
                    with self.reading():
                        self.text.reload()
                except Damaged:
                    return  # `reading` has ended the child
                self._advance(int(line))
                self._notify()

    def _renew(self) -> None:
        """New files, empty ones; the next child fills them. A full disk is waited for."""
        with self.lock:
            self._renewing = True
            self.links.close()
            self.text.close()
        while not self._quit.is_set():
            try:
                self._discard()
                self._open_readers()
                self._suspected = self._renewing = False
                return
            except Exception:
                _log.exception("links and full text cannot be made anew; tried again in %d s", _LONGEST_PAUSE)
                self._quit.wait(_LONGEST_PAUSE)


def main(arguments: list[str]) -> None:
    """The child: follow the journal until standard input ends."""
    process.start()
    folder, journal_folder, key = arguments
    verifier = Verifier.parse(key)
    seed = msgspec.json.decode((Path(folder) / "table" / "header.json").read_bytes(), type=_Header).seed
    stopped = threading.Event()

    def until_told() -> None:
        while os.read(0, 1024):  # not sys.stdin: its lock, held by this thread, would abort the interpreter's exit
            pass
        stopped.set()

    threading.Thread(target=until_told, daemon=True).start()
    with SegmentJournal.open(Path(journal_folder), verifier=verifier, read_only=True) as journal:
        try:
            _follow(journal, Stores(Path(folder), Hashing(seed), journal, Limits()), stopped)
        except BaseException as error:
            if not is_damage(error) and not is_full(error):
                raise
            print(f"foedus: links and full text: {type(error).__name__}: {error}", file=sys.stderr)
            sys.exit(_FULL if is_full(error) else _DAMAGED)


def _follow(journal: SegmentJournal, stores: Stores, stopped: threading.Event) -> None:
    process.settle()
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
