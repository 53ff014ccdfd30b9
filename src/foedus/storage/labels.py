"""The label table: what filters, pages and counts need of every journal entry, in numpy columns. Row i is entry i.

    at          int64   microseconds since 1970, never decreasing
    offset      int64   of the body in the journal, for `Journal.read`
    length      int32   of the body; 0 where erased
    labelset    int32   interned tuple of marking-definition ids; -1: none, which no reader may see
    type        int16   interned STIX type; -1: not a record
    originator  int16   interned
    created_by  int32   interned created_by_ref
    version     int64   microseconds; 0 where the type has none
    idhash      uint64  seeded hash of the STIX id; whoever looks an id up confirms it on the body
    digest      uint64  seeded hash of the canonical bytes
    flags       uint8   ERASED, TOMBSTONE, SIBLINGS

57 bytes a row and 8 for the index of ids. An erased row keeps `at`, its place and its label set: release times of
other entries (see sight.py) must not move when a record is recalled. Everything else of it is zeroed.

Example: `table.apply(items); [s for s in table.rows_of("indicator--…")]`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from foedus.kernel.ports import Head, Item, Kind
from foedus.storage.columns import Columns
from foedus.storage.hashing import Hashing
from foedus.storage.interned import Interned
from foedus.storage.sortedindex import SortedIndex

ERASED = 1
TOMBSTONE = 2
SIBLINGS = 4  # another row carries the same id: only such rows cost a look at versions

_DTYPES = {
    "at": "<i8",
    "offset": "<i8",
    "length": "<i4",
    "labelset": "<i4",
    "type": "<i2",
    "originator": "<i2",
    "created_by": "<i4",
    "version": "<i8",
    "idhash": "<u8",
    "digest": "<u8",
    "flags": "u1",
}
_NAMES = ("labelset", "type", "originator", "created_by")
_SYNC_ROWS = 262_144
_NOTHING = Head("", "", 0, "", "", ())
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class _Header(msgspec.Struct):
    """`header.json`: replaced by rename after the columns are durable."""

    seed: int
    generation: int = 0
    synced: int = 0  # rows that survive a crash of the machine
    names: dict[str, int] = {}
    boot: str = ""  # while it is the same, the kernel still holds what was written later
    sums: dict[str, int] = {}  # of the synced rows of each column, and of the names: decisions are made from them
    format: int = 1


class LabelTable:
    """A Projection. One writer; `folder` None keeps it in memory. `seed` is drawn once and kept by the folder."""

    def __init__(self, folder: Path | None = None, seed: int | None = None) -> None:
        self._folder = folder
        self._columns = Columns(folder, _DTYPES)
        self._header = self._read_header(seed)
        self.hashing = Hashing(self._header.seed)
        names = {name: Interned(folder / f"{name}.jsonl" if folder else None) for name in _NAMES}
        self._names: dict[str, Interned] = names
        self._index = SortedIndex(self._hashes)
        self.erased_log: list[int] = []  # rows erased since the table was opened: what a Sight must let go
        if folder is not None:
            self._load()

    # -- the Projection port

    @property
    def cursor(self) -> int:
        return self._columns.count

    def apply(self, items: Sequence[Item]) -> None:
        """Add the entries from `cursor` on. Raises ValueError where one is missing in between."""
        start = self.cursor
        items = [item for item in items if item.seq >= start]
        if not items:
            return
        if items[0].seq != start or items[-1].seq != start + len(items) - 1:
            raise ValueError(f"entries {items[0].seq}..{items[-1].seq} do not follow on {start - 1}")
        erased = {seq for item in items if item.kind is Kind.TOMBSTONE for seq in item.targets}
        # First, for once the cursor has passed a tombstone nothing would come back to it after a crash.
        self.erase([seq for seq in erased if seq < start])
        rows = self._rows([_blank(item) if item.seq in erased else item for item in items])
        self._columns.append(rows)
        self._columns["flags"][self._index.add(self._columns["idhash"][start:], start)] |= SIBLINGS
        if self.cursor - self._header.synced >= _SYNC_ROWS:
            self.sync()

    def erase(self, seqs: Sequence[int]) -> None:
        """Zero everything of these rows but their place in order; forget names that no other row has."""
        flags = self._columns["flags"]
        rows = sorted({seq for seq in seqs if 0 <= seq < self.cursor and not flags[seq] & (ERASED | TOMBSTONE)})
        if not rows:
            return
        used = {name: set(self._columns[name][rows].tolist()) - {-1} for name in _NAMES if name != "labelset"}
        for row in rows:
            for name in ("idhash", "digest", "version", "length"):
                self._columns.set(name, row, 0)
            for name in used:
                self._columns.set(name, row, -1)
            self._columns.set("flags", row, ERASED)
        for name, codes in used.items():
            column = self._columns[name]
            self._names[name].forget(code for code in codes if not (column == code).any())
        self.erased_log.extend(rows)
        self.sync()

    def drop(self) -> None:
        """Empty the table; the seed stays, so that other projections' hashes still match."""
        self._columns.cut(0)
        for names in self._names.values():
            names.cut(0)
        self._index = SortedIndex(self._hashes)
        self.erased_log = []
        self._header.generation += 1
        self._header.synced = 0
        self._write_header()

    def sync(self) -> None:
        """Make what is there survive a crash of the machine, so that less has to be applied again."""
        for names in self._names.values():
            names.sync()
        self._columns.sync()
        self._header.synced = self.cursor
        self._write_header()

    def close(self) -> None:
        self.sync()
        self._columns.close()
        for names in self._names.values():
            names.close()

    # -- reading

    @property
    def generation(self) -> int:
        """Changes when the table is dropped: what was computed from it before is void."""
        return self._header.generation

    def column(self, name: str) -> NDArray[Any]:
        """One of the columns above, one value a row; a view that holds until the next `apply`. Not to be written to."""
        return self._columns[name]

    def names(self, column: str) -> Sequence[Any]:
        """By code: str for type, originator, created_by; a tuple of marking ids for labelset; None where erased."""
        return self._names[column].names

    def code(self, column: str, name: str | tuple[str, ...]) -> int:
        """The code of a name in this column, -1 where no row has ever had it."""
        return self._names[column].code(name)

    @property
    def labelsets(self) -> int:
        """How many distinct label sets there are: the length of a `permitted` array."""
        return len(self._names["labelset"])

    def rows_of(self, stix_id: str) -> list[int]:
        """Rows that may carry this id (equal hash), ascending, erased ones left out. Confirm the id on the body."""
        return self._index.find(self.hashing.of_id(stix_id))

    def rows_of_many(self, stix_ids: Iterable[str]) -> list[list[int]]:
        """`rows_of` for many ids at once."""
        hashes = np.array([self.hashing.of_id(one) for one in stix_ids], np.uint64)
        which, rows = self.rows_of_hashes(hashes)
        out: list[list[int]] = [[] for _ in hashes]
        for i, row in zip(which.tolist(), rows.tolist(), strict=True):
            out[i].append(row)
        return out

    def rows_of_hashes(self, hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs (position in `hashes`, row), ascending, erased rows left out."""
        return self._index.find_many(hashes)

    def find_equal(self, stix_id: str, digest: int, labelset: int, originator: int) -> int:
        """The first row of this originator with this id, these bytes (`hashing.of_body`) and this label set; or -1."""
        digests, sets, origins = (self._columns[name] for name in ("digest", "labelset", "originator"))
        return next(
            (
                row
                for row in self.rows_of(stix_id)
                if digests[row] == digest and sets[row] == labelset and origins[row] == originator
            ),
            -1,
        )

    # -- inside

    def _hashes(self, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
        found: NDArray[np.uint64] = self._columns["idhash"][rows]
        return found

    def _rows(self, items: Sequence[Item]) -> dict[str, list[int]]:
        heads = [item.head or _NOTHING for item in items]
        of_id, of_body = self.hashing.of_id, self.hashing.of_body
        return {
            "at": [item.at for item in items],
            "offset": [item.offset for item in items],
            "length": [len(item.body) for item in items],
            "version": [head.version for head in heads],
            "idhash": [of_id(head.id) if head.id else 0 for head in heads],
            "digest": [of_body(item.body) if item.body else 0 for item in items],
            "flags": [_flags(item) for item in items],
            "labelset": self._names["labelset"].codes([head.labels for head in heads]),
            "type": self._names["type"].codes([head.type for head in heads]),
            "originator": self._names["originator"].codes([head.originator for head in heads]),
            "created_by": self._names["created_by"].codes([head.created_by for head in heads]),
        }

    def _load(self) -> None:
        """Keep the longest run of rows that is surely what was written; the rest is applied again."""
        same_boot = bool(self._header.boot) and self._header.boot == _boot()
        count = self._columns.stored()
        if not same_boot:
            count = min(count, self._header.synced)
            for name, names in self._names.items():
                names.cut(self._header.names.get(name, 0))
        self._columns.load(count)
        if self._as_synced(count):
            count = self._sound(count)
        else:  # a decision made from altered rows could release what nobody may see
            count = 0
            for names in self._names.values():
                names.cut(0)
        self._columns.cut(count)
        self._index = SortedIndex.build(self._columns["idhash"], self._hashes)
        flags = self._columns["flags"]
        flags &= ERASED | TOMBSTONE
        flags[self._index.repeated_rows()] |= SIBLINGS
        self._header.synced = min(self._header.synced, count)
        self._write_header()

    def _as_synced(self, count: int) -> bool:
        """Whether the rows and names that were synced are what was written. What is cut off is no damage here."""
        if not self._header.sums or count < self._header.synced:
            return True
        if any(len(names) < self._named(name) for name, names in self._names.items()):
            return True
        return self._sums() == self._header.sums

    def _sums(self) -> dict[str, int]:
        rows = slice(0, self._header.synced)
        sums = {name: self._columns[name][rows] for name in _DTYPES if name != "flags"}
        sums["flags"] = self._columns["flags"][rows] & (ERASED | TOMBSTONE)  # SIBLINGS is not in the file
        named = {f"names of {name}": list(names.names[: self._named(name)]) for name, names in self._names.items()}
        return {
            **{name: xxh3_64_intdigest(column.data) for name, column in sums.items()},
            **{name: xxh3_64_intdigest(msgspec.json.encode(names)) for name, names in named.items()},
        }

    def _named(self, name: str) -> int:
        return self._header.names.get(name, 0)

    def _sound(self, count: int) -> int:
        """How many rows are consistent: times never fall, and every code has its name."""
        bad = [np.flatnonzero(np.diff(self._columns["at"]) < 0)[:1] + 1]
        for name, names in self._names.items():
            bad.append(np.flatnonzero(self._columns[name] >= len(names))[:1])
        return min((int(at[0]) for at in bad if len(at)), default=count)

    def _read_header(self, seed: int | None) -> _Header:
        path = self._folder / "header.json" if self._folder else None
        if path is not None and path.exists():
            return msgspec.json.decode(path.read_bytes(), type=_Header)
        return _Header(seed=int.from_bytes(os.urandom(8)) if seed is None else seed)

    def _write_header(self) -> None:
        if self._folder is None:
            return
        self._header.names = {name: len(names) for name, names in self._names.items()}
        self._header.boot = _boot()
        self._header.sums = self._sums()
        new = self._folder / "header.json.new"
        with open(new, "wb") as file:
            file.write(msgspec.json.encode(self._header))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._folder / "header.json")


def _flags(item: Item) -> int:
    if item.kind is Kind.TOMBSTONE:
        return TOMBSTONE
    return ERASED if item.kind is Kind.RECORD and not item.body else 0


def _blank(item: Item) -> Item:
    """A record that is erased before it was ever applied: its place and its label set."""
    labels = item.head.labels if item.head else ()
    return Item(item.seq, item.kind, item.at, item.offset, b"", Head("", "", 0, "", "", labels))


def _boot() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
