"""Whose address counts behind a proxy."""

from __future__ import annotations

from typing import Any

import pytest

from foedus.faces.http.forwarded import Forwarded

FOR, PROTO = (b"x-forwarded-for", b"203.0.113.7"), (b"x-forwarded-proto", b"https")
HOST = (b"host", b"node.example")


@pytest.mark.parametrize(
    ("caller", "headers", "client", "scheme"),
    [
        ("127.0.0.1", [HOST], "127.0.0.1", "http"),
        ("127.0.0.1", [HOST, FOR, PROTO], "203.0.113.7", "https"),
        ("127.0.0.1", [FOR], "203.0.113.7", "http"),
        ("127.0.0.1", [PROTO], "127.0.0.1", "https"),
        ("198.51.100.9", [HOST, FOR, PROTO], "198.51.100.9", "http"),
    ],
)
async def test_only_a_proxy_on_this_machine_is_believed(
    monkeypatch: pytest.MonkeyPatch, caller: str, headers: list[tuple[bytes, bytes]], client: str, scheme: str
) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    scope = {"type": "http", "client": (caller, 4), "scheme": "http", "headers": headers}
    await Forwarded(app)(scope, nothing, nothing)
    assert seen == [(client, scheme)]
