"""One large node (100,000 objects; a million with --full): does it stay fast, small and quick to start?

Of its objects 0.2 % carry a label that a second reader may see, scattered by a hash of their number; the rest are for
the first reader alone. Measured: ingest at the start and at the end, first pages for both readers while the node is
small and when it is full, searches, memory during all of it, and a restart.

A page's time is taken on one keep-alive connection from request sent to last byte received on loopback.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from benchmarks import search
from benchmarks.decisions import policy_file
from benchmarks.http_load import Answer, Client, LoadFault, drive, expect, get
from benchmarks.ingest import post_all, posters, wait_projected
from benchmarks.load import Envelopes, Load, encode, envelope, written
from benchmarks.plan import Plan
from benchmarks.report import Report, Row, quantile
from benchmarks.servers import MemoryWatch, Server, foedus, foedus_command, folder, init_node
from benchmarks.taxii_clients import Tally, walker
from foedus.kernel.labeltext import read_label
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy
from foedus.kernel.stixmarking import marking_id

READERS = {"anna": "ALLIANCE SECRET for FIN", "few": "ALLIANCE UNCLASSIFIED for FIN"}
LABELS = {"anna": "ALLIANCE SECRET", "few": "ALLIANCE UNCLASSIFIED"}
ONE_IN = 500  # 0.2 % of the objects
START = 10_000  # objects after which the node counts as small
CLIENTS = 4
MEMORY_TARGET = 400.0  # MB
START_TARGET = 1.0  # seconds


@dataclass
class Loaded:
    """What was seen while the node filled up."""

    early: float = 0.0  # objects a second, the first 10,000, projections included
    late: float = 0.0  # the last 10,000 to 50,000, acknowledged
    whole: float = 0.0  # all of them, projections included
    early_acknowledged: float = 0.0
    small_pages: dict[str, float] = field(default_factory=dict)  # reader -> median seconds


def run(plan: Plan, load: Load, report: Report) -> None:
    """All rows of the large node."""
    if not plan.foedus:
        report.skipped.append("the large node: it measures Foedus alone")
        return
    with folder("bignode") as place:
        data = place / "data"
        tokens = init_node(data, READERS)
        with foedus(data, tokens) as server, MemoryWatch(server) as watch:
            marks = {name: marking(label) for name, label in LABELS.items()}
            known = {name: make_known(data, label) for name, label in LABELS.items()}
            released = {known["few"]}
            bodies = written(place / "load", labelled(load, plan.big, marks, released), plan.big, 1000)
            post_all(server, load.preamble)
            loaded = fill(plan, server, bodies)
            check_released(server, released)
            tell_ingest(plan, loaded, report)
            tell_pages(plan, loaded, pages(plan, server), report)
            try:
                search.measure(plan, server, search.searches(load.objects(load.size)), plan.big, report)
            except LoadFault as error:
                report.fault("search", error)
        megabytes = watch.peak / 1e6
        what = f"memory, peak over all of this ({watch.peak_anonymous / 1e6:.0f} MB without mapped files)"
        report.add(Row(what, "MB", megabytes, target=MEMORY_TARGET, sense="at most"))
        with foedus(data, tokens) as again:
            what = f"start-up with {plan.big:,} objects"
            report.add(Row(what, "s", again.startup_seconds, target=START_TARGET, sense="at most"))


def marking(text: str) -> str:
    """The id of the marking definition of a label: it follows from the label, so it is the same at every node."""
    policies = PolicySet([read_policy(policy_file().read_bytes())])
    return marking_id(policies.resolve(read_label(text, policies)))


def make_known(data: Path, label: str) -> str:
    """Import one record under a label, so that the node has its marking definition; the record's id."""
    identity = {
        "type": "identity",
        "spec_version": "2.1",
        "id": f"identity--{uuid5(NAMESPACE_OID, label)}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": f"A record under {label}",
    }
    file = data.parent / "identity.json"
    file.write_bytes(envelope([encode(identity)]))
    foedus_command("import", "--data", str(data), str(file), "--label", label)
    return str(identity["id"])


def labelled(load: Load, count: int, marks: dict[str, str], released: set[str]) -> Iterator[bytes]:
    """The load with a label on every object; one in 500 is for the reader who sees few, its id goes to `released`."""
    common, rare = (f'"{marks[name]}"'.encode() for name in ("anna", "few"))
    for number, raw in enumerate(load.objects(count)):
        if is_rare(number):
            released.add(json.loads(raw)["id"])
        yield with_marking(raw, rare if is_rare(number) else common)


def check_released(server: Server, released: set[str]) -> None:
    """Raises LoadFault unless the second reader gets all that is released to them and nothing else."""
    tally = Tally()
    drive(server.address, [walker(server, server.readers["few"], tally, True)])
    got = {one for one in tally.ids if not one.startswith(("marking-definition--", "extension-definition--"))}
    if got != released:
        raise LoadFault(f"{len(released - got)} released objects were not served, {len(got - released)} others were")


def is_rare(number: int) -> bool:
    """Whether the object of this number is one of the 0.2 %: scattered, and the same in every run."""
    return int.from_bytes(hashlib.sha256(b"%d" % number).digest()[:4]) % ONE_IN == 0


def with_marking(raw: bytes, mark: bytes) -> bytes:
    """The object with this quoted marking id added to its `object_marking_refs`."""
    key = b'"object_marking_refs":['
    if key in raw:
        return raw.replace(key, key + mark + b",", 1)
    return raw[:-1] + b"," + key + mark + b"]}"


def fill(plan: Plan, server: Server, bodies: Envelopes) -> Loaded:
    """Post everything, with a pause for first pages after the first 10,000 objects."""
    loaded = Loaded()
    first = START // 1000
    tallies = [Tally() for _ in range(CLIENTS)]
    start = time.perf_counter()
    drive(server.address, posters(server, bodies, [range(k, first, CLIENTS) for k in range(CLIENTS)], tallies))
    loaded.early_acknowledged = START / (time.perf_counter() - start)
    wait_projected(server, last_in(bodies, first))
    early_seconds = time.perf_counter() - start
    loaded.early = START / early_seconds
    loaded.small_pages = pages(plan, server)
    rest = [Tally() for _ in range(CLIENTS)]
    start = time.perf_counter()
    parts = [range(first + k, len(bodies), CLIENTS) for k in range(CLIENTS)]
    drive(server.address, posters(server, bodies, parts, rest), timeout=3600)
    wait_projected(server, last_in(bodies, len(bodies)))
    loaded.whole = plan.big / (time.perf_counter() - start + early_seconds)
    loaded.late = late_rate(rest, min(50, len(bodies) // 2))
    return loaded


def last_in(bodies: Envelopes, count: int) -> str:
    """The id of the last object of the first `count` envelopes."""
    return str(json.loads(bodies[count - 1])["objects"][-1]["id"])


def late_rate(tallies: list[Tally], envelopes: int) -> float:
    """Objects a second over the last envelopes that were acknowledged, whoever sent them."""
    ends = sorted(moment for tally in tallies for moment in tally.ends)[-envelopes - 1 :]
    return (len(ends) - 1) * 1000 / (ends[-1] - ends[0])


def tell_ingest(plan: Plan, loaded: Loaded, report: Report) -> None:
    """How the rate holds up. The targets bound ratios of two rates of our own."""
    late, early, whole = loaded.late, loaded.early_acknowledged, loaded.whole
    what = f"ingest rate, the last of {plan.big:,} objects over the first 10,000, acknowledged"
    report.add(Row(f"{what} ({late:,.0f}/s over {early:,.0f}/s)", "", late / early, target=0.7))
    what = f"the same, all {plan.big:,} over the first 10,000, projections and full text included"
    report.add(Row(f"{what} ({whole:,.0f}/s over {loaded.early:,.0f}/s)", "", whole / loaded.early, target=0.7))


def pages(plan: Plan, server: Server) -> dict[str, float]:
    """The median seconds of a first page for each reader."""
    medians = {}
    for name, authorization in server.readers.items():
        answers: list[Answer] = []
        drive(server.address, [first_pages(server, authorization, plan.big_page, plan.requests, answers)])
        medians[name] = quantile([answer.seconds for answer in answers], 0.5)
    return medians


def first_pages(server: Server, authorization: str, limit: int, count: int, answers: list[Answer]) -> Client:
    """The first page, again and again, after ten that are not counted."""
    wanted = get(f"{server.objects}?limit={limit}", authorization)
    for number in range(10 + count):
        answer = expect((yield wanted), 200)
        if number >= 10:
            answers.append(Answer(answer.status, answer.headers, b"", answer.seconds))


def tell_pages(plan: Plan, loaded: Loaded, full: dict[str, float], report: Report) -> None:
    """First pages: absolute, against a small node, and against the reader who sees all."""
    what = f"first page of {plan.big_page:,} at {plan.big:,} objects"
    report.add(Row(f"{what}, median", "ms", full["anna"] * 1000, target=5.0, sense="at most"))
    report.add(Row(f"{what}, over the same at 10,000", "x", full["anna"] / loaded.small_pages["anna"]))
    seen = f"reader of 0.2 % ({full['few'] * 1000:.3g} ms) over reader of all"
    report.add(Row(f"{what}, {seen}", "x", full["few"] / full["anna"], target=3.0, sense="at most"))
