"""Waiting for the writer in an event loop."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from foedus.faces.taxii.statuses import StatusIds
from foedus.node.clock import SystemRandom
from foedus.node.commits import Commits, Promise


def test_one_wake_up_serves_all_that_one_commit_fulfils() -> None:
    futures: list[Future[int]] = [Future() for _ in range(100)]
    commits = Commits()
    wakes = 0

    async def everything() -> list[int]:
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe

        def counted(*arguments: Any) -> Any:
            nonlocal wakes
            wakes += 1
            return wake(*arguments)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign]
        waiting = [asyncio.create_task(commits.result(future)) for future in futures]
        await asyncio.sleep(0)
        for number, future in enumerate(futures):  # the loop is busy: nothing is released in between
            future.set_result(number)
        return list(await asyncio.gather(*waiting))

    for _ in range(2):  # in one loop after the other
        assert asyncio.run(everything()) == list(range(100))
        assert wakes == 1
        futures[:] = [Future() for _ in range(100)]
        wakes = 0


def test_results_and_faults_come_from_another_thread_and_those_who_left_are_passed_over() -> None:
    async def three() -> None:
        commits = Commits()
        good, bad, left = Future[int](), Future[int](), Future[int]()
        tasks = [asyncio.create_task(commits.result(future)) for future in (good, bad, left)]
        await asyncio.sleep(0)
        tasks[2].cancel()

        def fulfil() -> None:
            left.set_result(0)
            bad.set_exception(OSError("full"))
            good.set_result(7)

        threading.Thread(target=fulfil).start()
        assert await tasks[0] == 7
        with pytest.raises(OSError, match="full"):
            await tasks[1]
        with pytest.raises(asyncio.CancelledError):
            await tasks[2]
        assert await commits.result(good) == 7

    asyncio.run(asyncio.wait_for(three(), 10))


def test_status_ids_are_never_given_twice() -> None:
    ids = StatusIds(SystemRandom())
    drawn = [ids.next() for _ in range(1_000)]
    assert len(set(drawn)) == 1_000 and all(one[14] == "4" for one in drawn)


def test_a_promise_is_kept_or_failed_for_whoever_waits() -> None:
    kept, failed = Promise[int](), Promise[int]()
    seen: list[bool] = []
    kept.add_done_callback(lambda promise: seen.append(promise.done()))
    assert not kept.done() and seen == []
    waiting = [threading.Thread(target=lambda: seen.append(kept.result() == 7)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    kept.keep(7)
    failed.fail(OSError("full"))
    for thread in waiting:
        thread.join(10)
    kept.add_done_callback(lambda promise: seen.append(promise.done()))
    assert seen == [True] * 5 and kept.result() == 7
    with pytest.raises(OSError, match="full"):
        failed.result()
