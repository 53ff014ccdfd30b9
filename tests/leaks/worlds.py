"""Two worlds that differ only in what one reader may not see. Every face must look the same to them, byte for byte.

Both are built by the same steps under the same clock. The second world takes further steps between them: hidden
records, hidden versions of visible ids, hidden links to visible records, hidden labels, recalls of hidden things.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx

from foedus.config import Limits
from foedus.faces.http.server import application
from foedus.node.subject import Subject
from tests.node.conftest import FakeClock, World, indicator

LOW = "ALLIANCE UNCLASSIFIED for FIN"
HIGH = "ALLIANCE TOP SECRET for FIN + TLP RED"
PUBLIC = "ALLIANCE UNCLASSIFIED"
HIDDEN = "ALLIANCE SECRET"


def _id(kind: str, number: int) -> str:
    return f"{kind}--00000000-0000-4000-8000-{number:012d}"


def _object(kind: str, number: int, **more: Any) -> dict[str, Any]:
    times = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-02T00:00:00.000Z"}
    return {"type": kind, "spec_version": "2.1", "id": _id(kind, number), **times, **more}


def _link(number: int, source: str, target: str, kind: str = "uses") -> dict[str, Any]:
    return _object("relationship", number, relationship_type=kind, source_ref=source, target_ref=target)


def visible_steps() -> list[list[dict[str, Any]]]:
    """What both worlds hold: a campaign, malware, reports, indicators, links and two versions."""
    malware = _object(
        "malware", 1, name="Harbour Lantern", is_family=False, description="A loader seen in port systems."
    )
    campaign = _object("campaign", 2, name="Winter Tide", description="Harbour systems were probed. Harbour, again.")
    report = _object(
        "report", 3, name="Port systems", published="2026-01-03T00:00:00Z", object_refs=[malware["id"], campaign["id"]]
    )
    return [
        [malware, campaign],
        [_link(4, campaign["id"], malware["id"])],
        [indicator(n, name=f"harbour indicator {n}") for n in range(10, 16)],
        [report],
        [indicator(11, name="harbour indicator eleven", modified="2026-02-01T00:00:00.000Z")],
        [_link(20 + n, _id("indicator", n), malware["id"], "indicates") for n in range(10, 16)],
    ]


def hidden_step(number: int) -> list[dict[str, Any]]:
    """What only the second world holds, in between."""
    base = 1000 + 100 * number
    actor = _object(
        "threat-actor", base, name="Harbour Harbour Harbour", description="harbour lantern winter tide " * 20
    )
    return [
        actor,
        _object("location", base + 1, country="FI", name="A hidden place"),
        indicator(base + 2, name="harbour hidden indicator"),
        indicator(12, name="harbour hidden version", modified=f"2026-03-{number + 1:02d}T00:00:00.000Z"),
        _link(base + 3, actor["id"], _id("malware", 1)),
        _link(base + 4, _id("campaign", 2), actor["id"], "attributed-to"),
        _object("note", base + 5, content="harbour", object_refs=[_id("report", 3)]),
    ]


def build(folder: Path, *, hidden: bool) -> tuple[World, Subject]:
    """A world and its low reader."""
    world = World(folder, FakeClock())
    anna = world.person("anna", HIGH, "analyst")
    bob = world.person("bob", LOW, "analyst")
    for number, objects in enumerate(visible_steps()):
        world.clock.tick(60_000_000)
        if hidden:
            secret = hidden_step(number)
            done = world.node.ingest(anna, _bundle(secret), f"{HIDDEN}{' Releasable to Sweden' if number % 2 else ''}")
            assert done.stored == len(secret), done.faults
        world.node.ingest(anna, _bundle(objects), PUBLIC)
        if hidden:
            world.node.publish(anna, hidden_step(50 + number)[:1], "ALLIANCE SECRET")
            world.node.recall(anna, _id("location", 1001 + 100 * number))
        world.settle()
    world.clock.tick(60_000_000)
    return world, bob


def _bundle(objects: list[dict[str, Any]]) -> bytes:
    return json.dumps(
        {"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000009", "objects": objects}
    ).encode()


def client(world: World, name: str) -> httpx.AsyncClient:
    """A client of this world's whole application, with a token of this account."""
    account = world.node.accounts.get(name)
    token, _ = world.node.accounts.tokens.create(account.id, "test", {"read", "publish"})
    transport = httpx.ASGITransport(application(world.node, Limits()), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://node", headers={"authorization": f"Bearer {token}"})


def shape(response: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that a reader gets."""
    return response.status_code, sorted(response.headers.multi_items()), response.content
