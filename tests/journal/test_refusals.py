"""A full or read-only disk: a clear error, the journal as it was, and work goes on when there is space again."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.kernel.errors import StorageFull
from foedus.storage import files, segments
from foedus.storage.segments import SegmentJournal
from foedus.storage.verification import verify_folder

from .conftest import Open
from .worlds import ORIGIN, SIGNER, SeededRandom, TickingClock, record, records, tombstone


@pytest.fixture
def file_size() -> Iterator[Callable[[int], None]]:
    """Let this process write no file beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB of its own; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small file system can only be mounted by root")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_write_that_is_cut_off(create: Open, reopen: Open, folder: Path, file_size: Callable[[int], None]) -> None:
    journal = create()
    journal.append(records(0, 5))
    before = journal.head
    path = next(folder.glob("*.seg"))
    file_size(path.stat().st_size + 1_000)
    with pytest.raises(StorageFull):
        journal.append(records(5, 50))
    assert journal.head == before
    assert path.stat().st_size == before.end
    assert [e.seq for e in journal.scan()] == [0, 1, 2, 3, 4]
    file_size(resource.RLIM_INFINITY)
    assert journal.append(records(5, 50)).first == 5
    assert journal.verify().damage == ()


def test_a_full_disk(small_disk: Path, reopen: Open) -> None:
    folder = small_disk / "journal"
    journal = SegmentJournal.create(folder, ORIGIN, SIGNER, TickingClock(), SeededRandom())
    filler = small_disk / "filler"
    filler.write_bytes(bytes(120_000))
    stored = 0
    with pytest.raises(StorageFull, match="no space"):
        while True:
            journal.append(records(stored, 20, 500))
            stored += 20
    assert journal.size == stored > 0
    for _ in range(3):
        with pytest.raises(StorageFull):
            journal.append(records(stored, 20, 500))
    filler.unlink()
    assert journal.append(records(stored, 20, 500)).first == stored
    journal.close()
    again = reopen(at=folder)
    assert again.size == stored + 20
    assert again.verify().damage == ()
    again.close()


def test_a_disk_that_becomes_read_only(small_disk: Path, reopen: Open) -> None:
    folder = small_disk / "journal"
    journal = SegmentJournal.create(folder, ORIGIN, SIGNER, TickingClock(), SeededRandom())
    journal.append(records(0, 3))
    journal.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageFull, match="read-only"):
        reopen(at=folder)
    with pytest.raises(StorageFull, match="read-only"):
        SegmentJournal.create(small_disk / "other", ORIGIN, SIGNER, TickingClock(), SeededRandom())
    reader = reopen(read_only=True, at=folder)
    assert reader.size == 3 and reader.verify().damage == ()
    assert reader.refresh() == 3
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert reopen(at=folder).append([record(3)]).first == 3


def test_an_fsync_that_fails(create: Open, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not made durable is not acknowledged, and does not come back with the next batch."""
    journal = create()
    journal.append(records(0, 3))
    real, calls = os.fdatasync, []

    def failing(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            raise OSError(errno.EIO, "input/output error")
        real(fd)

    monkeypatch.setattr(segments.os, "fdatasync", failing)
    with pytest.raises(StorageFull):
        journal.append(records(3, 3))
    assert len(calls) == 2 and journal.size == 3
    assert journal.append([record(99)]).first == 3
    assert journal.entry(3).body == record(99).body
    assert journal.verify().damage == ()


def test_a_cut_that_fails_too_is_made_up_for(
    create: Open, reopen: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = create()
    journal.append(records(0, 3))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    def half(fd: int, data: bytes, position: int) -> None:
        os.pwrite(fd, data[: len(data) // 2], position)
        refuse()

    with monkeypatch.context() as broken:
        broken.setattr(segments, "write_all", half)
        broken.setattr(segments.os, "ftruncate", refuse)
        for _ in range(2):
            with pytest.raises(StorageFull):
                journal.append(records(3, 30))
    path = next(folder.glob("*.seg"))
    assert path.stat().st_size > journal.head.end
    assert reopen(read_only=True).size == 3
    assert journal.append([record(3)]).first == 3
    assert path.stat().st_size == journal.head.end
    assert journal.verify().damage == ()


def test_an_erasure_that_the_disk_refuses_can_be_repeated(
    create: Open, reopen: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foedus.storage import erasure

    journal = create()
    journal.append(records(0, 5))
    journal.append([tombstone(1, 3)])
    calls: list[int] = []

    def torn(fd: int, data: bytes, position: int) -> None:
        calls.append(position)
        files.write_all(fd, data[:40] if len(calls) > 1 else data, position)
        if len(calls) > 1:
            raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(erasure, "write_all", torn)
        with pytest.raises(StorageFull):
            journal.erase([1, 3])
    assert [e.erased for e in journal.scan()][1:4:2] == [True, True]  # named by the intent, whatever state it is in
    journal.erase([1])  # takes what was left with it
    assert journal.verify().damage == ()
    assert not (folder / "erasing").exists()


def test_the_stored_tree_may_wait(create: Open, reopen: Open, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are durable without the tree: a refusal there is no refusal of the append."""
    monkeypatch.setattr(segments, "FLUSH_AFTER", 10)
    journal = create()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as broken:
        broken.setattr("foedus.storage.tree.replace_file", refuse)
        for start in range(0, 60, 6):
            journal.append(records(start, 6))
    assert journal.size == 60 and journal._tree.stored == 0
    journal.append(records(60, 6))
    assert journal._tree.stored == 66
    journal.close()
    assert verify_folder(folder, SIGNER.verifier).damage == ()


def test_a_segment_that_could_not_be_begun(
    create: Open, reopen: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file may already stand there; a smaller batch then goes on in the segment before."""
    limits = Limits(segment_bytes=8_192)
    journal = create(limits)
    journal.append(records(0, 10))

    def refuse(_: Path) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(files, "sync_folder", refuse)
        with pytest.raises(StorageFull):
            journal.append(records(10, 20))
    assert len(list(folder.glob("*.seg"))) == 1
    assert journal.append([record(10)]).first == 10
    assert journal.append(records(11, 20)).first == 11
    assert len(list(folder.glob("*.seg"))) == 2
    journal.close()
    again = reopen(limits=limits)
    assert [e.seq for e in again.scan()] == list(range(31))
    assert again.verify().damage == ()
