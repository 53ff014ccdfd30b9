"""Two and three nodes in one process: what each may see arrives in its originator's bytes, is recalled, and no more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from foedus.config import Settings
from foedus.exchange.channel import ForkRefused
from foedus.node import service, setup
from foedus.node.answers import PageQuery
from foedus.node.exchange.exchange import Exchange
from foedus.node.exchange.inlet import Received
from foedus.node.exchange.peer import Keys, Peer
from foedus.node.node import Node
from foedus.node.subject import Subject
from foedus.storage.segments import SegmentJournal
from tests.node.conftest import FakeClock, FakeRandom, indicator
from tests.node.test_journey import bundle

SECRET, LOW = "ALLIANCE SECRET", "ALLIANCE UNCLASSIFIED"


class Site:
    """One nation's node with one analyst, and its channels."""

    def __init__(self, folder: Path, code: str, clock: FakeClock, seed: int) -> None:
        self.folder, self.code, self.clock, self.random = folder, code, clock, FakeRandom(seed)
        _, signers = setup.make(folder, code, code.title(), [], random=self.random, now=clock.now())
        for name, signer in (("journal", signers.journal), ("releases", signers.releases)):
            SegmentJournal.create(folder / name, signer.name, signer, clock, self.random).close()
        self.peers: list[Peer] = []
        self.open()
        with service.people(folder) as people:
            cleared = people.clearances([f"{SECRET} for {code}"])
        self.node.accounts.add("anna", by="test", roles=("analyst",), clearances=cleared)
        self.anna: Subject = self.node.access.local("anna")

    def open(self) -> None:
        self.node = Node.open(Settings(self.folder), clock=self.clock, random=self.random)
        self.exchange = Exchange(self.node, self.peers)

    def close(self) -> None:
        self.exchange.close()
        self.node.close()

    def meet(self, *peers: Peer) -> None:
        self.close()
        self.peers += peers
        self.open()

    def as_peer(self, clearance: str = "", **more: Any) -> Peer:
        with service.people(self.folder) as people:
            epochs = ((0, tuple(people.clearances([clearance]))),) if clearance else ()
        return Peer(self.code, self.node.file.origin, self.exchange.keys, epochs, **more)

    def publish(self, number: int, label: str = LOW, **more: Any) -> str:
        made = indicator(number, **more)
        assert self.node.ingest(self.anna, bundle(made), label).stored == 1
        self.clock.tick()
        return str(made["id"])

    def ids(self) -> list[str]:
        page = self.node.view(self.anna, "test").page(PageQuery())
        return [json.loads(body)["id"] for body in page.bodies]


def pull(sender: Site, receiver: Site) -> list[Received]:
    """Until nothing is left to take."""
    sender.exchange.step()
    inlet, out = receiver.exchange.inlet(sender.code), []
    while not out or out[-1].behind:
        out.append(inlet.take(sender.exchange.answer(receiver.code, inlet.question())))
    return out


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Callable[[str], Site]]:
    made: list[Site] = []
    clock = FakeClock()

    def make(code: str) -> Site:
        made.append(Site(tmp_path / code, code, clock, len(made)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def pair(site: Callable[[str], Site]) -> tuple[Site, Site]:
    """FIN releases to NOR what is unclassified, and takes what it gets."""
    fin, nor = site("FIN"), site("NOR")
    fin_card, nor_card = fin.as_peer(f"{SECRET} for FIN"), nor.as_peer(f"{LOW} for NOR")
    fin.meet(nor_card)
    nor.meet(fin_card)
    return fin, nor


def test_what_may_be_seen_arrives_and_nothing_else(pair: tuple[Site, Site]) -> None:
    fin, nor = pair
    one = fin.publish(1)
    fin.publish(2, SECRET)
    three = fin.publish(3)
    assert [r.stored for r in pull(fin, nor)] == [3]  # the definition of the label, and two records
    assert nor.ids() == [one, three]
    assert nor.node.view(nor.anna, "test").get(one).originator == "FIN"
    assert nor.node.view(nor.anna, "test").get(one).body == fin.node.view(fin.anna, "test").get(one).body
    assert [(r.stored, r.known) for r in pull(fin, nor)] == [(0, 0)]


def test_a_recall_reaches_who_got_it_and_leaves_nothing(pair: tuple[Site, Site]) -> None:
    fin, nor = pair
    gone = fin.publish(1, name="zanzibarqux")
    kept = fin.publish(2)
    pull(fin, nor)
    fin.node.recall(fin.anna, gone)
    assert [r.recalled for r in pull(fin, nor)] == [1]
    assert nor.ids() == [kept]
    for folder in (nor.folder, fin.folder):
        assert not any(b"zanzibarqux" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert [r.recalled for r in pull(fin, nor)] == [0]
    assert nor.node.verify()["journal"].damage == ()


def test_a_recall_before_the_record_was_taken(pair: tuple[Site, Site]) -> None:
    fin, nor = pair
    gone = fin.publish(1)
    fin.exchange.step()
    fin.node.recall(fin.anna, gone)
    received = pull(fin, nor)
    assert nor.ids() == []
    assert all(not r.quarantined for r in received)


def test_a_restart_of_either_side_changes_nothing(pair: tuple[Site, Site]) -> None:
    fin, nor = pair
    fin.publish(1)
    pull(fin, nor)
    fin.publish(2)
    for one in pair:
        one.meet()
    fin.publish(3)
    pull(fin, nor)
    assert len(nor.ids()) == 3
    size = fin.exchange.answer("NOR", nor.exchange.inlet("FIN").question()).start
    for one in pair:
        one.meet()
    fin.exchange.step()
    assert (
        fin.exchange.answer("NOR", nor.exchange.inlet("FIN").question()).start
        == size
        == nor.exchange.inlet("FIN").place.size
    )


def test_the_originators_new_version_wins(pair: tuple[Site, Site]) -> None:
    fin, nor = pair
    one = fin.publish(1, name="old")
    pull(fin, nor)
    fin.publish(1, name="new", modified="2026-03-01T00:00:00.000Z")
    pull(fin, nor)
    assert nor.node.view(nor.anna, "test").get(one).obj["name"] == "new"


def test_a_headquarters_passes_on_what_it_cannot_forge(site: Callable[[str], Site]) -> None:
    fin, hq, nor = site("FIN"), site("BEL"), site("NOR")
    cards = {one.code: one.as_peer(f"{SECRET} for {one.code}") for one in (fin, nor)}
    low = nor.as_peer(f"{LOW} for NOR", relay=True)
    hq_card = hq.as_peer(f"{SECRET} for BEL")
    fin.meet(hq_card)
    hq.meet(cards["FIN"], low)
    nor.meet(hq_card)
    one = fin.publish(1)
    fin.publish(2, SECRET)
    pull(fin, hq)
    assert [r.quarantined for r in pull(hq, nor)] == [2]  # FIN's key is not pinned at NOR: neither label nor record
    assert nor.ids() == []
    fresh = site("SWE")
    hq.meet(fresh.as_peer(f"{LOW} for SWE", relay=True))
    fresh.meet(hq_card, Peer("FIN", fin.node.file.origin, fin.exchange.keys, direction="in"))
    pull(hq, fresh)
    assert fresh.ids() == [one]
    assert fresh.node.view(fresh.anna, "test").get(one).originator == "FIN"
    fin.node.recall(fin.anna, one)
    pull(fin, hq)
    pull(hq, fresh)
    assert fresh.ids() == []
    assert one not in hq.ids()


def test_a_paused_peer_gets_nothing_until_it_goes_on(pair: tuple[Site, Site]) -> None:
    fin, nor = pair
    fin.publish(1)
    paused = [Peer(**{**{f: getattr(p, f) for f in p.__struct_fields__}, "state": "paused"}) for p in fin.peers]
    active, fin.peers = fin.peers, paused
    fin.meet()
    assert [r.stored for r in pull(fin, nor)] == [0]
    fin.peers = active
    fin.meet()
    pull(fin, nor)
    assert len(nor.ids()) == 1


def test_a_forked_channel_is_kept_as_evidence(pair: tuple[Site, Site], site: Callable[[str], Site]) -> None:
    fin, nor = pair
    fin.publish(1)
    pull(fin, nor)
    first = fin.exchange.answer("NOR", nor.exchange.inlet("FIN").question())
    (fin.folder / "channels").rename(fin.folder / "lost")
    fin.meet()
    fin.publish(2)
    fin.publish(3)
    fin.clock.tick()
    fin.exchange.step()
    inlet = nor.exchange.inlet("FIN")
    with pytest.raises(ForkRefused):
        inlet.take(fin.exchange.answer("NOR", inlet.question()))
    ((_, reason, earlier, _),) = nor.exchange.store.evidence("FIN")
    assert "does not begin" in reason
    assert earlier == first.note


def test_channels_of_worlds_that_differ_in_what_is_hidden_are_the_same(tmp_path: Path) -> None:
    answers = []
    for hidden in (False, True):
        clock = FakeClock()
        fin = Site(tmp_path / f"fin{hidden}", "FIN", clock, 1)
        fin.meet(
            Peer(
                "NOR",
                "foedus/nor-1",
                Keys(),
                Site(tmp_path / f"nor{hidden}", "NOR", FakeClock(), 2).as_peer(f"{LOW} for NOR").epochs,
            )
        )
        for number in range(5):
            clock.at += 10_000_000
            if hidden:
                fin.publish(100 + number, SECRET)
                fin.exchange.step()
                clock.at -= 1_000_000
            fin.publish(number)
            fin.exchange.step()
        answers.append(fin.exchange)
        fin.node.projector.wait_for(fin.node.journal.size, 10)
    sizes = [one._outlets["NOR"].size for one in answers]
    assert sizes[0] == sizes[1] == 6
    leaves = [[at for _, at in one._outlets["NOR"]._log.leaves(0, 6)] for one in answers]
    assert leaves[0] == leaves[1]
    for one in answers:
        one.close()
        one._node.close()
