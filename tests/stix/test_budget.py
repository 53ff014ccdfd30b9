"""Patterns beyond plain comparisons cost a millisecond each: one input may hold so many and no more."""

from __future__ import annotations

import json

from foedus.kernel.record import read_input
from foedus.kernel.stix import patterns


def _indicator(number: int, pattern: str) -> dict[str, object]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": pattern,
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
    }


def _complex(number: int) -> str:
    return f"([ipv4-addr:value = '198.51.100.{number % 256}'] FOLLOWEDBY [url:value = 'u{number}']) WITHIN 5 SECONDS"


def test_beyond_the_budget_a_pattern_is_refused_by_name_and_the_next_input_starts_anew(monkeypatch: object) -> None:
    monkeypatch.setattr(patterns, "SLOW_BUDGET", 150)  # type: ignore[attr-defined]
    objects = [_indicator(n, _complex(n)) for n in range(5)]
    first = read_input(json.dumps(objects).encode())
    assert 0 < len(first.valid) < 5
    assert {fault.code for fault in first.faults} == {"too-many-complex-patterns"}
    again = read_input(json.dumps([objects[-1]]).encode())
    assert len(again.valid) == 1


def test_plain_patterns_cost_nothing() -> None:
    objects = [_indicator(n, f"[domain-name:value = 'host{n}.example']") for n in range(300)]
    assert len(read_input(json.dumps(objects).encode()).valid) == 300
