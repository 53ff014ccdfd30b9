"""BM25 over what one reader sees: every statistic is counted through their label filter, or over the candidates.

    score(d) = sum over units u of idf(u) * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length(d) / average))

(Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with idf after Lucene). The term
frequency tf is counted in the best candidates, and taken for 1 in the others. `average` is the mean length of all of
them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

K1 = 1.2
B = 0.75
NAME = 2.0  # the score of a record whose name alone answers the search is multiplied by this


def idf(population: int, holding: int) -> float:
    """How much one unit tells: `holding` of the `population` records that the reader may see have it."""
    return math.log1p((population - holding + 0.5) / (holding + 0.5))


def scores(
    frequencies: Sequence[NDArray[np.int64]],
    weights: Sequence[float],
    lengths: NDArray[np.int64],
    named: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """One score a candidate; `frequencies` and `weights` per unit. Without units all scores are 0."""
    if not len(lengths):
        return np.empty(0)
    average = max(1.0, float(lengths.sum()) / len(lengths))
    norm = K1 * (1 - B + B * lengths / average)
    total = np.zeros(len(lengths))
    for tf, weight in zip(frequencies, weights, strict=True):
        total += weight * tf * (K1 + 1) / (tf + norm)
    return np.where(named, total * NAME, total)
