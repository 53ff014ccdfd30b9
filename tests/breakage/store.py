"""One node's folder that is killed again and again, and everything that must hold after each kill."""

from __future__ import annotations

import json
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec
import psutil
import pytest

from foedus.kernel.canonical import canonical
from foedus.kernel.clearancetext import read_clearance
from foedus.kernel.errors import Refused
from foedus.kernel.labeltext import read_label
from foedus.kernel.ports import Entry, Journal, Kind
from foedus.node import authorship, service, setup
from foedus.node.registry import LabelRegistry
from foedus.storage.segments import SegmentJournal
from foedus.storage.tombstones import targets_of
from tests.breakage.clients import (
    HUBS,
    OBJECTS,
    TLP_CLEAR,
    WORDS,
    Connection,
    Load,
    Page,
    Place,
    Results,
    envelope,
)
from tests.breakage.ledger import Ledger, Sent
from tests.breakage.serving import Serving, quiet_port
from tests.forking import Forks
from tests.process import NodeFolder, indicator

WRITER, READER = "ALLIANCE SECRET for FIN", "ALLIANCE UNCLASSIFIED for FIN"
LABELS = [
    "ALLIANCE UNCLASSIFIED",
    "ALLIANCE RESTRICTED",
    *(f"ALLIANCE SECRET Releasable to Finland, {one}" for one in ("Sweden", "Norway", "Estonia", "Japan")),
]
_FOUND_WITHIN = 30.0  # seconds until links and full text have caught up
_OURS = ("identity", "marking-definition")  # what the node stores beside what it is sent


class Store:
    """A node made for this test, its clients' ledger, and the server of the moment."""

    def __init__(self, folder: Path, seed: int, forks: Forks) -> None:
        self.chance = random.Random(seed)
        self.ledger = Ledger()
        self._seed, self._forks, self._loads = seed, forks, 0
        self._node = NodeFolder.make(folder / "fin")
        _, signers, policies = setup.load(self._node.data)
        self._verifiers = {"journal": signers.journal.verifier, "releases": signers.releases.verifier}
        registry, low = LabelRegistry(policies), read_clearance(READER, policies)
        labels = [(text, policies.resolve(read_label(text, policies))) for text in LABELS]
        self._place = Place(
            quiet_port(),
            self._node.data / "run" / "foedus.sock",
            self._node.add("anna", WRITER),
            self._node.add("bob", READER, role="reader"),
            str(authorship.identity("FIN", "Finland")["id"]),
            tuple((text, str(registry.definition(one)["id"]), registry.permits(one, low, 0)) for text, one in labels),
        )
        self._serving = Serving(self._node.data, self._place.port, None)  # once the command itself, from nothing
        self._serving.wait_ready()
        self._store_hubs()

    def _store_hubs(self) -> None:
        sents = []
        for stix_id in HUBS:
            obj = indicator(int(stix_id[-12:]), name="hub", object_marking_refs=[TLP_CLEAR])
            sents.append(self.ledger.offer(Sent(stix_id, canonical(obj), True)))
        status, body = self._ask(self._place.writer, "POST", OBJECTS, envelope(tuple(sents)).payload)
        assert status == 202, body
        self.ledger.acknowledge(sents)

    # -- one round

    def round(self) -> None:
        """Load, kill, perhaps more kills while it starts again, and the check of everything."""
        orphans = [self._kill_under_load()]
        while self.chance.random() < 0.3:
            orphans.append(self._kill_at_start())
        began = time.monotonic()
        self._serving = self._start()
        self._serving.wait_ready()
        self._ready_after = 0.7 * self._ready_after + 0.3 * (time.monotonic() - began)
        self.check()
        for orphan in filter(None, orphans):
            _wait_for_end(orphan)

    _ready_after = 0.4  # seconds that a start takes, about

    def _start(self) -> Serving:
        return Serving(self._node.data, self._place.port, self._forks)

    def _load(self) -> Load:
        self._loads += 1
        operation = self.chance.choice(("", "", "", "backup", "import", "reindex"))
        return Load(self._place, self.ledger, self._seed * 1_000 + self._loads, operation)

    def _kill_under_load(self) -> psutil.Process | None:
        load = self._load()
        if self.chance.random() < 0.2:
            self._until_a_recall()
        span = self.chance.choice((0.02, 0.15, 0.5, 0.5, 1.5))
        time.sleep(self.chance.uniform(0.0, span))
        if self.chance.random() < 0.25 and (child := self._serving.projector()):
            with suppress(psutil.Error):
                child.kill()
            self.ledger.count["projectors killed alone"] += 1
            time.sleep(self.chance.uniform(0.0, 0.4))
        return self._kill(load, "kills under load")

    def _until_a_recall(self) -> None:
        """Some kills follow an acknowledged recall, however slow the machine is."""
        before, end = self.ledger.count["recalls"], time.monotonic() + 5
        while self.ledger.count["recalls"] == before and time.monotonic() < end:
            time.sleep(0.002)

    def _kill_at_start(self) -> psutil.Process | None:
        self._serving = self._start()
        load = self._load()
        time.sleep(self.chance.uniform(0.0, 1.3 * self._ready_after))
        return self._kill(load, "kills at start")

    def _kill(self, load: Load, which: str) -> psutil.Process | None:
        both = self.chance.random() < 0.5
        ended = self._serving.ended()
        load.ended.set()
        orphan = self._serving.kill(projector=both)
        self.ledger.count[which] += 1
        assert not ended, f"the server ended by itself\n{self._serving.log[-3000:]}"
        load.finish()
        return orphan

    # -- the check

    def check(self) -> None:
        """Everything acknowledged is there byte for byte or recalled; journal, pages, search and graph agree."""
        present = self._read_all(self._place.writer, "match[version]=all")
        self.ledger.settle(set(present))
        assert len(present) == len(set(present)), "stored twice"
        visible = self._read_all(self._place.reader, "match[version]=all")
        assert sorted(visible) == sorted(body for body in present if self.ledger.offered[body].open)
        self._check_journal(present)
        self._check_releases()
        verified = service.verify(self._node.data)
        assert verified["sound"], verified
        self._check_found(present)
        self._check_backups()

    def _read_all(self, token: str, query: str) -> list[bytes]:
        """Every object that a reader gets, page by page, without those that the node stores of its own."""
        out: list[bytes] = []
        cursor = ""
        while True:
            path = f"{OBJECTS}?{query}&match[type]=indicator,relationship{cursor}"
            status, body = self._ask(token, "GET", path)
            assert status == 200, body[:500]
            page = msgspec.json.decode(body, type=Page)
            out += [bytes(one) for one in page.objects]
            if not page.more:
                return out
            cursor = f"&next={page.next}"

    def _ask(self, token: str, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        connection = Connection(self._place, token, threading.Event())
        try:
            return connection.ask(method, path, body)
        finally:
            connection.close()

    def _check_journal(self, present: list[bytes]) -> None:
        """The files hold these bytes and no others, and nothing of what was recalled."""
        bodies: Counter[bytes] = Counter()
        named: set[int] = set()
        erased: set[int] = set()
        for entry in self._entries("journal"):
            if entry.erased:
                erased.add(entry.seq)
            elif entry.kind is Kind.TOMBSTONE:
                named |= set(targets_of(entry.body))
            elif entry.body in self.ledger.offered or json.loads(entry.body)["type"] not in _OURS:
                bodies[entry.body] += 1
        assert bodies == Counter(present), "the journal and the pages differ"
        assert erased == named, "a recall is not finished"

    def _check_releases(self) -> None:
        """What the reader was shown stands in the release log."""
        logged: Counter[int] = Counter()
        for entry in self._entries("releases"):
            note = json.loads(entry.body)
            if (note["subject"], note["face"]) == ("bob", "taxii"):
                logged[note["count"]] += 1
        shown = Counter({count: times for count, times in self.ledger.released.items() if count})
        assert shown <= logged, f"shown and not recorded: {shown - logged}"

    def _entries(self, name: str, data: Path | None = None) -> Iterator[Entry]:
        folder = (data or self._node.data) / name
        with SegmentJournal.open(folder, verifier=self._verifiers[name], read_only=True) as journal:
            opened: Journal = journal
            yield from opened.scan()

    def _check_found(self, present: list[bytes]) -> None:
        """Search and graph give each reader what the pages give, once they have caught up."""
        word, hub = self.chance.choice(WORDS), self.chance.choice(HUBS)
        here = [self.ledger.offered[body] for body in present]
        for token, sents in ((self._place.writer, here), (self._place.reader, [sent for sent in here if sent.open])):
            # Versions of one object are sent in the order of their numbers, and only the latest is found.
            latest = {sent.id: sent.body for sent in sorted(sents, key=lambda sent: sent.made) if sent.word == word}
            links = sum(hub in sent.ends for sent in sents)
            self._wait_for(f"search for {word}", partial(self._search, token, word), sorted(latest.values()))
            self._wait_for(f"links of {hub}", partial(self._degree, token, hub), links)

    def _search(self, token: str, word: str) -> list[bytes] | None:
        status, body = self._ask(token, "GET", f"/api/search?q={word}&limit=200")
        if status == 503:
            return None  # being made anew
        assert status == 200, body[:500]
        answer = msgspec.json.decode(body, type=Results)
        assert answer.total == len(answer.results), (answer.total, len(answer.results))
        return sorted(bytes(one.object) for one in answer.results)

    def _degree(self, token: str, stix_id: str) -> int | None:
        status, body = self._ask(token, "GET", f"/api/records/{stix_id}/neighbours?limit=1")
        if status == 503:
            return None
        assert status == 200, body[:500]
        return int(json.loads(body)["links"])

    def _wait_for(self, what: str, asked: Callable[[], object], wanted: object) -> None:
        end = time.monotonic() + _FOUND_WITHIN
        while (answer := asked()) != wanted:
            if time.monotonic() > end:
                raise AssertionError(f"{what}: {answer!s:.500} instead of {wanted!s:.500}\n{self._serving.log[-3000:]}")
            time.sleep(0.02)

    def _check_backups(self) -> None:
        """A backup that was acknowledged is a node that holds what was there; one that was cut off is refused."""
        for backup in self.ledger.backups:
            target = backup.folder.with_name("restored")
            if backup.complete or (backup.folder / "node.json").exists():
                service.restore(backup.folder, target)  # verifies it and opens it
                bodies = {entry.body for entry in self._entries("journal", target) if not entry.erased}
                assert backup.holds <= bodies, f"{len(backup.holds - bodies)} objects are not in the backup"
                ids = {self.ledger.offered[body].id for body in bodies if body in self.ledger.offered}
                assert not ids & backup.lacks, "recalled objects are in the backup"
                self.ledger.count["backups restored"] += 1
            elif backup.folder.exists():
                with pytest.raises(Refused):
                    service.restore(backup.folder, target)
                self.ledger.count["backups cut off and refused"] += 1
            shutil.rmtree(target, ignore_errors=True)
            shutil.rmtree(backup.folder, ignore_errors=True)
        self.ledger.backups.clear()

    # -- the end

    def finish(self) -> Counter[str]:
        """Stop it cleanly; the command itself finds it sound. What was done, counted."""
        assert self._serving.stop() == 0
        assert self._node.here("verify", "--json").done().json["sound"]
        for word in ("Traceback", "damaged", "dropped"):
            assert word not in self._said(), "a kill leaves nothing that must be repaired"
        count = self.ledger.count
        count["objects at the end"] = len(self.ledger.live())
        return count

    def log(self) -> str:
        """What the servers said last: from the last trace on, where there is one."""
        said = self._said()
        trace = said.rfind("Traceback")
        return said[max(0, trace - 500) :][:6_000] if trace >= 0 else said[-3_000:]

    def _said(self) -> str:
        return self._node.data.with_name(self._node.data.name + ".log").read_text(errors="replace")

    def close(self) -> None:
        """Whatever happened, nothing of it runs on."""
        if not self._serving.ended():
            self._serving.kill(projector=True)


def _wait_for_end(process: psutil.Process) -> None:
    """A projector that lost its server ends by itself: when its standard input does."""
    end = time.monotonic() + 20
    with suppress(psutil.NoSuchProcess):
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, "a projector outlives its server"
            time.sleep(0.01)
