"""A writer of a journal that is killed: it says what was acknowledged, one line each, as soon as it was.

stored FIRST COUNT      recalled TOMBSTONE TARGET      erased TARGET
"""

from __future__ import annotations

import os
import random
from pathlib import Path

from foedus.config import Limits
from foedus.kernel.ports import Kind
from foedus.storage import segments
from tests.journal.worlds import SIGNER, SeededRandom, TickingClock, records, tombstone

LIMITS = Limits(segment_bytes=300_000)  # so that kills fall into the beginning of a segment, too
_FLUSH_AFTER = 200  # and into the storing of the tree


def clock(number: int) -> TickingClock:
    """Of the process with this number: later than those before it."""
    return TickingClock(1_700_000_000_000_000 + number * 1_000_000_000_000)


def write(folder: str, number: str) -> None:
    """Append, recall and erase until the end comes. Runs in a forked process."""
    segments.FLUSH_AFTER = _FLUSH_AFTER
    chance = random.Random(int(number))
    journal = segments.SegmentJournal.open(
        Path(folder), signer=SIGNER, clock=clock(int(number)), random=SeededRandom(int(number)), limits=LIMITS
    )
    while True:
        done = journal.append(records(journal.size, chance.choice((1, 1, 7, 40)), chance.choice((10, 900))))
        _say("stored", done.first, done.count)
        if chance.random() < 0.1:
            target = chance.randrange(done.first + 1)
            entry = journal.entry(target)
            if not entry.erased and entry.kind is Kind.RECORD:
                tomb = journal.append([tombstone(target)])
                _say("recalled", tomb.first, target)
                journal.erase([target])
                _say("erased", target)


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())
