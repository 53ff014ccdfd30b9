"""What the clients of a node were told: the truth that the node is held to after every kill."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sent:
    """One version of one object: the canonical bytes that the node is to keep, and who may see it."""

    id: str
    body: bytes
    open: bool  # whether the reader with the low clearance sees it
    made: int = 0  # later ones have higher numbers
    word: str = ""  # in its text
    ends: tuple[str, ...] = ()  # of a relationship

    @property
    def number(self) -> int:
        """Which client owns the object: only that one makes new versions of it and recalls it."""
        return int(self.id[-12:])


@dataclass(frozen=True, slots=True)
class Request:
    """A request that stores; it is sent again after a kill that left it unanswered."""

    kind: str  # "envelope", "publication" or "import"
    payload: bytes
    sents: tuple[Sent, ...]


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was asked for. `complete`: it was acknowledged, and then holds what is named."""

    folder: Path
    complete: bool
    holds: frozenset[bytes] = frozenset()
    lacks: frozenset[str] = frozenset()  # ids that had been recalled before it began


@dataclass
class Ledger:
    """Shared by all clients of one store; each step is one operation on a set or dictionary, so no lock is needed."""

    offered: dict[bytes, Sent] = field(default_factory=dict)  # ever sent
    stored: dict[bytes, Sent] = field(default_factory=dict)  # acknowledged; what was recalled since stays in
    recalled: set[str] = field(default_factory=set)  # acknowledged
    recalling: set[str] = field(default_factory=set)  # asked for, no answer
    unanswered: list[Request] = field(default_factory=list)
    backups: list[Backup] = field(default_factory=list)
    released: Counter[int] = field(default_factory=Counter)  # pages read by the low reader, by number of objects
    faults: list[str] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def offer(self, sent: Sent) -> Sent:
        self.offered[sent.body] = sent
        return sent

    def acknowledge(self, sents: Iterable[Sent]) -> None:
        self.stored.update({sent.body: sent for sent in sents})

    def live(self) -> list[Sent]:
        """What is certainly there: acknowledged, and nobody has asked for its recall."""
        gone = self.recalled | self.recalling
        return [sent for sent in self.stored.copy().values() if sent.id not in gone]

    def settle(self, present: set[bytes]) -> None:
        """Compare with everything that the node holds after a kill; what had no answer is decided by it."""
        lost = [sent.id for sent in self.live() if sent.body not in present]
        assert not lost, f"{len(lost)} acknowledged objects are gone or changed, such as {lost[:3]}"
        strange = [body for body in present if body not in self.offered]
        assert not strange, f"{len(strange)} bodies were never sent, such as {strange[0][:300]!r}"
        back = {self.offered[body].id for body in present} & self.recalled
        assert not back, f"{len(back)} recalled objects are back, such as {sorted(back)[:3]}"
        versions: dict[str, set[bytes]] = {}
        for sent in self.stored.values():
            if sent.id in self.recalling:
                versions.setdefault(sent.id, set()).add(sent.body)
        for stix_id, bodies in versions.items():
            left = bodies & present
            assert not left or left == bodies, f"{stix_id} was recalled in part"
            if not left:
                self.recalled.add(stix_id)
        self.count["recalls finished without an answer"] += len(self.recalling & self.recalled)
        self.recalling.clear()
        self.acknowledge(self.offered[body] for body in present)
