"""Typed links in SQLite: the neighbours of an id, filtered by what the reader sees while they are fetched.

Example:
    store = LinkStore(path, table.hashing)
    store.apply(items)
    store.neighbours(table.hashing.of_id("malware--…"), sight.visible, limit=50)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from foedus.kernel.links import links
from foedus.kernel.ports import Item, Kind
from foedus.storage.hashing import Hashing, to_signed, to_unsigned

Sees = Callable[[NDArray[Any]], NDArray[np.bool_]]  # entries -> which of them count: `Sight.visible`, for example
Direction = Literal["out", "in", "both"]

_FIRST_CHUNK, _CHUNK = 512, 16_384  # rows fetched at once: memory stays bounded at any hub
_LOWEST = -(1 << 63)
_QUERY = {
    "out": "SELECT kind, target, seq FROM forward WHERE source = ? AND (kind, target, seq) > (?, ?, ?)"
    " ORDER BY kind, target, seq LIMIT ?",
    "in": "SELECT kind, source, seq FROM backward WHERE target = ? AND (kind, source, seq) > (?, ?, ?)"
    " ORDER BY kind, source, seq LIMIT ?",
}
_QUERY_KIND = {
    "out": "SELECT kind, target, seq FROM forward WHERE source = ? AND kind = ? AND (target, seq) > (?, ?)"
    " ORDER BY target, seq LIMIT ?",
    "in": "SELECT kind, source, seq FROM backward WHERE target = ? AND kind = ? AND (source, seq) > (?, ?)"
    " ORDER BY source, seq LIMIT ?",
}


class Neighbour(NamedTuple):
    """One link of an id, as one entry states it. Hand it back as `after` to go on behind it."""

    other: int  # unsigned hash of the id at the other end
    kind: str
    direction: str  # "out": from the id to `other`; "in": towards it
    seq: int  # the entry that states the link


_decode = msgspec.json.Decoder().decode


class LinkStore:
    """A Projection. One writer; `LinkStore.reader` opens the same file for reading in another process."""

    def __init__(self, path: Path, hashing: Hashing, *, read_only: bool = False) -> None:
        self._hashing = hashing
        mode = "ro" if read_only else "rwc"
        self._db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA cache_size = -49152")
        if not read_only:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA wal_autocheckpoint = 8192")  # 32 MB: pages that change often are moved once
            self._db.execute("PRAGMA secure_delete = ON")
            self._create()
            self._clean_log()
        self._kinds: dict[int, str] = {}
        self._codes: dict[str, int] = {}  # of the names that are in the table
        self._read_kinds()

    @classmethod
    def reader(cls, path: Path, hashing: Hashing) -> LinkStore:
        """For queries only; sees what the writer has committed."""
        return cls(path, hashing, read_only=True)

    # -- the Projection port

    @property
    def cursor(self) -> int:
        return int(self._db.execute("SELECT value FROM state WHERE name = 'cursor'").fetchone()[0])

    def apply(self, items: Sequence[Item]) -> None:
        """Add the entries from `cursor` on, in one transaction. Raises ValueError where one is missing in between."""
        start = self.cursor
        items = [item for item in items if item.seq >= start]
        if not items:
            return
        if items[0].seq != start or items[-1].seq != start + len(items) - 1:
            raise ValueError(f"entries {items[0].seq}..{items[-1].seq} do not follow on {start - 1}")
        erased = {seq for item in items if item.kind is Kind.TOMBSTONE for seq in item.targets}
        # First, for once the cursor has passed a tombstone nothing would come back to it after a crash.
        self.erase([seq for seq in erased if seq < start])
        rows = [row for item in items if item.head is not None and item.seq not in erased for row in self._rows(item)]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            rows.sort()
            self._db.executemany("INSERT OR IGNORE INTO forward VALUES (?, ?, ?, ?)", rows)
            turned = sorted((target, kind, source, seq) for source, kind, target, seq in rows)
            self._db.executemany("INSERT OR IGNORE INTO backward VALUES (?, ?, ?, ?)", turned)
            self._db.execute("UPDATE state SET value = ? WHERE name = 'cursor'", (items[-1].seq + 1,))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            self._read_kinds()
            raise

    def erase(self, seqs: Sequence[int]) -> None:
        """Delete the links that these entries state; SQLite overwrites their bytes, and the log is emptied."""
        wanted = sorted(set(seqs))
        if not wanted:
            return
        rows: list[tuple[int, int, int, int]] = []
        for i in range(0, len(wanted), 500):
            part = wanted[i : i + 500]
            marks = ",".join("?" * len(part))
            # No index by entry: recalls are rare, and a scan of a million narrow rows takes a tenth of a second.
            rows += self._db.execute(f"SELECT source, kind, target, seq FROM forward WHERE seq IN ({marks})", part)  # noqa: S608
        if rows:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM forward WHERE source = ? AND kind = ? AND target = ? AND seq = ?", rows)
            turned = [(target, kind, source, seq) for source, kind, target, seq in rows]
            self._db.executemany(
                "DELETE FROM backward WHERE target = ? AND kind = ? AND source = ? AND seq = ?", turned
            )
            for kind in {row[1] for row in rows}:
                if not self._db.execute("SELECT 1 FROM forward WHERE kind = ? LIMIT 1", (kind,)).fetchone():
                    self._db.execute("DELETE FROM kinds WHERE code = ?", (kind,))
            self._db.execute("COMMIT")
            self._read_kinds()
        self._clean_log()

    def drop(self) -> None:
        self._db.executescript("DROP TABLE forward; DROP TABLE backward; DROP TABLE kinds; DROP TABLE state;")
        self._create()
        self._db.execute("VACUUM")
        self._clean_log()
        self._read_kinds()

    def close(self) -> None:
        self._db.close()

    # -- reading

    def neighbours(
        self,
        idhash: int,
        sees: Sees,
        *,
        direction: Direction = "both",
        kinds: Iterable[str] | None = None,
        limit: int = 200,
        after: Neighbour | None = None,
    ) -> list[Neighbour]:
        """At most `limit` links of an id that `sees` lets through, by (direction out first, kind, other end, entry).

        The order is by hashes: it tells nothing, and no hidden row moves it. Rows that do not count are passed over in
        chunks of bounded size, inside the query.
        """
        found: list[Neighbour] = []
        for way, kind, place in self._ways(direction, kinds, after):
            for chunk in self._chunks(to_signed(idhash), way, kind, place):
                for code, other, seq in _seen(chunk, sees):
                    found.append(Neighbour(to_unsigned(other), self._kind_name(code), way, seq))
                    if len(found) == limit:
                        return found
        return found

    def degree(
        self,
        idhash: int,
        sees: Sees,
        *,
        direction: Direction = "both",
        kinds: Iterable[str] | None = None,
        cap: int = 100_000,
    ) -> int:
        """How many links of an id `sees` lets through, at most `cap`."""
        count = 0
        for way, kind, place in self._ways(direction, kinds, None):
            for chunk in self._chunks(to_signed(idhash), way, kind, place):
                count += len(_seen(chunk, sees))
                if count >= cap:
                    return cap
        return count

    # -- inside

    def _create(self) -> None:
        self._db.executescript(files("foedus.storage").joinpath("schema.sql").read_text())

    def _clean_log(self) -> None:
        """Move the write-ahead log into the file and empty it; what was overwritten must not stay in the log."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _rows(self, item: Item) -> list[tuple[int, int, int, int]]:
        signed = self._hashing.signed
        assert item.head is not None
        record = item.record if item.record is not None else _decode(item.body)
        if item.head.type == "relationship":
            source, kind, target = (record.get(name) for name in ("source_ref", "relationship_type", "target_ref"))
            if type(source) is not str or type(kind) is not str or type(target) is not str:
                return []  # an object without its ends states no link
            return [(signed(source), self._kind(kind), signed(target), item.seq)]
        return [(signed(one.source), self._kind(one.kind), signed(one.target), item.seq) for one in links(record)]

    def _kind(self, name: str) -> int:
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = self._code(name)
            self._kinds[code] = name
            self._db.execute("INSERT OR IGNORE INTO kinds VALUES (?, ?)", (code, name))
        return code

    def _code(self, name: str) -> int:
        return self._hashing.signed(name) >> 8

    def _kind_name(self, code: int) -> str:
        if code not in self._kinds:
            self._read_kinds()
        return self._kinds.get(code, "")

    def _read_kinds(self) -> None:
        self._kinds = dict(self._db.execute("SELECT code, name FROM kinds"))
        self._codes = {name: code for code, name in self._kinds.items()}

    def _ways(
        self, direction: Direction, kinds: Iterable[str] | None, after: Neighbour | None
    ) -> Iterator[tuple[str, int | None, tuple[int, int, int]]]:
        """The index ranges to walk, in order: (direction, kind or None for all, place behind which to start)."""
        codes: list[int | None] = [None] if kinds is None else sorted({self._code(kind) for kind in kinds})  # type: ignore[assignment]
        last = (self._code(after.kind), to_signed(after.other), after.seq) if after else None
        for way in ("out", "in") if direction == "both" else (direction,):
            if after and way == "out" and after.direction == "in":
                continue
            for code in codes:
                if last is None or (after and way != after.direction):
                    yield way, code, (_LOWEST, _LOWEST, -1)
                elif code is None or code == last[0]:
                    yield way, code, last
                elif code > last[0]:
                    yield way, code, (code, _LOWEST, -1)

    def _chunks(
        self, idhash: int, way: str, kind: int | None, place: tuple[int, int, int]
    ) -> Iterator[list[tuple[int, int, int]]]:
        size = _FIRST_CHUNK
        while True:
            if kind is None:
                rows = self._db.execute(_QUERY[way], (idhash, *place, size)).fetchall()
            else:
                rows = self._db.execute(_QUERY_KIND[way], (idhash, kind, *place[1:], size)).fetchall()
            if rows:
                yield rows
            if len(rows) < size:
                return
            place, size = rows[-1], min(size * 4, _CHUNK)


def _seen(rows: list[tuple[int, int, int]], sees: Sees) -> list[tuple[int, int, int]]:
    mask = sees(np.fromiter((row[2] for row in rows), np.int64, len(rows)))
    return [rows[i] for i in np.flatnonzero(mask).tolist()]
