"""Full text in tantivy: the projection that answers searches, ranked by what the reader may see and nothing else.

The index is cut into shards of consecutive entries. tantivy cannot be told to drop the words of a deleted document from
its files, so erasing hides the entry at once and then builds its shard anew from the journal, in a new folder.

    state.json   {"shards": {"0": "shard-0-3", …}, "generation": 3, "cursor": 300000}
    shard-0-3/   a tantivy index of entries 0 .. shard_entries-1

Example:
    index = FullText(folder, hashing, journal_items);  index.apply(items);  index.commit()
    reader = FullText.reader(folder, hashing);  reader.reload()
    reader.search(parse("sandworm"), Readable(table.names("labelset"), sight.permitted)).hits
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from foedus.config import Limits
from foedus.kernel.ports import Item, Kind
from foedus.storage.hashing import Hashing
from foedus.storage.searching import Search
from foedus.storage.shard import Shard

Items = Callable[[int, int], Iterable[Item]]  # (first, stop) -> these entries of the journal, in order

HEAP = 48_000_000  # bytes that the writer collects before it writes a segment
SHARD_ENTRIES = 1 << 18
_FORMAT = 2  # of the documents: an index of another one is dropped and built anew


class _State(msgspec.Struct):
    shards: dict[int, str] = {}
    generation: int = 0
    cursor: int = 0  # entries below it are committed: never ahead of the index
    shard_entries: int = SHARD_ENTRIES
    erasing: list[int] = []  # entries whose words may still be in a file: a crash while erasing is made good at start
    format: int = _FORMAT


class FullText(Search):
    """A Projection. One writer process; any number of readers of the same folder (`FullText.reader`, `reload`).

    `items` reads entries back from the journal; erasing needs it. What is applied is found after `commit`, which costs
    some milliseconds and an fsync: call it at most every `Limits.fulltext_delay`.
    """

    def __init__(
        self,
        folder: Path,
        hashing: Hashing,
        items: Items | None = None,
        *,
        limits: Limits | None = None,
        heap: int = HEAP,
        shard_entries: int = SHARD_ENTRIES,
        read_only: bool = False,
    ) -> None:
        super().__init__(hashing, limits or Limits())
        self._folder, self._items, self._heap, self._read_only = folder, items, heap, read_only
        self._state = _State(shard_entries=shard_entries)
        self._open: dict[int, Shard] = {}
        self._last: Shard | None = None
        self._next = 0
        if not read_only:
            folder.mkdir(parents=True, exist_ok=True)
            self._recover()
        else:
            self.reload()

    @classmethod
    def reader(cls, folder: Path, hashing: Hashing, *, limits: Limits | None = None) -> FullText:
        """For searches only, in any process; sees what was committed before the last `reload`."""
        return cls(folder, hashing, limits=limits, read_only=True)

    # -- the Projection port

    @property
    def cursor(self) -> int:
        return self._next

    def apply(self, items: Sequence[Item]) -> None:
        """Add the entries from `cursor` on. Raises ValueError where one is missing in between."""
        items = [item for item in items if item.seq >= self._next]
        if not items:
            return
        if items[0].seq != self._next or items[-1].seq != self._next + len(items) - 1:
            raise ValueError(f"entries {items[0].seq}..{items[-1].seq} do not follow on {self._next - 1}")
        erased = {seq for item in items if item.kind is Kind.TOMBSTONE for seq in item.targets}
        for item in items:
            # No labels: no reader may see it, so it is not in the index.
            if item.head is not None and item.head.labels and item.seq not in erased:
                self._shard_for(item.seq).add(item, self._hashing, self._heap)
        self._next = items[-1].seq + 1
        self.erase(sorted(seq for seq in erased if seq < items[0].seq))

    def commit(self) -> None:
        """Make what was applied durable and findable."""
        if self._state.cursor == self._next:
            return
        if self._last is not None:
            self._last.commit()
        self._state.cursor = self._next
        self._save()
        self._changed()

    def erase(self, seqs: Sequence[int]) -> None:
        """Hide these entries at once, then leave no trace of their words in any file: affected shards are built anew.

        Raises RuntimeError where there is something to erase and no journal to build from.
        """
        known = [seq for seq in seqs if 0 <= seq < self._next and seq // self._state.shard_entries in self._open]
        if not known:
            return
        self._state.erasing = sorted({*self._state.erasing, *known})
        self._save()
        self.commit()
        self._finish_erasing()

    def drop(self) -> None:
        """Empty the index."""
        self._close_shards()
        names = list(self._state.shards.values())
        self._state.shards, self._state.cursor, self._next = {}, 0, 0
        self._state.erasing = []
        self._state.generation += 1
        self._save()
        for name in names:
            shutil.rmtree(self._folder / name)
        self._changed()

    def close(self) -> None:
        """Commit and close."""
        if not self._read_only:
            self.commit()
        self._close_shards()

    # -- for readers

    def reload(self) -> None:
        """See what the writer committed since: cheap enough for every search. OSError where there is no index."""
        for attempt in range(10):
            state = self._load()
            growing = self._state.cursor // self._state.shard_entries  # earlier shards change by a new generation only
            try:
                for number, name in state.shards.items():
                    held = self._open.get(number)
                    if held is None or held.folder.name != name:
                        self._open[number] = Shard(self._folder / name, must_exist=True)
                    elif number >= growing or state.generation != self._state.generation:
                        held.reload()
            except (OSError, ValueError):
                if attempt == 9:  # a shard was replaced between reading the state and opening it: read again
                    raise
                continue
            for number in set(self._open) - set(state.shards):
                del self._open[number]
            if state.cursor != self._state.cursor or state.generation != self._state.generation:
                self._changed()
            self._state, self._next = state, state.cursor
            return

    # -- inside

    def _shards(self) -> list[Shard]:
        """Newest entries first."""
        return [self._open[number] for number in sorted(self._open, reverse=True)]

    def _recover(self) -> None:
        """Open what is named in the state; other folders are remains of a rebuild that a crash cut short."""
        state = self._load() if (self._folder / "state.json").exists() else self._state
        self._state = state
        for path in self._folder.glob("shard-*"):
            if path.name not in state.shards.values():
                shutil.rmtree(path)
        self._open = {n: Shard(self._folder / name, must_exist=True) for n, name in state.shards.items()}
        # The index may be ahead of the state, by whole commits: what it holds is not added twice.
        held = max((shard.last + 1 for shard in self._open.values()), default=0)
        self._next = max(state.cursor, held)
        self._last = self._open[max(self._open)] if self._open else None
        self._finish_erasing()

    def _shard_for(self, seq: int) -> Shard:
        number = seq // self._state.shard_entries
        shard = self._open.get(number)
        if shard is None:
            if self._last is not None:
                self._last.commit()
                self._last.close()
            name = f"shard-{number}-{self._state.generation}"
            shard = self._open[number] = self._last = Shard(self._folder / name)
            self._state.shards[number] = name
            self._state.cursor = seq
            self._save()
        return shard

    def _finish_erasing(self) -> None:
        """Hide what is to be erased, then build the shards anew that still hold it."""
        by_shard: dict[int, list[int]] = {}
        for seq in self._state.erasing:
            number = seq // self._state.shard_entries
            if self._open[number].holds(seq):
                by_shard.setdefault(number, []).append(seq)
        for number, gone in by_shard.items():
            self._open[number].remove(gone, self._heap)
        self._changed()
        for number, gone in by_shard.items():
            self._rebuild(number, set(gone))
        self._state.erasing = []
        self._save()

    def _rebuild(self, number: int, gone: set[int]) -> None:
        if self._items is None:
            raise RuntimeError("the full text cannot be erased without the journal to build it from")
        old = self._open[number]
        old.close()
        self._state.generation += 1
        name = f"shard-{number}-{self._state.generation}"
        new = Shard(self._folder / name)
        first = number * self._state.shard_entries
        for item in self._items(first, min(first + self._state.shard_entries, self._next)):
            if item.head is not None and item.head.labels and item.seq not in gone:
                new.add(item, self._hashing, self._heap)
        new.commit()
        new.close()
        self._open[number] = new
        if self._last is old:
            self._last = new
        self._state.shards[number] = name
        self._save()
        shutil.rmtree(old.folder)
        self._changed()

    def _close_shards(self) -> None:
        for shard in self._open.values():
            shard.close()
        self._open = {}
        self._last = None

    def _load(self) -> _State:
        state = msgspec.json.decode((self._folder / "state.json").read_bytes(), type=_State)
        if state.format != _FORMAT:
            raise ValueError(f"the full text has format {state.format}; this program reads {_FORMAT}")
        return state

    def _save(self) -> None:
        """Replace the state; a crash of the machine may lose the last one, which only repeats work."""
        new = self._folder / "state.json.new"
        with open(new, "wb") as file:
            file.write(msgspec.json.encode(self._state))
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._folder / "state.json")
