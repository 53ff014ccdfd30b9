"""Text that a hostile record holds is shown in time that grows with its length and no faster."""

from __future__ import annotations

import time

from foedus.faces.web.difference import difference
from foedus.faces.web.prose import pattern


def _seconds(text: str) -> float:
    started = time.process_time()
    pattern(text)
    return time.process_time() - started


def test_a_pattern_of_open_quotes_is_linear() -> None:
    for unit in ("\\'", "t'", "a-", "'\\"):
        small, large = _seconds("'" + unit * 5_000), _seconds("'" + unit * 80_000)
        assert large < 1.0 + 80 * small, unit  # sixteen times the text; a quadratic reading takes 256 times as long


def test_lists_of_many_values_are_compared_by_sets() -> None:
    before = {"labels": [f"a{n}" for n in range(60_000)]}
    after = {"labels": [f"b{n}" for n in range(60_000)]}
    started = time.process_time()
    (change,) = difference(before, after)
    assert (len(change.cut), len(change.added)) == (60_000, 60_000)
    assert time.process_time() - started < 20  # by pairs it would be hours


def test_one_and_true_are_different_values() -> None:
    (change,) = difference({"x": [1, 2]}, {"x": [True, 2, 3]})
    assert (change.cut, change.added) == ((1,), (True, 3))
