"""Opening: torn tails are cut, damage never is; the stored tree is resumed, rebuilt or caught lying."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.kernel.checkpoint import Signer
from foedus.kernel.errors import Busy, Damaged, StorageFull
from foedus.storage import tree
from foedus.storage.frames import ENTRY_HEAD, encode_segment
from foedus.storage.segments import SegmentJournal
from foedus.storage.verification import verify_folder

from .conftest import Open
from .worlds import ORIGIN, SIGNER, SeededRandom, TickingClock, record, records, tombstone

SMALL = Limits(segment_bytes=2_000)


def segment_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.seg"))


def forget_tree(folder: Path) -> None:
    shutil.rmtree(folder / "tree")


def test_open_again_and_go_on(create: Open, reopen: Open) -> None:
    journal = create(SMALL)
    for start in range(0, 40, 4):
        journal.append(records(start, 4))
    before = list(journal.scan())
    journal.close()
    again = reopen(limits=SMALL)
    assert list(again.scan()) == before
    done = again.append(records(40, 2))
    assert done.first == 40 and done.at[0] >= before[-1].at
    assert again.verify().damage == ()


def test_create_refuses_a_folder_that_holds_a_journal(create: Open, folder: Path) -> None:
    create()
    with pytest.raises(FileExistsError):
        SegmentJournal.create(folder, ORIGIN, SIGNER, TickingClock(), SeededRandom())


def test_open_needs_a_journal_and_the_right_key(create: Open, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Damaged):
        SegmentJournal.open(tmp_path / "absent", verifier=SIGNER.verifier, read_only=True)
    create().append([record(0)])
    stranger = Signer(ORIGIN, bytes(32))
    with pytest.raises(Damaged):
        SegmentJournal.open(folder, verifier=stranger.verifier, read_only=True)
    with pytest.raises(ValueError):
        SegmentJournal.open(folder, read_only=True)
    with pytest.raises(ValueError):
        SegmentJournal.open(folder, verifier=SIGNER.verifier)


def test_one_writer_and_any_readers(create: Open, reopen: Open, folder: Path) -> None:
    writer = create()
    with pytest.raises(Busy):
        reopen()
    code = f"""
from pathlib import Path
from foedus.kernel.errors import Busy
from foedus.storage.files import FolderLock
try:
    FolderLock(Path({str(folder)!r}))
except Busy:
    print("busy")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "busy\n"
    reader = reopen(read_only=True)
    with pytest.raises(StorageFull):
        reader.append([record(0)])
    with pytest.raises(StorageFull):
        reader.erase([])
    writer.close()
    reopen().append([record(0)])


def test_a_reader_follows(create: Open, reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.storage.segments.FLUSH_AFTER", 10)
    writer = create(SMALL)
    reader = reopen(read_only=True)
    for start in range(0, 60, 3):
        done = writer.append(records(start, 3))
        assert reader.size == start
        assert reader.refresh() == start + 3
        assert reader.checkpoint() == writer.checkpoint()
        assert reader.entry(start + 2) == writer.entry(start + 2)
        assert reader.read(done.offsets, [5] * 3) == writer.read(done.offsets, [5] * 3)
        assert reader.inclusion(start) == writer.inclusion(start)
    writer.append([tombstone(4)])
    writer.erase([4])
    reader.refresh()
    assert reader.entry(4).erased
    assert list(reader.scan()) == list(writer.scan())
    assert reader.verify().damage == ()
    assert reader._tree.pending < 20  # what the writer has stored is read there, not kept


def test_a_reader_sees_no_unfinished_batch(create: Open, reopen: Open, folder: Path) -> None:
    create().append(records(0, 3))
    reader = reopen(read_only=True)
    before = segment_files(folder)[0].read_bytes()
    other = create(at=folder.parent / "other")
    other.append(records(0, 3))
    other.append(records(3, 3))
    whole = segment_files(folder.parent / "other")[0].read_bytes()
    assert whole.startswith(before)
    for cut in range(len(before), len(whole), 7):
        segment_files(folder)[0].write_bytes(whole[:cut])
        assert reader.refresh() == 3
    segment_files(folder)[0].write_bytes(whole)
    assert reader.refresh() == 6


@pytest.mark.parametrize("stored", [True, False])
def test_a_tail_torn_at_any_byte_is_cut(create: Open, reopen: Open, folder: Path, stored: bool) -> None:
    journal = create()
    ends = [(0, journal.head.end)]
    if stored:
        journal.close()
        journal = reopen()
    for start in range(0, 9, 3):
        journal.append(records(start, 3))
        ends.append((start + 3, journal.head.end))
    whole = segment_files(folder)[0].read_bytes()
    journal._lock.release()  # as after a kill: the tree is not stored
    journal._lock = None
    assert (folder / "tree" / "cursor").exists()
    for cut in range(ends[0][1], len(whole) + 1, 1 if stored else 11):  # rebuilding the tree each time costs fsyncs
        segment_files(folder)[0].write_bytes(whole[:cut])
        if not stored:
            forget_tree(folder)
        size, end = max(e for e in ends if e[1] <= cut)
        again = reopen()
        assert again.size == size
        assert segment_files(folder)[0].stat().st_size == end
        again._lock.release()
        again._lock = None


def test_a_tail_whose_bytes_never_arrived_is_cut(create: Open, reopen: Open, folder: Path) -> None:
    journal = create()
    journal.append(records(0, 3))
    end = journal.head.end
    journal.append(records(3, 12, 900))
    journal._lock.release()
    journal._lock = None
    path = segment_files(folder)[0]
    whole = path.read_bytes()
    for hole in (end, 4_096, 8_192):  # the file has its length, blocks from here on are still zeros
        path.write_bytes(whole[:hole] + bytes(len(whole) - hole))
        again = reopen()
        assert again.size == 3
        assert path.stat().st_size == end
        again._lock.release()
        again._lock = None
        assert verify_folder(folder, SIGNER.verifier).damage == ()


def test_a_segment_that_was_only_begun(create: Open, reopen: Open, folder: Path) -> None:
    """A kill between beginning a segment and its first batch."""
    journal = create()
    journal.append(records(0, 3))
    end = journal.head.end
    journal.close()
    header = encode_segment(3, end, ORIGIN)
    (folder / "00000000000000000003.seg").write_bytes(header)
    assert reopen(read_only=True).size == 3
    assert verify_folder(folder, SIGNER.verifier).damage == ()
    again = reopen()
    assert again.append(records(3, 3)).first == 3
    assert len(list(again.scan())) == 6
    assert again.verify().damage == ()
    assert (folder / "00000000000000000003.seg").stat().st_size > len(header)


def test_after_a_cut_the_journal_goes_on(create: Open, reopen: Open, folder: Path) -> None:
    journal = create()
    journal.append(records(0, 3))
    journal.close()
    path = segment_files(folder)[0]
    path.write_bytes(path.read_bytes() + b"FJE1\x00\x00\x00\x00\x99\x00\x00\x00half")
    again = reopen()
    assert again.append([record(3)]).first == 3
    assert again.verify().damage == ()


def test_damage_in_the_middle_is_named_and_never_cut(create: Open, reopen: Open, folder: Path) -> None:
    journal = create()
    for start in range(0, 30, 3):
        journal.append(records(start, 3))
    at = journal.entry(13).offset + 3
    journal.close()
    forget_tree(folder)
    path = segment_files(folder)[0]
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 1
    path.write_bytes(damaged)
    for read_only in (True, False):
        with pytest.raises(Damaged) as raised:
            reopen(read_only)
        assert raised.value.seq == 13
    assert path.read_bytes() == damaged


def test_damage_in_an_earlier_segment_is_named(create: Open, reopen: Open, folder: Path) -> None:
    journal = create(SMALL)
    for start in range(0, 60, 3):
        journal.append(records(start, 3))
    journal.close()
    forget_tree(folder)
    assert len(segment_files(folder)) > 3
    second = segment_files(folder)[1]
    original = second.read_bytes()
    first = int(second.stem)
    for spoilt in (original[:-5], original + b"x", b"", original[:40]):
        second.write_bytes(spoilt)
        with pytest.raises(Damaged) as raised:
            reopen()
        assert first <= raised.value.seq <= int(segment_files(folder)[2].stem)
    second.unlink()
    with pytest.raises(Damaged):
        reopen()


def test_no_flipped_byte_is_cut_off_or_passes_at_open(create: Open, reopen: Open, folder: Path) -> None:
    journal = create()
    journal.append(records(0, 2))
    journal.append([record(2)])
    journal.close()
    forget_tree(folder)
    path = segment_files(folder)[0]
    original = path.read_bytes()
    for at in range(len(original)):
        damaged = bytearray(original)
        damaged[at] ^= 0x21
        path.write_bytes(damaged)
        try:
            reopen(read_only=True)
            pytest.fail(f"byte {at} of {len(original)}")
        except Damaged:
            assert path.read_bytes() == damaged


@pytest.mark.parametrize("name", ["cursor", "level-00", "level-08", "positions"])
@pytest.mark.parametrize("harm", ["missing", "short", "zeros"])
def test_a_spoilt_tree_is_rebuilt(create: Open, reopen: Open, folder: Path, name: str, harm: str) -> None:
    journal = create(Limits(segment_bytes=40_000))
    for start in range(0, 600, 50):
        journal.append(records(start, 50))
    proofs = [journal.inclusion(n) for n in (0, 255, 256, 599)]
    journal.close()
    path = folder / "tree" / name
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(data[: len(data) // 2] if harm == "short" else bytes(len(data)))
    again = reopen()
    assert again.size == 600
    assert [again.inclusion(n) for n in (0, 255, 256, 599)] == proofs
    assert again.entry(599).seq == 599
    again.close()
    assert verify_folder(folder, SIGNER.verifier).damage == ()


def test_a_journal_that_was_cut_short_is_caught_by_its_own_checkpoint(create: Open, reopen: Open, folder: Path) -> None:
    journal = create()
    journal.append(records(0, 3))
    end = journal.head.end
    journal.append(records(3, 3))
    journal.close()
    path = segment_files(folder)[0]
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(Damaged, match="ends early"):
        reopen()
    assert [d.seq for d in verify_folder(folder, SIGNER.verifier).damage] == [3]


def test_the_tree_is_stored_as_it_grows(create: Open, reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.storage.segments.FLUSH_AFTER", 100)
    journal = create()
    for start in range(0, 700, 70):
        journal.append(records(start, 70))
        assert journal._tree.pending < 170
    leaves = [e.leaf for e in journal.scan()]
    journal._lock.release()
    journal._lock = None
    again = reopen()
    assert again._tree.stored == journal._tree.stored > 500
    assert [e.leaf for e in again.scan()] == leaves
    assert again.root() == journal.root()
    assert tree.FLUSH_AFTER > 100


def test_a_crash_during_an_erasure_is_finished(create: Open, reopen: Open, folder: Path) -> None:
    journal = create()
    journal.append(records(0, 6, 700))
    journal.append([tombstone(1, 4)])
    addresses = {journal.address(seq): seq for seq in (1, 4)}
    length = ENTRY_HEAD + len(record(1, 700).envelope) + len(record(1, 700).body)
    journal.close()
    path = segment_files(folder)[0]
    live = path.read_bytes()
    eraser = reopen()
    eraser.erase([1, 4])
    eraser.close()
    erased = path.read_bytes()
    assert len(live) == len(erased) and b"report--1" not in erased and b"report--4" not in erased
    from foedus.storage import intent

    for done in range(0, length, 13):  # so many bytes of the first frame, none of the second
        for drop_tree in (False, True):
            first = min(addresses)
            path.write_bytes(live[:first] + erased[first : first + done] + live[first + done :])
            intent.write(folder, addresses)
            if drop_tree:
                forget_tree(folder)
            reader = reopen(read_only=True)
            assert [e.seq for e in reader.scan()] == list(range(7))
            assert verify_folder(folder, SIGNER.verifier).entries == 7
            writer = reopen()
            assert path.read_bytes() == erased
            assert not (folder / intent.NAME).exists()
            assert writer.verify().damage == ()
            writer.close()


def test_a_half_written_intent_was_never_in_force(create: Open, reopen: Open, folder: Path) -> None:
    create().append(records(0, 2))
    (folder / "erasing").write_bytes(b'00000000\n{"17": ')
    reader = reopen(read_only=True)
    assert not any(e.erased for e in reader.scan())
