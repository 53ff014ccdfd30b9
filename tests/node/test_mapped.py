"""Mapped pages of the full text are let go of when they have become many, and are there again when they are wanted."""

from __future__ import annotations

import mmap
import threading
import time
from pathlib import Path

import pytest

from foedus.node import mapped
from foedus.node.mapped import MappedFiles

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


def test_the_folders_pages_are_given_back_and_come_again(tmp_path: Path) -> None:
    inside, outside = tmp_path / "text", tmp_path / "text2"
    inside.mkdir(), outside.mkdir()
    held, other = _mapping(inside / "a b.idx"), _mapping(outside / "x.idx")
    watch = MappedFiles(inside, threading.RLock(), most=1 << 40)
    try:
        _touched(held)
        full = _touched(other)
        watch.let_go()
        left = mapped._file_pages() * mmap.PAGESIZE
        assert _SIZE - _FEW < full - left < _SIZE + _FEW, "what is mapped from elsewhere is left alone"
        assert _touched(held) > full - _FEW
    finally:
        watch.close()
        held.close(), other.close()


def test_they_are_given_back_once_they_are_many_but_not_while_the_lock_is_held(tmp_path: Path) -> None:
    held, lock = _mapping(tmp_path / "a.idx"), threading.RLock()
    watch = MappedFiles(tmp_path, lock, most=_SIZE // 2)
    try:
        with lock:
            full = _touched(held)
            time.sleep(3 * mapped._LOOK)
            assert mapped._file_pages() * mmap.PAGESIZE > full - _FEW
        until = time.monotonic() + 20
        while mapped._file_pages() * mmap.PAGESIZE > full - _SIZE + _FEW:
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        watch.close()
        held.close()
