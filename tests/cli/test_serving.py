"""`foedus up` on an address that others can reach says what that means, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from foedus.config import Settings
from foedus.faces.cli.app import app, is_loopback


@pytest.mark.parametrize(
    ("host", "quiet"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.3.2.1", True), ("0.0.0.0", False),
     ("::", False), ("192.0.2.7", False), ("node.example", False)],
)  # fmt: skip
def test_only_an_address_that_others_reach_is_warned_of(
    host: str, quiet: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("foedus.faces.http.server.serve", served.append)
    ran = CliRunner().invoke(app, ["up", "--data", str(tmp_path), "--host", host])
    assert ran.exit_code == 0
    assert [one.host for one in served] == [host]
    said = " ".join(ran.stderr.split())
    assert ran.stdout == ""
    assert is_loopback(host) is quiet
    if quiet:
        assert said == ""
    else:
        assert said.startswith(f"Warning: the node listens on {host} without TLS")
        assert "proxy with TLS" in said and "leave --host out" in said
