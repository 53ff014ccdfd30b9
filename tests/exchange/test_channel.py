"""A channel: what is sent arrives once, in order, whatever the line does; what a liar says is refused by name."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.exchange.channel import AnswerRefused, Batch, ForkRefused, Intake, Place, Pull, Sent, Taken, answer
from foedus.exchange.statement import Seal
from foedus.kernel.checkpoint import Checkpoint, Signer
from foedus.kernel.ports import Kind

from .logs import AT, CHANNEL, KEY, LABEL, ORIGINATORS, MemoryLog, envelope, recall, record, sealed

LIMITS = Limits(max_channel_entries=5)
replace = msgspec.structs.replace


def intake(**more: Any) -> Intake:
    given: dict[str, Any] = {
        "channel": CHANNEL,
        "keys": [KEY.verifier],
        "originators": lambda code: [ORIGINATORS[code].verifier] if code in ORIGINATORS else [],
        "knows": lambda label: label == LABEL,
        "limits": LIMITS,
    }
    return Intake(**{**given, **more})


def ask(log: MemoryLog, place: Place) -> Batch:
    return answer(log, place.pull(CHANNEL, 100), LIMITS)


def bodies(taken: Taken) -> list[bytes]:
    return [one.statement.body for one in taken.accepted]


def numbers(taken: Taken) -> list[int]:
    return sorted([*(one.number for one in taken.accepted), *(number for number, _ in taken.gone)])


def full(count: int = 12) -> MemoryLog:
    return MemoryLog([sealed(record(n)) for n in range(count)])


def test_a_log_is_taken_whole_in_several_answers() -> None:
    log, place, seen = full(), Place(), []
    for _ in range(4):
        taken = intake().take(place, ask(log, place))
        place, seen = taken.place, seen + bodies(taken)
    assert seen == [record(n).body for n in range(12)]
    assert place.frontier.size == place.size == 12


def test_recalls_come_before_anything_else() -> None:
    log = full(11)
    gone = log.entries[9].leaf
    log.add(sealed(recall(gone)))
    log.erase(gone)
    taken = intake().take(Place(), ask(log, Place()))
    assert [(one.number, one.statement.kind) for one in taken.recalls] == [(11, Kind.TOMBSTONE)]
    assert len(taken.accepted) == 5
    again = intake().take(taken.place, ask(log, taken.place))
    assert again.recalls == ()  # taken already
    last = intake().take(again.place, ask(log, again.place))
    assert last.gone == ()
    assert [one.number for one in last.accepted] == [10]
    assert [one.number for one in last.recalls] == [11]  # in its turn; recalling twice changes nothing


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_the_line_does_everything_arrives_once_and_in_order(seed: int) -> None:
    dice = random.Random(seed)
    log, place, seen = MemoryLog(), Place(), []
    recalled: set[bytes] = set()
    line: list[Batch] = []
    number = 0
    for _ in range(60):
        step = dice.random()
        if step < 0.3:
            log.add(*(sealed(record(number + n)) for n in range(dice.randrange(1, 4))))
            number = len([one for one in log.entries if not _is_recall(one)])
        elif step < 0.4 and log.size:
            leaf = dice.choice([one.leaf for one in log.entries if not _is_recall(one)])
            if leaf not in recalled:
                recalled.add(leaf)
                log.add(sealed(recall(leaf)))
                log.erase(leaf)
        elif step < 0.7:
            line.append(ask(log, place))
        elif line:
            batch = line.pop(dice.randrange(len(line))) if dice.random() < 0.7 else dice.choice(line)
            try:
                taken = intake().take(place, batch)
            except AnswerRefused as error:
                assert not isinstance(error, ForkRefused) or error.later != b""
                continue
            place, seen = taken.place, seen + numbers(taken)
    while place.frontier.size < log.size:
        taken = intake().take(place, ask(log, place))
        place, seen = taken.place, seen + numbers(taken)
    assert seen == [n for n, one in enumerate(log.entries) if not _is_recall(one)], log.entries


def _is_recall(sent: Sent) -> bool:
    return sent.statement is not None and sent.statement.kind is Kind.TOMBSTONE


# -- a sender that lies


def _other(sent: Sent) -> Sent:
    return sealed(record(99))


LIES: list[tuple[int, str, Callable[[Batch, MemoryLog], Batch]]] = [
    (1, "too many", lambda b, log: replace(b, entries=b.entries * 2)),
    (2, "skipped ahead", lambda b, log: replace(b, start=3)),
    (2, "short leaf", lambda b, log: replace(b, entries=(Sent(b"short", AT), *b.entries[1:]))),
    (2, "no time", lambda b, log: replace(b, entries=(replace(b.entries[0], at=-1), *b.entries[1:]))),
    (5, "another time", lambda b, log: replace(b, entries=(replace(b.entries[0], at=AT + 1), *b.entries[1:]))),
    (2, "no seal", lambda b, log: replace(b, entries=(replace(b.entries[0], seal=None), *b.entries[1:]))),
    (2, "endless proof", lambda b, log: replace(b, grown=b.grown * 100)),
    (2, "odd proof", lambda b, log: replace(b, grown=(b"x", *b.grown))),
    (3, "another key", lambda b, log: replace(b, note=_note(log, Signer(CHANNEL, b"\x07" * 32)))),
    (3, "another channel", lambda b, log: replace(b, note=_note(log, KEY, "foedus/fin-01020304/channel/swe"))),
    (3, "no note", lambda b, log: replace(b, note=b"hello\n")),
    (5, "left out", lambda b, log: replace(b, entries=b.entries[1:])),
    (5, "swapped", lambda b, log: replace(b, entries=(b.entries[1], b.entries[0], *b.entries[2:]))),
    (5, "put in", lambda b, log: replace(b, entries=(_other(b.entries[0]), *b.entries[1:]))),
    (5, "wrong proof", lambda b, log: replace(b, grown=b.grown[::-1])),
    (5, "no proof", lambda b, log: replace(b, grown=())),
    (6, "other bytes", lambda b, log: replace(b, entries=(_rewritten(b.entries[0]), *b.entries[1:]))),
]


def _note(log: MemoryLog, key: Signer, name: str = CHANNEL) -> bytes:
    return MemoryLog(log.entries, key, name).note()


def _rewritten(sent: Sent) -> Sent:
    assert sent.statement is not None
    return replace(sent, statement=replace(sent.statement, body=sent.statement.body + b" "))


@pytest.mark.parametrize(("step", "lie"), [(step, lie) for step, _, lie in LIES], ids=[name for _, name, _ in LIES])
def test_a_lie_is_refused_with_its_step(step: int, lie: Callable[[Batch, MemoryLog], Batch]) -> None:
    log = full()
    with pytest.raises(AnswerRefused) as refused:
        intake().take(Place(), lie(ask(log, Place()), log))
    assert refused.value.step == step


def test_an_object_that_is_too_large_is_refused_before_anything_is_computed() -> None:
    log = full(1)
    small = intake(limits=Limits(max_object_bytes=10))
    with pytest.raises(AnswerRefused, match="step 1"):
        small.take(Place(), ask(log, Place()))


def test_a_rewritten_a_forked_and_a_shortened_log_are_evidence() -> None:
    log = full(6)
    place = intake().take(Place(), ask(log, Place())).place
    rewritten = MemoryLog([sealed(record(99)), *log.entries[1:]])
    forked = MemoryLog([*log.entries[:5], sealed(record(98)), sealed(record(97))])
    for other in (rewritten, forked):
        with pytest.raises(ForkRefused) as evidence:
            intake().take(place, ask(other, place))
        assert KEY.verifier.checkpoint(evidence.value.earlier).size == 6
        assert KEY.verifier.checkpoint(evidence.value.later).size == other.size
    with pytest.raises(AnswerRefused, match="is said to have 4"):
        intake().take(place, replace(ask(log, place), note=MemoryLog(log.entries[:4]).note()))
    with pytest.raises(AnswerRefused, match="step 4"):
        answer(MemoryLog(log.entries[:5]), place.pull(CHANNEL, 5), LIMITS)


def test_recalls_sent_ahead_are_proved() -> None:
    log = full(8)
    log.add(sealed(recall(log.entries[7].leaf)), sealed(recall(log.entries[6].leaf)))
    batch = ask(log, Place())
    one, two = batch.recalls
    for lie in (
        (two, one),
        (one, one),
        (replace(one, number=2),),
        (replace(one, sent=log.entries[7]),),
        (replace(one, sent=Sent(one.sent.leaf, AT)),),
        (replace(one, path=one.path[1:]),),
        (replace(one, sent=sealed(recall(log.entries[1].leaf))),),
        (replace(one, number=9),),
        (replace(one, number=10**30),),
    ):
        with pytest.raises(AnswerRefused) as refused:
            intake().take(Place(), replace(batch, recalls=lie))
        assert refused.value.step in (2, 6)


# -- what concerns one statement goes into quarantine


def test_a_forged_originator_is_quarantined_and_the_channel_goes_on() -> None:
    honest, forged = record(1), record(2, "NOR")
    log = MemoryLog(
        [sealed(honest), sealed(forged, "FIN"), sealed(record(3, "SWE"), "FIN"), sealed(record(4, "NOR"), "NOR")]
    )
    taken = intake().take(Place(), ask(log, Place()))
    assert bodies(taken) == [honest.body, record(4).body]
    assert [(one.number, one.step) for one in taken.quarantined] == [(1, 7), (2, 7)]
    assert "no key is pinned for SWE" in taken.quarantined[1].reason
    assert taken.place.frontier.size == 4


def test_an_unknown_label_is_quarantined_unless_its_definition_comes_first() -> None:
    definition = replace(
        record(1), kind=Kind.LABEL, body=b'{"id":"marking-definition--new","type":"marking-definition"}'
    )
    late = sealed(record(2, "FIN", LABEL, "marking-definition--new"))
    for entries, bad in (([late], [0]), ([sealed(definition), late], []), ([late, sealed(definition)], [0])):
        taken = intake().take(Place(), ask(MemoryLog(entries), Place()))
        assert [one.number for one in taken.quarantined] == bad
        assert all(one.step == 8 for one in taken.quarantined)


def test_a_seal_of_another_group_or_place_is_quarantined() -> None:
    one, two = sealed(record(1)), sealed(record(2))
    assert one.seal is not None
    for seal in (two.seal, Seal(one.seal.note, 1, ()), Seal(one.seal.note, 0, (b"x" * 32,) * 40), Seal(b"", 0, ())):
        taken = intake().take(Place(), ask(MemoryLog([replace(one, seal=seal)]), Place()))
        assert [(q.number, q.step) for q in taken.quarantined] == [(0, 7)]


def test_an_envelope_that_is_none_is_quarantined() -> None:
    odd = replace(record(1), envelope=b'{"originator":"FIN"}')
    taken = intake().take(Place(), ask(MemoryLog([sealed(odd)]), Place()))
    assert [(q.number, q.step) for q in taken.quarantined] == [(0, 2)]


# -- keys


def test_while_a_key_is_replaced_both_are_good() -> None:
    new = Signer(CHANNEL, b"\x42" * 32)
    log = full(8)
    both = intake(keys=[new.verifier, KEY.verifier])
    place = both.take(Place(), ask(log, Place())).place
    log.signer = new
    assert both.take(place, ask(log, place)).place.frontier.size == 8
    with pytest.raises(AnswerRefused, match="step 3"):
        intake().take(place, ask(log, place))
    with pytest.raises(AnswerRefused, match="no key is pinned"):
        intake(keys=[]).take(place, ask(log, place))


@given(start=st.integers(-5, 20), seen=st.integers(-5, 20), limit=st.integers(-5, 20))
def test_odd_questions_are_answered_or_refused(start: int, seen: int, limit: int) -> None:
    log = full(8)
    pull = Pull(CHANNEL, start, seen, 0, limit)
    try:
        batch = answer(log, pull, LIMITS)
    except AnswerRefused as error:
        assert error.step == 4
        return
    assert batch.start == start
    assert len(batch.entries) <= max(0, min(limit, 5, 8 - start))


def test_answers_are_bounded_by_bytes() -> None:
    log = full(8)
    size = len(record(0).body)
    assert len(answer(log, Place().pull(CHANNEL, 8), Limits(max_channel_bytes=3 * size)).entries) == 3
    assert len(answer(log, Place().pull(CHANNEL, 8), Limits(max_channel_bytes=1)).entries) == 1


def test_two_logs_with_the_same_entries_say_the_same() -> None:
    """Nothing in an answer depends on anything but the entries: neither what was hidden from them nor a clock."""
    one, two = full(9), MemoryLog()
    for entry in one.entries:
        two.add(entry)
        two.note()
    for start in range(9):
        pull = Pull(CHANNEL, start, min(start, 3), 0, 4)
        assert msgspec.msgpack.encode(answer(one, pull, LIMITS)) == msgspec.msgpack.encode(answer(two, pull, LIMITS))


def test_messages_survive_the_wire() -> None:
    log = full(8)
    log.add(sealed(recall(log.entries[7].leaf)))
    batch = ask(log, Place())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(batch), type=Batch) == batch
    for end in range(0, len(msgspec.msgpack.encode(batch)), 97):
        with pytest.raises(msgspec.MsgspecError):
            msgspec.msgpack.decode(msgspec.msgpack.encode(batch)[:end], type=Batch)


def test_a_checkpoint_of_the_channel_is_a_standard_one() -> None:
    assert KEY.verifier.checkpoint(full(3).note()) == Checkpoint(CHANNEL, 3, full(3)._frontier().root())
    assert envelope("FIN") == envelope("FIN", LABEL)
