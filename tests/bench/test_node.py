"""How the benchmarks find their way around a node: discovery, progress of projections, rates over time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from benchmarks import bignode, ingest
from benchmarks.decisions import NOW, policy_file
from benchmarks.http_load import LoadFault
from benchmarks.servers import Server, everything
from benchmarks.taxii_clients import Tally

from foedus.kernel.clearancetext import read_clearance
from foedus.kernel.labeltext import read_label
from foedus.kernel.policy import decide
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy
from foedus.kernel.stixmarking import marking_for, meaning

Answers = dict[str, list[Any]]  # path -> what is answered in turn, the last one for ever


@pytest.fixture
def answers() -> Answers:
    return {}


@pytest.fixture
def server(answers: Answers) -> Iterator[Server]:
    """A server of the standard library that answers as the test says; its process is a Python that waits."""

    class Scripted(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            turns = answers.get(self.path.partition("?")[0], [])
            body = json.dumps((turns.pop(0) if len(turns) > 1 else turns[0]) if turns else None).encode()
            self.send_response(200 if turns else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as http:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, daemon=True).start()
        process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        yield Server("node", ("127.0.0.1", http.server_address[1]), process, Path(), "/objects/")
        process.communicate(b"\n")
        http.shutdown()


def test_the_writable_collection_of_everything_is_found(server: Server, answers: Answers) -> None:
    answers["/taxii2/"] = [{"default": "http://127.0.0.1/taxii2/api/", "api_roots": ["/other/"]}]
    answers["/taxii2/api/collections/"] = [
        {
            "collections": [
                {"id": "1", "title": "Everything that is public", "can_write": False},
                {"id": "2", "title": "Cyber", "can_write": True},
                {"id": "3", "title": "Everything you may read", "can_write": True},
            ]
        }
    ]
    assert everything(server.address, "Bearer x") == "/taxii2/api/collections/3/objects/"


def test_without_a_writable_collection_there_is_nothing_to_measure(server: Server, answers: Answers) -> None:
    answers["/taxii2/"] = [{"api_roots": ["/taxii2/api/"]}]
    answers["/taxii2/api/collections/"] = [{}]
    with pytest.raises(LoadFault, match="accepts POST"):
        everything(server.address, "")


def test_projections_are_waited_for_where_the_node_tells_of_them(server: Server, answers: Answers) -> None:
    answers["/healthz"] = [{"journal": 9, "projected": seen} for seen in (3, 8, 9)]
    ingest.wait_projected(server, "note--1")
    assert len(answers["/healthz"]) == 1


def test_otherwise_the_last_object_is_looked_for(server: Server, answers: Answers) -> None:
    answers["/healthz"] = [{"status": "ready"}]
    answers["/objects/"] = [{}, {"objects": []}, {"objects": [{"id": "note--1"}]}]
    ingest.wait_projected(server, "note--1")
    assert len(answers["/objects/"]) == 1


def test_projections_that_never_catch_up_are_a_fault(
    server: Server, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "STALLED", 0.1)
    answers["/healthz"] = [{"journal": 9, "projected": 3}]
    with pytest.raises(LoadFault, match="stand still at 3 of 9"):
        ingest.wait_projected(server, "note--1")


def test_the_second_reader_may_see_one_label_and_the_first_both() -> None:
    policies = PolicySet([read_policy(policy_file().read_bytes())])
    cleared = {name: read_clearance(text, policies) for name, text in bignode.READERS.items()}
    labels = {name: read_label(text, policies) for name, text in bignode.LABELS.items()}
    for reader, label, permit in (("anna", "anna", 1), ("anna", "few", 1), ("few", "few", 1), ("few", "anna", 0)):
        assert decide([labels[label]], cleared[reader], policies, NOW).permit is bool(permit)
    marks = {name: bignode.marking(text) for name, text in bignode.LABELS.items()}
    for name, label in labels.items():
        assert meaning(marking_for(label, policies)).labels == (label,)
        assert marks[name] == marking_for(label, policies)["id"]


def test_a_leak_and_a_loss_are_noticed(server: Server, answers: Answers) -> None:
    server.readers["few"] = "Bearer x"
    answers["/objects/"] = [{"more": False, "objects": [{"id": "note--1"}, {"id": "marking-definition--2"}]}]
    bignode.check_released(server, {"note--1"})
    for released in (set(), {"note--1", "note--3"}):
        with pytest.raises(LoadFault, match="released"):
            bignode.check_released(server, released)


def test_the_late_rate_looks_at_the_last_envelopes_of_all_clients() -> None:
    slow = [float(n) for n in range(10)]  # one envelope a second
    fast = [9.0 + n / 10 for n in range(1, 21)]  # then ten a second, from two clients
    tallies = [Tally(ends=[*slow, *fast[::2]]), Tally(ends=fast[1::2])]
    assert bignode.late_rate(tallies, 20) == pytest.approx(10_000)
