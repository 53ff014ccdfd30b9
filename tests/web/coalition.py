"""A small node of a made-up coalition behind a real server, for the pages' tests."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from foedus.config import Limits, Settings
from foedus.faces.http.authentication import Authentication
from foedus.faces.http.site import site
from foedus.node import service
from foedus.node.access import Subject
from foedus.node.node import Node

PEOPLE = {
    "anna": ("Anna Analyst", "analyst", "ALLIANCE SECRET for FIN"),
    "rolf": ("Rolf Reader", "reader", "ALLIANCE RESTRICTED for FIN"),
    "iris": ("Iris Auditor", "auditor", "ALLIANCE SECRET for FIN"),
    "ned": ("Ned Nobody", "reader", ""),
}
LOW = "ALLIANCE RESTRICTED"
HIGH = "ALLIANCE SECRET"


def stix(kind: str, number: int, **properties: Any) -> dict[str, Any]:
    """An object of our own making with a predictable id."""
    base = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-10T08:00:00.000Z",
        "modified": "2026-01-10T08:00:00.000Z",
    }
    return {**base, **properties}


REPORT = stix(
    "report",
    1,
    name="Sandworm probes the waterworks",
    description="Probing of <b>pumps</b> in the **harbour** district.\n\n* first pump\n* second pump",
    report_types=["threat-report"],
    published="2026-01-10T08:00:00Z",
    object_refs=["malware--00000000-0000-4000-8000-000000000003"],
    external_references=[
        {"source_name": "paper", "url": "https://example.org/a"},
        {"source_name": "trap", "url": "javascript:alert(1)"},
    ],
    x_own_property={"depth": [1, {"deep": "value of my own"}]},
)
INDICATOR = stix(
    "indicator",
    2,
    name="Beacon address",
    pattern="[ipv4-addr:value = '203.0.113.7'] AND [url:value LIKE '%<script>%']",
    pattern_type="stix",
    valid_from="2026-01-11T00:00:00Z",
)
MALWARE = stix("malware", 3, name="Industroyer", is_family=True, malware_types=["remote-access-trojan"])
SECRET_REPORT = stix(
    "report",
    4,
    name="Where the waterworks source sits",
    description="Only for few: waterworks.",
    report_types=["threat-report"],
    published="2026-02-01T08:00:00Z",
    object_refs=["malware--00000000-0000-4000-8000-000000000003"],
)
USES = stix(
    "relationship",
    5,
    relationship_type="indicates",
    source_ref=INDICATOR["id"],
    target_ref=MALWARE["id"],
)
PLACE = stix("location", 6, name="Harbour", latitude=60.1674, longitude=24.9427, country="FI", region="northern-europe")


@dataclass
class World:
    """The node, its address, and a way in for each person."""

    node: Node
    url: str
    subjects: dict[str, Subject] = field(default_factory=dict)

    def client(self, name: str | None = None, **headers: str) -> httpx.Client:
        """A browser without script; signed in by a one-time link where a name is given."""
        client = httpx.Client(base_url=self.url, headers={"accept": "text/html", **headers}, timeout=20)
        if name:
            secret = link(self.node, name)
            answer = client.post(f"/signin/link/{secret}")
            assert answer.status_code == 303, answer.text
        return client

    def publish(self, *objects: dict[str, Any], label: str = LOW, by: str = "anna") -> None:
        self.node.publish(self.subjects[by], objects, label)


def link(node: Node, name: str) -> str:
    """The secret of a new one-time link."""
    account = node.accounts.get(name)
    return node.accounts.links.create(account.id)


def csrf(page: httpx.Response) -> str:
    """The token of the forms on a page."""
    found = re.search(r'name="_csrf" value="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


def start(folder: Path) -> tuple[World, uvicorn.Server, threading.Thread]:
    """A node in this folder, its people, and a server on a free port of loopback."""
    data = folder / "node"
    service.init(data, "FIN", "Finland", [])
    with service.people(data) as them:
        for name, (words, role, clearance) in PEOPLE.items():
            cleared = them.clearances([clearance]) if clearance else ()
            them.people.add(
                service.COMMAND_LINE, name, roles={role}, display_name=words, clearances=cleared, zone="Europe/Helsinki"
            )
    node = Node.open(Settings(data))
    app = site(node, Authentication(node.access, node.clock, Limits(requests_per_minute_anonymous=100_000)), Limits())
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    world = World(node, f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:  # a clearance begins a little after it was given
        world.subjects = {name: node.access.local(name) for name in PEOPLE}
        if all(s.clearances or not PEOPLE[s.name][2] for s in world.subjects.values()):
            break
        time.sleep(0.05)
    return world, server, thread
