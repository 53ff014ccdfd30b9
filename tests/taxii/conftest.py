"""One real server for the whole suite. Tests keep apart by the numbers of their objects and by types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from taxii2client.v21 import Collection

from tests.process import NodeFolder, Server, basic

MEDIA = "application/taxii+json;version=2.1"


@dataclass
class Taxii:
    """A node with people, its server, and requests as one of them."""

    node: NodeFolder
    server: Server
    ids: dict[str, str] = field(default_factory=dict)  # alias -> collection

    @property
    def everything(self) -> str:
        return self.collection_url("everything")

    def collection_url(self, alias: str) -> str:
        """By its id: taxii2-client refuses an address that holds the alias instead."""
        if not self.ids:
            listed = self.ask("GET", "api/collections/").json()["collections"]
            self.ids.update({one["alias"]: one["id"] for one in listed})
        return f"{self.server.url}/taxii2/api/collections/{self.ids[alias]}/"

    def ask(self, method: str, path: str, name: str = "anna", **more: object) -> httpx.Response:
        """A request below `/taxii2/`; a path that starts with `@` is below the collection of everything."""
        url = self.everything + path[1:] if path.startswith("@") else f"{self.server.url}/taxii2/{path}"
        auth = {"auth": basic(name, self.node.tokens[name])} if name else {}
        answer = httpx.request(method, url, **auth, timeout=30, trust_env=False, **more)  # type: ignore[arg-type]
        assert answer.status_code < 500, answer.text
        return answer

    def post(self, *objects: object, name: str = "anna") -> dict[str, object]:
        """POST an envelope; the status resource."""
        answer = self.ask("POST", "@objects/", name, json={"objects": list(objects)}, headers={"content-type": MEDIA})
        assert answer.status_code == 202, answer.text
        status: dict[str, object] = answer.json()
        return status

    def collection(self, name: str = "anna", alias: str = "everything") -> Collection:
        return Collection(self.collection_url(alias), user=name, password=self.node.tokens[name])


@pytest.fixture(scope="session")
def taxii(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Taxii]:
    node = NodeFolder.make(tmp_path_factory.mktemp("taxii") / "fin")
    node.add("anna", "ALLIANCE SECRET for FIN")
    node.add("bob", "ALLIANCE UNCLASSIFIED for FIN")
    node.add("rita", "ALLIANCE SECRET for FIN", "reader")
    with node.up() as server:
        yield Taxii(node, server)


@pytest.fixture
def new_numbers() -> Callable[[int], list[int]]:
    """Numbers for objects that no other test uses."""
    return _take


_next = [1000]


def _take(count: int) -> list[int]:
    start = _next[0]
    _next[0] += count
    return list(range(start, start + count))
