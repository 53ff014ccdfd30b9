"""The durable log of a channel: crashes between its two files, lost refs, and the same bytes for the same releases."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from foedus.exchange.channel import Sent, entry_leaf
from foedus.kernel.checkpoint import Signer
from foedus.kernel.errors import Damaged
from foedus.kernel.merkle import Frontier
from foedus.storage.channellog import GONE, ChannelLog

from .worlds import TickingClock

NAME = "foedus/fin-01020304/channel/nor"
KEY = Signer(NAME, bytes(range(32)))


def _leaf(number: int) -> bytes:
    return random.Random(number).randbytes(32)


def _released(start: int, stop: int) -> list[tuple[bytes, int]]:
    return [(_leaf(n), n * 3 if n % 5 else -n - 1) for n in range(start, stop)]


def _open(folder: Path) -> ChannelLog:
    return ChannelLog.open(folder, KEY, TickingClock())


def test_what_was_released_is_there_after_opening_again(tmp_path: Path) -> None:
    log = ChannelLog.create(tmp_path, NAME, KEY, TickingClock())
    assert log.append(_released(0, 3)) == 0
    assert log.append(_released(3, 2_000)) == 3
    assert log.append([]) == 2_000
    log.close()
    again = _open(tmp_path)
    assert again.size == 2_000
    assert again.missing == 0
    assert again.refs.tolist() == [ref for _, ref in _released(0, 2_000)]
    assert [leaf for leaf, _ in again.leaves(5, 900)] == [_leaf(n) for n in range(5, 900)]
    again.close()


def test_the_tree_is_the_one_that_a_receiver_computes(tmp_path: Path) -> None:
    log = ChannelLog.create(tmp_path, NAME, KEY, TickingClock())
    log.append(_released(0, 7))
    frontier = Frontier()
    frontier.extend([entry_leaf(n, Sent(leaf, at)) for n, (leaf, at) in enumerate(log.leaves(0, 7))])
    assert KEY.verifier.checkpoint(log.journal.checkpoint()).root == frontier.root()
    log.close()


def test_a_crash_after_the_refs_leaves_them_without_numbers(tmp_path: Path) -> None:
    log = ChannelLog.create(tmp_path, NAME, KEY, TickingClock())
    log.append(_released(0, 3))
    log.close()
    with open(tmp_path / "refs", "ab") as file:
        file.write(bytes(20))  # two refs and half of one
    again = _open(tmp_path)
    assert again.refs.tolist() == [ref for _, ref in _released(0, 3)]
    again.append(_released(3, 5))
    again.close()
    last = _open(tmp_path)
    assert last.refs.tolist() == [ref for _, ref in _released(0, 5)]
    assert (tmp_path / "refs").stat().st_size == 40
    last.close()


def test_lost_refs_are_found_anew(tmp_path: Path) -> None:
    log = ChannelLog.create(tmp_path, NAME, KEY, TickingClock())
    log.append(_released(0, 6))
    log.close()
    (tmp_path / "refs").unlink()
    again = _open(tmp_path)
    assert again.missing == 6
    with pytest.raises(Damaged):
        again.append(_released(6, 7))
    known = dict(_released(0, 5))
    again.rebuild(known.__getitem__)
    assert again.refs.tolist() == [*(ref for _, ref in _released(0, 5)), GONE]
    again.append(_released(6, 7))
    again.close()


def test_the_same_releases_make_the_same_bytes(tmp_path: Path) -> None:
    """Refs differ where other entries lie between; nothing that a receiver gets does."""
    one = ChannelLog.create(tmp_path / "one", NAME, KEY, TickingClock())
    two = ChannelLog.create(tmp_path / "two", NAME, KEY, TickingClock())
    for n in range(10):
        one.append([(_leaf(n), n)])
        two.append([(_leaf(n), n * 1_000)])
    assert one.journal.checkpoint() == two.journal.checkpoint()
    assert one.leaves(0, 10) == two.leaves(0, 10)
    assert one.journal.consistency(3) == two.journal.consistency(3)
    one.close()
    two.close()
