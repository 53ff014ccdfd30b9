"""What the registry knows, followed from the journal: marking definitions, and which label sets name them since when.

A projection like the others, in memory: at start-up and while running it reads the same entries in the same order, so
that a restart finds what was in force before. Whoever decides about entries follows first (see sights.py): a definition
counts from the moment at which its entry, and what came with it, can be read.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from foedus.kernel.ports import Journal
from foedus.node.registry import LabelRegistry
from foedus.storage.labels import LabelTable

_record = msgspec.json.Decoder(dict).decode
_TYPE = "marking-definition"


class Definitions:
    """Keeps a registry up with the label table. Its caller holds the table's lock."""

    def __init__(self, journal: Journal, table: LabelTable, registry: LabelRegistry) -> None:
        self._journal = journal
        self._table = table
        self._registry = registry
        self._begin()

    def _begin(self) -> None:
        self._generation = self._table.generation
        self._done = 0  # entries that have been looked at
        self._first_uses = np.empty(0, np.int64)  # by code of a label set: time of its first entry, -1 where none
        self._unused = 0
        self._codes: dict[str, list[int]] = {}  # by marking id: the label sets that name it

    def follow(self) -> None:
        """Learn from the entries that are new. Costs as much as there is new."""
        table = self._table
        if table.generation != self._generation:
            self._begin()
        start, stop = self._done, table.cursor
        if start == stop:
            return
        if table.labelsets > len(self._first_uses) or self._unused:
            self._note_uses(start, stop)
        code = table.code("type", _TYPE)
        if code >= 0:
            for row in (start + np.flatnonzero(table.column("type")[start:stop] == code)).tolist():
                entry = self._journal.entry(row)
                if not entry.erased:
                    self._registry.learn(_record(entry.body), entry.at)
        self._done = stop

    def first_use(self, code: int) -> int:
        """When the first entry with this label set was written; -1 where there is none."""
        return int(self._first_uses[code])

    def naming(self, marking_ids: Iterable[str]) -> set[int]:
        """The label sets, by code, that name one of these markings."""
        return {code for one in marking_ids for code in self._codes.get(one, ())}

    def _note_uses(self, start: int, stop: int) -> None:
        table, known = self._table, len(self._first_uses)
        names = table.names("labelset")
        for code in range(known, table.labelsets):
            for one in names[code] or ():
                self._codes.setdefault(one, []).append(code)
        self._first_uses = np.concatenate([self._first_uses, np.full(table.labelsets - known, -1, np.int64)])
        sets, at = table.column("labelset")[start:stop], table.column("at")[start:stop]
        rows = np.flatnonzero(sets >= 0)
        rows = rows[self._first_uses[sets[rows]] < 0][::-1]
        self._first_uses[sets[rows]] = at[rows]  # the last assignment stands: the earliest entry's
        self._unused = int((self._first_uses < 0).sum())
