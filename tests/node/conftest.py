"""A node in a folder of its own, with a clock and a source of randomness that the test controls."""

from __future__ import annotations

import random as _random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foedus.config import Settings
from foedus.node import service, setup
from foedus.node.node import Node
from foedus.node.subject import Subject
from foedus.storage.segments import SegmentJournal

START = 1_790_000_000_000_000  # 2026-09-21


class FakeClock:
    """Time that moves when told, and a little by itself at each commit's look."""

    def __init__(self, at: int = START) -> None:
        self.at = at

    def now(self) -> int:
        return self.at

    def tick(self, micros: int = 1_000_000) -> None:
        self.at += micros


class FakeRandom:
    def __init__(self, seed: int = 1) -> None:
        self._random = _random.Random(seed)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


class World:
    """One node with people."""

    def __init__(self, folder: Path, clock: FakeClock | None = None, seed: int = 1) -> None:
        self.folder = folder
        self.clock = clock or FakeClock()
        self.random = FakeRandom(seed)
        _, signers = setup.make(folder, "FIN", "Finland", [], random=self.random, now=self.clock.now())
        for name, signer in (("journal", signers.journal), ("releases", signers.releases)):
            SegmentJournal.create(folder / name, signer.name, signer, self.clock, self.random).close()
        self.node = self.open()

    def open(self) -> Node:
        return Node.open(Settings(self.folder), clock=self.clock, random=self.random)

    def reopen(self) -> Node:
        self.node.close()
        self.node = self.open()
        return self.node

    def person(self, name: str, clearance: str, *roles: str) -> Subject:
        with service.people(self.folder) as people:
            cleared = people.clearances([clearance] if clearance else [])
        self.node.accounts.add(name, by="test", roles=roles or ("analyst",), clearances=cleared)
        return self.node.access.local(name)

    def settle(self) -> None:
        """Until links and full text have caught up."""
        assert self.node.projector.wait_for(self.node.journal.size, 30)

    def close(self) -> None:
        self.node.close()


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(name: str = "node", **more: object) -> World:
        world = World(tmp_path / name, **more)  # type: ignore[arg-type]
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    return make_world()


def indicator(
    number: int, *, name: str = "", modified: str = "2026-01-02T00:00:00.000Z", **more: object
) -> dict[str, object]:
    """A valid indicator with an id of its own."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": modified,
        "name": name or f"indicator number {number}",
        "pattern": f"[ipv4-addr:value = '198.51.100.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }
