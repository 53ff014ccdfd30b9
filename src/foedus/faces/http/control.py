"""The operator's socket: a Unix socket in the node's folder over which the command line asks a running server.

Whoever can open it can read the folder itself, so there is no further credential. One route:

    POST /operation/{name}   X-Foedus-Arguments: base64(JSON)   body: the file, where the operation takes one

The answer is lines of JSON: {"progress": …} as often as needed, then {"result": …} or {"error": …}; for exports the
line {"bytes": n} comes before each chunk of n bytes.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from foedus.config import Limits
from foedus.kernel.errors import FoedusError, NotFound, TooLarge
from foedus.node.answers import Progress
from foedus.node.node import Node
from foedus.node.operations import OPERATIONS

_log = logging.getLogger("foedus.control")
_encode = msgspec.json.encode
_END = object()

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class ControlApp:
    """ASGI application for the operator's socket."""

    def __init__(self, node: Node, limits: Limits) -> None:
        self._node = node
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path"].removeprefix("/operation/")
        arguments = next((v for k, v in scope["headers"] if k.lower() == b"x-foedus-arguments"), b"")
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/x-ndjson")]}
        )
        lines: asyncio.Queue[Any] = asyncio.Queue(maxsize=64)
        loop = asyncio.get_running_loop()

        def put(value: Any) -> None:
            asyncio.run_coroutine_threadsafe(lines.put(value), loop).result()

        try:
            body = await self._body(receive)
        except FoedusError as error:
            await send(
                {"type": "http.response.body", "body": _line({"error": error.as_dict(), "exit": error.exit_code})}
            )
            return
        work = asyncio.create_task(asyncio.to_thread(self._work, name, arguments, body, put))
        while (chunk := await lines.get()) is not _END:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await work
        await send({"type": "http.response.body", "body": b""})

    def _work(self, name: str, arguments: bytes, body: bytes, put: Callable[[Any], None]) -> None:
        def emit(progress: Progress) -> None:
            put(_line({"progress": msgspec.to_builtins(progress)}))

        try:
            operation = OPERATIONS.get(name)
            if operation is None:
                raise NotFound
            given = msgspec.json.decode(base64.b64decode(arguments)) if arguments else {}
            answer = operation(self._node, given, body, emit)
            if isinstance(answer, Iterator):
                for chunk in answer:
                    put(_line({"bytes": len(chunk)}) + chunk)
                answer = {}
            put(_line({"result": answer}))
        except FoedusError as error:
            put(_line({"error": error.as_dict(), "exit": error.exit_code}))
        except Exception:
            _log.exception("operation %s", name)
            put(_line({"error": {"error": "internal", "message": "a fault of ours; see the server's log"}, "exit": 1}))
        finally:
            put(_END)

    async def _body(self, receive: Receive) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._limits.max_import_file:
                raise TooLarge([], f"a file may hold {self._limits.max_import_file} bytes (max_import_file)")
            chunks.append(chunk)
            if not message.get("more_body"):
                return b"".join(chunks)


def _line(value: dict[str, Any]) -> bytes:
    return _encode(value) + b"\n"
