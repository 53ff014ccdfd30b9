"""How much a run measures: quick takes minutes and is what `make bench` does; full takes a million objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes are objects unless the name says otherwise; seconds bound a repeated measurement."""

    mode: str
    ours: int = 24_000  # envelopes of 1,000 to our node
    opentaxii: int = 4_000  # it takes some 600 to 900 a second
    medallion_post: int = 1_000
    medallion_get: int = 300  # its first page is quadratic in what it holds
    singles_ours: int = 8_000
    singles_peer: int = 480
    page_out: int = 4_000
    page_seconds: float = 2.0
    decisions: int = 1_000_000
    decisions_sample: int = 10_000  # records that the peers decide
    big: int = 100_000  # the node on which first pages, searches and memory are measured
    big_page: int = 100
    requests: int = 200  # per median
    peers: Path | None = None  # the interpreter that has them
    foedus: bool = True


QUICK = Plan("quick")
FULL = Plan(
    "full",
    ours=100_000,
    opentaxii=20_000,
    medallion_post=5_000,
    medallion_get=1_000,
    singles_ours=40_000,
    singles_peer=2_000,
    page_out=24_000,
    page_seconds=5.0,
    decisions_sample=100_000,
    big=1_000_000,
    big_page=1_000,
    requests=1_000,
)
