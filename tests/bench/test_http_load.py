"""The load generator, against a small server of the standard library on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from benchmarks.http_load import Client, LoadFault, drive, expect, get, once, post


class Echo(BaseHTTPRequestHandler):
    """Answers with the path and the body, framed as the path asks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/silent":
            threading.Event().wait(3)
        length = int(self.headers.get("content-length", 0))
        body = self.path.encode() + b"|" + self.rfile.read(length)
        if self.path == "/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
            self.close_connection = True
            return
        self.send_response(404 if self.path == "/absent" else 200)
        if self.path == "/chunks":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in (b"one", b"0\r\n\r\n", b"x" * 70_000):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
            return
        if self.path == "/close":
            self.send_header("Connection", "close")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ("127.0.0.1", server.server_address[1])
        server.shutdown()


def test_a_large_body_goes_out_and_comes_back(address: tuple[str, int]) -> None:
    body = bytes(range(256)) * 20_000
    assert once(address, post("/echo", body)).body == b"/echo|" + body


def test_chunks_are_joined(address: tuple[str, int]) -> None:
    assert once(address, get("/chunks")).body == b"one0\r\n\r\n" + b"x" * 70_000


def test_clients_run_at_once_and_each_gets_its_own_answers(address: tuple[str, int]) -> None:
    seen: dict[int, list[bytes]] = {number: [] for number in range(8)}

    def client(number: int) -> Client:
        for turn in range(5):
            path = "/close" if turn == 2 else f"/{number}/{turn}"
            seen[number].append((yield get(path)).body)

    assert drive(address, [client(number) for number in seen]) > 0
    for number, bodies in seen.items():
        turns = [f"/{number}/{turn}|".encode() for turn in range(5)]
        turns[2] = b"/close|"
        assert bodies == turns


def test_a_silent_server_is_a_fault(address: tuple[str, int]) -> None:
    with pytest.raises(LoadFault, match="not finished"):
        once(address, get("/silent"), timeout=0.2)


def test_half_an_answer_is_a_fault(address: tuple[str, int]) -> None:
    with pytest.raises(LoadFault, match="closed the connection"):
        once(address, get("/cut"), timeout=2)


def test_an_unexpected_status_is_a_fault(address: tuple[str, int]) -> None:
    answer = once(address, get("/absent"))
    assert expect(answer, 404) is answer
    with pytest.raises(LoadFault, match="404"):
        expect(answer, 200, 202)
