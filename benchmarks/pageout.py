"""Page-out: reading a whole collection in pages of 1,000.

A decoding client parses every page as JSON and keeps the ids, so much of its time is its own; non-decoding clients only
look for the cursor, so the server's time shows. Before anything is timed, the set of ids read is compared with the set
sent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from benchmarks import servers
from benchmarks.http_load import LoadFault, drive
from benchmarks.ingest import Foedus, Peer, last_id, small
from benchmarks.load import Load, envelopes
from benchmarks.plan import Plan
from benchmarks.report import Report, Row
from benchmarks.servers import Server
from benchmarks.taxii_clients import Tally, poster, walker

TARGETS = {"decoding client": 4.0, "1 non-decoding client": 20.0, "4 non-decoding clients": 20.0}


@dataclass(frozen=True, slots=True)
class Rates:
    """Objects per second by kind of client, and per CPU-second of the server. Empty: not measured."""

    wall: dict[str, float] = field(default_factory=dict)
    cpu: float | None = None


def run(plan: Plan, load: Load, report: Report) -> None:
    """All rows of page-out at the sizes that the peers can do."""
    ours = rates(Foedus(), load, plan.page_out, plan.page_seconds) if plan.foedus else Rates()
    if not plan.peers:
        tell(report, "", "", ours, Rates(), {})
        return
    peers = plan.peers
    opentaxii = rates(Peer(lambda: servers.opentaxii(peers, 2)), load, plan.page_out, plan.page_seconds)
    tell(report, "OpenTAXII", "", ours, opentaxii, TARGETS)
    medallion = rates(Peer(lambda: servers.medallion(peers)), load, plan.medallion_get, 0.0)
    tell(report, "medallion", small(plan), ours, medallion, {})


def tell(report: Report, name: str, note: str, ours: Rates, peer: Rates, targets: dict[str, float]) -> None:
    """The rows for one peer."""
    for kind in TARGETS:
        what = f"page-out, limit 1000, {kind}"
        report.add(Row(what, "objects/s", ours.wall.get(kind), name, peer.wall.get(kind), targets.get(kind), note=note))
    report.add(Row("page-out per CPU-second of the server", "objects", ours.cpu, name, peer.cpu))


def rates(node: Foedus | Peer, load: Load, count: int, seconds: float) -> Rates:
    """Fill a fresh server with `count` objects and read it in each way for at least `seconds`, and at least once."""
    bodies = envelopes(load, count, min(count, 1000))
    with node.start() as server:
        node.prepare(server, load)
        drive(server.address, [poster(server, bodies, bodies.counts, Tally())])
        node.caught_up(server, last_id(bodies[len(bodies) - 1]))
        whole = read_all(server, {one for body in bodies for one in ids_of(body)})
        decoding, _ = walk(server, whole, 1, True, seconds)
        cpu = server.cpu_seconds()
        alone, read_alone = walk(server, whole, 1, False, seconds)
        four, read_by_four = walk(server, whole, 4, False, seconds)
        cpu = server.cpu_seconds() - cpu
    wall = dict(zip(TARGETS, (decoding, alone, four), strict=True))
    return Rates(wall, (read_alone + read_by_four) / cpu if cpu else 0.0)


def ids_of(body: bytes) -> list[str]:
    """The ids of an envelope's objects."""
    return [one["id"] for one in json.loads(body)["objects"]]


def read_all(server: Server, sent: set[str]) -> Tally:
    """One decoding walk. Raises LoadFault where objects that were sent are missing or anything came twice."""
    tally = Tally()
    drive(server.address, [walker(server, server.authorization, tally, True)])
    got = set(tally.ids)
    if len(got) != len(tally.ids):
        raise LoadFault(f"{server.name} served {len(tally.ids) - len(got)} objects twice")
    if missing := sent - got:
        raise LoadFault(f"{server.name} lost {len(missing)} of {len(sent)} objects, {min(missing)} among them")
    return tally


def walk(server: Server, whole: Tally, clients: int, decode: bool, seconds: float) -> tuple[float, int]:
    """(objects per second, objects read) of this many clients at once, each walking through all pages repeatedly."""
    read, spent = 0, 0.0
    while not read or spent < seconds:
        tallies = [Tally() for _ in range(clients)]
        spent += drive(server.address, [walker(server, server.authorization, t, decode) for t in tallies])
        for tally in tallies:
            if (len(tally.seconds), tally.size) != (len(whole.seconds), whole.size) and server.name != "medallion":
                raise LoadFault(f"{server.name} answered {tally.size} bytes, and {whole.size} the first time")
        read += clients * len(whole.ids)
    return read / spent, read
