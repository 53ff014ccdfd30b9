"""The peers run as the benchmarks think they do; skipped where they are not installed (`make bench` does that)."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import psutil
import pytest
from benchmarks import decisions, servers
from benchmarks.environment import LOCK
from benchmarks.http_load import LoadFault, drive, get, once
from benchmarks.servers import Server
from benchmarks.taxii_clients import Tally, poster, walker

from foedus.kernel.label import TagType
from foedus.kernel.spif import read_policy


def malware(number: int) -> bytes:
    made = {
        "type": "malware",
        "spec_version": "2.1",
        "id": f"malware--{number:08x}-5ffe-4581-af9a-6a54c7536f44",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "name": f"malware {number}",
        "is_family": False,
    }
    return json.dumps(made).encode()


@pytest.mark.parametrize("start", [lambda python: servers.opentaxii(python, 1), servers.medallion])
def test_a_peer_takes_objects_gives_them_back_and_is_stopped(
    peers: Path, start: Callable[[Path], AbstractContextManager[Server]]
) -> None:
    bodies = [b'{"objects":[' + b",".join(malware(n + 20 * k) for n in range(20)) + b"]}" for k in range(2)]
    with start(peers) as server:
        pids = [process.pid for process in server.tree()]
        drive(server.address, [poster(server, bodies, [20, 20], Tally())])
        for decode in (True, False):
            tally = Tally()
            drive(server.address, [walker(server, server.authorization, tally, decode, limit=15)])
            assert len(tally.seconds) == 3
            assert len(set(tally.ids)) == (40 if decode else 0)
        assert server.cpu_seconds() > 0
        assert server.memory()[0] >= server.memory()[1] > 0
        assert once(server.address, get(server.objects)).status == 401
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not server.folder.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(server.address) != 0


def test_objects_that_a_peer_lost_are_noticed(peers: Path) -> None:
    from benchmarks.pageout import read_all

    with servers.medallion(peers) as server:
        drive(server.address, [poster(server, [b'{"objects":[' + malware(1) + b"]}"], [1], Tally())])
        with pytest.raises(LoadFault, match="lost 1 of 2"):
            read_all(server, {json.loads(malware(n))["id"] for n in (1, 2)})


@pytest.fixture(scope="module")
def question() -> decisions.Question:
    return decisions.drawn(read_policy(decisions.policy_file().read_bytes()), 20_000)


def test_labels_are_distinct_valid_and_of_every_outcome(question: decisions.Question) -> None:
    assert len(set(question.labels)) == decisions.DISTINCT
    assert not any(question.policy.faults(label, new=True) for label in question.labels)
    _, mask, permitted = decisions.ours(question, prepared=False)
    assert 0.02 < permitted.mean() < 0.98
    assert np.array_equal(mask, permitted[question.records])


def test_our_decisions_equal_plain_sets(question: decisions.Question) -> None:
    """The question as it is put to the peers, decided by the published rules with sets alone."""
    plain = decisions.plain(question, question.records[:10])
    tags, clearance, labels = plain["tags"], plain["clearance"], plain["labels"]
    assert isinstance(tags, list)
    assert isinstance(clearance, dict)
    assert isinstance(labels, list)

    def permitted(label: dict[str, list[list[str]]]) -> bool:
        for tag, mine, theirs in zip(tags, clearance["tags"], label["tags"], strict=True):
            held, wanted = set(mine), set(theirs)
            restrictive = tag["type"] == TagType.RESTRICTIVE
            if wanted and not (wanted <= held if restrictive else wanted & held):
                return False
        return label["classification"] in clearance["classifications"]

    assert decisions.ours(question, prepared=False)[2].tolist() == [permitted(label) for label in labels]


@pytest.mark.parametrize("name", ["cedar", "casbin"])
def test_the_peers_decide_alike(peers: Path, question: decisions.Question, name: str) -> None:
    permitted = decisions.ours(question, prepared=False)[2]
    assert decisions.peer(peers, name, question, permitted, 500) > 0
    wrong = permitted.copy()
    wrong[7] = not wrong[7]
    with pytest.raises(LoadFault, match="differ"):
        decisions.peer(peers, name, question, wrong, 500)


def test_the_lock_pins_by_hash_and_names_no_host() -> None:
    text = LOCK.read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    pinned = [line for line in text.splitlines() if "==" in line]
    assert all(line.endswith("\\") for line in pinned)
    assert {"opentaxii==0.9.3", "medallion==3.0.0"} <= {line.split(" ")[0] for line in pinned}
