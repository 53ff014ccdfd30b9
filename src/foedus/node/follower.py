"""The process that keeps links and full text up with the journal of a serving node.

    python -m foedus.node.follower PROJECTIONS JOURNAL KEY

Standard input: a line `entries address` whenever the journal has become durable up to there; its end ends the process.
Standard output: a line with the number of entries that can be found, whenever that has grown.

It never outlives its server: where the system can, it is killed with it, and nothing is lost by that.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from foedus.config import Limits
from foedus.kernel.checkpoint import Verifier
from foedus.kernel.errors import Damaged, StorageFull
from foedus.node import process
from foedus.node.mending import is_damage, is_full
from foedus.node.stores import Stores
from foedus.storage.hashing import Hashing
from foedus.storage.segments import SegmentJournal
from foedus.storage.tail import Tail

DAMAGED = Damaged.exit_code
_FULL = StorageFull.exit_code
_NICE = 5  # whoever waits for an answer of the server comes first
_PACE = 0.02  # seconds between batches that are not full: many small ones cost more than a few large ones
_IDLE = 0.02  # seconds between looks at the clock while something waits to be found
_PR_SET_PDEATHSIG = 1  # prctl(2)


class _Header(msgspec.Struct):
    seed: int


class Announcements:
    """What the server says on standard input, read by a thread of its own."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self.ended = threading.Event()
        self.heard = threading.Event()
        threading.Thread(target=self._listen, name="foedus-announcements", daemon=True).start()

    def _listen(self) -> None:
        rest = b""
        while data := os.read(0, 65_536):  # not sys.stdin: its lock, held by this thread, would abort the exit
            *lines, rest = (rest + data).split(b"\n")
            for line in lines[-1:]:
                size, end = line.split()
                self._tail.reach(int(size), int(end))
                self.heard.set()
        self.ended.set()
        self.heard.set()


def main(arguments: list[str]) -> None:
    """Follow the journal until standard input ends. Exits with the code of Damaged or StorageFull where that is why."""
    _end_with_server()
    process.start()
    os.nice(_NICE)
    folder, journal_folder, key = arguments
    verifier = Verifier.parse(key)
    seed = msgspec.json.decode((Path(folder) / "table" / "header.json").read_bytes(), type=_Header).seed

    def locate(seq: int) -> int:
        with SegmentJournal.open(Path(journal_folder), verifier=verifier, read_only=True) as journal:
            return journal.address(seq)

    tail = Tail(Path(journal_folder), locate)
    announcements = Announcements(tail)
    try:
        _follow(tail, Stores(Path(folder), Hashing(seed), tail, Limits()), announcements)
    except BaseException as error:
        if not is_damage(error) and not is_full(error):
            raise
        print(f"foedus: links and full text: {type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(_FULL if is_full(error) else DAMAGED)


def _end_with_server() -> None:
    """Be killed when the server is: the next one must not meet a writer of the last."""
    with suppress(OSError, AttributeError):  # not Linux: the end of standard input ends it a little later
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    announced = select.poll()
    announced.register(0, 0)  # only whether the other end is closed
    if announced.poll(0):
        sys.exit(0)  # it was killed before the system knew what to do then


def _follow(tail: Tail, stores: Stores, announcements: Announcements) -> None:
    process.settle()
    said = -1
    while not announcements.ended.is_set():
        announcements.heard.clear()
        began = time.monotonic()
        full = tail.size - stores.cursor >= Stores.BATCH
        worked = stores.step(tail.size)
        if stores.found != said:
            said = stores.found
            with suppress(BrokenPipeError):  # the server is gone; standard input says so too
                os.write(1, b"%d\n" % said)
        if not worked:
            announcements.heard.wait(_IDLE if stores.waits else None)
        elif not full:
            announcements.ended.wait(max(0.0, began + _PACE - time.monotonic()))
    stores.close()


if __name__ == "__main__":
    main(sys.argv[1:])
