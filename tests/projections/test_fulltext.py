"""Full text: what is found, how it is ranked, what hidden documents change (nothing), what erasure leaves (nothing)."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tantivy import Index

from foedus.config import Limits
from foedus.kernel.ports import Item
from foedus.kernel.searchtext import matches, parse
from foedus.storage import searching
from foedus.storage.frequency import frequencies
from foedus.storage.fulltext import FullText
from foedus.storage.hashing import Hashing
from foedus.storage.labels import LabelTable
from foedus.storage.query import Readable, units
from foedus.storage.sight import Epoch, Sight

from .stories import CLOSED, OPEN, Story, stix

HASHING = Hashing(11)
SETS = (OPEN, CLOSED)
ALL = Readable(SETS, np.array([True, True]))


def _all(story: Story) -> Readable:
    """Everything, with what a label table and a journal would tell about it."""
    bearing = {item.head.id.partition("--")[2]: [item.seq] for item in story.items if item.head}
    return Readable(
        SETS,
        np.array([True, True]),
        lambda uuid: bearing.get(uuid, ()),
        lambda rows: [story.items[row].body for row in rows.tolist()],
    )


ONLY_OPEN = Readable(SETS, np.array([True, False]))


def _items(story: Story) -> Callable[[int, int], Iterable[Item]]:
    return lambda first, stop: story.items[first:stop]


def _index(folder: Path, story: Story, *, batch: int = 1000, shard: int = 1 << 18) -> FullText:
    index = FullText(folder, HASHING, _items(story), shard_entries=shard)
    for items in story.batches(batch):
        index.apply(items)
        index.commit()
    return index


def _found(index: FullText, text: str, readable: Readable = ALL) -> list[int]:
    hits = index.search(parse(text), readable, limit=1000)
    assert hits.total == len(hits.hits)
    return [seq for seq, _ in hits.hits]


@pytest.fixture
def story() -> Story:
    made = Story()
    made.add(stix("report", "Opération Sablier", description="Une vague d'hameçonnage", labels=["phishing"]))  # 0
    made.add(stix("ipv4-addr", value="192.0.2.1"))  # 1
    made.add(stix("attack-pattern", "Drive-by", external_references=[{"external_id": "T0817"}]), originator="NOR")  # 2
    made.add(stix("file", hashes={"SHA-256": "ab" * 32}))  # 3
    made.add(stix("email-addr", value="Clerk@Example.org"), CLOSED)  # 4
    made.add(stix("vulnerability", "CVE-2021-44228", modified="2025-06-01T00:00:00Z"))  # 5
    made.add(stix("indicator", "a", pattern="[domain-name:value = 'evil.example']", pattern_type="stix"))  # 6
    made.add(stix("malware", "Sand worm", aliases=["Telebots"], x_more={"deep": ["nested words"]}), CLOSED)  # 7
    made.note()
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("operation", [0]),
        ("OPÉRATION hameconnage", [0]),
        ('"vague d hameconnage"', [0]),
        ('"hameçonnage phishing"', []),  # a phrase does not reach from one text into the next
        ("hame*", [0]),
        ("192.0.2.1", [1]),
        ("192.0.2.10", []),
        ("T0817", [2]),
        ("ab" * 32, [3]),
        ("clerk@example.org", [4]),
        ("CVE-2021-44228", [5]),
        ("evil.example", [6]),
        ("example", [6, 4]),
        ("example -evil", [4]),
        ("telebots", [7]),
        ("nested", [7]),
        ("type:report,malware", [7, 0]),
        ("originator:nor", [2]),
        ("-originator:FIN", [2]),
        ("-type:report type:report", []),
        ("after:2025", [5]),
        ("before:2025 -type:report,malware,file", [6, 4, 2, 1]),
        ("stix", []),
        ("nowhere", []),
    ],
)
def test_what_is_found(tmp_path: Path, story: Story, text: str, expected: list[int]) -> None:
    index = _index(tmp_path, story)
    assert sorted(_found(index, text)) == sorted(expected)


def test_a_record_is_found_by_its_id(tmp_path: Path, story: Story) -> None:
    index = _index(tmp_path, story)
    for item in story.items[:8]:
        assert item.head
        assert _found(index, item.head.id, _all(story)) == [item.seq]
        assert _found(index, item.head.id, replace(_all(story), permitted=np.array([False, False]))) == []
        assert _found(index, f"-{item.head.id}", _all(story)) == [n for n in range(7, -1, -1) if n != item.seq]


def test_labels_filter(tmp_path: Path, story: Story) -> None:
    index = _index(tmp_path, story)
    assert _found(index, "clerk@example.org", ONLY_OPEN) == []
    assert _found(index, "example", ONLY_OPEN) == [6]
    assert _found(index, "", ONLY_OPEN) == [6, 5, 3, 2, 1, 0]
    assert _found(index, "", Readable(SETS, np.array([False, False]))) == []
    assert _found(index, "", Readable(SETS, np.array([True]))) == _found(index, "", ONLY_OPEN)  # undecided is denied
    assert _found(index, "", Readable((), np.array([], bool))) == []
    facets = index.facets(parse(""), ONLY_OPEN)
    assert facets.exact
    assert "malware" not in facets.counts["type"]
    assert facets.counts["originator"] == {"FIN": 5, "NOR": 1}


WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "été", "x1", "203.0.113.7")


def _text(dice: random.Random, most: int) -> str:
    return " ".join(dice.choice(WORDS) for _ in range(dice.randrange(1, most)))


def _record(dice: random.Random, n: int) -> dict[str, Any]:
    return stix(dice.choice(["report", "malware"]), _text(dice, 4), description=_text(dice, 25), x_n=str(n))


QUERIES = (
    "alpha",
    "alpha bravo",
    '"alpha bravo"',
    "al* -echo",
    "ete type:report",
    "203.0.113.7",
    "alpha bravo charlie",
    "",
)


@pytest.mark.parametrize("seed", range(5))
def test_the_index_and_the_alerts_agree(tmp_path: Path, seed: int) -> None:
    dice, story = random.Random(seed), Story()
    records = [_record(dice, n) for n in range(80)]
    for record in records:
        story.add(record)
    index = _index(tmp_path, story, batch=33)
    for text in QUERIES:
        expected = [n for n, record in enumerate(records) if matches(parse(text), record, originator="FIN")]
        assert sorted(_found(index, text)) == expected


@pytest.mark.parametrize("few", [0, 40, 4096])  # by the index of labels, either way, by looking labels up
@pytest.mark.parametrize("seed", range(2))
def test_hidden_documents_move_neither_order_nor_scores(
    tmp_path: Path, seed: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FEW", few)
    dice = random.Random(seed)
    plain, mixed, place = Story(), Story(), {}
    for n in range(120):
        for h in range(dice.randrange(4)):
            mixed.add(_record(dice, 1000 * n + h), CLOSED)
        record = _record(dice, n)
        place[mixed.add(record)] = plain.add(record)
    one = _index(tmp_path / "plain", plain, batch=200, shard=64)
    two = _index(tmp_path / "mixed", mixed, batch=dice.randrange(5, 60), shard=dice.choice([40, 128, 1000]))
    for text in QUERIES:
        for readable in (ONLY_OPEN, Readable((*SETS, ("x",), ("y",)), np.array([True, False, False, True]))):
            a, b = (index.search(parse(text), readable, limit=15, offset=3) for index in (one, two))
            assert a.hits == [(place[seq], score) for seq, score in b.hits], text
            assert (a.total, a.exact) == (b.total, b.exact)
            assert one.facets(parse(text), readable) == two.facets(parse(text), readable)


def test_a_small_window_is_filled_from_the_newest(tmp_path: Path) -> None:
    story = Story()
    for n in range(50):
        story.add(stix("report", "alpha" if n == 3 else "b", description="alpha", x_n=str(n)))
    index = FullText(tmp_path, HASHING, limits=Limits(max_search_window=10), shard_entries=16)
    index.apply(story.items)
    index.commit()
    hits = index.search(parse("alpha"), ALL, limit=100)
    assert hits.total == 50
    assert [seq for seq, _ in hits.hits] == [3, *range(49, 40, -1)]


def test_better_matches_come_first(tmp_path: Path) -> None:
    story = Story()
    story.add(stix("report", "Alpha dossier", description="nothing else"))
    story.add(stix("report", "b", description="alpha alpha alpha alpha"))
    story.add(stix("report", "c", description="alpha and then many other words that make it long " * 3))
    story.add(stix("report", "d", description="alpha and then many other words that make it long, of alpha " * 3))
    assert _found(_index(tmp_path, story), "alpha", _all(story)) == [0, 1, 3, 2]


def test_phrases_and_prefixes_are_counted_too(tmp_path: Path) -> None:
    story = Story()
    story.add(stix("report", "a", description="alpha bravo charlie charlie"))
    story.add(stix("report", "b", description="alpha bravo alpha bravo"))
    story.add(stix("report", "c", description="alpha bravo", x_more="alpha", x_other="bravo"))
    index = _index(tmp_path, story)
    assert _found(index, '"alpha bravo"', _all(story)) == [1, 0, 2]
    assert _found(index, "char*", _all(story)) == [0]
    assert frequencies([item.body for item in story.items], units(parse('alpha bra* "alpha bravo"'))).tolist() == [
        [1, 2, 2],
        [1, 2, 1],
        [1, 2, 2],
    ]
    assert frequencies([b"", bytes(40)], units(parse("alpha"))).tolist() == [[1, 1]]  # erased meanwhile


@pytest.mark.parametrize("weighed", [1, 7, 200])
def test_words_are_counted_in_the_best_only(tmp_path: Path, weighed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "WEIGHED", weighed)
    dice, story = random.Random(weighed), Story()
    for n in range(60):
        story.add(_record(dice, n))
    index, asked = _index(tmp_path, story), []
    bodies = _all(story).bodies
    assert bodies is not None

    def counted(rows: Any) -> Any:
        asked.append(len(rows))
        return bodies(rows)

    pages = [
        index.search(parse("alpha"), replace(_all(story), bodies=counted), limit=5, offset=o) for o in range(0, 60, 5)
    ]
    scores = [score for page in pages for _, score in page.hits]
    assert scores == sorted(scores, reverse=True)
    assert len({seq for page in pages for seq, _ in page.hits}) == pages[0].total
    assert set(asked) == {min(weighed, pages[0].total)}


def test_only_current_versions_in_sight_count(tmp_path: Path) -> None:
    story = Story()
    one = stix("report", "alpha one")
    story.add(one)
    story.add(one | {"name": "alpha two", "modified": "2024-02-01T00:00:00Z"}, CLOSED)
    story.add(stix("report", "alpha three"))
    table = LabelTable(None)
    table.apply(story.items)
    index = _index(tmp_path, story)
    for permits, expected in (
        (lambda code: True, [2, 1]),
        (lambda code: table.names("labelset")[code] == OPEN, [2, 0]),
    ):
        sight = Sight(table, [Epoch(0, permits)])
        readable = Readable(table.names("labelset"), sight.permitted)
        keep = sight.is_current
        hits = index.search(parse("alpha"), readable, keep=keep)
        assert [seq for seq, _ in hits.hits] == expected
        assert (hits.total, hits.exact) == (2, True)
        facets = index.facets(parse("alpha"), readable, keep=keep, count=sight.counts_by)
        assert facets.counts["type"] == {"report": 2}


def test_erasure_leaves_no_word_in_any_file(tmp_path: Path) -> None:
    story = Story()
    for n in range(60):
        story.add(stix("report", f"ordinary {n}", description="zanzibarqux quietword" if n == 17 else "plain"))
    index = _index(tmp_path, story, batch=7, shard=25)
    reader = FullText.reader(tmp_path, HASHING)
    assert _found(index, "zanzibarqux") == [17]
    assert _dictionaries(tmp_path, "zanzibarqux") == 1
    story.recall(17)
    index.apply(story.items)
    index.commit()
    assert _dictionaries(tmp_path, "zanzibarqux") == 0
    assert _dictionaries(tmp_path, "ordinary") == 59
    assert _found(index, "zanzibarqux") == []
    assert len(_found(index, "ordinary")) == 59
    reader.reload()
    assert _found(reader, "zanzibarqux") == []
    assert _found(reader, "ordinary") == _found(index, "ordinary")
    index.close()


def test_erasing_that_a_crash_cut_short_is_finished_at_start(tmp_path: Path) -> None:
    story = Story()
    for n in range(20):
        story.add(stix("report", "r", description=f"zanzibarqux{n}"))

    def unreadable(first: int, stop: int) -> Iterable[Item]:
        raise OSError("the disk is gone")

    index = FullText(tmp_path, HASHING, unreadable, shard_entries=8)
    index.apply(story.items)
    story.recall(3)
    with pytest.raises(OSError, match="gone"):
        index.apply(story.items)
    assert _found(index, "zanzibarqux3") == []
    assert _dictionaries(tmp_path, "zanzibarqux3") == 1
    del index
    again = FullText(tmp_path, HASHING, _items(story), shard_entries=8)
    assert _dictionaries(tmp_path, "zanzibarqux3") == 0
    again.apply(story.items)
    assert _found(again, "r") == [n for n in range(19, -1, -1) if n != 3]
    again.close()


def test_a_reader_follows_the_writer(tmp_path: Path, story: Story) -> None:
    writer = FullText(tmp_path, HASHING, _items(story), shard_entries=3)
    writer.apply(story.items[:2])
    writer.commit()
    reader = FullText.reader(tmp_path, HASHING)
    assert _found(reader, "") == [1, 0]
    writer.apply(story.items)
    writer.commit()
    assert _found(reader, "") == [1, 0]
    reader.reload()
    assert _found(reader, "") == _found(writer, "")
    assert reader.cursor == story.size
    writer.drop()
    reader.reload()
    assert _found(reader, "") == []


def test_a_crash_between_commits_loses_and_doubles_nothing(tmp_path: Path, story: Story) -> None:
    index = FullText(tmp_path / "a", HASHING, _items(story), shard_entries=3)
    for n, items in enumerate(story.batches(2)):
        index.apply(items)
        if n % 2:
            index.commit()
        copy = tmp_path / f"copy{n}"
        _snapshot(tmp_path / "a", copy)
        again = FullText(copy, HASHING, _items(story), shard_entries=3)
        assert again.cursor <= index.cursor
        again.apply(story.items)
        again.commit()
        assert _found(again, "") == [7, 6, 5, 4, 3, 2, 1, 0]
        again.close()


def _snapshot(folder: Path, copy: Path) -> None:
    """What a crash would leave. tantivy removes files in the background, so it may take more than one try."""
    for _ in range(20):
        try:
            shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.lock"))
            return
        except shutil.Error:
            shutil.rmtree(copy)
    pytest.fail("the folder never stood still")


def _dictionaries(folder: Path, word: str) -> int:
    """Documents that any file under the folder still knows the word from, deleted ones included.

    Term dictionaries are automata, so a plain search for the bytes would find nothing at any time.
    """
    indexes = [path.parent for path in folder.rglob("meta.json")]
    known = {path.stem.split(".")[0].replace("-", "") for path in folder.rglob("*.term")}
    meta = "".join(path.read_text() for path in folder.rglob("meta.json")).replace("-", "")
    assert all(segment in meta for segment in known), "a file of a segment that is no longer part of the index"
    return sum(Index.open(str(path)).searcher().doc_freq("body", word) for path in indexes)


def test_a_deleted_word_stays_until_the_shard_is_built_anew(tmp_path: Path) -> None:
    """Why erasing builds anew: without it the words of a deleted document stay in the dictionary."""
    story = Story()
    for n in range(5):
        story.add(stix("report", "r", description=f"zanzibarqux{n}"))
    index = _index(tmp_path, story)
    index._shards()[0].remove([3], 15_000_000)
    assert _found(index, "zanzibarqux3") == []
    assert _dictionaries(tmp_path, "zanzibarqux3") == 1
    index.erase([3])
    assert _dictionaries(tmp_path, "zanzibarqux3") == 0
