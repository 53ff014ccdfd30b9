"""The contract of a Projection, for every one there is."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foedus.kernel.ports import Projection
from foedus.kernel.searchtext import parse
from foedus.storage.fulltext import FullText
from foedus.storage.hashing import Hashing
from foedus.storage.labels import LabelTable
from foedus.storage.query import Readable
from foedus.storage.sqlite import LinkStore

from .stories import CLOSED, OPEN, Story, stix

HASHING = Hashing(11)
EVERYTHING = Readable((OPEN, CLOSED), np.array([True, True]))


@dataclass(frozen=True)
class Adapter:
    """How to open a projection over a story, how to make it durable, and what it answers."""

    open: Callable[[Path, Story], Any]
    settle: Callable[[Any], None]
    answers: Callable[[Any, Story], Any]


def _label_answers(table: LabelTable, story: Story) -> Any:
    names = ("at", "offset", "length", "version", "digest", "idhash", "flags")
    named = {
        name: [table.names(name)[code] if code >= 0 else None for code in table.column(name).tolist()]
        for name in ("type", "originator", "created_by")
    }
    ids = sorted({item.head.id for item in story.items if item.head})
    return {name: table.column(name).tolist() for name in names}, named, table.rows_of_many(ids)


def _link_answers(store: LinkStore, story: Story) -> Any:
    ids = sorted({item.head.id for item in story.items if item.head})
    return [store.neighbours(HASHING.of_id(one), lambda seqs: np.ones(len(seqs), bool), limit=10_000) for one in ids]


def _text_answers(index: FullText, story: Story) -> Any:
    index.commit()
    asked = ("", "alpha", "alpha bravo", "type:relationship")
    return [index.search(parse(text), EVERYTHING, limit=10_000) for text in asked]


ADAPTERS = {
    "labels": Adapter(lambda folder, story: LabelTable(folder, seed=11), lambda p: p.sync(), _label_answers),
    "sqlite": Adapter(lambda folder, story: LinkStore(folder / "links.db", HASHING), lambda p: None, _link_answers),
    "fulltext": Adapter(
        lambda folder, story: FullText(folder, HASHING, lambda a, b: story.items[a:b], shard_entries=64),
        lambda p: p.commit(),
        _text_answers,
    ),
}


@pytest.fixture(params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


def _story(seed: int = 0, count: int = 150, recalls: bool = False) -> Story:
    dice, story = random.Random(seed), Story()
    nodes = [stix("malware", f"alpha {n}" if n % 2 else f"bravo alpha {n}") for n in range(10)]
    for n in range(count):
        if n % 3:
            ends = {"source_ref": dice.choice(nodes)["id"], "target_ref": dice.choice(nodes)["id"]}
            one = stix("relationship", "", x_n=n, relationship_type=dice.choice(["uses", "targets"]), **ends)
        else:
            one = dice.choice(nodes) | {"x_n": n}
        story.add(one, dice.choice([OPEN, CLOSED]), dice.choice(["FIN", "NOR"]))
        if n % 40 == 39:
            story.note()
        if recalls and n % 30 == 29:
            story.recall(dice.randrange(n), dice.randrange(n))
    return story


def test_it_is_a_projection(adapter: Adapter, tmp_path: Path) -> None:
    assert isinstance(adapter.open(tmp_path, Story()), Projection)


@pytest.mark.parametrize("batch", [1, 40, 1000])
def test_the_cursor_follows_and_batching_changes_nothing(adapter: Adapter, tmp_path: Path, batch: int) -> None:
    story = _story()
    whole = adapter.open(_folder(tmp_path / "whole"), story)
    whole.apply(story.items)
    pieces = adapter.open(_folder(tmp_path / "pieces"), story)
    assert pieces.cursor == 0
    for items in story.batches(batch):
        pieces.apply(items)
        assert pieces.cursor == items[-1].seq + 1
    assert adapter.answers(pieces, story) == adapter.answers(whole, story)


def test_applying_again_changes_nothing(adapter: Adapter, tmp_path: Path) -> None:
    story = _story()
    projection = adapter.open(tmp_path, story)
    projection.apply(story.items[:100])
    projection.apply([])
    projection.apply(story.items[20:60])
    projection.apply(story.items[50:])
    before = adapter.answers(projection, story)
    projection.apply(story.items)
    assert projection.cursor == story.size
    fresh = adapter.open(_folder(tmp_path / "fresh"), story)
    fresh.apply(story.items)
    assert adapter.answers(projection, story) == before == adapter.answers(fresh, story)


def test_a_gap_is_refused(adapter: Adapter, tmp_path: Path) -> None:
    story = _story()
    projection = adapter.open(tmp_path, story)
    projection.apply(story.items[:10])
    with pytest.raises(ValueError, match="follow"):
        projection.apply(story.items[11:20])
    with pytest.raises(ValueError, match="follow"):
        projection.apply([*story.items[10:15], *story.items[16:20]])
    assert projection.cursor == 10


def test_dropped_and_rebuilt_it_answers_the_same(adapter: Adapter, tmp_path: Path) -> None:
    story = _story(recalls=True)
    projection = adapter.open(tmp_path, story)
    for items in story.batches(37):
        projection.apply(items)
    before = adapter.answers(projection, story)
    projection.drop()
    assert projection.cursor == 0
    projection.apply(story.items)
    assert adapter.answers(projection, story) == before
    projection.close()
    again = adapter.open(tmp_path, story)
    assert again.cursor == story.size
    assert adapter.answers(again, story) == before


def test_a_recall_that_is_applied_live_equals_a_rebuild(adapter: Adapter, tmp_path: Path) -> None:
    story = _story(count=90)
    live = adapter.open(_folder(tmp_path / "live"), story)
    live.apply(story.items)
    story.recall(5, 44, 80)
    live.erase([5, 44, 80])
    live.erase([5, 44, 80])
    live.apply(story.items)
    later = adapter.open(_folder(tmp_path / "later"), story)
    later.apply(story.items)
    assert adapter.answers(live, story) == adapter.answers(later, story)


_CRASH = """
import os, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from projections.test_contract import ADAPTERS, _story
adapter, story = ADAPTERS[{name!r}], _story()
projection = adapter.open(Path({folder!r}), story)
projection.apply(story.items[:60])
adapter.settle(projection)
projection.apply(story.items[60:110])
print(projection.cursor, flush=True)
os._exit(9)
"""


@pytest.mark.parametrize("name", ADAPTERS)
def test_after_a_crash_the_cursor_is_never_ahead(name: str, tmp_path: Path) -> None:
    adapter, story = ADAPTERS[name], _story()
    folder = _folder(tmp_path / "crashed")
    script = _CRASH.format(name=name, folder=str(folder), tests=str(Path(__file__).resolve().parents[1]))
    died = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ})
    assert died.returncode == 9, died.stderr
    projection = adapter.open(folder, story)
    assert 60 <= projection.cursor <= 110
    projection.apply(story.items)
    fresh = adapter.open(_folder(tmp_path / "fresh"), story)
    fresh.apply(story.items)
    assert adapter.answers(projection, story) == adapter.answers(fresh, story)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path
