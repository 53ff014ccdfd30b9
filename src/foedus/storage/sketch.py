"""How often a record uses each word, in four 64-bit numbers.

Three are a small Bloom filter of the words that stand twice or more, the last is one of those that stand four times.

Ranking needs term frequencies of up to a thousand candidates at once; the index keeps these numbers as columns, so that
takes a fraction of a millisecond. A filter may take a word for more frequent than it is (with 20 frequent words in one
case of ten), depending on the record and the word alone: never on other records. See Bloom 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

FIELDS = ("often0", "often1", "often2", "often4")
_TWICE = 192  # bits, in the first three numbers
_FOUR = 64  # bits, in the last
_LOW = (1 << 64) - 1


def sketch(tally: Mapping[bytes, int]) -> tuple[int, int, int, int]:
    """The numbers of a record from its words (UTF-8) and their counts."""
    twice = four = 0
    for word, count in [pair for pair in tally.items() if pair[1] > 1]:
        place = crc32(word)
        twice |= 1 << place % _TWICE
        if count > 3:
            four |= 1 << place % _FOUR
    return twice & _LOW, twice >> 64 & _LOW, twice >> 128, four


def frequencies(numbers: NDArray[np.uint64], word: str) -> NDArray[np.int64]:
    """1, 2 or 4 for each record that holds the word; `numbers` has a row a record, a column a field."""
    place = crc32(word.encode())
    one, bit = divmod(place % _TWICE, 64)
    twice = (numbers[:, one] >> np.uint64(bit)) & np.uint64(1)
    four = (numbers[:, 3] >> np.uint64(place % _FOUR)) & np.uint64(1)
    return np.where(twice == 0, 1, np.where(four == 0, 2, 4))
