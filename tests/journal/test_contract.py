"""What every journal does. One suite for all implementations of the port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.kernel.errors import TooLarge
from foedus.kernel.merkle import entry_leaf, verify_consistency, verify_inclusion
from foedus.kernel.ports import Journal, Kind, NewEntry
from foedus.storage.memory import MemoryJournal
from foedus.storage.segments import SegmentJournal

from .worlds import ORIGIN, SIGNER, SeededRandom, TickingClock, record, records, tombstone

LIMITS = Limits(segment_bytes=4_096, batch_entries=50, max_object_bytes=2_000, batch_bytes=60_000)


def make(kind: str, folder: Path, clock: TickingClock | None = None) -> Journal:
    clock = clock or TickingClock()
    if kind == "memory":
        return MemoryJournal(ORIGIN, SIGNER, clock, SeededRandom(), LIMITS)
    return SegmentJournal.create(folder / "j", ORIGIN, SIGNER, clock, SeededRandom(), LIMITS)


@pytest.fixture(params=["segments", "memory"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def journal(kind: str, tmp_path: Path) -> Iterator[Journal]:
    journal = make(kind, tmp_path)
    yield journal
    journal.close()


def test_an_empty_journal(journal: Journal) -> None:
    assert (journal.size, journal.origin, list(journal.scan())) == (0, ORIGIN, [])
    assert SIGNER.verifier.checkpoint(journal.checkpoint()).size == 0
    assert journal.verify().damage == ()
    empty = journal.append([])
    assert (empty.first, empty.count, journal.size) == (0, 0, 0)


def test_what_was_appended_is_there(journal: Journal) -> None:
    first, second = records(0, 3), [record(3), NewEntry(Kind.NOTE, b"", b""), record(5)]
    done, more = journal.append(first), journal.append(second)
    assert (done.first, done.count, more.first, more.count, journal.size) == (0, 3, 3, 3, 6)
    entries = list(journal.scan())
    assert [(e.kind, e.envelope, e.body) for e in entries] == [(n.kind, n.envelope, n.body) for n in first + second]
    assert [e.seq for e in entries] == list(range(6))
    assert [e.at for e in entries] == [*done.at, *more.at]
    assert [e.leaf for e in entries] == [*done.leaves, *more.leaves]
    assert [e.offset for e in entries] == [*done.offsets, *more.offsets]
    assert [journal.entry(n) for n in range(6)] == entries
    assert len({e.salt for e in entries}) == 6
    for e in entries:
        assert e.leaf == entry_leaf(e.salt, e.seq, e.at, e.kind, e.envelope, e.body)


def test_scan_takes_a_range(journal: Journal) -> None:
    for start in range(0, 30, 5):
        journal.append(records(start, 5, 300))
    assert [e.seq for e in journal.scan(7, 22)] == list(range(7, 22))
    assert [e.seq for e in journal.scan(28, 99)] == [28, 29]
    assert list(journal.scan(30)) == list(journal.scan(9, 9)) == []
    scan = journal.scan(28)
    journal.append([record(30)])
    assert [e.seq for e in scan][:2] == [28, 29]


def test_times_never_decrease_even_when_the_clock_goes_back(kind: str, tmp_path: Path) -> None:
    clock = TickingClock()
    journal = make(kind, tmp_path, clock)
    journal.append(records(0, 3))
    clock.at -= 10_000_000
    journal.append(records(3, 3))
    clock.at += 60_000_000
    journal.append(records(6, 1))
    times = [e.at for e in journal.scan()]
    assert all(a <= b for a, b in pairwise(times))
    assert len(set(times)) == 2, "entries of one append share their time: no gap tells of a hidden neighbour"
    assert times[-1] == clock.at
    journal.close()


def test_read_in_any_order(journal: Journal) -> None:
    news = records(0, 40, 500)
    offsets, bodies = [], [n.body for n in news]
    for start in range(0, 40, 4):
        offsets += journal.append(news[start : start + 4]).offsets
    order = [17, 3, 3, 39, 0, 22, 21, 20]
    found = journal.read([offsets[i] for i in order], [len(bodies[i]) for i in order])
    assert found == [bodies[i] for i in order]
    assert journal.read([], []) == []
    assert journal.read([offsets[5]], [4]) == [bodies[5][:4]]


def test_entries_outside_are_index_errors(journal: Journal) -> None:
    journal.append([record(0)])
    for seq in (-1, 1):
        with pytest.raises(IndexError):
            journal.entry(seq)
        with pytest.raises(IndexError):
            journal.erase([seq])
        with pytest.raises(ValueError):
            journal.inclusion(seq)
    with pytest.raises(ValueError):
        journal.inclusion(0, 2)
    with pytest.raises(ValueError):
        journal.consistency(0, 2)


def test_limits_are_named_and_leave_nothing(journal: Journal) -> None:
    journal.append([record(0)])
    before = journal.checkpoint()
    with pytest.raises(TooLarge) as refusal:
        journal.append([record(1), NewEntry(Kind.NOTE, b"", b"x" * 2_001), NewEntry(Kind.NOTE, b"x" * 65_536, b"")])
    assert [f.index for f in refusal.value.faults if f.code == "too-large"] == [1, 2]
    for batch in (records(1, 51), records(1, 40, 1_900)):
        with pytest.raises(TooLarge):
            journal.append(batch)
    assert (journal.size, journal.checkpoint()) == (1, before)
    assert journal.append([record(1)]).first == 1


def test_every_checkpoint_proves_every_entry_and_the_one_before(journal: Journal) -> None:
    roots = {0: SIGNER.verifier.checkpoint(journal.checkpoint()).root}
    for count in (1, 2, 5, 1, 8, 3):
        journal.append(records(journal.size, count))
        checkpoint = SIGNER.verifier.checkpoint(journal.checkpoint())
        assert (checkpoint.origin, checkpoint.size) == (ORIGIN, journal.size)
        roots[checkpoint.size] = checkpoint.root
    leaves = [e.leaf for e in journal.scan()]
    for size, root in roots.items():
        for seq in range(size):
            assert verify_inclusion(leaves[seq], seq, size, journal.inclusion(seq, size), root)
        for new, new_root in roots.items():
            if size <= new:
                assert verify_consistency(size, new, root, new_root, journal.consistency(size, new))
    assert journal.inclusion(3) == journal.inclusion(3, journal.size)
    assert journal.consistency(3) == journal.consistency(3, journal.size)


def test_erasing_keeps_the_leaf_and_the_tree(journal: Journal) -> None:
    done = journal.append(records(0, 4))
    lengths = [len(record(n).body) for n in range(4)]
    journal.append([tombstone(1, 3)])
    checkpoint, before = journal.checkpoint(), journal.entry(1)
    journal.erase([3, 1, 1])
    journal.erase([1])
    journal.erase([])
    after = journal.entry(1)
    assert (after.seq, after.kind, after.at, after.leaf, after.offset) == (
        1,
        before.kind,
        before.at,
        before.leaf,
        before.offset,
    )
    assert [e.erased for e in journal.scan()] == [False, True, False, True, False]
    assert journal.read(done.offsets, lengths)[1] == bytes(lengths[1])
    assert journal.checkpoint() == checkpoint
    verification = journal.verify()
    assert (verification.damage, verification.erased, verification.entries) == ((), 2, 5)
    journal.append([record(5)])
    assert journal.verify().damage == ()


def test_an_erasure_without_a_tombstone_is_damage(journal: Journal) -> None:
    journal.append(records(0, 4))
    journal.erase([2])
    assert [d.seq for d in journal.verify().damage] == [2]


def test_a_recall_that_was_not_carried_out_yet_is_pending(journal: Journal) -> None:
    journal.append(records(0, 4))
    journal.append([tombstone(1)])
    found = journal.verify()
    assert (found.damage, found.pending, found.erased) == ((), (1,), 0)
    journal.erase([1])
    found = journal.verify()
    assert (found.damage, found.pending, found.erased) == ((), (), 1)


def test_verify_counts_and_reports_progress(journal: Journal) -> None:
    for start in range(0, 20, 5):
        journal.append(records(start, 5))
    steps: list[tuple[int, int]] = []
    verification = journal.verify(lambda done, total: steps.append((done, total)))
    assert (verification.entries, verification.checkpoints, verification.damage) == (20, 5, ())
    assert verification.root == SIGNER.verifier.checkpoint(journal.checkpoint()).root
    assert len(steps) == 5 and steps == sorted(steps)
    assert steps[-1][0] == steps[-1][1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.binary(max_size=1_500), min_size=1, max_size=12), max_size=8), st.randoms())
def test_any_batches(kind: str, tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], rng) -> None:
    journal = make(kind, tmp_path_factory.mktemp("any"))
    bodies: list[bytes] = []
    offsets: list[int] = []
    for batch in batches:
        offsets += journal.append([NewEntry(Kind.NOTE, b[:7], b) for b in batch]).offsets
        bodies += batch
    assert [(e.envelope, e.body) for e in journal.scan()] == [(b[:7], b) for b in bodies]
    order = list(range(len(bodies)))
    rng.shuffle(order)
    assert journal.read([offsets[i] for i in order], [len(bodies[i]) for i in order]) == [bodies[i] for i in order]
    verification = journal.verify()
    assert (verification.entries, verification.damage) == (len(bodies), ())
    journal.close()


def test_readers_beside_a_writer(journal: Journal) -> None:
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                size = SIGNER.verifier.checkpoint(journal.checkpoint()).size
                root = SIGNER.verifier.checkpoint(journal.checkpoint())
                if size:
                    entry = journal.entry(size - 1)
                    assert verify_inclusion(
                        entry.leaf, size - 1, root.size, journal.inclusion(size - 1, root.size), root.root
                    )
                    assert sum(1 for _ in journal.scan(max(0, size - 20))) >= min(size, 20)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        first = journal.append(records(journal.size, 3)).first
        if first % 5 == 0:
            journal.append([tombstone(first)])
            journal.erase([first])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert journal.verify().damage == ()
