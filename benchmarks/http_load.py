"""A load generator for HTTP/1.1 on loopback that costs little itself: one thread, non-blocking sockets, no decoding.

A client is a generator: it yields requests as bytes and is sent back each `Answer`. `drive` runs any number of
clients at once, each on a keep-alive connection of its own, and returns when all of them have finished.

    def one_page():
        answer = yield get("/healthz")
        assert answer.status == 200

    drive(("127.0.0.1", 8440), [one_page()])

Only the framing of an answer is read (status line, headers, Content-Length or chunks).
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

TAXII = "application/taxii+json;version=2.1"
Client = Generator[bytes, "Answer", None]


class LoadFault(Exception):
    """The server under test answered wrongly, not at all, or not in time."""


@dataclass(slots=True)
class Answer:
    """One response. `seconds` runs from the first byte sent to the last byte received."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes | bytearray
    seconds: float

    def text(self, most: int) -> str:
        """The start of the body, for a message."""
        return self.body[:most].decode(errors="replace")


@dataclass(slots=True)
class Connection:
    """One client's socket and where it stands in its exchange."""

    client: Client
    sock: socket.socket | None = None
    unsent: memoryview = field(default_factory=lambda: memoryview(b""))
    received: bytearray = field(default_factory=bytearray)  # the head, and a body in chunks
    head: tuple[int, dict[str, str]] | None = None
    body: bytearray | None = None  # of the announced length, filled in place: large pages are not copied
    filled: int = 0
    started: float = 0.0


def get(path: str, authorization: str = "", accept: str = TAXII) -> bytes:
    """A GET request's bytes."""
    return request("GET", path, authorization, accept)


def post(path: str, body: bytes, authorization: str = "") -> bytes:
    """The bytes of a POST of a TAXII envelope."""
    return request("POST", path, authorization, TAXII, body)


def request(method: str, path: str, authorization: str, accept: str, body: bytes = b"") -> bytes:
    """A request's bytes, keep-alive."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Accept: {accept}"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    if method == "POST":
        lines += [f"Content-Type: {TAXII}", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def drive(address: tuple[str, int], clients: Sequence[Client], timeout: float = 600.0) -> float:
    """Run the clients to their ends; returns the seconds that took. Raises LoadFault after `timeout` seconds."""
    start = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        running = [Connection(client) for client in clients]
        try:
            open_ones = sum(advance(selector, address, connection, None) for connection in running)
            while open_ones:
                if time.perf_counter() - start > timeout:
                    raise LoadFault(f"not finished after {timeout:.0f} s")
                for key, _ in selector.select(1.0):
                    if not step(selector, address, key.data):
                        open_ones -= 1
        finally:
            for connection in running:
                hang_up(selector, connection)
                connection.client.close()
    return time.perf_counter() - start


def advance(
    selector: selectors.BaseSelector, address: tuple[str, int], connection: Connection, answer: Answer | None
) -> bool:
    """Hand the client its answer and start on its next request; False when it has none."""
    try:
        wanted = next(connection.client) if answer is None else connection.client.send(answer)
    except StopIteration:
        hang_up(selector, connection)
        return False
    if connection.sock is None:
        connection.sock = socket.create_connection(address, timeout=10)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.setblocking(False)
        selector.register(connection.sock, selectors.EVENT_READ, connection)
    connection.unsent = memoryview(wanted)
    connection.received = bytearray()
    connection.head = connection.body = None
    connection.started = time.perf_counter()
    transmit(selector, connection)
    return True


def step(selector: selectors.BaseSelector, address: tuple[str, int], connection: Connection) -> bool:
    """Do what the socket is ready for; False when the client has come to its end."""
    assert connection.sock is not None
    if connection.unsent:
        transmit(selector, connection)
        if connection.unsent:
            return True
    try:
        if connection.body is not None:
            came = connection.sock.recv_into(memoryview(connection.body)[connection.filled :])
            connection.filled += came
        else:
            data = connection.sock.recv(1 << 16)
            came = len(data)
            connection.received += data
    except BlockingIOError:
        return True
    if not came:
        raise LoadFault("the server closed the connection in the middle of an answer")
    answer = complete(connection)
    if answer is None:
        return True
    if answer.headers.get("connection", "").lower() == "close":
        hang_up(selector, connection)
    return advance(selector, address, connection, answer)


def transmit(selector: selectors.BaseSelector, connection: Connection) -> None:
    """Send as much as the socket takes; ask to be woken for the rest."""
    assert connection.sock is not None
    try:
        sent = connection.sock.send(connection.unsent)
    except BlockingIOError:
        sent = 0
    connection.unsent = connection.unsent[sent:]
    events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.unsent else 0)
    if selector.get_key(connection.sock).events != events:
        selector.modify(connection.sock, events, connection)


def complete(connection: Connection) -> Answer | None:
    """The answer, once all of it has come."""
    if connection.head is None:
        end = connection.received.find(b"\r\n\r\n")
        if end < 0:
            return None
        read_head(connection, end)
    assert connection.head is not None
    body: bytes | bytearray | None = connection.body
    if body is None:
        body = dechunked(connection.received, 0)
    elif connection.filled < len(body):
        return None
    if body is None:
        return None
    return Answer(*connection.head, body, time.perf_counter() - connection.started)


def read_head(connection: Connection, end: int) -> None:
    """Status and headers; what has come of the body is put where the rest will go."""
    first, *lines = connection.received[:end].decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    connection.head = (int(first.split(" ", 2)[1]), headers)
    del connection.received[: end + 4]
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return
    connection.body = bytearray(int(headers.get("content-length", 0)))
    connection.filled = len(connection.received)
    if connection.filled > len(connection.body):
        raise LoadFault("more came than the answer announced")
    connection.body[: connection.filled] = connection.received


def dechunked(data: bytearray, start: int) -> bytes | None:
    """The body out of its chunks (RFC 9112, 7.1), or None while some are missing."""
    if not data.endswith(b"0\r\n\r\n"):
        return None
    parts: list[bytes] = []
    while True:
        line = data.find(b"\r\n", start)
        if line < 0:
            return None
        size = int(bytes(data[start:line]).partition(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        start = line + 2 + size + 2
        if start > len(data):
            return None
        parts.append(bytes(data[line + 2 : line + 2 + size]))


def hang_up(selector: selectors.BaseSelector, connection: Connection) -> None:
    """Close the socket, if it is open."""
    if connection.sock is not None:
        selector.unregister(connection.sock)
        connection.sock.close()
        connection.sock = None


def once(address: tuple[str, int], wanted: bytes, timeout: float = 60.0) -> Answer:
    """One request and its answer."""
    kept: list[Answer] = []

    def client() -> Client:
        kept.append((yield wanted))

    drive(address, [client()], timeout)
    return kept[0]


def expect(answer: Answer, *statuses: int) -> Answer:
    """The answer, or LoadFault where its status is none of these."""
    if answer.status not in statuses:
        raise LoadFault(f"status {answer.status}, expected {statuses}: {answer.text(600)}")
    return answer
