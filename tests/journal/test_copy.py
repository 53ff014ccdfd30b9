"""Backup while the journal is in use; restore is opening the copy."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.kernel.errors import Damaged
from foedus.kernel.merkle import verify_consistency
from foedus.storage.verification import verify_folder

from .conftest import Open
from .worlds import SIGNER, record, records, tombstone

SMALL = Limits(segment_bytes=20_000)


def test_a_copy_is_the_journal(create: Open, reopen: Open, tmp_path: Path) -> None:
    journal = create(SMALL)
    for start in range(0, 300, 20):
        journal.append(records(start, 20))
    journal.append([tombstone(7)])
    journal.erase([7])
    assert journal.copy_to(tmp_path / "copy") == 301
    copy = reopen(at=tmp_path / "copy")
    assert list(copy.scan()) == list(journal.scan())
    assert copy.checkpoint() == journal.checkpoint()
    assert copy.verify().damage == ()
    assert copy.append([record(301)]).first == 301


def test_an_empty_journal_is_copied(create: Open, reopen: Open, tmp_path: Path) -> None:
    assert create().copy_to(tmp_path / "copy") == 0
    assert reopen(at=tmp_path / "copy").append([record(0)]).first == 0


def test_a_copy_goes_into_an_empty_folder_only(create: Open, tmp_path: Path) -> None:
    journal = create()
    (tmp_path / "copy").mkdir()
    journal.copy_to(tmp_path / "copy")
    with pytest.raises(FileExistsError):
        journal.copy_to(tmp_path / "copy")


def test_a_recall_that_was_interrupted_is_carried_out_in_the_copy(create: Open, reopen: Open, tmp_path: Path) -> None:
    journal = create()
    journal.append(records(0, 3))
    journal.append([tombstone(1)])
    journal.copy_to(tmp_path / "copy")
    copy = reopen(at=tmp_path / "copy")
    assert [e.erased for e in copy.scan()] == [False, True, False, False]
    assert b"report--1" not in b"".join(p.read_bytes() for p in (tmp_path / "copy").glob("*.seg"))


def test_a_damaged_journal_is_not_copied(create: Open, reopen: Open, folder: Path, tmp_path: Path) -> None:
    journal = create()
    journal.append(records(0, 6))
    at = journal.entry(4).offset
    journal.close()
    path = next(folder.glob("*.seg"))
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(Damaged) as raised:
        reopen().copy_to(tmp_path / "copy")
    assert raised.value.seq == 4
    assert [p.name for p in tmp_path.iterdir()] == ["journal"]


@pytest.mark.parametrize("from_reader", [True, False])
def test_copies_under_load(create: Open, reopen: Open, tmp_path: Path, from_reader: bool) -> None:
    """A writer appends, recalls and erases without pause; every copy verifies, its recalls carried out."""
    writer = create(SMALL)
    writer.append(records(0, 400, 200))
    source = reopen(read_only=True) if from_reader else writer
    stop, failures = threading.Event(), []

    def work() -> None:
        try:
            target = 0
            while not stop.is_set():
                writer.append(records(writer.size, 5, 200))
                if target < 400:
                    writer.append([tombstone(target)])
                    writer.erase([target])
                    target += 1
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for n in range(4):
            at = tmp_path / f"copy{n}"
            size = source.copy_to(at)
            verification = verify_folder(at, SIGNER.verifier)
            assert (verification.damage, verification.entries) == ((), size)
    finally:
        stop.set()
        thread.join()
    assert not failures
    path = writer.consistency(size)
    assert verify_consistency(size, writer.size, verification.root, writer.root(), path)
    assert verification.erased > 0
