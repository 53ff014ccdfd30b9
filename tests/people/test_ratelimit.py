"""Token buckets: what an address may take, and how much memory a flood of addresses can claim."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.faces.http.ratelimit import Buckets, address_key

from .conftest import MINUTE, SECOND, FakeClock


def test_a_bucket_empties_and_refills() -> None:
    clock = FakeClock()
    buckets = Buckets(clock, per_minute=60, burst=3)
    assert [buckets.take("192.0.2.1") for _ in range(4)] == [0, 0, 0, 1]
    clock.pass_(SECOND)
    assert [buckets.take("192.0.2.1") for _ in range(2)] == [0, 1]
    assert buckets.take("192.0.2.2") == 0
    clock.pass_(MINUTE)
    assert [buckets.take("192.0.2.1") for _ in range(4)] == [0, 0, 0, 1]


def test_the_wait_that_is_told_is_long_enough() -> None:
    clock = FakeClock()
    buckets = Buckets(clock, per_minute=7, burst=1)
    buckets.take("192.0.2.1")
    wait = buckets.take("192.0.2.1")
    clock.pass_(wait * SECOND)
    assert buckets.take("192.0.2.1") == 0


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=200))
def test_nobody_takes_more_than_burst_and_rate_allow(pauses: list[int]) -> None:
    clock = FakeClock()
    buckets, begun, taken = Buckets(clock, per_minute=60, burst=5), clock.at, 0
    for pause in pauses:
        clock.pass_(pause)
        taken += buckets.take("192.0.2.1") == 0
    assert taken <= 5 + (clock.at - begun) / SECOND + 1e-6


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    clock = FakeClock()
    buckets = Buckets(clock, per_minute=60, burst=1)
    buckets.take("192.0.2.1")
    clock.pass_(-MINUTE)
    assert buckets.take("192.0.2.1") > 0


def test_memory_is_bounded_and_a_flood_washes_no_debt_away() -> None:
    clock = FakeClock()
    buckets = Buckets(clock, per_minute=60, burst=2, capacity=100)
    assert [buckets.take("192.0.2.1") for _ in range(3)] == [0, 0, 1]
    flood = [buckets.take(f"10.0.{number // 256}.{number % 256}") for number in range(5_000)]
    assert len(buckets) <= 101
    assert sum(wait == 0 for wait in flood) <= 99 + 2 + 1, "newcomers beyond the bound share one bucket"
    assert buckets.take("192.0.2.1") > 0
    clock.pass_(MINUTE)
    assert buckets.take("198.51.100.1") == 0, "room is made once debts are paid"
    assert len(buckets) <= 101


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "local"),
        ("/run/foedus.sock", "local"),
    ],
)
def test_what_counts_as_one_address(address: str, key: str) -> None:
    assert address_key(address) == key
