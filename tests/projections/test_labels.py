"""The label table: columns, ids, equal records, erasure, and what a crash leaves."""

from __future__ import annotations

import os
import random
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.storage.labels import ERASED, SIBLINGS, TOMBSTONE, LabelTable
from foedus.storage.sortedindex import SortedIndex

from .stories import BOTH, CLOSED, OPEN, Story, stix


def _story(count: int, ids: int = 30) -> Story:
    story = Story()
    dice = random.Random(7)
    for n in range(count):
        obj = stix(dice.choice(["indicator", "report", "malware"]), f"name {dice.randrange(ids)}")
        obj["x_n"] = n
        story.add(obj, dice.choice([OPEN, CLOSED, BOTH]), dice.choice(["FIN", "NOR"]))
    return story


def _rows(table: LabelTable) -> list[tuple[object, ...]]:
    names = ("at", "offset", "length", "labelset", "type", "originator", "created_by", "version", "idhash", "digest")
    return list(zip(*(table.column(name).tolist() for name in (*names, "flags")), strict=True))


def test_columns_hold_what_the_items_say() -> None:
    story = Story()
    story.add(stix("report", "a", created_by_ref="identity--1"), BOTH, "NOR")
    story.note()
    table = LabelTable(None, seed=5)
    table.apply(story.items)
    assert table.cursor == 2
    assert table.column("at").tolist() == [item.at for item in story.items]
    assert table.column("length")[0] == len(story.items[0].body)
    assert table.names("labelset")[table.column("labelset")[0]] == BOTH
    assert table.names("type")[table.column("type")[0]] == "report"
    assert table.names("originator")[table.column("originator")[0]] == "NOR"
    assert table.names("created_by")[table.column("created_by")[0]] == "identity--1"
    assert table.column("digest")[0] == table.hashing.of_body(story.items[0].body)
    assert [table.column(c)[1] for c in ("labelset", "type", "originator", "idhash")] == [-1, -1, -1, 0]


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_ids_are_found_in_any_batching(batch: int) -> None:
    story = _story(400)
    table = LabelTable(None)
    for items in story.batches(batch):
        table.apply(items)
    expected: dict[str, list[int]] = {}
    for item in story.items:
        assert item.head
        expected.setdefault(item.head.id, []).append(item.seq)
    assert {one: table.rows_of(one) for one in expected} == expected
    assert table.rows_of_many(expected) == list(expected.values())
    assert table.rows_of("report--absent") == []
    several = {seq for seqs in expected.values() if len(seqs) > 1 for seq in seqs}
    assert set(np.flatnonzero(table.column("flags") & SIBLINGS).tolist()) == several


class _Column:
    """A column of hashes and an index over it, filled as the label table does."""

    def __init__(self) -> None:
        self.hashes = np.empty(0, np.uint64)
        self.index = SortedIndex(lambda rows: self.hashes[rows])
        self.repeated: set[int] = set()

    def add(self, keys: list[int]) -> None:
        start = len(self.hashes)
        self.hashes = np.append(self.hashes, np.array(keys, np.uint64))
        self.repeated.update(self.index.add(self.hashes[start:], start).tolist())


def test_the_index_finds_across_merges() -> None:
    dice = random.Random(3)
    keys = [dice.choice([dice.randrange(1, 1 << 64), 5, 0, (1 << 64) - 1]) for _ in range(60_000)]
    column = _Column()
    for start in range(0, len(keys), 1000):
        column.add(keys[start : start + 1000])
    expected = [row for row, key in enumerate(keys) if key == 5]
    assert column.index.find(5) == expected
    which, rows = column.index.find_many(np.array([(1 << 64) - 1, 5, 12345], np.uint64))
    assert rows[which == 1].tolist() == expected
    assert column.index.find(0) == []


# Few values, many of them alike in the upper half: what the index itself cannot tell apart.
_HASH = st.builds(lambda high, low: high << 32 | low, st.integers(0, 2), st.integers(0, 3)) | st.integers(0, 2**64 - 1)


@given(batches=st.lists(st.lists(_HASH, max_size=12), max_size=8), erased=st.sets(st.integers(0, 60)))
def test_the_index_answers_as_a_dictionary_does(batches: list[list[int]], erased: set[int]) -> None:
    column, keys = _Column(), [key for batch in batches for key in batch]
    for batch in batches:
        column.add(batch)
    assert column.repeated == {row for row, key in enumerate(keys) if key and keys.count(key) > 1}
    for row in erased & set(range(len(keys))):
        keys[row] = column.hashes[row] = 0
    built = SortedIndex.build(column.hashes, lambda rows: column.hashes[rows])
    assert built.repeated_rows().tolist() == [
        *sorted(
            {row for row, key in enumerate(keys) if key and keys.count(key) > 1}, key=lambda row: (keys[row] >> 32, row)
        )
    ]
    asked = [*keys, 0, 1, 1 << 32, 2**64 - 1]
    expected = [(i, row) for i, one in enumerate(asked) for row, key in enumerate(keys) if key == one and key]
    for index in (column.index, built):
        which, rows = index.find_many(np.array(asked, np.uint64))
        assert list(zip(which.tolist(), rows.tolist(), strict=True)) == expected


def test_equal_records_are_recognised() -> None:
    story = Story()
    one = stix("report", "a")
    first = story.add(one)
    story.add(one, CLOSED)
    story.add(one)
    table = LabelTable(None)
    table.apply(story.items)
    digest = table.hashing.of_body(story.items[0].body)
    assert table.find_equal(one["id"], digest, table.code("labelset", OPEN), 0) == first
    assert table.find_equal(one["id"], digest, table.code("labelset", CLOSED), 0) == 1
    assert table.find_equal(one["id"], digest, table.code("labelset", CLOSED), 1) == -1
    assert table.find_equal(one["id"], digest + 1, table.code("labelset", OPEN), 0) == -1


def test_a_gap_is_refused_and_old_items_are_passed_over() -> None:
    story = _story(20)
    table = LabelTable(None)
    table.apply(story.items[:10])
    table.apply(story.items[5:15])
    assert table.cursor == 15
    with pytest.raises(ValueError):
        table.apply(story.items[16:])


def test_a_restart_gives_the_same_rows(tmp_path: Path) -> None:
    story = _story(300)
    table = LabelTable(tmp_path)
    table.apply(story.items)
    before = _rows(table)
    table.close()
    again = LabelTable(tmp_path)
    assert _rows(again) == before
    assert again.hashing == table.hashing
    again.close()


@pytest.mark.parametrize("loss", ["offset.col", "flags.col", "type.jsonl", "labelset.jsonl"])
def test_after_a_crash_the_table_is_cut_to_what_is_consistent(tmp_path: Path, loss: str) -> None:
    story = _story(300)
    table = LabelTable(tmp_path)
    table.apply(story.items[:200])
    table.sync()
    table.apply(story.items[200:])
    before = _rows(table)
    os.truncate(tmp_path / loss, os.path.getsize(tmp_path / loss) - 3)
    again = LabelTable(tmp_path)
    assert again.cursor < 300
    again.apply(story.items)
    assert _rows(again) == before


def test_after_a_crash_of_the_machine_only_synced_rows_count(tmp_path: Path) -> None:
    story = _story(300)
    table = LabelTable(tmp_path)
    table.apply(story.items[:200])
    table.sync()
    table.apply(story.items[200:])
    header = tmp_path / "header.json"
    header.write_bytes(msgspec.json.encode(msgspec.json.decode(header.read_bytes()) | {"boot": "another"}))
    again = LabelTable(tmp_path)
    assert again.cursor == 200
    again.apply(story.items)
    assert _rows(again) == _rows(table)


def test_a_record_that_is_recalled_in_the_same_batch_is_never_written(tmp_path: Path) -> None:
    story = Story()
    one = stix("report", "a")
    story.add(one, CLOSED)
    before = story.items[0]
    story.recall(0)
    table = LabelTable(tmp_path)
    table.apply([before, story.items[1]])
    assert table.rows_of(one["id"]) == []
    assert table.column("flags").tolist() == [ERASED, TOMBSTONE]
    assert table.names("labelset")[table.column("labelset")[0]] == CLOSED
    assert list(table.names("type")) == []


def test_erasure_leaves_the_place_and_nothing_else(tmp_path: Path) -> None:
    story = Story()
    story.add(stix("report", "kept"))
    secret = stix("x-oddity", "gone", created_by_ref="identity--hidden-author")
    story.add(secret, CLOSED)
    table = LabelTable(tmp_path)
    table.apply(story.items)
    story.recall(1)
    table.apply(story.items)
    assert table.rows_of(secret["id"]) == []
    assert table.column("flags").tolist() == [0, ERASED, TOMBSTONE]
    assert [int(table.column(c)[1]) for c in ("idhash", "digest", "length", "version", "type")] == [0, 0, 0, 0, -1]
    table.close()
    left = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"hidden-author" not in left
    assert b"x-oddity" not in left
    again = LabelTable(tmp_path)
    assert again.names("created_by") == [None]
    assert again.rows_of(secret["id"]) == []
    assert again.column("flags").tolist() == [0, ERASED, TOMBSTONE]
