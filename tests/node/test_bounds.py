"""What one caller may ask costs a bounded amount and ends in an answer."""

from __future__ import annotations

import asyncio
import json

import pytest

from foedus.faces.taxii.statuses import Statuses
from foedus.kernel.errors import Refused
from foedus.node.live import Live
from tests.node.conftest import World, indicator


def test_streams_that_were_left_are_not_counted() -> None:
    async def leave_and_come() -> int:
        live = Live(2)
        for _ in range(5):
            waiting = asyncio.create_task(live.wait(0, 60))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        return await live.wait(0, 0.01)  # TooMany where those who left were counted

    assert asyncio.run(leave_and_come()) == 0


def test_statuses_are_bounded_by_their_bytes() -> None:
    statuses = Statuses()
    for number in range(64):
        statuses.keep("anna", str(number), b"x" * 1024 * 1024)
    kept = [number for number in range(64) if statuses.find("anna", str(number))]
    assert kept == list(range(32, 64))
    assert statuses.find("bob", "63") is None


@pytest.mark.parametrize("cursor", ["x", "x~~out", "x~fffffffffffffffff~out", "x~-1~in", "x~1~sideways", "x~1_0~in"])
def test_a_made_up_cursor_is_refused(world: World, cursor: str) -> None:
    anna = world.person("anna", "ALLIANCE SECRET for FIN")
    record = indicator(1)
    world.node.ingest(anna, json.dumps(record).encode(), "ALLIANCE UNCLASSIFIED")
    world.settle()
    with pytest.raises(Refused):
        world.node.view(anna, "http").neighbours(str(record["id"]), cursor=cursor)
