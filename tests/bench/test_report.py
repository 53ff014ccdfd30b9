"""Rows, their ratios and targets, and what is kept of a run."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from benchmarks.environment import ROOT
from benchmarks.report import Report, Row, figure, quantile


def test_a_target_bounds_the_ratio_where_there_is_a_peer() -> None:
    assert Row("ingest", "objects/s", 4000, "peer", 100, 40).met is True
    assert Row("ingest", "objects/s", 3999, "peer", 100, 40).met is False


def test_a_target_bounds_the_figure_where_there_is_none() -> None:
    assert Row("start-up", "s", 0.9, target=1, sense="at most").met is True
    assert Row("start-up", "s", 1.1, target=1, sense="at most").met is False


def test_nothing_is_claimed_where_a_side_is_missing() -> None:
    for row in (Row("a", "s", None, "peer", 3, 40), Row("a", "s", 3, "peer", None, 40), Row("a", "s", 3)):
        assert row.met is None
    assert Row("a", "s", 3, "peer", 0).ratio is None


def test_a_run_is_kept_with_its_faults_and_without_names_of_the_machine(tmp_path: Path) -> None:
    report = Report("quick", [Row("ingest", "objects/s", 5000.0, "peer", 100.0, 40, note="how it was done")])
    report.fault("pageout", ValueError(f"wrong\n  at {ROOT}/x.py"))
    file = report.write(tmp_path)
    kept = json.loads(file.read_text())
    assert kept["rows"][0]["ratio"] == 50
    assert kept["rows"][0]["met"] is True
    assert kept["broken"] == ["pageout: wrong at x.py"]
    text = file.read_text() + file.with_suffix(".md").read_text()
    assert str(tmp_path) not in text
    assert str(ROOT) not in text
    assert socket.gethostname() not in text
    assert "how it was done" in text


def test_quantiles_and_figures() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (quantile(values, 0.5), quantile(values, 0.99), quantile([7.0], 0.99)) == (51, 100, 7)
    assert [figure(v) for v in (123456.7, 99.94, 0.01234, None)] == ["123,457", "99.9", "0.0123", ""]
