"""Keeps links and full text up with the journal: in a thread for short work, in a process of its own for a server.

A process because both projections cost more than taking records in: on two cores the server then never waits for them.
The child is told on its standard input how far the journal is durable, reads the journal's files itself, and says on
its standard output how far it is; it ends when its standard input does, so it never outlives the server.
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

from foedus.config import Limits
from foedus.kernel.errors import Damaged
from foedus.node.answers import Progress
from foedus.node.contract import OnProgress
from foedus.node.mapped import MappedFiles
from foedus.node.mending import discard, is_damage_in_reading, or_anew
from foedus.node.stores import Stores
from foedus.storage.fulltext import FullText
from foedus.storage.labels import LabelTable
from foedus.storage.segments import SegmentJournal
from foedus.storage.sqlite import LinkStore

_log = logging.getLogger("foedus.projections")
_IDLE = 0.02  # seconds between looks at the clock while something waits to be found
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0  # seconds before a child that died is started again
_REST = 600.0  # seconds in which a reader's finding drops the files at most once
_DAMAGED = Damaged.exit_code


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
        self._suspected = self._renewing = self._stale = self._unheard = False
        self._dropped_at = -_REST
        self._mapped = MappedFiles(folder / "text")
        self.fault: BaseException | None = None
        self.lock = threading.RLock()  # SQLite and the index reader are used by one thread at a time
        self._start()

    # -- for readers

    @property
    def cursor(self) -> int:
        """Entries below it are in links and full text, and found."""
        return self._cursor

    def wake(self) -> None:
        """There is something new in the journal, durably."""
        if self._own:
            self._wake.set()
        else:
            self._announce()

    def wait_for(self, cursor: int, timeout: float) -> bool:
        """Until entries below `cursor` are found, or the time is over."""
        with self._moved:
            return self._moved.wait_for(lambda: self._cursor >= cursor or self.fault is not None, timeout)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Around every use of `links` and `text`: one reader at a time, who sees all that can be found.

        Raises Damaged where the files turn out to be; they are then rebuilt.
        """
        with self.lock:
            if self._renewing:
                raise Damaged("links and full text are being rebuilt", hint="ask again in a moment")
            try:
                if self._stale:
                    self._stale = False
                    self.text.reload()
                yield
            except BaseException as error:
                if not is_damage_in_reading(error):
                    raise
                self._suspect(error)
                raise Damaged("links and full text are being rebuilt", hint="ask again in a moment") from error
            if not self._own:  # else the writer's threads might unmap files meanwhile
                self._mapped.keep_few()

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
        if child is not None:
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
            module = [sys.executable, "-m", "foedus.node.follower"]
            places = [str(self._folder), str(self._journal.folder), str(self._journal.verifier)]
            child = subprocess.Popen([*module, *places], stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
            assert child.stdin is not None
            os.set_blocking(child.stdin.fileno(), False)
            self._child = child
        self._announce()
        return child

    def _announce(self) -> None:
        """Tell the child how far the journal is. Never waits: a child with a full pipe is told when it next speaks."""
        with self._life:
            child, head = self._child, self._journal.head
            if child is None or child.stdin is None or child.stdin.closed:
                return
            try:
                os.write(child.stdin.fileno(), b"%d %d\n" % (head.size, head.end))
                self._unheard = False
            except BlockingIOError:
                self._unheard = True
            except OSError:
                return  # it has ended, and the next one is told when it begins

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        """Until the child's standard output ends."""
        assert child.stdout is not None
        with child.stdout:
            for line in child.stdout:
                if not line.endswith(b"\n"):
                    return  # cut off in the middle of a number
                if self._unheard:
                    self._announce()
                self._stale = True
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
