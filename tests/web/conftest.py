"""The node that the pages' tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from .chromium import ARGUMENTS, CHROMIUM
from .coalition import HIGH, INDICATOR, MALWARE, PLACE, REPORT, SECRET_REPORT, USES, World, link, start


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One node for all tests that do not change what others read."""
    made, server, thread = start(tmp_path_factory.mktemp("web"))
    made.publish(MALWARE, INDICATOR, REPORT, USES, PLACE)
    made.publish(SECRET_REPORT, label=HIGH)
    yield made
    server.should_exit = True
    server.force_exit = True
    thread.join(10)
    made.node.close()


@pytest.fixture(scope="session")
def clients(world: World) -> dict[str, httpx.Client]:
    """One signed-in browser a person, for tests that only read."""
    return {name: world.client(name) for name in ("anna", "rolf", "iris", "ned")}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def signed_in(browser: Any, world: World) -> Iterator[Callable[..., Any]]:
    """Open a signed-in page; at the end no page has said anything in the console."""
    said: list[str] = []
    contexts = []

    def open_page(name: str = "anna", *, width: int = 1440, dark: bool = False) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            base_url=world.url,
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: said.append(str(e)))
        page.goto(f"/signin/link/{link(world.node, name)}")
        page.click("main form button")
        page.wait_for_url("**/")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
