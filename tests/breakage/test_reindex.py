"""Writing and reading while every projection is dropped and rebuilt."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foedus.node.answers import PageQuery
from tests.node.conftest import World
from tests.process import bundle, indicator

SECRET = "ALLIANCE SECRET for FIN"


@contextmanager
def rebuilding(world: World) -> Iterator[None]:
    """All the while."""
    stop = threading.Event()

    def rebuild() -> None:
        while not stop.is_set():
            world.node.reindex()

    thread = threading.Thread(target=rebuild)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path / "node")
    yield made
    made.close()


def test_reading_while_the_projections_are_rebuilt(world: World) -> None:
    anna = world.person("anna", SECRET)
    world.node.ingest(anna, bundle(*(indicator(n) for n in range(300))))
    with rebuilding(world):
        for _ in range(100):
            assert len(world.node.view(anna, "t").page(PageQuery(limit=1000)).bodies) == 300


def test_writing_while_the_projections_are_rebuilt(world: World) -> None:
    """Nothing is refused, and what is sent twice is stored once."""
    anna = world.person("anna", SECRET)
    data = bundle(*(indicator(n) for n in range(300)))
    world.node.ingest(anna, data)
    with rebuilding(world):
        for _ in range(40):
            assert world.node.ingest(anna, data).known == 300
    assert len(world.node.view(anna, "t").page(PageQuery(limit=1000)).bodies) == 300
