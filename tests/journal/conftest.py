"""Fixtures of the journal's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.kernel.checkpoint import Signer
from foedus.storage.segments import SegmentJournal

from .worlds import ORIGIN, SIGNER, SeededRandom, TickingClock

Open = Callable[..., SegmentJournal]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def create(folder: Path) -> Iterator[Open]:
    """Make the journal of this test: create(limits=…)."""
    made: list[SegmentJournal] = []

    def call(limits: Limits | None = None, at: Path = folder, signer: Signer = SIGNER) -> SegmentJournal:
        made.append(SegmentJournal.create(at, ORIGIN, signer, TickingClock(), SeededRandom(), limits))
        return made[-1]

    yield call
    for journal in made:
        journal.close()


@pytest.fixture
def reopen(folder: Path) -> Iterator[Open]:
    """Open the journal of this test: reopen(read_only=True), reopen(at=folder)."""
    made: list[SegmentJournal] = []

    def call(read_only: bool = False, limits: Limits | None = None, at: Path = folder) -> SegmentJournal:
        if read_only:
            journal = SegmentJournal.open(at, verifier=SIGNER.verifier, read_only=True)
        else:
            clock = TickingClock(1_800_000_000_000_000)
            journal = SegmentJournal.open(at, signer=SIGNER, clock=clock, random=SeededRandom(2), limits=limits)
        made.append(journal)
        return journal

    yield call
    for journal in made:
        journal.close()
