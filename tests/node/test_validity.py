"""What falls due while the node runs: a policy that ends, a label that is succeeded. Nobody has to ask twice."""

from __future__ import annotations

from dataclasses import replace
from threading import RLock
from typing import Any, cast

from foedus.kernel.label import Label, Succession
from foedus.kernel.policy import PolicySet
from foedus.kernel.ports import Journal
from foedus.kernel.stixmarking import marking_for
from foedus.node.definitions import Definitions
from foedus.node.registry import LabelRegistry
from foedus.node.sights import Sights
from tests.node.stream import AMBER, GREEN, START, History, Row, Stream, marking, policies, shown

GREEN_HELD: History = ((START, frozenset({GREEN})),)


def _sights(stream: Stream, registry: LabelRegistry) -> Sights:
    definitions = Definitions(cast(Journal, stream), stream.table, registry)
    return Sights(stream.table, registry, definitions, stream, RLock())


def test_a_policy_that_ends_takes_its_records_out_of_sight() -> None:
    (policy,) = policies()
    end = START + 100
    for first, seen in ((START + 10, [True, True, False]), (0, [True, True, False])):
        bounded = PolicySet([replace(policy, not_before=first, not_after=end)])
        stream = Stream()
        stream.append(Row(START + 20, (marking(0),), marking(0), GREEN))
        sights = _sights(stream, LabelRegistry(bounded))
        told = []
        for stream.at in (START + 20, end, end + 1):
            told.append(bool(shown(sights, GREEN_HELD)))
        assert told == seen


def test_a_policy_that_begins_releases_late() -> None:
    (policy,) = policies()
    begin = START + 100
    stream = Stream()
    stream.append(Row(START + 20, (marking(0),), marking(0), GREEN), Row(START + 20, (marking(0),)))
    sights = _sights(stream, LabelRegistry(PolicySet([replace(policy, not_before=begin)])))
    stream.at = begin - 1
    assert shown(sights, GREEN_HELD) == []
    stream.at = begin
    assert shown(sights, GREEN_HELD) == [(0, begin + 1), (1, begin + 2)]


def test_a_succession_releases_late_for_whom_it_widens_and_moves_nothing_for_others() -> None:
    due = START + 1_000_000
    known = policies()
    label = known.resolve(Label("TLP", AMBER, succession=Succession(due, Label("TLP", GREEN))))
    definition: dict[str, Any] = marking_for(label, known)
    registry = LabelRegistry(known)
    registry.learn(definition, START)
    stream = Stream()
    stream.append(Row(START, (marking(0),), marking(0), GREEN), Row(START, (definition["id"],)))
    stream.append(Row(START + 5, (marking(0),)))
    sights = _sights(stream, registry)
    both: History = ((START, frozenset({GREEN, AMBER})),)
    stream.at = due - 1
    assert [seq for seq, _ in shown(sights, GREEN_HELD)] == [0, 2]
    before = shown(sights, both)
    stream.at = due
    assert shown(sights, GREEN_HELD) == [(0, START), (2, START + 5), (1, due + 1)]
    assert shown(sights, both) == before


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    stream = Stream()
    stream.append(Row(START + 50, (marking(1),)), Row(START + 50, (marking(0),), marking(0), GREEN))
    stream.append(Row(START + 60, (marking(0),), marking(1), GREEN))
    sights = stream.sights()
    stream.at = START + 1
    assert [seq for seq, _ in shown(sights, ((START, frozenset({GREEN})),))] == [1, 2, 0]
