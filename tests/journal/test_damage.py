"""Verification finds every flipped byte, names the first altered entry, and goes on behind it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from zlib import crc32

import pytest

from foedus.config import Limits
from foedus.kernel.checkpoint import Checkpoint, Signer
from foedus.storage import frames
from foedus.storage.segments import SegmentJournal
from foedus.storage.verification import verify_folder

from .conftest import Open
from .worlds import ORIGIN, SIGNER, records, tombstone


def filled(create: Open, entries: int, batch: int, segment_bytes: int) -> SegmentJournal:
    journal = create(Limits(segment_bytes=segment_bytes))
    for start in range(0, entries, batch):
        journal.append(records(start, batch))
    journal.append([tombstone(2)])
    journal.erase([2])
    return journal


def extents(journal: SegmentJournal) -> dict[str, list[tuple[int, int, int]]]:
    """file name -> (begin, end, seq) of every entry's frame."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for seq in range(journal.size):
        address = journal.address(seq)
        segment = journal.segments.locate(address)
        end = journal.segments.frame_at(address).end - segment.base
        found.setdefault(segment.path.name, []).append((address - segment.base, end, seq))
    return found


def flip(path: Path, at: int, by: int) -> bytes:
    original = path.read_bytes()
    damaged = bytearray(original)
    damaged[at] ^= by
    path.write_bytes(damaged)
    return original


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)


def test_each_byte_of_a_small_journal(create: Open, folder: Path) -> None:
    journal = filled(create, 6, 2, 900)
    where = extents(journal)
    journal.close()
    assert len(where) > 1 and verify_folder(folder, SIGNER.verifier).damage == ()
    for path in files(folder):
        for at in range(path.stat().st_size):
            original = flip(path, at, 1 << at % 8)
            damage = verify_folder(folder, SIGNER.verifier).damage
            path.write_bytes(original)
            assert damage, f"byte {at} of {path.name}"
            named = [seq for begin, end, seq in where.get(path.name, []) if begin <= at < end]
            if named:
                assert damage[0].seq == named[0], f"byte {at} of {path.name}: {damage}"
    assert verify_folder(folder, SIGNER.verifier).damage == ()


def test_random_bytes_of_a_larger_journal(create: Open, folder: Path) -> None:
    journal = filled(create, 3_000, 100, 100_000)
    where = extents(journal)
    journal.close()
    rng = random.Random(7)
    for _ in range(60):
        path = rng.choice(files(folder))
        at = rng.randrange(path.stat().st_size)
        original = flip(path, at, rng.randrange(1, 256))
        damage = verify_folder(folder, SIGNER.verifier).damage
        path.write_bytes(original)
        assert damage, f"byte {at} of {path.name}"
        named = [seq for begin, end, seq in where.get(path.name, []) if begin <= at < end]
        if named:
            assert damage[0].seq == named[0]
            assert len(damage) == 1, damage


def alter(journal: SegmentJournal, folder: Path, seq: int, *, leaf: bool) -> None:
    """Change one entry as somebody would who knows the format: checksum made right, and the leaf too."""
    address = journal.address(seq)
    segment = journal.segments.locate(address)
    found = journal.segments.frame_at(address)
    data = bytearray(found.buffer[found.lo - frames.PREFIX.size : found.hi])
    data[-3] ^= 1
    if leaf:
        data[13:45] = frames.sha256(data[45:]).digest()
    data[4:8] = crc32(data[8:], crc32(data[:4])).to_bytes(4, "little")
    path = folder / segment.path.name
    whole = bytearray(path.read_bytes())
    whole[address - segment.base : address - segment.base + len(data)] = data
    path.write_bytes(whole)


def test_an_entry_altered_with_its_checksum(create: Open, folder: Path) -> None:
    journal = filled(create, 60, 10, 3_000)
    journal.close()
    alter(journal, folder, 34, leaf=False)
    damage = verify_folder(folder, SIGNER.verifier).damage
    assert [d.seq for d in damage] == [34]


def test_an_entry_altered_with_its_leaf_is_named_by_the_stored_tree(create: Open, folder: Path) -> None:
    journal = filled(create, 60, 10, 3_000)
    journal.close()
    alter(journal, folder, 34, leaf=True)
    alter(journal, folder, 51, leaf=True)
    damage = verify_folder(folder, SIGNER.verifier).damage
    assert [d.seq for d in damage] == [34, 51]


def test_without_the_stored_tree_it_is_named_as_a_range(create: Open, folder: Path) -> None:
    journal = filled(create, 60, 10, 3_000)
    journal.close()
    alter(journal, folder, 34, leaf=True)
    shutil.rmtree(folder / "tree")
    damage = verify_folder(folder, SIGNER.verifier).damage
    assert damage[0].seq == 30
    assert "entries 30 to 39" in damage[0].message
    assert any("roots from entry 30" in d.message for d in damage)


def test_all_of_several_damages_are_found(create: Open, folder: Path) -> None:
    journal = filled(create, 60, 10, 3_000)
    where = extents(journal)
    journal.close()
    for seq in (5, 23, 24, 47):
        name, begin = next((n, b) for n, found in where.items() for b, _, s in found if s == seq)
        flip(folder / name, begin + 50, 4)
    damage = verify_folder(folder, SIGNER.verifier).damage
    assert [d.seq for d in damage] == [5, 23, 47]
    assert "entries 23 to 24" in damage[1].message


def test_a_journal_signed_by_another_key(create: Open, folder: Path) -> None:
    journal = create()
    journal.append(records(0, 3))
    journal.close()
    stranger = Signer(ORIGIN, bytes(32))
    damage = verify_folder(folder, stranger.verifier).damage
    assert damage[0].seq == 0 and "does not verify" in damage[0].message


def test_a_root_that_was_signed_over_other_entries(create: Open, folder: Path) -> None:
    """A checkpoint with our own signature, but not over these entries, is named as a range."""
    journal = create()
    journal.append(records(0, 3))
    end = journal.head.end
    journal.append(records(3, 3))
    journal.close()
    shutil.rmtree(folder / "tree")
    path = next(folder.glob("*.seg"))
    data = path.read_bytes()
    wrong = frames.frame(frames.CHECKPOINT, SIGNER.sign(Checkpoint(ORIGIN, 6, bytes(32)).text()))
    path.write_bytes(data[: -len(wrong)] + wrong)
    assert data[end : end + 4] == frames.ENTRY
    damage = verify_folder(folder, SIGNER.verifier).damage
    assert (damage[0].seq, damage[0].message) == (3, "entries 3 to 5 are not those of their checkpoint")


def test_a_missing_segment(create: Open, folder: Path) -> None:
    journal = filled(create, 60, 10, 3_000)
    journal.close()
    names = sorted(p.name for p in folder.glob("*.seg"))
    (folder / names[1]).unlink()
    first = int(names[1].removesuffix(".seg"))
    damage = verify_folder(folder, SIGNER.verifier).damage
    assert first in [d.seq for d in damage]
    assert all(d.seq >= first for d in damage), damage


def test_nothing_there(tmp_path: Path) -> None:
    assert verify_folder(tmp_path / "absent", SIGNER.verifier).damage


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"targets":[1.5]}', b'{"targets":[9]}', b"\xff"])
def test_a_tombstone_that_names_nothing_earlier(create: Open, body: bytes) -> None:
    from foedus.kernel.ports import Kind, NewEntry

    journal = create()
    journal.append(records(0, 3))
    journal.append([NewEntry(Kind.TOMBSTONE, b"", body)])
    assert [d.seq for d in journal.verify().damage] == [3]
