"""A node's accounts in a temporary folder, with a clock that the test turns and secrets that it can foresee."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from foedus.config import Limits
from foedus.kernel.label import Category, Clearance, TagType
from foedus.node.access import Access
from foedus.node.passwords import Passwords
from foedus.node.people import COMMAND_LINE, People
from foedus.storage.account import Account
from foedus.storage.accounts import Accounts

SECOND = 1_000_000
MINUTE = 60 * SECOND
START = 1_767_225_600 * SECOND  # 2026-01-01T00:00:00Z


@dataclass
class FakeClock:
    """Time as the test says; every look at it takes a microsecond."""

    at: int = START

    def now(self) -> int:
        self.at += 1
        return self.at

    def pass_(self, microseconds: int) -> None:
        self.at += microseconds


class CountedRandom:
    """Distinct bytes, the same ones in each run."""

    def __init__(self) -> None:
        self.calls = 0

    def bytes(self, count: int) -> bytes:
        self.calls += 1
        return hashlib.shake_256(self.calls.to_bytes(8, "big")).digest(count)


NATO_SECRET = Clearance(
    "NATO",
    frozenset({"UNCLASSIFIED", "RESTRICTED", "SECRET"}),
    (
        Category("Additional Sensitivity", TagType.RESTRICTIVE, frozenset({"ATOMAL"})),
        Category("Releasable To", TagType.PERMISSIVE, frozenset({"FIN", "SWE"})),
    ),
    "1.3.26.1.3.1",
)
NATO_RESTRICTED = Clearance("NATO", frozenset({"UNCLASSIFIED", "RESTRICTED"}))
TLP = Clearance("TLP", frozenset({"CLEAR", "GREEN"}))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def limits() -> Limits:
    return Limits()


@pytest.fixture
def random() -> CountedRandom:
    return CountedRandom()


@pytest.fixture
def accounts(tmp_path: Path, clock: FakeClock, random: CountedRandom, limits: Limits) -> Iterator[Accounts]:
    store = Accounts(tmp_path / "accounts.sqlite", clock, random, limits)
    yield store
    store.close()


@pytest.fixture
def passwords(limits: Limits, random: CountedRandom) -> Passwords:
    """The real argon2id with its smallest parameters, so that the suite is quick."""
    return Passwords(limits, random, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def access(accounts: Accounts, clock: FakeClock, random: CountedRandom, limits: Limits, passwords: Passwords) -> Access:
    return Access(accounts, clock, random, limits, passwords)


@pytest.fixture
def people(access: Access) -> People:
    return People(access)


PASSWORD = "correct horse battery staple"


@pytest.fixture
def anna(people: People) -> Account:
    """An analyst with a password."""
    people.add(COMMAND_LINE, "anna", roles={"analyst"}, clearances=(NATO_SECRET,), zone="Europe/Helsinki")
    people.set_password(COMMAND_LINE, "anna", PASSWORD)
    return people.get(COMMAND_LINE, "anna")
