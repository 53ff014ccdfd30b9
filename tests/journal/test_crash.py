"""kill -9 at random instants, while a journal is opened, written and erased in: nothing acknowledged is lost, nothing
half-written appears, and every byte verifies.

A kill ends the process, not the machine: what the system has not yet put on the disk when the power goes is the matter
of test_opening.py (torn tails) and test_refusals.py (what the disk refuses).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foedus.storage.segments import SegmentJournal
from foedus.storage.tombstones import targets_of
from tests.forking import Forks
from tests.journal.crashing import LIMITS, clock
from tests.journal.worlds import SIGNER, SeededRandom, record

ROUNDS = 50  # with one journal: each round verifies all of it


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks("tests.journal.crashing") as made:
        yield made


@dataclass
class Told:
    """What the writers of one journal have acknowledged."""

    stored: set[int] = field(default_factory=set)
    tombs: set[int] = field(default_factory=set)
    recalled: set[int] = field(default_factory=set)
    erased: set[int] = field(default_factory=set)

    def read(self, said: str) -> None:
        for line in said.split("\n")[:-1]:  # the last one may be cut off
            word, *numbers = line.split()
            first, *rest = map(int, numbers)
            if word == "stored":
                self.stored |= set(range(first, first + rest[0]))
            elif word == "recalled":
                self.tombs.add(first)
                self.recalled.add(rest[0])
            else:
                self.erased.add(first)


def rounds(folder: Path, count: int, seed: int, forks: Forks) -> Told:
    chance, told = random.Random(seed), Told()
    place = folder / "journal"
    SegmentJournal.create(place, SIGNER.name, SIGNER, clock(0), SeededRandom()).close()
    for number in range(count):
        output = folder / f"{number}.log"
        writer = forks.run("tests.journal.crashing:write", [str(place), str(seed * 1_000 + number)], output)
        time.sleep(chance.uniform(0.0, chance.choice((0.01, 0.15, 0.15))))  # from its first instruction on
        assert not writer.ended(), output.read_text()
        writer.kill()
        if output.exists():
            told.read(output.read_text())
        check(place, seed * 1_000 + number, told)
    return told


def check(folder: Path, number: int, told: Told) -> None:
    """As a node does at start: open it, finish the recalls; then everything must be as it was acknowledged."""
    at = clock(number)
    at.at += 500_000_000_000
    with SegmentJournal.open(folder, signer=SIGNER, clock=at, random=SeededRandom(number), limits=LIMITS) as journal:
        assert journal.size > max(told.stored | told.tombs, default=-1)
        entries = list(journal.scan())
        tombs = {entry.seq: targets_of(entry.body) for entry in entries if entry.kind == 2}
        named = {target for targets in tombs.values() for target in targets}
        for entry in entries:
            if entry.seq in told.erased:
                assert entry.erased
            if entry.erased:
                assert entry.seq in named
            elif entry.kind == 1:
                assert entry.envelope == record(entry.seq).envelope  # the one that belongs here
                assert entry.body in (record(entry.seq, 10).body, record(entry.seq, 900).body)  # and whole
        assert told.tombs <= set(tombs)
        assert told.recalled <= named
        journal.erase(sorted(named))
        verification = journal.verify()
        assert verification.damage == (), verification.damage


def test_kills(tmp_path: Path, forks: Forks) -> None:
    assert rounds(tmp_path, 20, 100, forks).stored


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
def test_two_hundred_kills(tmp_path: Path, forks: Forks, seed: int) -> None:
    told = rounds(tmp_path, ROUNDS, seed, forks)
    assert len(told.stored) > 1_000 and len(told.erased) > 20, (len(told.stored), len(told.erased))
