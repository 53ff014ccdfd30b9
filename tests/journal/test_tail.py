"""The tail of a journal: the same entries as the journal gives, as far as the writer has said, wherever one begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.kernel.errors import Damaged
from foedus.kernel.ports import Kind, NewEntry
from foedus.storage.segments import SegmentJournal
from foedus.storage.tail import Tail

from .conftest import Open

SMALL = Limits(segment_bytes=4096)  # several files soon


def _append(journal: SegmentJournal, count: int) -> None:
    first = journal.size
    bodies = [b'{"n":%d,"x":"%s"}' % (n, b"x" * 300) for n in range(first, first + count)]
    journal.append([NewEntry(Kind.RECORD, b"{}", body) for body in bodies])


def _reach(tail: Tail, journal: SegmentJournal) -> None:
    tail.reach(journal.head.size, journal.head.end)


def test_a_tail_follows_across_segments(create: Open, folder: Path) -> None:
    journal, located = create(SMALL), []

    def locate(seq: int) -> int:
        located.append(seq)
        return journal.address(seq)

    tail = Tail(folder, locate)
    seen = []
    for count in (1, 2, 30, 7):
        _append(journal, count)
        assert list(tail.scan(len(seen))) == []  # not told yet
        _reach(tail, journal)
        seen += tail.scan(len(seen), len(seen) + 1)
        seen += tail.scan(len(seen))
        assert tail.size == journal.size == len(seen)
    assert seen == list(journal.scan())
    assert len(list(folder.glob("*.seg"))) > 2
    assert located == [0]


def test_a_look_back_does_not_lose_the_place(create: Open, folder: Path) -> None:
    journal, located = create(SMALL), []

    def locate(seq: int) -> int:
        located.append(seq)
        return journal.address(seq)

    tail = Tail(folder, locate)
    _append(journal, 20)
    _reach(tail, journal)
    assert [entry.seq for entry in tail.scan(5, 9)] == [5, 6, 7, 8]
    assert [entry.seq for entry in tail.scan(2, 4)] == [2, 3]
    assert [entry.seq for entry in tail.scan(9)] == list(range(9, 20))
    assert list(tail.scan(20)) == []
    assert located == [5, 2]


def test_what_is_being_written_is_not_read(create: Open, folder: Path) -> None:
    journal = create()
    _append(journal, 3)
    tail = Tail(folder, journal.address)
    _reach(tail, journal)
    with open(next(iter(folder.glob("*.seg"))), "ab") as file:
        file.write(b"FJE1 half an entry")
    assert len(list(tail.scan())) == 3
    tail.reach(1, 10)  # an old announcement that comes late
    assert tail.size == 3


def test_an_erased_entry_comes_without_its_body(create: Open, folder: Path) -> None:
    journal = create()
    _append(journal, 3)
    tail = Tail(folder, journal.address)
    _reach(tail, journal)
    journal.erase([1])
    assert [entry.erased for entry in tail.scan()] == [False, True, False]


def test_damage_is_named(create: Open, folder: Path) -> None:
    journal = create()
    _append(journal, 5)
    tail = Tail(folder, journal.address)
    _reach(tail, journal)
    path = next(iter(folder.glob("*.seg")))
    data = bytearray(path.read_bytes())
    data[journal.entry(3).offset + 8] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged, match="entry 3"):
        list(tail.scan())
    lost = Tail(folder, lambda seq: journal.address(2))
    _reach(lost, journal)
    with pytest.raises(Damaged, match="entry 1 is not where"):
        list(lost.scan(1))
