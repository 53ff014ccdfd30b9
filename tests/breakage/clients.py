"""The load: clients that store, recall, publish, read and search, and an operator who backs up, imports and reindexes.

Each runs in a thread until the server is gone, and writes down what it was told. An answer that no client should ever
get is a fault of the node and ends the test.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from foedus.kernel.canonical import canonical
from tests.breakage.ledger import Backup, Ledger, Request, Sent
from tests.process import indicator

TAXII = "application/taxii+json;version=2.1"
OBJECTS = "/taxii2/api/collections/everything/objects/"
TLP_CLEAR = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"  # the id that STIX gives it
WORDS = [f"kestrel{n}" for n in range(200)]
HUBS = [f"indicator--00000000-0000-4000-8000-{900_000_000_000 + n:012d}" for n in range(8)]  # never recalled
ANSWERED_WITHIN = 60.0  # seconds


class Gone(Exception):
    """The server ended before it answered."""


@dataclass(frozen=True)
class Place:
    """Where the server is and who calls."""

    port: int
    socket: Path
    writer: str  # token of somebody who may do and see everything
    reader: str  # token of somebody with the lowest clearance
    author: str  # id of the owner's identity
    labels: tuple[tuple[str, str, bool], ...]  # TEXT, id of its definition, whether the reader is cleared for it


class Connection:
    """A connection that is kept; calls while nobody listens yet are repeated until `ended` is set."""

    def __init__(self, place: Place, token: str, ended: threading.Event) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=ANSWERED_WITHIN)
        self._token = token
        self._ended = ended

    def connect(self) -> None:
        while not self._ended.is_set():
            try:
                self._connection.connect()
                return
            except ConnectionRefusedError:
                time.sleep(0.004)
        raise Gone

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = TAXII) -> tuple[int, bytes]:
        """Status and body. Raises Gone."""
        headers = {"authorization": f"Bearer {self._token}", **({"content-type": kind} if body else {})}
        try:
            self._connection.request(method, path, body or None, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError as error:
            raise AssertionError(f"{method} {path}: no answer within {ANSWERED_WITHIN} s") from error
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Gone from error

    def close(self) -> None:
        self._connection.close()


class Client(threading.Thread):
    """One caller. `act` is repeated until the server is gone."""

    def __init__(self, load: Load, index: int, seed: int, token: str) -> None:
        super().__init__(daemon=True, name=f"{type(self).__name__}-{index}")
        self.place, self.ledger, self.index = load.place, load.ledger, index
        self.random = random.Random(seed)
        self.ended = load.ended
        self.connection = Connection(load.place, token, load.ended)
        self.mine: dict[str, Sent] = {}  # by id: the newest version of what is there and may be recalled

    def run(self) -> None:
        try:
            self.connection.connect()
            self.begin()
            while True:
                self.act()
        except Gone:
            if not self.ended.is_set():
                self.ledger.faults.append(f"{self.name}: the connection broke while the server was up")
        except BaseException as error:
            self.ledger.faults.append(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            self.connection.close()

    def begin(self) -> None:
        """What it does once."""

    def act(self) -> None:
        raise NotImplementedError

    def made(self, *, open: bool, refs: Sequence[str] = (), earlier: Sent | None = None, author: str = "") -> Sent:
        """A new object of this client's own, or a new version of an earlier one, offered."""
        number = earlier.number if earlier else next(self.ledger.numbers) * WRITERS + self.index
        word = earlier.word if earlier else self.random.choice(WORDS)
        size = self.random.choice((10, 10, 200, 3_000))
        made = next(self.ledger.numbers)
        more: dict[str, Any] = {
            "name": f"{word} over harbour {number}",
            "description": "x" * size,
            "modified": f"2026-01-02T00:00:00.{made:06d}Z",
        }
        if author:
            more["created_by_ref"] = author
        if refs:
            more["object_marking_refs"] = list(refs)
        obj = indicator(number, **more)
        return self.ledger.offer(Sent(str(obj["id"]), canonical(obj), open, made, word))

    def link(self, *, open: bool) -> Sent:
        """A relationship between two objects that stay."""
        number = next(self.ledger.numbers) * WRITERS + self.index
        one, two = self.random.sample(HUBS, 2)
        obj: dict[str, Any] = {
            "type": "relationship",
            "spec_version": "2.1",
            "id": f"relationship--00000000-0000-4000-8000-{number:012d}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "relationship_type": "related-to",
            "source_ref": one,
            "target_ref": two,
        }
        if open:
            obj["object_marking_refs"] = [TLP_CLEAR]
        return self.ledger.offer(Sent(str(obj["id"]), canonical(obj), open, ends=(one, two)))

    def own(self) -> Sent | None:
        """One of this client's own objects that is there."""
        return self.random.choice(list(self.mine.values())) if self.mine else None

    def store(self, request: Request) -> None:
        """Send what stores; it is acknowledged, or remembered as unanswered."""
        try:
            self._send(request)
        except Gone:
            self.ledger.unanswered.append(request)
            raise
        self.ledger.acknowledge(request.sents)
        own = (sent for sent in request.sents if sent.number % WRITERS == self.index and not sent.ends)
        self.mine.update({sent.id: sent for sent in own})
        self.ledger.count[f"{request.kind}s"] += 1
        self.ledger.count["objects"] += len(request.sents)

    def _send(self, request: Request) -> None:
        path, kind = ("/api/records", "application/json") if request.kind == "publication" else (OBJECTS, TAXII)
        status, body = self.connection.ask("POST", path, request.payload, kind)
        if request.kind == "publication":
            assert status == 201 and len(json.loads(body)) == len(request.sents), (status, body[:500])
        else:
            assert status == 202 and json.loads(body)["success_count"] == len(request.sents), (status, body[:500])

    def recall(self, path: str, sent: Sent) -> None:
        """Recall every version of this object."""
        del self.mine[sent.id]
        self.ledger.recalling.add(sent.id)
        status, body = self.connection.ask("DELETE", path.format(sent.id))
        assert status == 200, (status, body[:500], sent.id)
        self.ledger.recalled.add(sent.id)
        self.ledger.recalling.discard(sent.id)
        self.ledger.count["recalls"] += 1


class Batches(Client):
    """Envelopes of many objects, relationships and new versions among them, and recalls."""

    sizes: tuple[int, ...] = (5, 30, 120)
    recalls = 0.15

    def begin(self) -> None:
        """First what the last kill left without an answer."""
        with suppress(IndexError):
            while True:
                self.store(self.ledger.unanswered.pop())
                self.ledger.count["requests repeated after a kill"] += 1

    def act(self) -> None:
        if self.random.random() < self.recalls and (sent := self.own()):
            self.recall(OBJECTS + "{}/", sent)
            return
        sents = {sent.id: sent for sent in (self._one() for _ in range(self.random.choice(self.sizes)))}
        self.store(envelope(tuple(sents.values())))

    def _one(self) -> Sent:
        kind = self.random.random()
        open = self.random.random() < 0.3
        if kind < 0.1:
            return self.link(open=open)
        earlier = self.own() if kind < 0.13 else None
        open = earlier.open if earlier else open
        return self.made(open=open, refs=[TLP_CLEAR] if open else [], earlier=earlier)


class Singles(Batches):
    """Envelopes of one object: they meet in group commits."""

    sizes = (1,)
    recalls = 0.05

    def begin(self) -> None:
        """A recall while links and full text are not behind yet: it is answered when they have followed."""
        if sent := self.own():
            self.recall(OBJECTS + "{}/", sent)
        super().begin()


class Publisher(Client):
    """Publishes through the HTTP API under changing labels, and recalls."""

    def act(self) -> None:
        if self.random.random() < 0.3 and (sent := self.own()):
            self.recall("/api/records/{}", sent)
            return
        label, marking, open = self.random.choice(self.place.labels)
        sents = tuple(self.made(open=open, refs=[marking], author=self.place.author) for _ in range(3))
        objects = [json.loads(sent.body) for sent in sents]
        for one in objects:  # the node adds both: what it stores is what was offered
            del one["created_by_ref"], one["object_marking_refs"]
        self.store(Request("publication", json.dumps({"objects": objects, "label": label}).encode(), sents))


class Page(msgspec.Struct):
    """An envelope as TAXII and the HTTP API answer it, each object as the bytes that came."""

    more: bool = False
    next: str = ""
    objects: list[msgspec.Raw] = []


class Reader(Client):
    """Somebody with a low clearance: never sees what was recalled before they asked, nor what is not for them."""

    def act(self) -> None:
        gone = set(self.ledger.recalled)
        if self.random.random() < 0.5:
            word = self.random.choice(WORDS)
            status, body = self.connection.ask("GET", f"/api/search?q={word}&limit=200")
            if status == 503:  # while links and full text are made anew
                assert b"damaged" in body, body[:500]
                return
            found = [bytes(one.object) for one in msgspec.json.decode(body, type=Results).results]
            self.ledger.count["searches"] += 1
        else:
            status, body = self.connection.ask("GET", f"{OBJECTS}?limit=50&match[type]=indicator,relationship")
            found = [bytes(one) for one in msgspec.json.decode(body, type=Page).objects]
            self.ledger.released[len(found)] += 1
            self.ledger.count["pages"] += 1
        assert status == 200, (status, body[:500])
        for one in found:
            sent = self.ledger.offered.get(one)
            assert sent is not None and sent.open, one[:500]
            assert sent.id not in gone, f"{sent.id} was read after its recall"


class Result(msgspec.Struct):
    object: msgspec.Raw


class Results(msgspec.Struct):
    """What a search answers."""

    total: int
    results: list[Result]


class Operator(Client):
    """One long operation over the operator's socket."""

    def __init__(self, load: Load, index: int, seed: int, what: str) -> None:
        super().__init__(load, index, seed, "")
        self.what = what

    def act(self) -> None:
        if self.what == "backup":
            self._backup()
        elif self.what == "import":
            sents = tuple(self.made(open=False) for _ in range(300))
            self.store(Request("import", bundle(sents), sents))
        else:
            self._operate("reindex", {})
        self.ledger.count[self.what] += 1
        if self.ended.wait(self.random.uniform(0.05, 0.3)):
            raise Gone

    def _send(self, request: Request) -> None:
        done = self._operate("import", {"as": "anna"}, request.payload)
        assert done["stored"] + done["known"] == len(request.sents), done

    def _backup(self) -> None:
        folder = self.place.socket.parents[2] / f"backup-{next(self.ledger.numbers)}"
        before, lacks = self.ledger.live(), frozenset(self.ledger.recalled)
        self.ledger.count["backups begun"] += 1
        self.ledger.backups.append(Backup(folder, complete=False))
        self._operate("backup", {"target": str(folder)})
        gone = self.ledger.recalled | self.ledger.recalling
        holds = frozenset(sent.body for sent in before if sent.id not in gone)
        self.ledger.backups[-1] = Backup(folder, complete=True, holds=holds, lacks=lacks)

    def _operate(self, name: str, arguments: dict[str, Any], body: bytes = b"") -> Any:
        """The result of an operation. Raises Gone."""
        headers = {"x-foedus-arguments": base64.b64encode(json.dumps(arguments).encode()).decode()}
        connection = Local(self.place.socket, self.ended)
        try:
            connection.request("POST", f"/operation/{name}", body, headers)
            lines = connection.getresponse().read().splitlines()
        except TimeoutError as error:
            raise AssertionError(f"{name}: no answer within {ANSWERED_WITHIN} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise Gone from error
        finally:
            connection.close()
        last = json.loads(lines[-1]) if lines else {}
        assert "result" in last, last
        return last["result"]


class Local(http.client.HTTPConnection):
    """HTTP over the operator's Unix socket."""

    def __init__(self, path: Path, ended: threading.Event) -> None:
        super().__init__("node", timeout=ANSWERED_WITHIN)
        self._path, self._ended = path, ended

    def connect(self) -> None:
        while True:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(ANSWERED_WITHIN)
            try:
                return self.sock.connect(str(self._path))
            except (ConnectionRefusedError, FileNotFoundError):  # it listens a moment after the port does
                self.sock.close()
                if self._ended.wait(0.005):
                    raise


def envelope(sents: tuple[Sent, ...]) -> Request:
    return Request("envelope", b'{"objects":[' + b",".join(sent.body for sent in sents) + b"]}", sents)


def bundle(sents: Sequence[Sent]) -> bytes:
    start = b'{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000001","objects":['
    return start + b",".join(sent.body for sent in sents) + b"]}"


STORING = (Batches, Batches, Singles, Singles, Publisher)
WRITERS = 10  # owners of objects by number: those above and the operator, with room


class Load:
    """All clients together: begins at once, ends when the server is gone."""

    def __init__(self, place: Place, ledger: Ledger, seed: int, operation: str) -> None:
        self.place, self.ledger = place, ledger
        self.ended = threading.Event()  # the server is about to be killed
        self._clients: list[Client] = [kind(self, n, seed * 100 + n, place.writer) for n, kind in enumerate(STORING)]
        self._clients.append(Reader(self, 8, seed * 100 + 8, place.reader))
        if operation:
            self._clients.append(Operator(self, 9, seed * 100 + 9, operation))
        by_owner = {client.index: client.mine for client in self._clients}
        asked = {sent.id for request in ledger.unanswered for sent in request.sents} | set(HUBS)
        for sent in ledger.live():
            mine = by_owner.get(sent.number % WRITERS)
            if mine is not None and sent.id not in asked and not sent.ends:
                mine[sent.id] = sent
        for client in self._clients:
            client.start()

    def finish(self) -> None:
        """After the kill: wait for the clients. Raises AssertionError for what they should not have been told."""
        for client in self._clients:
            client.join(ANSWERED_WITHIN + 5)
            assert not client.is_alive(), f"{client.name} hangs"
        assert not self.ledger.faults, self.ledger.faults[:3]
