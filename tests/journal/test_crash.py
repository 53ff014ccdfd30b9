"""kill -9 at random instants under load: nothing acknowledged is lost, nothing half-written appears."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.storage.segments import SegmentJournal

from .worlds import SIGNER, SeededRandom, TickingClock, record

WRITER = """
import random, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from journal.worlds import SIGNER, SeededRandom, TickingClock, records, tombstone
from foedus.config import Limits
from foedus.storage import segments
segments.FLUSH_AFTER = 200  # so that kills fall into the storing of the tree, too
clock = TickingClock(1_700_000_000_000_000 + int(sys.argv[3]) * 1_000_000_000_000)
seed = int(sys.argv[3])
journal = segments.SegmentJournal.open(
    Path(sys.argv[1]), signer=SIGNER, clock=clock, random=SeededRandom(seed), limits=Limits(segment_bytes=300_000)
)
rng = random.Random(seed)
print("ready", flush=True)
while True:
    done = journal.append(records(journal.size, rng.choice((1, 1, 7, 40)), rng.choice((10, 900))))
    print("stored", done.first, done.count, flush=True)
    if rng.random() < 0.1:
        target = rng.randrange(done.first + 1)
        if not journal.entry(target).erased and journal.entry(target).kind == 1:
            tomb = journal.append([tombstone(target)])
            print("recalled", tomb.first, target, flush=True)
            journal.erase([target])
            print("erased", target, target, flush=True)
"""


def rounds(folder: Path, count: int, seed: int) -> None:
    rng = random.Random(seed)
    stored: set[int] = set()
    tombs: set[int] = set()
    recalled: set[int] = set()
    erased: set[int] = set()
    journal = SegmentJournal.create(folder, "node.fin.example/journal", SIGNER, TickingClock(), SeededRandom())
    journal.close()
    for n in range(count):
        tests = Path(__file__).resolve().parents[1]
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(tests), str(n)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(child.pid, signal.SIGKILL)
        lines = child.stdout.read().split("\n")
        child.wait()
        for line in lines[:-1]:  # the last one may be cut off
            word, a, b = line.split()
            if word == "stored":
                stored |= set(range(int(a), int(a) + int(b)))
            elif word == "recalled":
                tombs.add(int(a))
                recalled.add(int(b))
            else:
                erased.add(int(a))
        check(folder, n, stored, tombs, recalled, erased)
    assert stored


def check(folder: Path, n: int, stored: set[int], tombs: set[int], recalled: set[int], erased: set[int]) -> None:
    with SegmentJournal.open(
        folder,
        signer=SIGNER,
        clock=TickingClock(1_700_000_000_500_000 + n * 1_000_000_000_000),
        random=SeededRandom(n),
        limits=Limits(segment_bytes=300_000),
    ) as journal:
        assert journal.size > max(stored | tombs, default=-1)
        named = set()
        for entry in journal.scan():
            if entry.kind == 2:
                named |= {int(t) for t in entry.body[len('{"targets": [') : -2].split(b",")}
        for entry in journal.scan():
            if entry.seq in erased:
                assert entry.erased
            if entry.erased:
                assert entry.seq in named
            elif entry.kind == 1:
                assert entry.envelope == record(entry.seq).envelope  # whole, and the one that belongs here
        assert tombs <= {e.seq for e in journal.scan() if e.kind == 2}
        assert recalled <= named
        journal.erase(sorted(named))  # what a node does at start: recalls that were interrupted
        verification = journal.verify()
        assert verification.damage == (), verification.damage


def test_kill_at_random_instants(tmp_path: Path) -> None:
    rounds(tmp_path / "journal", 10, seed=1)


@pytest.mark.slow
def test_kill_at_two_hundred_random_instants(tmp_path: Path) -> None:
    rounds(tmp_path / "journal", 200, seed=2)
