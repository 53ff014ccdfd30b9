"""Damaged projections: whatever happened to their files, the node starts and answers as before."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest
from tantivy import Query

from foedus.config import Limits
from foedus.node import setup
from foedus.node.answers import PageQuery, SearchQuery
from foedus.node.stores import Stores
from foedus.node.subject import Subject
from foedus.storage.hashing import Hashing
from foedus.storage.segments import SegmentJournal
from foedus.storage.shard import Shard
from tests.node.conftest import START, FakeClock, FakeRandom, World
from tests.process import NodeFolder, Server, bundle, indicator

SECRET = "ALLIANCE SECRET for FIN"


def link(number: int, source: str, target: str) -> dict[str, object]:
    return {
        "type": "relationship",
        "spec_version": "2.1",
        "id": f"relationship--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": "related-to",
        "source_ref": source,
        "target_ref": target,
    }


def answers(world: World, anna: Subject) -> tuple[object, ...]:
    """What a reader gets from every projection, in an order that does not hang on hashes."""
    view = world.node.view(anna, "t")
    found = view.search(SearchQuery("sandstorm"))
    centre = str(indicator(0)["id"])
    return (
        view.page(PageQuery(limit=1000)).bodies,
        (found.total, [one.id for one in found.results], {f.value: f.count for f in found.facets["type"]}),
        sorted(node.id for node in view.neighbours(centre).nodes),
        [seen.subject for seen in view.audience(centre).seen][-1:],
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, tuple[object, ...]]]:
    """A node's folder, closed, and what it answers."""
    world = World(tmp_path_factory.mktemp("sound") / "node")
    anna = world.person("anna", SECRET)
    objects = [indicator(n, name=f"sandstorm {n}") for n in range(30)]
    links = [link(100 + n, str(objects[0]["id"]), str(objects[n]["id"])) for n in range(1, 8)]
    world.node.ingest(anna, bundle(*objects, *links), "ALLIANCE SECRET")
    world.node.recall(anna, str(indicator(29)["id"]))
    world.settle()
    before = answers(world, anna)
    assert before[1][0] == 29 and len(before[2]) == 7  # type: ignore[index,arg-type]
    world.close()
    yield world.folder, before


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(max(64, path.stat().st_size)))


def delete(path: Path) -> None:
    path.unlink()


DAMAGE: list[Callable[[Path], None]] = [cut, empty, garbage, delete]
PLACES = ["table/header.json", "table/*.col", "table/*.jsonl", "links.sqlite", "releases.sqlite", "text/state.json"]
TEXT = [
    "text/shard-*/meta.json",
    "text/shard-*/*.store",
    "text/shard-*/*.idx",
    "text/shard-*/*.term",
    "text/shard-*/*.fast",
]


@pytest.mark.parametrize("how", DAMAGE, ids=lambda how: how.__name__)
@pytest.mark.parametrize("where", PLACES + TEXT)
def test_damaged_files_are_found_at_start_and_rebuilt(
    sound: tuple[Path, tuple[object, ...]], tmp_path: Path, where: str, how: Callable[[Path], None]
) -> None:
    folder, before = sound
    shutil.copytree(folder, tmp_path / "node")
    hit = [path for path in (tmp_path / "node" / "projections").glob(where) if path.is_file()]
    assert hit, f"there is no {where}: the layout changed"
    for path in hit:
        how(path)
    world = reopened(tmp_path / "node")
    try:
        world.settle()
        assert answers(world, world.node.access.local("anna")) == before
    finally:
        world.close()


def reopened(folder: Path) -> World:
    """A world around a folder that is there already."""
    world = World.__new__(World)
    world.folder, world.clock, world.random = folder, FakeClock(START + 10_000_000_000), FakeRandom(7)
    world.node = world.open()
    return world


def test_a_column_that_was_altered_never_decides(sound: tuple[Path, tuple[object, ...]], tmp_path: Path) -> None:
    """One flipped bit in the label table could release what nobody may see: it is found at start."""
    folder, before = sound
    shutil.copytree(folder, tmp_path / "node")
    sets = tmp_path / "node" / "projections" / "table" / "labelset.col"
    content = bytearray(sets.read_bytes())
    content[4 * 12] ^= 1
    sets.write_bytes(content)
    world = reopened(tmp_path / "node")
    try:
        world.settle()
        assert answers(world, world.node.access.local("anna")) == before
    finally:
        world.close()


def test_projections_of_another_journal_are_not_used(sound: tuple[Path, tuple[object, ...]], tmp_path: Path) -> None:
    """A journal brought back from an older copy, beside projections that are ahead of it."""
    folder, _ = sound
    older = World(tmp_path / "older")
    older.close()
    shutil.copytree(folder / "projections", tmp_path / "older" / "projections", dirs_exist_ok=True)
    world = reopened(tmp_path / "older")
    try:
        world.settle()
        anna = world.person("anna", SECRET)
        assert world.node.view(anna, "t").page(PageQuery()).bodies == []
        assert world.node.view(anna, "t").search(SearchQuery("sandstorm")).total == 0
    finally:
        world.close()


# -- while the server runs


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[NodeFolder, Server]]:
    node = NodeFolder.make(tmp_path / "fin")
    node.add("anna", SECRET)
    with node.up() as server:
        yield node, server


def projector_of(server: Server) -> psutil.Process:
    (child,) = [p for p in psutil.Process(server.process.pid).children() if "foedus.node.follower" in p.cmdline()]
    return child


def add(node: NodeFolder, server: Server, *numbers: int) -> None:
    answer = httpx.post(
        f"{server.url}/taxii2/api/collections/everything/objects/",
        json={"objects": [indicator(n, name=f"sandstorm {n}") for n in numbers]},
        headers={"content-type": "application/taxii+json;version=2.1", **auth(node)},
    )
    assert answer.json()["success_count"] == len(numbers)


def auth(node: NodeFolder) -> dict[str, str]:
    return {"authorization": f"Bearer {node.tokens['anna']}"}


def found(node: NodeFolder, server: Server, wanted: int, seconds: float = 20) -> None:
    """Until the search finds so many; it never answers worse than 503."""
    end = time.monotonic() + seconds
    total = -1
    while time.monotonic() < end:
        answer = httpx.get(f"{server.url}/api/search", params={"q": "sandstorm"}, headers=auth(node))
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 200:
            total = answer.json()["total"]
            if total == wanted:
                return
        time.sleep(0.1)
    raise AssertionError(f"{total} found, not {wanted}\n{server.log[-3000:]}")


def test_a_killed_projector_is_started_again(running: tuple[NodeFolder, Server]) -> None:
    node, server = running
    add(node, server, 1, 2)
    found(node, server, 2)
    for round_ in range(3):
        projector_of(server).send_signal(signal.SIGKILL)
        add(node, server, 10 + round_)
        found(node, server, 3 + round_)
    assert "started again" in server.log
    assert server.stop() == 0


def test_the_projector_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    node = NodeFolder.make(tmp_path / "fin")
    node.add("anna", SECRET)
    server = node.up().wait_ready()
    add(node, server, 1)
    found(node, server, 1)
    child = projector_of(server)
    child.suspend()  # in the middle of something that takes long
    server.kill()
    end = time.monotonic() + 5
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end, "it is alive"
        time.sleep(0.01)
    assert "Traceback" not in server.log


def test_a_server_waits_for_a_projector_that_is_still_at_work(tmp_path: Path) -> None:
    """Where it does not end at once with its server, the next one neither fails nor takes its work for damage."""
    folder = tmp_path / "fin"
    node = NodeFolder.make(folder)
    node.add("anna", SECRET)
    projections = folder / "projections"
    with node.up() as server:
        add(node, server, *range(20))
        found(node, server, 20)
    shutil.copytree(projections / "text", tmp_path / "text")
    with node.up() as server:
        add(node, server, 20)
        found(node, server, 21)
    shutil.rmtree(projections / "text")
    (tmp_path / "text").rename(projections / "text")  # behind the journal: there is something to write
    seed = msgspec.json.decode((projections / "table" / "header.json").read_bytes())["seed"]
    verifier = setup.load(folder)[1].journal.verifier
    with SegmentJournal.open(folder / "journal", verifier=verifier, read_only=True) as journal:
        at_work = Stores(projections, Hashing(seed), journal, Limits())
        for shard in at_work.text._shards():
            shard.remove([journal.size + 1], 15_000_000)  # nothing, but now it writes
        server = node.up()
        time.sleep(2.0)
        at_work.close()
    with server:
        found(node, server, 21)
        add(node, server, 30)
        found(node, server, 22)
    assert not {"damaged", "dropped", "Traceback"} & set(re.findall(r"\w+", server.log)), server.log


def test_files_that_break_while_the_server_runs_are_made_anew(running: tuple[NodeFolder, Server]) -> None:
    node, server = running
    add(node, server, 1, 2, 3)
    found(node, server, 3)
    links = node.data / "projections" / "links.sqlite"
    with links.open("r+b") as file:  # under the feet of both processes
        file.write(os.urandom(links.stat().st_size))
    for path in (node.data / "projections" / "text").glob("shard-*/meta.json"):
        path.write_bytes(b"{")
    projector_of(server).send_signal(signal.SIGKILL)
    add(node, server, 4)
    found(node, server, 4, 40)
    assert server.stop() == 0


def test_a_commit_of_the_full_text_that_was_cut_off_is_no_damage(
    sound: tuple[Path, tuple[object, ...]], tmp_path: Path
) -> None:
    """tantivy writes its lists of deleted documents before it names them; the next commit takes the same names."""
    (folder,) = (sound[0] / "projections" / "text").glob("shard-*")
    shutil.copytree(folder, tmp_path / "before")
    shutil.copytree(folder, tmp_path / "after")
    after = Shard(tmp_path / "after", must_exist=True)
    after.remove([15], 15_000_000)
    for path in (tmp_path / "after").iterdir():
        if path.suffix == ".del" or path.name == ".managed.json":
            shutil.copy(path, tmp_path / "before")  # all that a kill before the last step of the commit leaves
    after.close()
    before = Shard(tmp_path / "before", must_exist=True)
    held = before.newest(Query.all_query(), 100)[0]
    before.remove([15], 15_000_000)
    assert before.newest(Query.all_query(), 100)[0] == held - 1
    before.close()


def test_a_projector_that_starts_after_its_server_was_killed_ends_at_once(tmp_path: Path) -> None:
    """It does not wait for the lock that the projector of the next server holds."""
    node = NodeFolder.make(tmp_path / "fin")
    node.add("anna", SECRET)
    with node.up() as server:
        add(node, server, 1)
        found(node, server, 1)
        orphaned, end = os.pipe()
        os.close(end)
        late = subprocess.run(projector_of(server).cmdline(), stdin=orphaned, capture_output=True, timeout=20)
        os.close(orphaned)
        assert (late.returncode, late.stderr) == (0, b"")
