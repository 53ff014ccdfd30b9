"""Ingest over HTTP: envelopes of 1,000 ATT&CK objects, and single objects from 32 clients, acknowledged.

All servers get the same bytes, encoded before the clock starts. For Foedus an answer means: validated, canonical,
labelled, journalled, fsynced; how long its projections then need is measured too, and the rate with that time
included stands in a row of its own. OpenTAXII commits to SQLite before it answers; medallion keeps all in memory.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from benchmarks import servers
from benchmarks.http_load import Client, LoadFault, drive, expect, get, once
from benchmarks.load import Envelopes, Load, envelopes
from benchmarks.plan import Plan
from benchmarks.report import Report, Row
from benchmarks.servers import Server
from benchmarks.taxii_clients import Tally, poster

MENDED = (
    "OpenTAXII 0.9.3 with bearer tokens, SQLite and two workers; its JSON encoder knows no UUID, "
    "so that every collection answers 500: mended in our runner"
)
STALLED = 60.0  # seconds without progress of the projections after which they count as broken


@dataclass(frozen=True, slots=True)
class Rate:
    """Objects per second of wall time and per CPU-second of the server; None where nothing was measured.

    `caught_up` counts in the time that projections took to catch up.
    """

    wall: float | None = None
    cpu: float | None = None
    caught_up: float | None = None


NOT_MEASURED = Rate()


def run(plan: Plan, load: Load, report: Report) -> None:
    """All rows of ingest."""
    node = Foedus() if plan.foedus else None
    ours = {clients: measured(node, load, plan.ours, 1000, clients) for clients in (1, 4)} if node else {}
    singles = measured(node, load, plan.singles_ours, 1, 32) if node else NOT_MEASURED
    if plan.peers:
        peers = plan.peers
        tell(report, "OpenTAXII", MENDED, ours, best(lambda: servers.opentaxii(peers, 2), load, plan.opentaxii))
        peer = measured(Peer(lambda: servers.opentaxii(peers, 2)), load, plan.singles_peer, 1, 32)
        report.add(single_row("OpenTAXII", singles, peer))
        tell(report, "medallion", small(plan), ours, best(lambda: servers.medallion(peers), load, plan.medallion_post))
    else:
        tell(report, "", "", ours, {})
        report.add(single_row("", singles, NOT_MEASURED))


def best(make: Callable[[], AbstractContextManager[Server]], load: Load, count: int) -> dict[int, Rate]:
    """A peer with one client and with four."""
    return {clients: measured(Peer(make), load, count, 1000, clients) for clients in (1, 4)}


def small(plan: Plan) -> str:
    """How far medallion's figures reach."""
    return (
        "medallion 3.0.0 keeps all in memory and is quadratic, so its figures are at the sizes that it can do "
        f"({plan.medallion_post:,} objects in, {plan.medallion_get:,} out); ours at {plan.ours:,} and {plan.page_out:,}"
    )


def tell(report: Report, name: str, note: str, ours: dict[int, Rate], peer: dict[int, Rate]) -> None:
    """The rows for one peer: one client, four clients, and per CPU-second."""
    target = 40 if name == "OpenTAXII" else None
    for clients in (1, 4):
        mine, theirs = ours.get(clients, NOT_MEASURED), peer.get(clients, NOT_MEASURED)
        what = f"ingest, envelopes of 1,000, {clients} client{'s' if clients > 1 else ''}"
        report.add(Row(what, "objects/s", mine.wall, name, theirs.wall, target, note=note))
    what = "the same, until projections and full text have caught up"
    report.add(Row(what, "objects/s", mine.caught_up, name, theirs.caught_up))
    report.add(Row("ingest per CPU-second of the server", "objects", mine.cpu, name, theirs.cpu))


def single_row(name: str, ours: Rate, peer: Rate) -> Row:
    """Single objects, one a request."""
    what = "ingest, single objects, 32 clients"
    return Row(what, "objects/s", ours.wall, name, peer.wall, 60 if name else None)


class Peer:
    """A peer that is started afresh for each measurement; it has no projections to wait for."""

    def __init__(self, make: Callable[[], AbstractContextManager[Server]]) -> None:
        self.start = make

    def prepare(self, server: Server, load: Load) -> None:
        """Nothing: the peers do not look at markings."""

    def caught_up(self, server: Server, last: str) -> None:
        """At once: what they answer from is what they wrote."""


class Foedus:
    """A new node for each measurement."""

    start = staticmethod(servers.fresh_foedus)

    def prepare(self, server: Server, load: Load) -> None:
        """The marking definition that the load set points at comes first."""
        post_all(server, load.preamble)

    def caught_up(self, server: Server, last: str) -> None:
        wait_projected(server, last)


def post_all(server: Server, objects: Sequence[bytes]) -> None:
    """One envelope, outside of any measurement."""
    body = b'{"objects":[' + b",".join(objects) + b"]}"
    drive(server.address, [poster(server, [body], [len(objects)], Tally())])


def measured(node: Foedus | Peer, load: Load, count: int, per: int, clients: int) -> Rate:
    """Post `count` objects from `clients` clients to a fresh server."""
    warm = max(per, clients)
    bodies = envelopes(load, warm + count, per)
    skip = warm // per
    with node.start() as server:
        node.prepare(server, load)
        drive(server.address, [poster(server, bodies.slice(0, skip), bodies.counts[:skip], Tally())])
        node.caught_up(server, last_id(bodies[skip - 1]))
        tallies = [Tally() for _ in range(clients)]
        parts = [range(skip + k, len(bodies), clients) for k in range(clients)]
        cpu = server.cpu_seconds()
        seconds = drive(server.address, posters(server, bodies, parts, tallies))
        done = sum(tally.objects for tally in tallies)
        start = time.perf_counter()
        node.caught_up(server, last_id(bodies[len(bodies) - 1]))
        lag = time.perf_counter() - start
        cpu = server.cpu_seconds() - cpu
        return Rate(done / seconds, done / cpu if cpu else None, done / (seconds + lag))


def posters(server: Server, bodies: Envelopes, parts: Sequence[range], tallies: Sequence[Tally]) -> list[Client]:
    """One client a part."""
    return [
        poster(server, (bodies[i] for i in part), [bodies.counts[i] for i in part], tally)
        for part, tally in zip(parts, tallies, strict=True)
    ]


def last_id(body: bytes) -> str:
    """The id of an envelope's last object."""
    return str(json.loads(body)["objects"][-1]["id"])


def wait_projected(server: Server, last: str) -> None:
    """Until the node's projections hold all of its journal: as it tells, else seen by reading the last object.

    Raises LoadFault where nothing moves for a minute.
    """
    seen = -1
    deadline = time.perf_counter() + STALLED
    while time.perf_counter() < deadline:
        told = progress(server)
        if told is None:
            told = (1, int(is_served(server, last)))
        entries, projected = told
        if projected >= entries:
            return
        if projected > seen:
            seen, deadline = projected, time.perf_counter() + STALLED
        time.sleep(0.01)
    raise LoadFault(f"the projections stand still at {seen} of {entries} entries")


def is_served(server: Server, stix_id: str) -> bool:
    """Whether the object comes when it is asked for by its id."""
    answer = expect(
        once(server.address, get(f"{server.objects}?match[id]={quote(stix_id)}", server.authorization)), 200
    )
    return bool(json.loads(answer.body).get("objects"))


def progress(server: Server) -> tuple[int, int] | None:
    """(entries in the journal, entries projected, full text included) where the node tells them.

    It may do so for everybody at /healthz, and does for its operator over the socket in its folder.
    """
    try:
        said = json.loads(once(server.address, get("/healthz", accept="application/json")).body)
        return int(said["journal"]), int(said["projected"])
    except (ValueError, KeyError, TypeError):
        return operator_status(server.folder / "run" / "foedus.sock")


def operator_status(path: Path) -> tuple[int, int] | None:
    """The same from the operator's socket; None where there is none."""
    if not path.is_socket():
        return None
    transport = httpx.HTTPTransport(uds=str(path))
    headers = {"x-foedus-arguments": base64.b64encode(b"{}").decode()}
    try:
        with httpx.Client(transport=transport, timeout=60, trust_env=False) as client:
            answer = client.post("http://node/operation/status", headers=headers)
    except httpx.HTTPError as error:
        raise LoadFault(f"the operator's socket does not answer: {error}") from error
    for line in answer.text.splitlines():
        if result := json.loads(line).get("result"):
            return int(result["entries"]), int(result["projected"])
    raise LoadFault(f"the operator's socket told no status: {answer.text[:300]}")
