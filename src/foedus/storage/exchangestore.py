"""What a node remembers of its exchange with others: seals, recalls, places in channels, quarantine, evidence.

Durable when a method returns. Salts and statements of what is recalled are overwritten (`secure_delete`).

Example:
    store = ExchangeStore(data / "exchange.sqlite")
    store.keep_seals([SealRow(17, leaf, note, 0, (), None)]);  store.seal_of(17)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from foedus.kernel.merkle import HASH_BYTES, Frontier
from foedus.storage.accountfile import AccountFile, Make

EXCHANGE = Make("the exchange", "exchange.sql")
_MANY = 500  # values in one question


class SealRow(NamedTuple):
    """The seal of the statement that entry `seq` is. `salt` None: it follows from the journal's own."""

    seq: int
    leaf: bytes
    note: bytes
    place: int
    path: tuple[bytes, ...]
    salt: bytes | None


class RecallRow(NamedTuple):
    """The recall of the statement with this leaf: statement and seal as they travel."""

    id: int
    leaf: bytes
    originator: str
    statement: bytes
    seal: bytes
    at: int


class PlaceRow(NamedTuple):
    """How far a channel was taken: see `exchange.channel.Place`."""

    frontier: Frontier
    note: bytes
    size: int
    root: bytes
    ahead: int


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """One entry that waits for a decision. `settled`: "", "accepted" or "refused"."""

    peer: str
    number: int
    sent: bytes
    step: int
    reason: str
    at: int
    settled: str


class ExchangeStore:
    """One file. Used by any thread; the command line may read it beside a server."""

    def __init__(self, path: Path) -> None:
        self._file = AccountFile(path, EXCHANGE)
        self._file.row("PRAGMA secure_delete = ON")

    def close(self) -> None:
        self._file.close()

    def backup(self, target: Path) -> None:
        self._file.backup(target)

    def _empty_log(self) -> None:
        """What was overwritten in the file must not stay in its write-ahead log."""
        self._file.row("PRAGMA wal_checkpoint(TRUNCATE)")

    # -- seals

    def keep_seals(self, rows: Iterable[SealRow]) -> None:
        """Keep those that are new; the first seal of an entry stays."""
        with self._file.transaction() as db:
            for row in rows:
                db.execute("INSERT OR IGNORE INTO notes (note) VALUES (?)", (row.note,))
                db.execute(
                    "INSERT OR IGNORE INTO seals SELECT ?, ?, id, ?, ?, ? FROM notes WHERE note = ?",
                    (row.seq, row.leaf, row.place, b"".join(row.path), row.salt, row.note),
                )

    def seals(self, seqs: Sequence[int]) -> dict[int, SealRow]:
        """By entry; those without one are left out."""
        out: dict[int, SealRow] = {}
        for start in range(0, len(seqs), _MANY):
            part = seqs[start : start + _MANY]
            marks = ",".join("?" * len(part))
            sql = f"SELECT seq, leaf, n.note, place, path, salt FROM seals s JOIN notes n ON n.id = s.note WHERE seq IN ({marks})"  # noqa: S608, E501
            out.update((row[0], _seal_row(row)) for row in self._file.rows(sql, *part))
        return out

    def entry_of(self, leaf: bytes) -> int | None:
        """The entry of the journal that holds the statement with this leaf."""
        row = self._file.row("SELECT seq FROM seals WHERE leaf = ?", leaf)
        return None if row is None else int(row[0])

    def forget_seals(self, seqs: Iterable[int]) -> None:
        """Of entries that were recalled: their salts and leaves are gone with them."""
        with self._file.transaction() as db:
            db.executemany("DELETE FROM seals WHERE seq = ?", [(seq,) for seq in seqs])
        self._empty_log()

    # -- recalls

    def keep_recall(self, leaf: bytes, originator: str, statement: bytes, seal: bytes, at: int) -> int:
        """Its id; the first recall of a statement stays."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT OR IGNORE INTO recalls (leaf, originator, statement, seal, at) VALUES (?, ?, ?, ?, ?)",
                (leaf, originator, statement, seal, at),
            )
            return int(db.execute("SELECT id FROM recalls WHERE leaf = ?", (leaf,)).fetchone()[0])

    def recall_of(self, leaf: bytes) -> RecallRow | None:
        row = self._file.row("SELECT * FROM recalls WHERE leaf = ?", leaf)
        return None if row is None else RecallRow(*row)

    def recall(self, number: int) -> RecallRow | None:
        row = self._file.row("SELECT * FROM recalls WHERE id = ?", number)
        return None if row is None else RecallRow(*row)

    # -- places

    def cursor(self, peer: str) -> int:
        """Entries of the journal that this peer's channel has been looked at for."""
        row = self._file.row("SELECT cursor FROM outlets WHERE peer = ?", peer)
        return 0 if row is None else int(row[0])

    def keep_cursor(self, peer: str, cursor: int) -> None:
        with self._file.transaction() as db:
            db.execute("INSERT OR REPLACE INTO outlets VALUES (?, ?)", (peer, cursor))

    def place(self, peer: str) -> PlaceRow | None:
        row = self._file.row("SELECT size, peaks, note, seen, root, ahead FROM places WHERE peer = ?", peer)
        if row is None:
            return None
        return PlaceRow(_frontier(row[0], row[1]), row[2], row[3], row[4], row[5])

    def keep_place(self, peer: str, place: PlaceRow, quarantined: Iterable[QuarantineRow] = ()) -> None:
        """Move on, with what has to wait: both or neither."""
        size, peaks = place.frontier.size, _peaks(place.frontier)
        with self._file.transaction() as db:
            values = (peer, size, peaks, place.note, place.size, place.root, place.ahead)
            db.execute("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            for row in quarantined:
                db.execute(
                    "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (row.peer, row.number, row.sent, row.step, row.reason, row.at, row.settled),
                )

    # -- what waits for an administrator

    def quarantined(self, peer: str | None = None, *, limit: int = 100) -> list[QuarantineRow]:
        """What is not settled, oldest first."""
        where, values = ("AND peer = ?", (peer,)) if peer else ("", ())
        sql = f"SELECT * FROM quarantine WHERE settled = '' {where} ORDER BY at, peer, number LIMIT ?"  # noqa: S608
        return [QuarantineRow(*row) for row in self._file.rows(sql, *values, limit)]

    def settle(self, peer: str, number: int, how: str) -> None:
        """Decide; a refused one leaves nothing but its number and the reason."""
        with self._file.transaction() as db:
            db.execute(
                "UPDATE quarantine SET settled = ?, sent = x'' WHERE peer = ? AND number = ?", (how, peer, number)
            )
        self._empty_log()

    def keep_evidence(self, peer: str, at: int, reason: str, earlier: bytes, later: bytes) -> None:
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO evidence (peer, at, reason, earlier, later) SELECT ?, ?, ?, ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM evidence WHERE peer = ? AND earlier = ? AND later = ?)",
                (peer, at, reason, earlier, later, peer, earlier, later),
            )

    def evidence(self, peer: str) -> list[tuple[int, str, bytes, bytes]]:
        """(when, reason, earlier note, later note), oldest first."""
        sql = "SELECT at, reason, earlier, later FROM evidence WHERE peer = ? ORDER BY id"
        return [tuple(row) for row in self._file.rows(sql, peer)]

    # -- receipts

    def keep_receipt(self, peer: str, size: int, at: int, note: bytes) -> None:
        """The latest that says most."""
        with self._file.transaction() as db:
            db.execute(
                "INSERT INTO receipts VALUES (?, ?, ?, ?) ON CONFLICT (peer) DO UPDATE SET"
                " size = excluded.size, at = excluded.at, note = excluded.note WHERE excluded.size >= size",
                (peer, size, at, note),
            )

    def receipt(self, peer: str) -> tuple[int, int, bytes] | None:
        """(entries, when, note)."""
        row = self._file.row("SELECT size, at, note FROM receipts WHERE peer = ?", peer)
        return None if row is None else (row[0], row[1], row[2])


def _seal_row(row: Any) -> SealRow:
    seq, leaf, note, place, path, salt = row
    return SealRow(
        seq, leaf, note, place, tuple(path[i : i + HASH_BYTES] for i in range(0, len(path), HASH_BYTES)), salt
    )


def _peaks(frontier: Frontier) -> bytes:
    return b"".join(node for _, node in frontier.peaks())


def _frontier(size: int, peaks: bytes) -> Frontier:
    levels = [level for level in range(size.bit_length()) if size >> level & 1]
    return Frontier(size, ((level, peaks[i * HASH_BYTES : (i + 1) * HASH_BYTES]) for i, level in enumerate(levels)))
