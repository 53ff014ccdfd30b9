"""Which version of each id: TAXII's `match[version]`, decided among what one reader sees.

Versions of an id are ordered by their time, then by entry. A type without a time of its own (cyber-observables) takes
the time of its release. Entries in sight with equal id, version and content are one; the first released stands for it.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foedus.storage.labels import SIBLINGS, LabelTable

Wanted = frozenset[str | int]  # "last", "first", "all", or exact times in microseconds
LAST: Wanted = frozenset({"last"})
FIRST: Wanted = frozenset({"first"})
ALL: Wanted = frozenset({"all"})

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]


class _Sees(Protocol):
    def visible(self, seqs: NDArray[Any]) -> Mask: ...
    def times(self, seqs: NDArray[Any]) -> Rows: ...


def chosen(table: LabelTable, sight: _Sees, rows: Rows, wanted: Wanted) -> Mask:
    """One truth value for each of `rows` (entries in sight). Only ids with several entries cost a look-up."""
    exact = np.array(sorted(one for one in wanted if isinstance(one, int)), np.int64)
    named = bool(wanted & {"last", "first", "all"})
    alone = table.column("flags")[rows] & SIBLINGS == 0
    keep = alone.copy() if named else np.zeros(len(rows), bool)
    if len(exact) and not named:
        keep[alone] = np.isin(_version(table, sight, rows[alone]), exact)
    if not alone.all():
        keep[~alone] = np.isin(rows[~alone], _among_siblings(table, sight, rows[~alone], wanted, exact))
    return keep


def _among_siblings(table: LabelTable, sight: _Sees, rows: Rows, wanted: Wanted, exact: Rows) -> Rows:
    """The chosen entries of the ids that `rows` carry."""
    hashes = np.unique(table.column("idhash")[rows])
    which, members = table.rows_of_hashes(hashes)
    seen = sight.visible(members)
    which, members = which[seen], members[seen]
    which, members = _once(table, sight, which, members)
    version = _version(table, sight, members)
    order = np.lexsort((members, version, which))
    which, members, version = which[order], members[order], version[order]
    change = which[1:] != which[:-1]
    take = np.full(len(members), "all" in wanted)
    if "last" in wanted:
        take |= np.append(change, True)[: len(members)]
    if "first" in wanted:
        take |= np.insert(change, 0, True)[: len(members)]
    if len(exact):
        take |= np.isin(version, exact)
    found: Rows = members[take]
    return found


def _once(table: LabelTable, sight: _Sees, which: Rows, members: Rows) -> tuple[Rows, Rows]:
    """Of equal copies keep the one released first."""
    stated, digest = table.column("version")[members], table.column("digest")[members]
    order = np.lexsort((sight.times(members), digest, stated, which))
    which, members, stated, digest = which[order], members[order], stated[order], digest[order]
    new = np.ones(len(members), bool)
    new[1:] = (which[1:] != which[:-1]) | (stated[1:] != stated[:-1]) | (digest[1:] != digest[:-1])
    return which[new], members[new]


def _version(table: LabelTable, sight: _Sees, rows: Rows) -> Rows:
    """The time by which versions are ordered."""
    stated: Rows = table.column("version")[rows]
    return np.where(stated == 0, sight.times(rows), stated)
