"""The node that the pages' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from .coalition import HIGH, INDICATOR, MALWARE, PLACE, REPORT, SECRET_REPORT, USES, World, start


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
