"""Links and full text, brought up to date together, a batch at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from foedus.config import Limits
from foedus.kernel.ports import Item
from foedus.node.follow import Followed, items
from foedus.storage.files import FolderLock
from foedus.storage.fulltext import FullText
from foedus.storage.hashing import Hashing
from foedus.storage.sqlite import LinkStore

_BATCH = 2_000  # entries
_HELD_AT_MOST = 60.0  # seconds that the work of a process may take whose server is gone
_REST_AFTER_COMMIT = 9  # times as long as a commit of the full text took, it waits until the next


class Stores:
    """Both projections with one cursor: the lower of theirs. One at a time a folder, whichever process it is in.

    A follower whose server was killed may still be at work when the next server opens the folder: it is waited for.
    Raises Busy where it does not end.
    """

    BATCH = 2_000  # entries that one step takes

    def __init__(self, folder: Path, hashing: Hashing, journal: Followed, limits: Limits) -> None:
        self._journal = journal
        self._lock = FolderLock(folder, "links and full text", _HELD_AT_MOST)
        try:
            self.links = LinkStore(folder / "links.sqlite", hashing)
            try:
                self.text = FullText(folder / "text", hashing, self._items, limits=limits)
            except BaseException:
                self.links.close()
                raise
        except BaseException:
            self._lock.release()
            raise
        self._most = limits.fulltext_delay
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
            batch = next(items(self._journal, start, min(stop, start + self.BATCH), self.BATCH, whole=True), [])
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
        return since > self._most or (caught_up and since >= min(self._most, _REST_AFTER_COMMIT * self._cost))

    def _commit(self) -> None:
        began = time.monotonic()
        self.text.commit()
        self._found = self.text.cursor
        self._committed = time.monotonic()
        self._cost = self._committed - began

    def close(self) -> None:
        try:
            self.links.close()
            self.text.close()
        finally:
            self._lock.release()

    def _items(self, first: int, stop: int) -> Iterator[Item]:
        for batch in items(self._journal, first, stop):
            yield from batch
