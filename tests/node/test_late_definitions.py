"""Definitions that come after what they define: pages as the plain rule says, and no cost that grows with them."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from tests.node.stream import (
    AMBER,
    GREEN,
    RED,
    START,
    STATEMENT,
    STRANGE,
    History,
    Row,
    Stream,
    marking,
    plain,
    shown,
    subject,
)

LEVELS = (GREEN, AMBER, RED)
EVERYTHING: History = ((START, frozenset(LEVELS)),)
LITTLE: History = ((START, frozenset({GREEN})),)


def _history(dice: random.Random) -> History:
    sinces = sorted({START + dice.randrange(-5, 60) for _ in range(dice.randrange(1, 4))})
    return tuple((since, frozenset(one for one in LEVELS if dice.random() < 0.6)) for since in sinces)


def _append(dice: random.Random, stream: Stream, markings: int) -> None:
    stream.at += dice.choice([0, 0, 1, 2, 5])
    rows = []
    for _ in range(dice.randrange(1, 4)):
        labels = tuple(sorted({marking(dice.randrange(markings)) for _ in range(dice.randrange(1, 3))}))
        if dice.random() < 0.4:
            says = dice.choice([*LEVELS, GREEN, GREEN, STATEMENT, STRANGE])
            rows.append(Row(stream.at, labels, marking(dice.randrange(markings)), says))
        else:
            rows.append(Row(stream.at, labels))
    stream.append(*rows)


@pytest.mark.parametrize("seed", range(250))
def test_pages_are_those_of_the_plain_rule_while_running_and_after_a_restart(seed: int) -> None:
    dice = random.Random(seed)
    stream = Stream()
    sights = stream.sights()
    histories = [_history(dice) for _ in range(3)]
    for _ in range(dice.randrange(1, 25)):
        _append(dice, stream, dice.choice([2, 6]))
        for history in histories:
            if dice.random() < 0.5:
                assert shown(sights, history) == plain(stream.rows, history, stream.at)
    stream.at += 100
    for history in histories:
        expected = plain(stream.rows, history, stream.at)
        assert shown(sights, history) == expected
        assert shown(stream.sights(), history) == expected
        assert all(a < b for (_, a), (_, b) in pairwise(expected))


@pytest.mark.parametrize("seed", range(40))
def test_a_poller_misses_nothing_and_times_that_were_shown_stay(seed: int) -> None:
    dice = random.Random(seed)
    stream = Stream()
    sights = stream.sights()
    history = ((START, frozenset({GREEN})), *((since, held) for since, held in _history(dice) if since > START))
    cursor, got = -1, dict[int, int]()
    for _ in range(60):
        stream.at += 1  # what is asked for in a microsecond comes after what is written in it
        _append(dice, stream, 8)
        if dice.random() < 0.4:
            new = [(seq, at) for seq, at in shown(sights, history) if at > cursor]
            got.update(new)
            cursor = max([cursor, *(at for _, at in new)])
    final = dict(shown(sights, history))
    got.update({seq: at for seq, at in final.items() if at > cursor})
    assert {seq: got.get(seq) for seq in final} == final


def _late_definitions(count: int, says: str) -> Stream:
    """Records under markings that are not known yet; then, one after the other, a definition of each."""
    stream = Stream()
    stream.append(Row(START, (marking(0),), marking(0), GREEN))
    for number in range(1, count + 1):
        stream.at += 3
        stream.append(Row(stream.at, (marking(number),)), Row(stream.at, (marking(0),)))
    for number in range(1, count + 1):
        stream.at += 3
        stream.append(Row(stream.at, (marking(0),), marking(number), says))
    return stream


def test_what_changes_nothing_for_a_class_leaves_no_trace_in_its_sight() -> None:
    """Neither in the pages, nor in what they are made from: nobody can tell that definitions came, nor when."""
    stream = _late_definitions(300, RED)
    without = Stream()
    without.append(*(row._replace(defines="", says="") if row.says == RED else row for row in stream.rows))
    with stream.sights().of(subject(LITTLE)) as sight:
        assert len(sight._epochs) == 1
    with without.sights().of(subject(LITTLE)) as sight:
        assert len(sight._epochs) == 1
    assert shown(stream.sights(), LITTLE) == shown(without.sights(), LITTLE)


@pytest.mark.parametrize("count", [1, 30, 3_000])
def test_the_number_of_epochs_does_not_grow_with_the_definitions(count: int) -> None:
    stream = _late_definitions(count, AMBER)
    with stream.sights().of(subject(EVERYTHING)) as sight:
        assert len(sight._epochs) == 2
        assert sight.count == len(stream.rows)


def test_the_pages_of_many_late_definitions_are_those_of_the_plain_rule() -> None:
    """Each is released by a definition of its own: the blocks of them all stand in their places."""
    stream = _late_definitions(300, AMBER)
    assert shown(stream.sights(), EVERYTHING) == plain(stream.rows, EVERYTHING, stream.at)


def test_a_page_costs_the_same_after_many_late_definitions() -> None:
    def cost(stream: Stream) -> float:
        sights = stream.sights()
        shown(sights, EVERYTHING)
        spent = []
        for _ in range(5):
            start = time.thread_time()
            for _ in range(50):
                with sights.of(subject(EVERYTHING)) as sight:
                    sight.page(limit=100)
            spent.append(time.thread_time() - start)
        return min(spent)

    few, many = _late_definitions(3, AMBER), _late_definitions(3_000, AMBER)
    assert cost(many) < 4 * cost(few)


def test_a_definition_that_concerns_nobody_here_is_not_decided_about_again() -> None:
    """Only label sets that name what changed are looked at: not all of them, for each of the sights, each time."""
    stream = _late_definitions(500, RED)
    sights = stream.sights()
    shown(sights, LITTLE)
    registry, asked = sights._registry, []
    decide = registry.decide
    registry.decide = lambda *given: asked.append(given) or decide(*given)  # type: ignore[method-assign,func-returns-value]
    stream.at += 1
    stream.append(Row(stream.at, (marking(0),), marking(7), AMBER))
    shown(sights, LITTLE)
    assert 0 < len(asked) <= 5
