"""Mapped pages of the full text are let go of when they have become many, and are there again when they are wanted."""

from __future__ import annotations

import mmap
from pathlib import Path

import pytest

from foedus.config import Settings
from foedus.node import mapped
from foedus.node.mapped import MappedFiles
from foedus.node.node import Node

from .conftest import World

pytestmark = pytest.mark.skipif(not mapped._STATM.exists(), reason="needs /proc")
_SIZE = 64 * 1024 * 1024
_FEW = 8 * 1024 * 1024


def _mapping(file: Path) -> mmap.mmap:
    with file.open("wb") as out:
        for number in range(_SIZE // 4096):
            out.write(number.to_bytes(4096, "little"))
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)


def _touched(held: mmap.mmap) -> int:
    """Touch every page; bytes of mapped files in memory afterwards."""
    assert all(held[at] == at // 4096 % 256 for at in range(0, _SIZE, 4096))
    return mapped._file_pages() * mmap.PAGESIZE


def test_the_folders_pages_are_given_back_once_they_are_many_and_come_again(tmp_path: Path) -> None:
    inside, outside = tmp_path / "te (x)t", tmp_path / "te (x)t2"
    inside.mkdir()
    outside.mkdir()
    held, other = _mapping(inside / "a b.idx"), _mapping(outside / "x.idx")
    patient, eager = MappedFiles(inside, most=4 * _SIZE), MappedFiles(inside, most=_SIZE)
    _touched(held)
    full = _touched(other)
    patient.keep_few()
    assert mapped._file_pages() * mmap.PAGESIZE > full - _FEW, "they are not many"
    eager.keep_few()
    given = full - mapped._file_pages() * mmap.PAGESIZE
    assert _SIZE - _FEW < given < _SIZE + _FEW, "what is mapped from elsewhere is left alone"
    assert _touched(held) > full - _FEW
    held.close()
    other.close()


@pytest.mark.parametrize(("own", "looks"), [(True, 0), (False, 1)])
def test_each_search_leaves_few_pages_where_another_process_writes_the_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool, looks: int
) -> None:
    looked: list[str] = []
    World(tmp_path).close()
    with Node.open(Settings(tmp_path), own_projector=own) as node:
        monkeypatch.setattr(MappedFiles, "keep_few", lambda self: looked.append("looked"))
        with node.projector.reading():
            assert not looked, "they are in use"
        assert looked == ["looked"] * looks
