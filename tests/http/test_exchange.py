"""An answer on the wire: framing, how many writes it takes, and what an application that breaks the rules gets."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from foedus.faces.http.exchange import Exchange

START = {"type": "http.response.start", "status": 200}
Header = tuple[bytes, bytes]


class Wire(asyncio.Transport):
    """What was written, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.writes.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def exchange(wire: Wire, method: str = "GET", *, keep_alive: bool = True) -> Exchange:
    return Exchange(
        scope={"type": "http", "method": method},  # type: ignore[arg-type,typeddict-item]
        transport=wire,
        flow=FlowControl(wire),
        logger=logging.getLogger("test"),
        access_logger=logging.getLogger("test"),
        access_log=False,
        default_headers=[(b"date", b"today")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )


def body(data: bytes, *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def sent(
    *messages: dict[str, Any], headers: list[Header], method: str = "GET", keep_alive: bool = True
) -> list[bytes]:
    wire = Wire()
    one = exchange(wire, method, keep_alive=keep_alive)
    for message in ({**START, "headers": headers}, *messages):
        await one.send(message)
    assert one.response_complete
    assert wire.closed is not one.keep_alive
    return wire.writes


async def test_an_answer_of_known_length_is_one_write() -> None:
    length = (b"content-length", b"2")
    assert await sent(body(b"ok"), headers=[length]) == [
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\nok"
    ]
    assert await sent(body(b"o", more=True), body(b"k"), headers=[length]) == [
        b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\no",
        b"k",
    ]
    head = await sent(body(b"ok"), headers=[length], method="HEAD")
    assert head == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 2\r\n\r\n"]
    empty = await sent(body(b""), headers=[(b"content-length", b"0")])
    assert empty == [b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 0\r\n\r\n"]


async def test_the_head_of_a_stream_leaves_before_its_first_part() -> None:
    head = b"HTTP/1.1 200 OK\r\ndate: today\r\ntransfer-encoding: chunked\r\n\r\n"
    assert await sent(body(b"ab", more=True), body(b""), headers=[]) == [head, b"2\r\nab\r\n", b"0\r\n\r\n"]
    assert await sent(body(b"abc"), headers=[(b"transfer-encoding", b"chunked")]) == [head, b"3\r\nabc\r\n0\r\n\r\n"]


async def test_a_connection_that_ends_says_so_once() -> None:
    length = (b"content-length", b"0")
    for headers, keep in (([length, (b"connection", b"Close")], True), ([length], False)):
        (written,) = await sent(body(b""), headers=headers, keep_alive=keep)
        assert written.lower().count(b"connection: close\r\n") == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"x", b"a\r\nset-cookie: b"),
        (b"x", b"a\nb"),
        (b"x", b"\x00"),
        (b"x\r\ny", b"a"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"x", b"a\n"),
    ],
)
async def test_no_header_can_begin_another(header: Header) -> None:
    wire = Wire()
    with pytest.raises(RuntimeError):
        await exchange(wire).send({**START, "headers": [header]})
    assert wire.writes == []


@pytest.mark.parametrize("wrong", [[body(b"abc")], [body(b"a")], [START], [body(b"ab"), body(b"")]])
async def test_an_application_out_of_turn_or_of_step_is_stopped(wrong: list[dict[str, Any]]) -> None:
    one = exchange(Wire())
    await one.send({**START, "headers": [(b"content-length", b"2")]})
    with pytest.raises(RuntimeError):
        for message in wrong:
            await one.send(message)


async def test_nothing_is_written_to_a_client_who_has_left() -> None:
    wire = Wire()
    one = exchange(wire)
    one.disconnected = True
    await one.send({**START, "headers": []})
    await one.send(body(b"ok"))
    assert wire.writes == []
