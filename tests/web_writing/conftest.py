"""The writing pages over a real node: a browser without script for each person."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from foedus.config import Limits
from foedus.faces.http.authentication import Authentication
from foedus.faces.http.site import site
from tests.node.conftest import START, World, make_world, world  # noqa: F401

LOW = "ALLIANCE UNCLASSIFIED"
HIGH = "ALLIANCE SECRET"


class Browser:
    """One person's browser without script: it follows no redirect by itself and sends the CSRF field of its pages."""

    def __init__(self, client: TestClient[Any]) -> None:
        self.client = client
        self.csrf = ""

    def get(self, path: str, **more: Any) -> httpx.Response:
        answer = self.client.get(path, follow_redirects=False, **more)
        found = re.search(r'name="_csrf" value="([^"]+)"', answer.text)
        if found:
            self.csrf = found[1]
        return answer

    def post(self, path: str, form: Mapping[str, Any], files: Any = None) -> httpx.Response:
        if not self.csrf:
            self.get("/publish")
        return self.client.post(path, data={"_csrf": self.csrf, **form}, files=files, follow_redirects=False)


def fields(page: httpx.Response) -> dict[str, Any]:
    """What a browser would send of the page's main form, unchanged."""
    body = page.text.split('class="write"', 1)[1].split("</form>", 1)[0]
    out: dict[str, Any] = {}

    def add(name: str, value: str) -> None:
        out[name] = [*out[name], value] if name in out else [value]

    for tag in re.findall(r"<input [^>]*>", body):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        name, kind = attributes.get("name", ""), attributes.get("type", "text")
        if not name or name == "_csrf" or re.search(r"\bdisabled\b", tag):
            continue
        if kind in ("checkbox", "radio") and not re.search(r"\bchecked\b", tag):
            continue
        add(name, unescape(attributes.get("value", "")))
    for name, value in re.findall(r'<textarea [^>]*?name="([^"]+)"[^>]*>(.*?)</textarea>', body, re.S):
        add(name, unescape(value))
    for name, options in re.findall(r'<select [^>]*?name="([^"]+)"[^>]*>(.*?)</select>', body, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        add(name, unescape(chosen[1]) if chosen else "")
    return out


@pytest.fixture
def people(world: World) -> World:  # noqa: F811
    """anna writes and may see much, bob reads little, dora administers."""
    world.person("anna", "ALLIANCE SECRET for FIN", "analyst")
    world.person("bob", "ALLIANCE UNCLASSIFIED for FIN", "reader")
    world.person("dora", "ALLIANCE RESTRICTED for FIN", "administrator")
    world.clock.tick(10_000_000)  # a clearance begins a moment after it was given
    return world


@pytest.fixture
def browser(people: World) -> Iterator[Callable[[str], Browser]]:
    node = people.node
    limits = Limits(requests_per_minute_anonymous=100_000)
    made: list[TestClient[Any]] = []

    def sign_in(name: str) -> Browser:
        app = site(node, Authentication(node.access, node.clock, limits), limits)
        client: TestClient[Any] = TestClient(app=app, base_url="http://testserver.local")
        client.headers["accept"] = "text/html"
        client.__enter__()
        made.append(client)
        secret = node.accounts.links.create(node.accounts.get(name).id)
        answer = client.post(f"/signin/link/{secret}", follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return Browser(client)

    yield sign_in
    for client in made:
        client.__exit__(None, None, None)


__all__ = ["START"]
