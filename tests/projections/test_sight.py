"""Release order per reader: nothing missed, nothing hidden shown or betrayed, versions as TAXII names them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from foedus.storage.labels import LabelTable
from foedus.storage.sight import Epoch, Sight
from foedus.storage.versions import ALL, FIRST, LAST

from .stories import BOTH, CLOSED, OPEN, Story, stix

LATER = "2024-02-01T00:00:00.000Z"


def _table(story: Story) -> LabelTable:
    table = LabelTable(None, seed=1)
    table.apply(story.items)
    return table


def _epochs(table: LabelTable, history: Sequence[tuple[int, set[tuple[str, ...]]]]) -> list[Epoch]:
    names = table.names("labelset")
    return [Epoch(since, lambda code, sees=sees: names[code] in sees) for since, sees in history]


def _all(sight: Sight) -> list[tuple[int, int]]:
    page = sight.page(limit=1_000_000)
    return list(zip(page.seqs.tolist(), page.times.tolist(), strict=True))


def _plain(story: Story, history: Sequence[tuple[int, set[tuple[str, ...]]]]) -> list[tuple[int, int]]:
    """The definition, spelt out one entry at a time."""
    released: dict[int, tuple[int, int]] = {}
    last = -1
    held: dict[int, tuple[str, ...]] = {i.seq: i.head.labels for i in story.items if i.head}
    for number, (since, sees) in enumerate(history):
        before = history[number - 1][1] if number else set()
        until = history[number + 1][0] if number + 1 < len(history) else 1 << 62
        first = since if number else -1
        late = [i for i in story.items if i.at <= first and held.get(i.seq) in sees - before]
        own = [i for i in story.items if first < i.at <= until and held.get(i.seq) in sees]
        for item in late + own:
            last = max(last + 1, since + 1 if item in late else item.at)
            released[item.seq] = (last, item.seq)
    now = history[-1][1]
    return [(seq, time) for time, seq in sorted(released.values()) if held[seq] in now]


def _random_story(dice: random.Random, count: int) -> Story:
    story = Story(step=dice.choice([1, 3, 1000]))
    for n in range(count):
        story.add(stix("report", f"r{n}"), dice.choice([OPEN, CLOSED, BOTH, ()]))
    return story


def _random_history(dice: random.Random, story: Story) -> list[tuple[int, set[tuple[str, ...]]]]:
    times = sorted({dice.randrange(story.items[0].at, story.now + 5) for _ in range(dice.randrange(4))})
    return [(at, {s for s in (OPEN, CLOSED, BOTH) if dice.random() < 0.6}) for at in [0, *times]]


@pytest.mark.parametrize("seed", range(60))
def test_release_order_is_the_defined_one_in_any_batching(seed: int) -> None:
    dice = random.Random(seed)
    story = _random_story(dice, dice.randrange(1, 60))
    history = _random_history(dice, story)
    whole = _table(story)
    expected = _plain(story, history)
    assert _all(Sight(whole, _epochs(whole, history))) == expected
    table = LabelTable(None, seed=1)
    table.apply(story.items[:1])
    sight = Sight(table, _epochs(table, history))
    for items in story.batches(dice.randrange(1, 9)):
        table.apply(items)
        sight.extend()
    assert _all(sight) == expected
    times = [time for _, time in expected]
    assert all(a < b for a, b in pairwise(times))


@pytest.mark.parametrize("seed", range(20))
def test_taking_entries_in_by_parts_changes_nothing(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    story = _random_story(dice, dice.randrange(1, 60))
    for seq in dice.sample(range(len(story.items)), dice.randrange(len(story.items))):
        story.recall(seq)
    table = _table(story)
    history = [(0, {s for s in (OPEN, CLOSED, BOTH) if dice.random() < 0.7})]
    whole = _all(Sight(table, _epochs(table, history)))
    monkeypatch.setattr("foedus.storage.sight._STEP", dice.randrange(1, 9))
    assert _all(Sight(table, _epochs(table, history))) == whole


@pytest.mark.parametrize("seed", range(40))
def test_a_poller_never_misses_an_entry(seed: int) -> None:
    """Whatever the clearance does between polls, what is in sight at the end was delivered at some time."""
    dice = random.Random(seed)
    story, table = Story(step=dice.choice([1, 2, 50])), LabelTable(None)
    history: list[tuple[int, set[tuple[str, ...]]]] = [(0, {OPEN})]
    sight: Sight | None = None
    got: dict[int, int] = {}
    cursor = -1
    for n in range(120):
        story.add(stix("report", f"r{n}"), dice.choice([OPEN, CLOSED, BOTH]))
        table.apply(story.items)
        if dice.random() < 0.1:
            history.append((story.now, {s for s in (OPEN, CLOSED, BOTH) if dice.random() < 0.7}))
            sight = None
        if dice.random() < 0.05:
            story.recall(dice.randrange(n + 1))
            table.apply(story.items)
        sight = sight or Sight(table, _epochs(table, history))
        sight.extend()
        for _ in range(dice.randrange(3)):
            page = sight.page(cursor, limit=dice.randrange(1, 9))
            assert (page.times > cursor).all()
            got.update(zip(page.seqs.tolist(), page.times.tolist(), strict=True))
            cursor = max([cursor, *page.times.tolist()])
    assert sight
    page = sight.page(cursor, limit=10_000)
    got.update(zip(page.seqs.tolist(), page.times.tolist(), strict=True))
    assert not page.more
    assert set(sight.seqs.tolist()) <= set(got)


@pytest.mark.parametrize("seed", range(20))
def test_hidden_entries_move_nothing(seed: int) -> None:
    """Two stores that differ only in hidden entries give the same names, times, pages, counts and facets."""
    dice = random.Random(seed)
    plain, mixed = Story(), Story()
    history = [(0, {OPEN}), (plain.now + 20_500, {OPEN, BOTH})]
    shown: dict[int, int] = {}
    for n in range(60):
        obj = stix(dice.choice(["report", "malware"]), f"r{n % 45}", x_n=n)
        labels = dice.choice([OPEN, BOTH])
        plain.add(obj, labels)
        gap = 0
        for h in range(dice.randrange(3)):
            mixed.step, gap = 1, gap + 1
            mixed.add(stix("x-secret", f"r{n % 45}", x_n=h, id=obj["id"]), CLOSED)
        mixed.step = 1000
        shown[mixed.add(obj, labels, wait=-gap)] = n
    views = [Sight(t, _epochs(t, history)) for t in (_table(plain), _table(mixed))]
    for versions in (None, LAST, FIRST, ALL):
        a, b = (view.page(limit=25, versions=versions) for view in views)
        assert a.seqs.tolist() == [shown[s] for s in b.seqs.tolist()]
        assert (a.times.tolist(), a.more) == (b.times.tolist(), b.more)
    a, b = (view.newest(10) for view in views)
    assert (a.seqs.tolist(), a.times.tolist()) == ([shown[s] for s in b.seqs.tolist()], b.times.tolist())
    assert views[0].count == views[1].count
    assert views[0].counts_by("type") == views[1].counts_by("type")
    edges = [plain.items[0].at, plain.items[30].at, plain.now + 1]
    assert views[0].histogram(edges) == views[1].histogram(edges)


def test_narrowing_and_erasure_take_effect_at_once() -> None:
    story = Story()
    for n in range(6):
        story.add(stix("report", f"r{n}"), (OPEN, CLOSED)[n % 2])
    table = _table(story)
    wide = Sight(table, _epochs(table, [(0, {OPEN, CLOSED})]))
    narrow = Sight(table, _epochs(table, [(0, {OPEN, CLOSED}), (story.now, {OPEN})]))
    assert narrow.seqs.tolist() == [0, 2, 4]
    assert narrow.visible([0, 1, 2, 99, -1]).tolist() == [True, False, True, False, False]
    story.recall(2)
    table.apply(story.items)
    assert not wide.visible([2])[0]
    for sight in (wide, narrow):
        sight.extend()
    assert wide.seqs.tolist() == [0, 1, 3, 4, 5]
    assert narrow.seqs.tolist() == [0, 4]


def test_no_label_means_no_reader() -> None:
    story = Story()
    story.add(stix("report", "a"), ())
    story.note()
    table = _table(story)
    assert Sight(table, [Epoch(0, lambda code: True)]).count == 0


def test_versions_are_those_in_sight() -> None:
    story = Story()
    one = stix("report", "a")
    story.add(one)  # 0
    story.add(one | {"modified": LATER}, CLOSED)  # 1
    story.add(one | {"modified": "2024-01-15T00:00:00.000Z"})  # 2: comes late, is not the last
    story.add(one, BOTH, "NOR")  # 3: an equal copy
    story.add(stix("report", "b"))  # 4
    table = _table(story)
    everything = Sight(table, _epochs(table, [(0, {OPEN, CLOSED, BOTH})]))
    less = Sight(table, _epochs(table, [(0, {OPEN, BOTH})]))
    copy = Sight(table, _epochs(table, [(0, {BOTH})]))

    def page(sight: Sight, versions: frozenset[str | int]) -> list[int]:
        return sight.page(versions=versions).seqs.tolist()

    assert page(everything, LAST) == [1, 4]
    assert page(less, LAST) == [2, 4]
    assert page(less, FIRST) == [0, 4]
    assert page(everything, ALL) == [0, 1, 2, 4]
    assert page(copy, ALL) == [3]
    assert page(everything, frozenset({1_705_276_800_000_000})) == [2]
    assert page(everything, frozenset({"first", "last"})) == [0, 1, 4]
    assert everything.is_current(np.array([4, 3, 2, 1, 0])).tolist() == [True, False, False, True, False]
    assert less.is_current(np.array([0, 1, 2])).tolist() == [False, False, True]
    assert [sight.has_versions for sight in (everything, less, copy)] == [True, True, False]
    assert everything.superseded().tolist() == [0, 2, 3]
    assert less.superseded().tolist() == [0, 3]


def test_whether_there_are_versions_is_a_matter_of_sight() -> None:
    story = Story()
    one = stix("report", "a")
    story.add(one)
    story.add(one | {"modified": LATER}, CLOSED)
    table = _table(story)
    sight = Sight(table, _epochs(table, [(0, {OPEN})]))
    assert not sight.has_versions
    story.add(one | {"modified": LATER})
    table.apply(story.items)
    sight.extend()
    assert sight.has_versions
    story.recall(2)
    table.apply(story.items)
    sight.extend()
    assert not sight.has_versions


def test_a_type_without_times_has_the_time_of_its_release() -> None:
    story = Story()
    seq = story.add({"type": "ipv4-addr", "id": "ipv4-addr--1", "value": "192.0.2.1"})
    table = _table(story)
    sight = Sight(table, _epochs(table, [(0, {OPEN})]))
    released = int(sight.times(np.array([seq]))[0])
    assert sight.page(versions=frozenset({released})).seqs.tolist() == [seq]
    assert sight.page(versions=frozenset({released + 1})).seqs.tolist() == []


def test_pages_by_type_by_entry_and_backwards() -> None:
    story = Story()
    for n in range(40):
        story.add(stix("report" if n % 4 else "malware", f"r{n}"))
    table = _table(story)
    sight = Sight(table, _epochs(table, [(0, {OPEN})]))
    first = sight.page(limit=3, types=["malware", "nothing"])
    assert first.seqs.tolist() == [0, 4, 8]
    assert first.more
    assert sight.page(int(first.times[-1]), limit=3, types=["malware"]).seqs.tolist() == [12, 16, 20]
    assert sight.page(position=38).seqs.tolist() == [38, 39]
    assert sight.page(seqs=[9, 3, 77, 5], limit=2).seqs.tolist() == [3, 5]
    assert sight.page(types=["absent"]).seqs.tolist() == []
    back = sight.newest(3)
    assert back.seqs.tolist() == [39, 38, 37]
    assert sight.newest(2, before=int(back.times[-1])).seqs.tolist() == [36, 35]


def test_epochs_must_rise() -> None:
    with pytest.raises(ValueError):
        Sight(LabelTable(None), [])
    with pytest.raises(ValueError):
        Sight(LabelTable(None), [Epoch(5, bool), Epoch(5, bool)])
