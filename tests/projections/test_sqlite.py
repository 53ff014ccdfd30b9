"""Typed links: neighbours in an order that hides nothing and betrays nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from foedus.kernel.links import links
from foedus.storage.hashing import Hashing
from foedus.storage.sqlite import LinkStore, Neighbour

from .stories import CLOSED, OPEN, Story, stix

HASHING = Hashing(11)
KINDS = ("uses", "targets", "attributed-to")


def _everything(seqs: NDArray[Any]) -> NDArray[np.bool_]:
    return np.ones(len(seqs), bool)


def _nodes(count: int) -> list[dict[str, Any]]:
    return [stix("malware", f"m{n}") for n in range(count)]


def _edge(n: int, a: dict[str, Any], kind: str, b: dict[str, Any]) -> dict[str, Any]:
    return stix("relationship", "", x_n=n, source_ref=a["id"], relationship_type=kind, target_ref=b["id"])


def _graph(seed: int, count: int = 300) -> Story:
    dice, story, nodes = random.Random(seed), Story(), _nodes(12)
    for n in range(count):
        story.add(_edge(n, dice.choice(nodes), dice.choice(KINDS), dice.choice(nodes)), dice.choice([OPEN, CLOSED]))
    return story


def test_neighbours_are_the_links_of_the_kernel(tmp_path: Path) -> None:
    story = _graph(1)
    story.add(stix("report", "r", object_refs=[_nodes(3)[2]["id"], _nodes(3)[1]["id"]]))
    story.add(stix("sighting", "", sighting_of_ref=_nodes(1)[0]["id"], where_sighted_refs=["identity--1"]))
    store = LinkStore(tmp_path / "links.db", HASHING)
    for items in story.batches(37):
        store.apply(items)
    import json

    expected: dict[int, set[Neighbour]] = {}
    for item in story.items:
        for link in links(json.loads(item.body)):
            a, b = HASHING.of_id(link.source), HASHING.of_id(link.target)
            expected.setdefault(a, set()).add(Neighbour(b, link.kind, "out", item.seq))
            expected.setdefault(b, set()).add(Neighbour(a, link.kind, "in", item.seq))
    for idhash, wanted in expected.items():
        found = store.neighbours(idhash, _everything, limit=10_000)
        assert set(found) == wanted
        assert len(found) == len(wanted) == store.degree(idhash, _everything)
        assert store.degree(idhash, _everything, cap=3) == min(3, len(wanted))
    store.close()


@pytest.mark.parametrize("kinds", [None, ["uses"], ["uses", "targets", "absent"]])
@pytest.mark.parametrize("direction", ["out", "in", "both"])
def test_pages_join_to_the_whole(tmp_path: Path, kinds: list[str] | None, direction: Any) -> None:
    story = _graph(2)
    store = LinkStore(tmp_path / "links.db", HASHING)
    store.apply(story.items)
    hub = HASHING.of_id(_nodes(1)[0]["id"])
    whole = store.neighbours(hub, _everything, direction=direction, kinds=kinds, limit=10_000)
    got: list[Neighbour] = []
    while page := store.neighbours(
        hub, _everything, direction=direction, kinds=kinds, limit=3, after=got[-1] if got else None
    ):
        got += page
    assert got == whole
    assert kinds is None or {one.kind for one in whole} <= set(kinds)


@pytest.mark.parametrize("seed", range(8))
def test_hidden_links_change_neither_order_nor_degree(tmp_path: Path, seed: int) -> None:
    dice, nodes = random.Random(seed), _nodes(8)
    plain, mixed, place = Story(), Story(), {}
    for n in range(150):
        for h in range(dice.randrange(3)):
            mixed.add(
                _edge(1000 + 10 * n + h, dice.choice(nodes), dice.choice([*KINDS, "secretly-is"]), nodes[0]), CLOSED
            )
        edge = _edge(n, dice.choice(nodes), dice.choice(KINDS), dice.choice(nodes))
        place[mixed.add(edge)] = plain.add(edge)
    a, b = LinkStore(tmp_path / "a.db", HASHING), LinkStore(tmp_path / "b.db", HASHING)
    a.apply(plain.items)
    for items in mixed.batches(dice.randrange(1, 90)):
        b.apply(items)

    def sees(seqs: NDArray[Any]) -> NDArray[np.bool_]:
        return np.array([seq in place for seq in seqs.tolist()], bool)

    for node in nodes:
        key = HASHING.of_id(node["id"])
        one = a.neighbours(key, _everything, limit=20)
        two = [found._replace(seq=place[found.seq]) for found in b.neighbours(key, sees, limit=20)]
        assert one == two
        assert a.degree(key, _everything) == b.degree(key, sees)


def test_erasure_leaves_no_bytes(tmp_path: Path) -> None:
    story, nodes = Story(), _nodes(3)
    story.add(_edge(0, nodes[0], "uses", nodes[1]))
    story.add(_edge(1, nodes[0], "whispers-to", nodes[2]))
    store = LinkStore(tmp_path / "links.db", HASHING)
    store.apply(story.items)
    trace = HASHING.of_id(nodes[2]["id"]).to_bytes(8)
    story.recall(1)
    assert trace in _bytes(tmp_path)
    store.apply(story.items)
    assert [n.seq for n in store.neighbours(HASHING.of_id(nodes[0]["id"]), _everything)] == [0]
    assert trace not in _bytes(tmp_path)
    assert b"whispers-to" not in _bytes(tmp_path)
    store.close()


def test_a_reader_follows_the_writer(tmp_path: Path) -> None:
    story = _graph(3)
    writer = LinkStore(tmp_path / "links.db", HASHING)
    writer.apply(story.items[:10])
    reader = LinkStore.reader(tmp_path / "links.db", HASHING)
    assert reader.cursor == 10
    writer.apply(story.items)
    hub = HASHING.of_id(_nodes(1)[0]["id"])
    assert reader.cursor == story.size
    assert reader.neighbours(hub, _everything) == writer.neighbours(hub, _everything)
    with pytest.raises(Exception, match="readonly"):
        reader.apply([_next(story)])


def _next(story: Story) -> Any:
    story.add(_edge(9999, *(_nodes(2)[0], "uses", _nodes(2)[1])))
    return story.items[-1]


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
