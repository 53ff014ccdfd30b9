"""What a node remembers of its exchange: kept over a restart, first ones stay, and what is forgotten is in no file."""

from __future__ import annotations

import random
from pathlib import Path

from foedus.kernel.merkle import Frontier
from foedus.storage.exchangestore import ExchangeStore, PlaceRow, QuarantineRow, SealRow

dice = random.Random(7)
SALT, LEAF, NOTE, BODY = dice.randbytes(16), dice.randbytes(32), b"a note\n", b"zanzibarqux" * 50
ROW = SealRow(17, LEAF, NOTE, 3, (dice.randbytes(32), dice.randbytes(32)), SALT)


def _holding(folder: Path, needle: bytes) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


def test_seals_are_kept_the_first_one_stays_and_forgetting_leaves_no_salt(tmp_path: Path) -> None:
    store = ExchangeStore(tmp_path / "exchange.sqlite")
    store.keep_seals([ROW, ROW._replace(seq=18, leaf=bytes(32), salt=None)])
    store.keep_seals([ROW._replace(place=9)])
    store.close()
    store = ExchangeStore(tmp_path / "exchange.sqlite")
    assert store.seals([17, 18, 19]) == {17: ROW, 18: ROW._replace(seq=18, leaf=bytes(32), salt=None)}
    assert (store.entry_of(LEAF), store.entry_of(b"x" * 32)) == (17, None)
    assert _holding(tmp_path, SALT)
    store.forget_seals([17])
    assert store.entry_of(LEAF) is None
    assert not _holding(tmp_path, SALT)
    store.close()


def test_a_place_moves_with_what_has_to_wait_and_a_settled_one_leaves_nothing(tmp_path: Path) -> None:
    store = ExchangeStore(tmp_path / "exchange.sqlite")
    assert store.place("FIN") is None
    frontier = Frontier()
    frontier.extend([dice.randbytes(32) for _ in range(11)])
    waiting = QuarantineRow("FIN", 10, BODY, 7, "no key", 5, "")
    store.keep_place("FIN", PlaceRow(frontier, NOTE, 12, bytes(32), 11), [waiting])
    held = store.place("FIN")
    assert held is not None
    assert (held.frontier.size, held.frontier.root(), held[1:]) == (11, frontier.root(), (NOTE, 12, bytes(32), 11))
    assert store.quarantined("FIN") == store.quarantined() == [waiting]
    store.settle("FIN", 10, "refused")
    assert store.quarantined() == []
    assert not _holding(tmp_path, b"zanzibarqux")
    store.close()


def test_evidence_is_kept_once_and_receipts_only_grow(tmp_path: Path) -> None:
    store = ExchangeStore(tmp_path / "exchange.sqlite")
    for _ in range(2):
        store.keep_evidence("FIN", 5, "forked", b"one", b"two")
    assert store.evidence("FIN") == [(5, "forked", b"one", b"two")]
    store.keep_receipt("FIN", 7, 1, b"later")
    store.keep_receipt("FIN", 3, 2, b"earlier, come late")
    assert store.receipt("FIN") == (7, 1, b"later")
    assert store.keep_recall(LEAF, "FIN", b"s", b"x", 1) == store.keep_recall(LEAF, "NOR", b"t", b"y", 2)
    row = store.recall_of(LEAF)
    assert row is not None
    assert row.originator == "FIN"
    assert store.recall(row.id) == row
    store.close()
