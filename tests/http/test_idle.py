"""How long a connection lives between two requests, and during a slow one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import uvicorn

from foedus.config import Limits
from foedus.faces.http.connections import bounded

IDLE = 0.6  # seconds
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def slow(scope: Any, receive: Any, send: Any) -> None:
    """Answers `/slow` after longer than a connection may be idle."""
    await asyncio.sleep(1.5 * IDLE if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(slow, http=bounded(Limits()), lifespan="off", log_config=None)
    config.timeout_keep_alive = IDLE  # type: ignore[assignment]
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
    finally:
        server.should_exit = True
        await task


async def answered(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200") and await reader.readexactly(2) == b"ok"


async def test_an_idle_connection_is_closed_and_a_used_one_is_not() -> None:
    async with connected() as (reader, writer):
        started = asyncio.get_running_loop().time()
        for _ in range(5):
            await asyncio.sleep(0.5 * IDLE)
            writer.write(REQUEST)
            assert await answered(reader)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        lived = asyncio.get_running_loop().time() - started
        assert lived >= 3.4 * IDLE, "it was counted from the last answer on"


async def test_a_slow_answer_is_not_idleness() -> None:
    async with connected() as (reader, writer):
        writer.write(REQUEST)
        assert await answered(reader)
        await asyncio.sleep(0.5 * IDLE)
        writer.write(REQUEST.replace(b"/ ", b"/slow "))
        assert await answered(reader)
        writer.write(REQUEST * 3)  # before the first of them is answered
        assert [await answered(reader) for _ in range(3)] == [True] * 3
