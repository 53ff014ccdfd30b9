"""From a credential to a subject: what is kept, when it ends, lock-out, and what an outsider can tell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from foedus.config import Limits
from foedus.kernel.errors import NotAuthenticated, NotFound, TooMany
from foedus.node.access import CHECK_EVERY, Access
from foedus.node.passwords import Passwords
from foedus.node.people import COMMAND_LINE, People
from foedus.storage.account import Account
from foedus.storage.accounts import CLEARANCE_LEAD, Accounts
from foedus.storage.credentials import secret_hash

from .conftest import MINUTE, NATO_SECRET, PASSWORD, SECOND, TLP, CountedRandom, FakeClock


class CountedReads:
    """How often the accounts file is asked."""

    def __init__(self, accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("row", "rows", "version"):
            self._count(accounts, name, monkeypatch)

    def _count(self, accounts: Accounts, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(accounts.file, name)

        def counted(*arguments: object) -> object:
            self.count += 1
            return real(*arguments)

        monkeypatch.setattr(accounts.file, name, counted)


def test_a_token_shows_its_subject(access: Access, people: People, anna: Account) -> None:
    token, row = people.make_token(COMMAND_LINE, "anna", "laptop", scope={"read"})
    subject = access.token(token)
    assert subject is not None
    assert (subject.name, subject.via, subject.scope, subject.token_id) == ("anna", "token", {"read"}, row.id)
    assert (subject.epochs, subject.clearances, subject.zone) == (anna.epochs, (NATO_SECRET,), "Europe/Helsinki")
    assert subject.may("read") and not subject.may("publish")
    assert access.token(token, "anna") == subject
    assert access.token(token, "bert") is None
    assert access.token(token[:-1] + ("A" if token[-1] != "A" else "B")) is None
    assert access.token("") is None and access.token("fds_" + "x" * 10_000) is None


def test_what_was_seen_before_costs_no_read_of_the_file(
    access: Access, accounts: Accounts, people: People, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    session = access.sign_in_by_password("anna", PASSWORD).session
    access.token(token), access.session(session), access.password("anna", PASSWORD)
    reads, checks = CountedReads(accounts, monkeypatch), access.passwords.checks
    for _ in range(1_000):
        assert access.token(token) and access.session(session) and access.password("anna", PASSWORD)
    assert reads.count == 0 and access.passwords.checks == checks


def test_a_token_ends_when_it_expires(access: Access, people: People, anna: Account, clock: FakeClock) -> None:
    token, row = people.make_token(COMMAND_LINE, "anna", "laptop", seconds=3600)
    clock.at = row.expires - 10
    assert access.token(token)
    clock.at = row.expires
    assert access.token(token) is None


def test_a_revoked_token_ends_at_once_in_this_process(access: Access, people: People, anna: Account) -> None:
    token, row = people.make_token(COMMAND_LINE, "anna", "laptop")
    assert access.token(token)
    people.revoke_token(COMMAND_LINE, row.id)
    assert access.token(token) is None


ELSEWHERE = """
import sys
from foedus.node.access import Access
from foedus.node.clock import SystemRandom
from foedus.node.people import COMMAND_LINE, People
from foedus.storage.accounts import Accounts
from pathlib import Path

class Clock:
    def now(self): return int(sys.argv[2])

accounts = Accounts(Path(sys.argv[1]), Clock(), SystemRandom(), create=False)
people = People(Access(accounts, Clock(), SystemRandom()))
exec(sys.argv[3])
accounts.close()
"""


def in_another_process(tmp_path: Path, clock: FakeClock, code: str) -> None:
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path / "accounts.sqlite"), str(clock.now()), code]
    subprocess.run(command, check=True, timeout=30)


@pytest.mark.parametrize(
    "code",
    [
        "people.revoke_token(COMMAND_LINE, 1)",
        "people.deactivate(COMMAND_LINE, 'anna')",
    ],
)
def test_revocation_by_another_process_takes_effect_within_a_second(
    access: Access, people: People, anna: Account, clock: FakeClock, tmp_path: Path, code: str
) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    assert access.token(token)
    in_another_process(tmp_path, clock, code)
    clock.pass_(SECOND)
    assert access.token(token) is None


def test_a_clearance_set_by_another_process_takes_effect_within_a_second(
    access: Access, people: People, anna: Account, clock: FakeClock, tmp_path: Path
) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    assert access.token(token).clearances == (NATO_SECRET,)
    in_another_process(tmp_path, clock, "people.set_clearances(COMMAND_LINE, 'anna', ())")
    since = people.get(COMMAND_LINE, "anna").epochs[-1][0]
    clock.at = since - CLEARANCE_LEAD + CHECK_EVERY
    before = access.token(token)
    clock.at = since
    after = access.token(token)
    assert before.clearances == (NATO_SECRET,) and after.clearances == ()
    assert after.epochs == (*anna.epochs, (since, ()))


def test_nobody_sees_a_clearance_before_all_have_heard_of_it() -> None:
    """A process that asks every CHECK_EVERY knows of each epoch before it begins, and each begins within a second."""
    assert 2 * CHECK_EVERY < CLEARANCE_LEAD < SECOND


def test_an_epoch_that_has_not_begun_is_not_shown(
    access: Access, people: People, anna: Account, clock: FakeClock
) -> None:
    since = people.set_clearances(COMMAND_LINE, "anna", (TLP,))
    assert access.local("anna").epochs == anna.epochs
    assert [subject.epochs for subject in access.everyone()] == [anna.epochs]
    clock.at = since
    assert access.local("anna").clearances == (TLP,)


def test_changed_roles_narrow_what_a_token_may(access: Access, people: People, anna: Account) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    assert access.token(token).may("publish")
    people.change(COMMAND_LINE, "anna", roles={"reader"})
    assert not access.token(token).may("publish") and access.token(token).may("read")


def test_last_use_is_written_at_most_once_a_minute(
    access: Access, accounts: Accounts, people: People, anna: Account, clock: FakeClock
) -> None:
    token, row = people.make_token(COMMAND_LINE, "anna", "laptop")
    changes = accounts.file._db.total_changes
    for _ in range(50):
        access.token(token)
    assert accounts.file._db.total_changes == changes + 1
    used = accounts.tokens.get(row.id).used
    clock.pass_(2 * MINUTE)
    access.token(token)
    assert accounts.tokens.get(row.id).used >= used + 2 * MINUTE


def test_a_session_ends_by_idleness(access: Access, anna: Account, clock: FakeClock, limits: Limits) -> None:
    session = access.sign_in_by_password("anna", PASSWORD).session
    for _ in range(5):  # in use, it goes on beyond the idle time
        clock.pass_(limits.session_idle_seconds * SECOND // 2)
        assert access.session(session)
    clock.pass_(limits.session_idle_seconds * SECOND)
    assert access.session(session) is None


def test_a_session_ends_at_last_however_busy(access: Access, anna: Account, clock: FakeClock, limits: Limits) -> None:
    session = access.sign_in_by_password("anna", PASSWORD).session
    end = clock.at + limits.session_seconds * SECOND
    while clock.at + 30 * MINUTE < end:
        clock.pass_(30 * MINUTE)
        assert access.session(session)
    clock.at = end
    assert access.session(session) is None


def test_signing_out_ends_the_session_on_the_server(access: Access, accounts: Accounts, anna: Account) -> None:
    session = access.sign_in_by_password("anna", PASSWORD).session
    assert access.session(session).subject.via == "session"
    access.sign_out(session)
    assert access.session(session) is None and accounts.sessions.find(secret_hash(session)) is None


def test_signing_in_always_makes_a_new_session_and_ends_the_one_shown(access: Access, anna: Account) -> None:
    first = access.sign_in_by_password("anna", PASSWORD)
    second = access.sign_in_by_password("anna", PASSWORD, replaces=first.session)
    planted = access.sign_in_by_password("anna", PASSWORD, replaces="planted-by-somebody")
    assert len({first.session, second.session, planted.session, "planted-by-somebody"}) == 4
    assert first.csrf != second.csrf
    assert access.session(first.session) is None and access.session("planted-by-somebody") is None
    assert access.session(second.session).csrf == second.csrf


def test_a_link_signs_in_once(access: Access, people: People, anna: Account) -> None:
    link = people.make_link(COMMAND_LINE, "anna")
    assert access.link_is_valid(link) and access.link_is_valid(link)
    signed_in = access.sign_in_by_link(link)
    assert access.session(signed_in.session).subject == signed_in.subject
    assert not access.link_is_valid(link)
    with pytest.raises(NotAuthenticated):
        access.sign_in_by_link(link)


def test_secrets_show_in_no_repr(access: Access, people: People, anna: Account) -> None:
    signed_in = access.sign_in_by_link(people.make_link(COMMAND_LINE, "anna"))
    token, row = people.make_token(COMMAND_LINE, "anna", "laptop")
    identity = access.session(signed_in.session)
    shown = repr([signed_in, identity, row, access.token(token), people.sessions(COMMAND_LINE, "anna")])
    for secret in (signed_in.session, signed_in.csrf, token, token[4:]):
        assert secret not in shown
    assert "anna" in shown


def attempt(access: Access, name: str, password: str) -> tuple[str, str, int]:
    """What somebody without an account can tell: the error, its words, and how many argon2id checks it cost."""
    before = access.passwords.checks
    try:
        access.password(name, password)
    except (NotAuthenticated, TooMany) as error:
        return type(error).__name__, str(error.as_dict()), access.passwords.checks - before
    return "permitted", "", access.passwords.checks - before


def test_unknown_inactive_and_passwordless_accounts_look_like_a_wrong_password(
    access: Access, people: People, anna: Account, limits: Limits
) -> None:
    people.add(COMMAND_LINE, "bert", roles={"reader"})  # without a password
    people.add(COMMAND_LINE, "gone", roles={"reader"})
    people.set_password(COMMAND_LINE, "gone", PASSWORD)
    people.deactivate(COMMAND_LINE, "gone")
    histories = {
        name: [attempt(access, name, password) for _ in range(limits.login_attempts + 3)]
        for name, password in [
            ("anna", "wrong"),
            ("nobody", "wrong"),
            ("bert", "wrong"),
            ("gone", PASSWORD),
            ("", "x"),
            ("ä:\0", "x"),
        ]
    }
    (history,) = {tuple((kind, checks) for kind, _, checks in steps) for steps in histories.values()}
    assert history == (("NotAuthenticated", 1),) * limits.login_attempts + (("TooMany", 0),) * 3
    words = {steps[0][1] for steps in histories.values()}
    assert len(words) == 1


def test_a_locked_account_refuses_the_right_password_until_the_lock_ends(
    access: Access, anna: Account, clock: FakeClock, limits: Limits
) -> None:
    for _ in range(limits.login_attempts):
        assert attempt(access, "anna", "wrong")[0] == "NotAuthenticated"
    with pytest.raises(TooMany) as locked:
        access.password("anna", PASSWORD)
    assert 0 < locked.value.retry_after <= limits.lock_seconds
    clock.pass_(limits.lock_seconds * SECOND)
    assert access.password("anna", PASSWORD).name == "anna"


def test_the_right_password_clears_the_count(access: Access, anna: Account, limits: Limits) -> None:
    for _ in range(3):
        for _ in range(limits.login_attempts - 1):
            assert attempt(access, "anna", "wrong")[0] == "NotAuthenticated"
        access.sign_in_by_password("anna", PASSWORD)


def test_old_failures_are_forgotten(access: Access, anna: Account, clock: FakeClock, limits: Limits) -> None:
    for _ in range(limits.login_attempts * 2):
        assert attempt(access, "anna", "wrong")[0] == "NotAuthenticated"
        clock.pass_(limits.lock_seconds * SECOND)


def test_a_lock_survives_a_restart(
    access: Access, accounts: Accounts, anna: Account, clock: FakeClock, limits: Limits, passwords: Passwords
) -> None:
    for name in ("anna", "nobody"):
        for _ in range(limits.login_attempts):
            attempt(access, name, "wrong")
    later = Access(accounts, clock, CountedRandom(), limits, passwords)
    assert attempt(later, "anna", PASSWORD)[0] == attempt(later, "nobody", PASSWORD)[0] == "TooMany"


def test_attempts_at_once_cannot_outrun_the_count(
    access: Access, anna: Account, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one check is under way, others have been counted already."""
    seen: list[str] = []
    waiting = [None] * 3 * limits.login_attempts
    real = access.passwords.check

    def slow(password: str, stored: str | None) -> bool:
        if waiting:
            waiting.pop()
            seen.append(attempt(access, "anna", "wrong")[0])
        return real(password, stored)

    monkeypatch.setattr(access.passwords, "check", slow)
    seen.append(attempt(access, "anna", "wrong")[0])
    assert seen.count("NotAuthenticated") == limits.login_attempts and "TooMany" in seen


def test_a_kept_password_ends_with_the_password(access: Access, people: People, anna: Account) -> None:
    assert access.password("anna", PASSWORD).via == "password"
    people.set_password(COMMAND_LINE, "anna", "another horse, another battery")
    assert access.known_password("anna", PASSWORD) is None
    with pytest.raises(NotAuthenticated):
        access.password("anna", PASSWORD)


def test_a_kept_password_is_checked_again_in_time(access: Access, anna: Account, clock: FakeClock) -> None:
    access.password("anna", PASSWORD)
    clock.pass_(5 * MINUTE)
    before = access.passwords.checks
    access.password("ANNA ", PASSWORD)
    assert access.passwords.checks == before + 1


def test_old_hashes_are_renewed_at_sign_in(access: Access, accounts: Accounts, anna: Account, limits: Limits) -> None:
    old = accounts.password_hash("anna")
    modern = Passwords(limits, CountedRandom())
    access.passwords = modern
    access.sign_in_by_password("anna", PASSWORD)
    new = accounts.password_hash("anna")
    assert new != old and "m=65536,t=3,p=4" in new and modern.check(PASSWORD, new)


def test_refresh_follows_the_credential_of_a_stream(
    access: Access, people: People, anna: Account, clock: FakeClock
) -> None:
    token, row = people.make_token(COMMAND_LINE, "anna", "laptop", scope={"read"})
    by_token = access.token(token)
    signed_in = access.sign_in_by_password("anna", PASSWORD)
    assert access.refresh(by_token) == by_token and access.refresh(signed_in.subject) == signed_in.subject
    clock.at = people.set_clearances(COMMAND_LINE, "anna", (TLP,))
    assert access.refresh(by_token).clearances == (TLP,) and access.refresh(by_token).scope == {"read"}
    people.revoke_token(COMMAND_LINE, row.id)
    access.sign_out(signed_in.session)
    assert access.refresh(by_token) is None and access.refresh(signed_in.subject) is None
    local = access.local("anna")
    people.deactivate(COMMAND_LINE, "anna")
    assert access.refresh(local) is None
    with pytest.raises(NotFound):
        access.local("anna")


def test_what_is_kept_is_bounded(
    access: Access, people: People, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foedus.node.access._MAX_KEPT", 5)
    tokens = [people.make_token(COMMAND_LINE, "anna", "t")[0] for _ in range(12)]
    assert all(access.token(token) for token in tokens)
    assert len(access._kept) == 5


def test_a_full_disk_keeps_nobody_out(access: Access, accounts: Accounts, people: People, anna: Account) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    accounts.file._db.execute("PRAGMA query_only=ON")
    assert access.token(token).name == "anna"
