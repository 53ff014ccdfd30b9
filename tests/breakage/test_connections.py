"""Clients that send nothing, drip, send endless headers or never read: they are let go, and others do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import uvicorn

from foedus.config import Limits
from foedus.faces.http.connections import bounded
from tests.process import NodeFolder

QUICK = Limits(
    max_connections=20,
    max_head_bytes=4_096,
    head_seconds=0.4,
    body_seconds=0.4,
    write_seconds=0.5,
    max_content_length=1,
)
HALVES = (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx")


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body, then answers 16 MB to `/large`, and its length to everybody else."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/large":
        for _ in range(16):
            await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
    await send({"type": "http.response.body", "body": str(size).encode()})


@contextlib.asynccontextmanager
async def serving(limits: Limits) -> AsyncIterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(answer, http=bounded(limits), lifespan="off", log_config=None, timeout_keep_alive=5)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
        await asyncio.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def closed(reader: asyncio.StreamReader, within: float) -> bool:
    """Whether the server ends the connection in time."""
    try:
        async with asyncio.timeout(within):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


async def ask(port: int, path: str = "/") -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(10):
        data = await reader.read()
    writer.close()
    return data


async def test_who_sends_nothing_or_half_a_request_is_let_go() -> None:
    async with serving(QUICK) as port:
        for start in HALVES:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(start)
            assert await closed(reader, 3), start


async def test_dripping_does_not_lengthen_the_time() -> None:
    async with serving(QUICK) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
        started = time.monotonic()

        async def drip() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await closed(reader, 3)
        assert time.monotonic() - started < 2
        dripping.cancel()


async def test_a_second_request_of_a_connection_is_timed_too() -> None:
    async with serving(QUICK) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            await reader.readuntil(b"0\r\n\r\n")  # the end of the body
        writer.write(b"GET / HT")
        assert await closed(reader, 3)


async def test_an_endless_head_is_cut() -> None:
    async with serving(replace(QUICK, head_seconds=30)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + b"A: " + b"b" * 5_000)
        assert await closed(reader, 3)


async def test_who_never_reads_the_answer_is_let_go() -> None:
    async with serving(QUICK) as port:
        before = psutil.Process().num_fds()
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1.5)
        assert psutil.Process().num_fds() <= before + 1, "the server's end is still open"
        sock.close()
        assert len(await ask(port, "/large")) > 16_000_000, "whoever reads gets all of it"


async def test_connections_are_bounded_in_number() -> None:
    async with serving(replace(QUICK, head_seconds=1.0)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(60)]
        await asyncio.sleep(0.2)
        ended = sum([await closed(reader, 0.01) for reader, _ in held])
        assert ended >= 40
        await asyncio.sleep(1.2)
        assert (await ask(port)).startswith(b"HTTP/1.1 200"), "room again, once the idle ones are gone"


@pytest.mark.slow
def test_ten_thousand_idle_connections(tmp_path: Path) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 11_000:
        pytest.skip("this shell may not open 10,000 files (ulimit -n)")
    node = NodeFolder.make(tmp_path / "fin")
    with node.up() as server:
        process = psutil.Process(server.process.pid)
        held = []
        for _ in range(10_000):
            held.append(socket.create_connection(("127.0.0.1", server.port)))
        time.sleep(1)
        assert process.num_fds() < Limits().max_connections + 200
        assert process.memory_info().rss < 400_000_000
        time.sleep(Limits().head_seconds + 1)
        server.wait_ready(5)
        assert process.num_fds() < 200
        for one in held:
            one.close()
        assert server.stop() == 0
