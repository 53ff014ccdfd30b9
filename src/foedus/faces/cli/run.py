"""Runs an operation where it belongs: in this process when no server holds the folder, else over its socket."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from foedus.config import Settings
from foedus.kernel.errors import Busy, FoedusError
from foedus.node.answers import Progress
from foedus.node.node import Node
from foedus.node.operations import OPERATIONS

Emit = Callable[[Progress], None]


class Told(FoedusError):
    """An error that a server told us; it keeps its code, its faults and its exit code."""

    def __init__(self, told: dict[str, Any], exit_code: int) -> None:
        super().__init__(str(told.get("message", "refused")), hint=str(told.get("hint", "")))
        self.told = told
        self.told_exit = exit_code

    def as_dict(self) -> dict[str, Any]:
        return self.told


def run(
    settings: Settings, name: str, arguments: dict[str, Any], body: bytes, emit: Emit, out: BinaryIO | None = None
) -> dict[str, Any]:
    """The operation's answer. Chunks of an export go to `out`. Raises FoedusError."""
    socket = settings.data / "run" / "foedus.sock"
    try:
        node = Node.open(settings)
    except Busy:
        if not socket.exists():
            raise
        return _ask(socket, name, arguments, body, emit, out)
    try:
        answer = OPERATIONS[name](node, arguments, body, emit)
        if isinstance(answer, Iterator):
            for chunk in answer:
                if out is not None:
                    out.write(chunk)
            return {}
        return answer
    finally:
        node.close()


def _ask(
    socket: Path, name: str, arguments: dict[str, Any], body: bytes, emit: Emit, out: BinaryIO | None
) -> dict[str, Any]:
    import httpx  # a seventh of a second that most commands can do without

    transport = httpx.HTTPTransport(uds=str(socket))
    headers = {"x-foedus-arguments": base64.b64encode(msgspec.json.encode(arguments)).decode()}
    try:
        with (
            httpx.Client(transport=transport, timeout=None, trust_env=False) as client,  # noqa: S113 - long work
            client.stream("POST", f"http://node/operation/{name}", content=body, headers=headers) as response,
        ):
            return _read(response.iter_raw(), emit, out)
    except httpx.HTTPError as error:
        raise Busy("the server holds the node's folder but does not answer", hint="is it stopping?") from error


def _read(chunks: Iterator[bytes], emit: Emit, out: BinaryIO | None) -> dict[str, Any]:
    buffer = bytearray()
    waiting = 0  # bytes of an export that are still to come
    for chunk in chunks:
        buffer += chunk
        while buffer:
            if waiting:
                part = bytes(buffer[:waiting])
                del buffer[: len(part)]
                waiting -= len(part)
                if out is not None:
                    out.write(part)
                continue
            end = buffer.find(b"\n")
            if end < 0:
                break
            line = msgspec.json.decode(bytes(buffer[:end]))
            del buffer[: end + 1]
            if "progress" in line:
                emit(Progress(**line["progress"]))
            elif "bytes" in line:
                waiting = int(line["bytes"])
            elif "error" in line:
                raise Told(line["error"], int(line.get("exit", 1)))
            else:
                result: dict[str, Any] = line["result"]
                return result
    raise Busy("the server ended the connection before it answered", hint="see its log")
