"""A sight in which each label set has moments of its own from which it is permitted, or no longer is.

Release order is that of `Sight`, with an epoch at each of those moments; but the cost does not grow with their number.
A `Sight` decides every label set in every epoch. Here the few label sets whose decision ever changed are told from the
many for which it never did, and their entries are put in order together: n entries, m of them of such label sets, cost
O(n + m log m), whether the decisions changed once or ten thousand times.

Example: label sets A from the start, B from the time 4:
    journal   A@1  B@2  A@3  B@6
    release   A@1  A@3  B(2)@5  B@6
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from foedus.storage.labels import LabelTable
from foedus.storage.sight import Epoch, Rows, Sight, _rising

# Moments at which a label set becomes permitted and denied in turn, rising; START: from before the first entry on.
# (): never; (START,): always; (4,): from the time 4 on; (START, 4): until then.
Turns = tuple[int, ...]
START = -1
NEVER: Turns = ()
ALWAYS: Turns = (START,)
_EVER = 2**62


class LateSight(Sight):
    """`turns` by code of a label set; whoever holds the sequence adds the codes that the table gets, before `extend`.

    The turns of a code that is there already do not change: that makes another sight.
    """

    def __init__(self, table: LabelTable, turns: Sequence[Turns]) -> None:
        self._turns = turns
        latest = max((one[-1] for one in turns if one), default=START)
        now = Epoch(latest, lambda code: len(turns[code]) % 2 == 1)
        # Before the latest turn, `_releases` knows what was permitted when; the epochs need only say that it changed.
        super().__init__(table, [now] if latest == START else [Epoch(START - 1, lambda code: False), now])

    def _releases(self) -> tuple[Rows, Rows, NDArray[np.int16]]:
        """As in `Sight`; the number is 1 for the unbroken run of permission that lasts, else 0."""
        if len(self._epochs) == 1:
            return super()._releases()
        at, sets = self._table.column("at"), self._table.column("labelset")
        changing = np.array([one not in (NEVER, ALWAYS) for one in self._turns] + [False])
        always = np.array([one == ALWAYS for one in self._turns] + [False])
        own = always[sets]
        lasting = own.copy()
        rows = np.flatnonzero(changing[sets])
        codes = np.flatnonzero(changing)
        which, times = np.searchsorted(codes, sets[rows]), at[rows]
        begun, moments, count = _by_code([self._turns[code] for code in codes.tolist()])
        passed = np.zeros(len(rows), np.int64)
        late = []
        for number in range(moments.shape[1]):
            turn = moments[:, number][which]
            passed += turn < times
            permits = (number < count) & (begun if number % 2 else ~begun)
            chosen = permits[which] & (times <= turn)
            late.append((rows[chosen], turn[chosen] + 1, (count == number + 1)[which[chosen]]))
        own[rows] = begun[which] ^ (passed % 2 == 1)
        lasting[rows] = own[rows] & (passed == count[which])
        return _merged(np.flatnonzero(own), at[own], lasting[own], late)


def _by_code(turns: Sequence[Turns]) -> tuple[NDArray[np.bool_], Rows, Rows]:
    """One row a label set: whether it is permitted at the start; its turns after that, padded; how many they are."""
    begun = np.array([one[0] == START for one in turns], bool)
    later = [one[1:] if one[0] == START else one for one in turns]
    moments = np.full((len(later), max(map(len, later), default=0)), _EVER, np.int64)
    for place, one in enumerate(later):
        moments[place, : len(one)] = one
    return begun, moments, np.array([len(one) for one in later], np.int64)


def _merged(
    own: Rows, at: Rows, lasting: NDArray[np.bool_], late: Sequence[tuple[Rows, Rows, NDArray[np.bool_]]]
) -> tuple[Rows, Rows, NDArray[np.int16]]:
    """Entries released at their own time and late ones in one order; among equal times the late ones first."""
    rows, keys, lasts = (np.concatenate(parts) for parts in zip(*late, strict=True))
    order = np.lexsort((rows, keys))
    places = np.searchsorted(at, keys[order], "left")
    return (
        np.insert(own, places, rows[order]),
        _rising(np.insert(at, places, keys[order])),
        np.insert(lasting, places, lasts[order]).astype(np.int16),
    )
