"""How often the things that a search wants stand in the records that it found.

Counted in the records themselves, when they are searched: nothing but a record and the search decides it, and indexing
need not count what nobody may ever ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from foedus.kernel.searchtext import encoded_words
from foedus.storage.query import Unit
from foedus.storage.shard import indexed_texts

_decode = msgspec.json.Decoder(dict).decode
_Words = list[list[bytes]]  # the words of each text of a record


def frequencies(bodies: Sequence[bytes], wanted: Sequence[Unit]) -> NDArray[np.int64]:
    """A row a unit, a column a body: how often it occurs, at least once (it was found by its id, or is erased now)."""
    counters = [_counter(unit) for unit in wanted]
    apart = any(len(unit.words) > 1 for unit in wanted)  # a phrase does not reach from one text into the next
    counts = np.ones((len(wanted), len(bodies)), np.int64)
    for place, body in enumerate(bodies):
        words = _words(body, apart)
        for row, count in enumerate(counters):
            counts[row, place] = max(1, count(words))
    return counts


def _words(body: bytes, apart: bool) -> _Words:
    try:
        found = indexed_texts(_decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []  # recalled in the meantime: its bytes are zeros
    return [encoded_words(text) for text in (found if apart else ["\n".join(found)])]


def _counter(unit: Unit) -> Callable[[_Words], int]:
    words = [word.encode() for word in unit.words]
    first, length = words[0], len(words)

    def of_word(texts: _Words) -> int:
        return sum(text.count(first) for text in texts)

    def of_prefix(texts: _Words) -> int:
        return sum(word.startswith(first) for text in texts for word in text)

    def of_phrase(texts: _Words) -> int:
        return sum(
            text[i : i + length] == words for text in texts if first in text for i in range(len(text) - length + 1)
        )

    if unit.prefix:
        return of_prefix
    return of_phrase if length > 1 else of_word
