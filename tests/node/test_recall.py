"""A recall that was cut short: hidden at once, finished by itself, and `verify` says what is true in between."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from foedus.kernel.errors import NotFound, StorageFull
from foedus.node import service
from foedus.node.subject import Subject
from foedus.storage import erasure
from tests.node.conftest import World, indicator

WORD = "zyxwvutsrq"
ID = str(indicator(1)["id"])


class _Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def anna(world: World) -> Subject:
    subject = world.person("anna", "ALLIANCE SECRET for FIN")
    versions = [indicator(1, name=WORD), indicator(1, name=f"{WORD} again", modified="2026-02-01T00:00:00.000Z")]
    for version in (*versions, indicator(2, name="stays")):
        assert world.node.ingest(subject, json.dumps({"objects": [version]}).encode(), "ALLIANCE SECRET").stored == 1
    world.settle()
    return subject


def _remains(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.seg") if WORD.encode() in path.read_bytes()]


def _refuse(monkeypatch: pytest.MonkeyPatch, error: BaseException, name: str, after: int = 0) -> None:
    """Let a step of the erasure fail from its call number `after` on."""
    step, calls = getattr(erasure, name), iter(range(1_000))

    def failing(*given: Any) -> Any:
        if next(calls) >= after:
            raise error
        return step(*given)

    monkeypatch.setattr(erasure, name, failing)


@pytest.mark.parametrize(
    ("step", "after", "pending"),
    [("erase", 0, 2), ("_overwrite", 0, 2), ("write_all", 0, 2), ("write_all", 1, 1)],
    ids=["before the intent", "after the intent", "before the first", "after the first"],
)
def test_verify_tells_the_truth_wherever_a_crash_came(
    world: World, anna: Subject, monkeypatch: pytest.MonkeyPatch, step: str, after: int, pending: int
) -> None:
    with monkeypatch.context() as patch:
        _refuse(patch, _Crash(), step, after)
        with pytest.raises(_Crash):
            world.node.recall(anna, ID)
    told = service.verify(world.folder)
    assert told["sound"], told
    assert len(told["journal"]["pending"]) == pending
    with pytest.raises(NotFound):
        world.node.view(anna, "test").get(ID)
    world.reopen()
    told = service.verify(world.folder)
    assert told["sound"] and told["journal"]["pending"] == [] and told["journal"]["erased"] == 2
    assert _remains(world.folder) == []
    assert world.node.view(anna, "test").count() == 1


def test_half_an_overwritten_frame_is_not_damage(world: World, anna: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def torn(fd: int, data: bytes, address: int) -> None:
        os.pwrite(fd, data[: len(data) // 2], address)
        raise _Crash

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "write_all", torn)
        with pytest.raises(_Crash):
            world.node.recall(anna, ID)
    assert service.verify(world.folder)["sound"]
    world.reopen()
    assert service.verify(world.folder)["sound"] and _remains(world.folder) == []


def test_what_the_disk_refused_is_erased_without_a_restart(
    world: World, anna: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        _refuse(patch, OSError(28, "No space left on device"), "erase")
        with pytest.raises(StorageFull):
            world.node.recall(anna, ID)
        found = world.node.verify()["journal"]
        assert (found.damage, len(found.pending)) == ((), 2)
    assert _remains(world.folder)
    with pytest.raises(NotFound):
        world.node.view(anna, "test").get(ID)
    found = world.node.verify()["journal"]
    assert (found.damage, found.pending, found.erased) == ((), (), 2)
    assert _remains(world.folder) == []


def test_the_next_recall_finishes_the_one_before(world: World, anna: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        _refuse(patch, OSError(30, "Read-only file system"), "erase")
        with pytest.raises(StorageFull):
            world.node.recall(anna, ID)
    assert world.node.recall(anna, str(indicator(2)["id"])) == 1
    assert service.verify(world.folder)["journal"]["erased"] == 3


def test_verifying_beside_recalls_finds_no_damage(world: World, anna: Subject) -> None:
    objects = [indicator(n) for n in range(10, 18)]
    world.node.ingest(anna, json.dumps({"objects": objects}).encode(), "ALLIANCE SECRET")
    done = threading.Event()

    def recall_all() -> None:
        for one in objects:
            world.node.recall(anna, str(one["id"]))
        done.set()

    thread = threading.Thread(target=recall_all)
    thread.start()
    try:
        while not done.is_set():
            assert world.node.verify()["journal"].damage == ()
            assert service.verify(world.folder)["sound"]
    finally:
        thread.join()
    assert world.node.verify()["journal"].pending == ()
