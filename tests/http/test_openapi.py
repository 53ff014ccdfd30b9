"""The HTTP API against its own OpenAPI document: no 5xx for schemathesis, one shape of errors, nothing undocumented."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.process import NodeFolder, Server, bundle, indicator


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NodeFolder, Server]]:
    node = NodeFolder.make(tmp_path_factory.mktemp("http") / "fin")
    node.add("anna", "ALLIANCE SECRET for FIN")
    node.add("carl", "ALLIANCE SECRET for FIN", "auditor")
    source = node.data.with_name("some.json")
    source.write_bytes(bundle(*(indicator(n) for n in range(5))))
    node.here("import", source, "--label", "ALLIANCE SECRET").done()
    with node.up() as server:
        yield node, server


def document(node: NodeFolder, server: Server) -> dict[str, Any]:
    answer = httpx.get(f"{server.url}/api/schema/openapi.json", headers=bearer(node, "anna"), timeout=30)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearer(node: NodeFolder, name: str) -> dict[str, str]:
    return {"authorization": f"Bearer {node.tokens[name]}"}


def operations(found: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in found["paths"].items()
        if path.startswith("/api/")
        for method, operation in methods.items()
    ]


def test_every_operation_of_the_api_is_documented(served: tuple[NodeFolder, Server]) -> None:
    found = operations(document(*served))
    assert len(found) > 15
    for method, path, operation in found:
        assert operation.get("summary"), (method, path)
        assert operation.get("operationId"), (method, path)
        assert any(code.startswith("2") for code in operation["responses"]), (method, path)
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["anna", "carl"])
def test_schemathesis_finds_no_fault_of_ours(served: tuple[NodeFolder, Server], name: str) -> None:
    node, server = served
    found = document(node, server)
    schema = schemathesis.openapi.from_dict(found)
    schema.config.base_url = server.url
    headers = bearer(node, name)
    tried = 0
    faults: list[str] = []

    def one(case: Any) -> None:
        nonlocal tried
        tried += 1
        answer = case.call(headers=headers, timeout=20)
        if answer.status_code >= 500:
            faults.append(f"{case.method} {case.formatted_path} {case.query} {case.body!r}: {answer.text[:300]}")
        if answer.status_code >= 400:
            body = answer.json()
            assert {"error", "message"} <= set(body), (case.formatted_path, body)
            report = {"total", "stored", "known", "refused", "notices", "labels", "seconds"}  # of an import
            assert set(body) <= {"error", "message", "hint", "faults"} | report, body

    quick = settings(
        max_examples=40 if name == "anna" else 5,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    for result in schema.get_all_operations():
        operation = result.ok()
        if not operation.path.startswith("/api/"):
            continue
        quick(given(case=operation.as_strategy())(one))()
    assert not faults, f"{len(faults)} answers of 5xx\n" + "\n".join(faults[:8])
    assert tried > 100


ODD = st.dictionaries(
    st.sampled_from(
        ["q", "type", "limit", "offset", "order", "originator", "label", "lang", "cursor", "kind", "before"]
    ),
    st.text(max_size=30) | st.integers().map(str) | st.sampled_from(["", "-1", "0", "null", "\x00", "%", "🛰", "2026"]),
    max_size=5,
)
PATHS = st.sampled_from(["/api/search", "/api/records", "/api/releases", "/api/labels/choices", "/api/me"])


def test_odd_queries_are_answered_in_one_shape(served: tuple[NodeFolder, Server]) -> None:
    node, server = served
    with httpx.Client(base_url=server.url, headers=bearer(node, "anna"), timeout=20) as client:

        @settings(max_examples=120, deadline=None, database=None, derandomize=True)
        @given(PATHS, ODD)
        def ask(path: str, query: dict[str, str]) -> None:
            answer = client.get(path, params=query)
            assert answer.status_code < 500, (path, query, answer.text)
            if answer.status_code >= 400:
                assert {"error", "message"} <= set(answer.json()), (path, query, answer.text)

        ask()


BODIES = {
    "empty": b"",
    "not json": b"{",
    "null": b"null",
    "list": b"[]",
    "utf-16": '{"objects":[]}'.encode("utf-16"),
    "bad utf-8": b'{"objects":[{"a":"\xff"}]}',
    "deep": b'{"objects":' + b"[" * 100_000,
    "twice": b'{"objects":[{"type":"indicator","type":"malware"}]}',
    "label twice": b'{"objects":[{}],"label":"ALLIANCE UNCLASSIFIED","label":"ALLIANCE SECRET"}',
    "surrogate": b'{"objects":[{"name":"\\ud800"}]}',
    "huge number": b'{"objects":[{"x":1e999}]}',
    "inexact": b'{"objects":[{"x":12345678901234567890}]}',
    "unknown": b'{"objects":[{}],"who":1}',
    "no objects": b'{"objects":[]}',
    "wrong": b'{"objects":[1]}',
}


@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("path", ["/api/records", "/api/import", "/api/labels/check"])
def test_bad_bodies_are_refused_in_one_shape(served: tuple[NodeFolder, Server], path: str, what: str) -> None:
    node, server = served
    headers = {**bearer(node, "anna"), "content-type": "application/json"}
    answer = httpx.post(server.url + path, content=BODIES[what], headers=headers, timeout=20)
    if path == "/api/import" and what in ("no objects",):
        assert answer.status_code in (200, 422)
        return
    assert 400 <= answer.status_code < 500, answer.text
    body = answer.json()
    faults = body["faults"]
    assert faults and all(fault["message"] for fault in faults)
    assert {"error", "message"} <= set(body)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nowhere", 404),
        ("PUT", "/api/me", 405),
        ("GET", "/api/records/not-an-id", 404),
        ("GET", "/api/records/indicator--00000000-0000-4000-8000-999999999999", 404),
        ("GET", "/api/records/indicator--00000000-0000-4000-8000-999999999999/proof", 403),
        ("GET", "/api/releases", 403),
        ("DELETE", "/api/records/indicator--00000000-0000-4000-8000-999999999999", 404),
        ("POST", "/api/d/intelligence/no-such-verb", 404),
    ],
)
def test_errors_have_one_shape(served: tuple[NodeFolder, Server], method: str, path: str, status: int) -> None:
    node, server = served
    answer = httpx.request(method, server.url + path, headers=bearer(node, "anna"), timeout=20)
    assert answer.status_code == status, answer.text
    assert {"error", "message"} <= set(answer.json()), answer.text
    anonymous = httpx.request(method, server.url + path)
    assert anonymous.status_code == 401
    assert anonymous.json()["error"] == "not-authenticated"
    assert anonymous.headers["www-authenticate"].startswith("Bearer")
