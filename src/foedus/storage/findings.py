"""What a verification found, up to a number that a person can read."""

from __future__ import annotations

from foedus.kernel.ports import Damage

MAX_DAMAGE = 1_000  # findings that are reported one by one


class Findings:
    """Findings as they are made; beyond `MAX_DAMAGE` they are only counted."""

    def __init__(self) -> None:
        self._damage: list[Damage] = []
        self._unreported = 0

    def __bool__(self) -> bool:
        return bool(self._damage)

    def report(self, seq: int, message: str) -> None:
        """`seq` is the first entry concerned, -1 for none in particular."""
        if len(self._damage) < MAX_DAMAGE:
            self._damage.append(Damage(seq, message))
        else:
            self._unreported += 1

    def in_order(self, last: list[Damage]) -> tuple[Damage, ...]:
        """By entry, then `last`, then how many more there are."""
        found = sorted(self._damage, key=lambda d: (d.seq < 0, d.seq))
        found += last
        if self._unreported:
            found.append(Damage(-1, f"{self._unreported} further findings are not listed"))
        return tuple(found)
