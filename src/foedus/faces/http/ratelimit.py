"""Token buckets per client address, in bounded memory.

A bucket holds up to `burst` and refills at `per_minute`. When there is no room for one more address, and the one
unused for longest still has a debt, newcomers share one bucket: a flood of addresses never washes a debt away.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

from foedus.kernel.ports import Clock

_MINUTE = 60_000_000
_OVERFLOW = "*"


class Buckets:
    """What each address has left. Not for several threads at once: the event loop is its only caller."""

    def __init__(self, clock: Clock, per_minute: int, burst: int | None = None, capacity: int = 20_000) -> None:
        self._clock = clock
        self._rate = per_minute / _MINUTE  # a microsecond
        self._burst = float(burst or per_minute)
        self._capacity = capacity
        self._left: OrderedDict[str, tuple[float, int]] = OrderedDict()  # address -> (left, at), by last use

    def take(self, address: str) -> int:
        """Take one: 0, or after how many seconds there will be one (then nothing was taken)."""
        now = self._clock.now()
        key = self._key(address_key(address), now)
        left = self._filled(key, now)
        self._left[key] = (left - 1 if left >= 1 else left, now)
        self._left.move_to_end(key)
        return 0 if left >= 1 else max(1, math.ceil((1 - left) / self._rate / 1_000_000))

    def __len__(self) -> int:
        return len(self._left)

    def _filled(self, key: str, now: int) -> float:
        left, at = self._left.get(key, (self._burst, now))
        return min(self._burst, left + max(0, now - at) * self._rate)

    def _key(self, key: str, now: int) -> str:
        if key in self._left or len(self._left) < self._capacity:
            return key
        oldest = next(iter(self._left))
        if self._filled(oldest, now) < self._burst:
            return _OVERFLOW
        del self._left[oldest]
        return key


def address_key(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 that an IPv6 customer gets at the least."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "local"  # a Unix socket, or nothing known
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
