"""The accounts file: history that only grows, credentials that leave no trace, bounds, and two users of one file."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foedus.config import Limits
from foedus.kernel.errors import Damaged, NotFound, Refused
from foedus.kernel.label import Category, Clearance, TagType
from foedus.storage.account import decode_clearances, encode_clearances
from foedus.storage.accounts import CLEARANCE_LEAD, Accounts
from foedus.storage.credentials import TOKEN_PREFIX, secret_hash

from .conftest import MINUTE, NATO_RESTRICTED, NATO_SECRET, SECOND, TLP, CountedRandom, FakeClock

words = st.text(min_size=1, max_size=12)
values = st.frozensets(words, max_size=4)
categories = st.builds(Category, words, st.sampled_from(TagType), values)
clearances = st.builds(Clearance, words, values, st.lists(categories, max_size=3).map(tuple), st.text(max_size=8))


@given(st.lists(clearances, max_size=3).map(tuple))
def test_a_clearance_comes_back_equal_and_equal_ones_are_written_equally(held: tuple[Clearance, ...]) -> None:
    text = encode_clearances(held)
    assert decode_clearances(text) == held
    assert encode_clearances(decode_clearances(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '[{"policy":"NATO"}]',
        '[{"categories":[],"classifications":["X"],"policy":"NATO","policy_id":"","more":1}]',
        '[{"categories":[{"tag_set":"C","type":"LENIENT","values":["a"]}],"classifications":[],"policy":"N","policy_id":""}]',
    ],
)
def test_what_is_not_exactly_a_clearance_is_damage_and_never_a_guess(text: str) -> None:
    with pytest.raises(Damaged):
        decode_clearances(text)


def test_a_new_node_has_no_account(accounts: Accounts) -> None:
    assert accounts.all() == []


def test_an_account_is_what_was_added(accounts: Accounts, clock: FakeClock) -> None:
    anna = accounts.add(
        "anna",
        by="@command-line",
        roles={"reader", "analyst"},
        display_name="Anna Äyräpää",
        clearances=(NATO_SECRET, TLP),
        language="fr",
        zone="Europe/Helsinki",
    )
    assert anna == accounts.get("anna") == accounts.by_id(anna.id)
    assert anna.epochs == ((anna.created, (NATO_SECRET, TLP)),)
    assert (anna.display_name, anna.roles, anna.language) == ("Anna Äyräpää", {"reader", "analyst"}, "fr")
    assert anna.active and not anna.has_password


@pytest.mark.parametrize("name", ["", "Anna", "a:b", "-a", "a b", "@command-line", "x" * 65, "a\n", "ä", "a/b"])
def test_malformed_names_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(Refused) as refused:
        accounts.add(name, by="x", display_name="shown")
    assert [fault.path for fault in refused.value.faults] == ["name"]


def test_all_faults_are_reported_at_once(accounts: Accounts) -> None:
    with pytest.raises(Refused) as refused:
        accounts.add("A", by="x", roles={"Boss!"}, display_name="\0", language="de", zone="Mars/Olympus")
    assert {fault.path for fault in refused.value.faults} == {"name", "roles", "display_name", "language", "zone"}
    assert accounts.all() == [] and accounts.log() == []


def test_a_name_is_taken_once(accounts: Accounts) -> None:
    accounts.add("anna", by="x")
    with pytest.raises(Refused, match="name-taken"):
        accounts.add("anna", by="x")


def test_clearance_history_only_grows(accounts: Accounts, clock: FakeClock) -> None:
    accounts.add("anna", by="x", clearances=(NATO_RESTRICTED,))
    first = accounts.get("anna").epochs
    since = accounts.set_clearances("anna", (NATO_SECRET,), by="boss")
    again = accounts.set_clearances("anna", (TLP,), by="boss")
    none = accounts.set_clearances("anna", (), by="boss")
    epochs = accounts.get("anna").epochs
    assert epochs == (*first, (since, (NATO_SECRET,)), (again, (TLP,)), (none, ()))
    assert [at for at, _ in epochs] == sorted({at for at, _ in epochs})
    assert clock.at < since < clock.at + SECOND and since - first[0][0] >= CLEARANCE_LEAD


def test_setting_the_same_clearance_again_begins_nothing(accounts: Accounts) -> None:
    accounts.add("anna", by="x", clearances=(NATO_RESTRICTED,))
    before = accounts.get("anna").epochs
    assert accounts.set_clearances("anna", (NATO_RESTRICTED,), by="x") == before[0][0]
    assert accounts.get("anna").epochs == before


def test_two_clearances_under_one_policy_are_refused(accounts: Accounts) -> None:
    with pytest.raises(Refused, match="clearance-twice"):
        accounts.add("anna", by="x", clearances=(NATO_SECRET, NATO_RESTRICTED))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clearance SET since = since - 1",
        "DELETE FROM clearance",
        "INSERT INTO clearance VALUES (1, 5, '[]')",
        "UPDATE administration SET actor = 'somebody else'",
        "DELETE FROM administration",
    ],
)
def test_the_file_itself_refuses_to_rewrite_history(accounts: Accounts, tmp_path: Path, statement: str) -> None:
    accounts.add("anna", by="x", clearances=(TLP,))
    with sqlite3.connect(tmp_path / "accounts.sqlite") as other, pytest.raises(sqlite3.IntegrityError):
        other.execute(statement)


def test_the_log_says_who_did_what_to_whom_newest_first(accounts: Accounts) -> None:
    accounts.add("anna", by="boss", roles={"reader"})
    accounts.change("anna", by="boss", roles={"analyst"}, zone="Europe/Paris")
    accounts.set_password("anna", "$argon2id$v=19$secret", by="anna")
    accounts.deactivate("anna", by="boss")
    log = accounts.log()
    assert [(line.actor, line.account, line.action) for line in log] == [
        ("boss", "anna", "deactivate"),
        ("anna", "anna", "password"),
        ("boss", "anna", "change"),
        ("boss", "anna", "add"),
    ]
    assert log[2].detail == {"roles": ["analyst"], "zone": "Europe/Paris"}
    assert "argon2" not in repr(log)
    assert accounts.log(limit=1, before=log[0].id) == [log[1]]


def test_no_secret_stands_in_the_file(accounts: Accounts, tmp_path: Path) -> None:
    anna = accounts.add("anna", by="x")
    link = accounts.links.create(anna.id)
    session, _ = accounts.sessions.create(anna.id)
    token, row = accounts.tokens.create(anna.id, "laptop", {"read"})
    accounts.file.row("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (tmp_path / "accounts.sqlite").read_bytes()
    for secret in (link, session, token, token.removeprefix(TOKEN_PREFIX)):
        assert len(secret) >= 43 and secret.encode() not in content
        assert secret not in repr(row)
    assert secret_hash(token) in content


def test_the_file_is_for_its_owner_only(accounts: Accounts, tmp_path: Path) -> None:
    accounts.add("anna", by="x")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert len(modes) == 3 and set(modes.values()) == {0o600}


def test_settings_of_the_file(accounts: Accounts) -> None:
    assert accounts.file.row("PRAGMA journal_mode") == ("wal",)
    assert accounts.file.row("PRAGMA synchronous") == (2,)  # FULL
    assert accounts.file.row("PRAGMA foreign_keys") == (1,)


def test_a_foreign_file_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE thing (x)")
    with pytest.raises(Damaged):
        Accounts(tmp_path / "other.sqlite", clock, CountedRandom())
    (tmp_path / "noise").write_bytes(b"not a database at all, but long enough to be read as one" * 40)
    with pytest.raises(Damaged):
        Accounts(tmp_path / "noise", clock, CountedRandom())
    with pytest.raises(NotFound):
        Accounts(tmp_path / "missing", clock, CountedRandom(), create=False)
    assert not (tmp_path / "missing").exists()


def test_a_backup_is_whole_and_private(accounts: Accounts, tmp_path: Path, clock: FakeClock) -> None:
    accounts.add("anna", by="x", clearances=(NATO_SECRET,))
    accounts.backup(tmp_path / "copy.sqlite")
    copy = Accounts(tmp_path / "copy.sqlite", clock, CountedRandom())
    assert copy.all() == accounts.all() and copy.log() == accounts.log()
    assert stat.S_IMODE((tmp_path / "copy.sqlite").stat().st_mode) == 0o600
    copy.close()


def test_a_link_signs_in_once_and_before_it_expires(accounts: Accounts, clock: FakeClock, limits: Limits) -> None:
    anna = accounts.add("anna", by="x")
    link = accounts.links.create(anna.id)
    assert accounts.links.account(link) == anna.id  # looking does not use it up
    assert accounts.links.consume(link) == anna.id
    assert accounts.links.consume(link) is None
    late = accounts.links.create(anna.id, seconds=60)
    clock.pass_(MINUTE)
    assert accounts.links.consume(late) is None
    longest = accounts.links.create(anna.id, seconds=10**9)
    clock.pass_(limits.link_seconds * SECOND)
    assert accounts.links.consume(longest) is None


def test_deactivating_ends_every_credential_for_good(accounts: Accounts) -> None:
    anna = accounts.add("anna", by="x")
    link = accounts.links.create(anna.id)
    session, _ = accounts.sessions.create(anna.id)
    token, row = accounts.tokens.create(anna.id, "laptop", {"read"})
    accounts.deactivate("anna", by="x")
    accounts.reactivate("anna", by="x")
    assert accounts.get("anna").active
    assert accounts.links.consume(link) is None
    assert accounts.sessions.find(secret_hash(session)) is None
    assert accounts.tokens.find(secret_hash(token)) is None
    assert accounts.tokens.get(row.id).revoked is not None


def test_tokens_are_bounded_in_life_name_and_number(accounts: Accounts, limits: Limits) -> None:
    anna = accounts.add("anna", by="x")
    for name, seconds in [("", 60), ("x" * 65, 60), ("a\nb", 60), ("a", 0), ("a", limits.token_days * 86_400 + 1)]:
        with pytest.raises(Refused):
            accounts.tokens.create(anna.id, name, {"read"}, seconds=seconds)
    assert accounts.tokens.of(anna.id) == []
    for _ in range(100):
        accounts.tokens.create(anna.id, "a", {"read"}, seconds=60)
    with pytest.raises(Refused, match="too-many-tokens"):
        accounts.tokens.create(anna.id, "a", {"read"})


def test_saved_searches_belong_to_one_person(accounts: Accounts) -> None:
    anna, bert = accounts.add("anna", by="x"), accounts.add("bert", by="x")
    accounts.searches.save(anna.id, "ports", "type:report port", notify=True)
    accounts.searches.save(bert.id, "ports", "other")
    accounts.searches.advance(anna.id, "ports", "c-17")
    (kept,) = accounts.searches.of(anna.id)
    assert (kept.query, kept.notify, kept.cursor) == ("type:report port", True, "c-17")
    assert accounts.searches.notifying() == [kept]
    accounts.searches.save(anna.id, "ports", "new", cursor="c-20")
    assert accounts.searches.get(anna.id, "ports").query == "new" and accounts.searches.notifying() == []
    accounts.searches.delete(anna.id, "ports")
    with pytest.raises(NotFound):
        accounts.searches.delete(anna.id, "ports")
    assert [search.account for search in accounts.searches.of(bert.id)] == [bert.id]
    with pytest.raises(Refused):
        accounts.searches.save(anna.id, "long", "x" * 5_000)


def test_searches_of_the_inactive_notify_nobody(accounts: Accounts) -> None:
    anna = accounts.add("anna", by="x")
    accounts.searches.save(anna.id, "ports", "port", notify=True)
    accounts.deactivate("anna", by="x")
    assert accounts.searches.notifying() == []


def test_marks_remember_the_latest_and_are_bounded(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    anna = accounts.add("anna", by="x")
    assert accounts.marks.get(anna.id, "home") is None
    accounts.marks.set(anna.id, "home", "1")
    assert accounts.marks.set(anna.id, "home", "2") == accounts.marks.get(anna.id, "home")
    monkeypatch.setattr("foedus.storage.keepsakes._MAX_MARKS", 3)
    for topic in "abc":
        accounts.marks.set(anna.id, topic, "x")
    assert accounts.marks.get(anna.id, "home") is None and accounts.marks.get(anna.id, "a") is not None


def test_an_identity_is_bound_to_one_account(accounts: Accounts) -> None:
    anna, bert = accounts.add("anna", by="x"), accounts.add("bert", by="x")
    accounts.identities.bind(anna.id, "https://idp.example", "s-1")
    accounts.identities.bind(anna.id, "https://idp.example", "s-1")
    assert accounts.identities.find("https://idp.example", "s-1") == anna.id
    assert accounts.identities.find("https://other.example", "s-1") is None
    with pytest.raises(Refused, match="identity-taken"):
        accounts.identities.bind(bert.id, "https://idp.example", "s-1")
    accounts.identities.unbind("https://idp.example", "s-1")
    assert accounts.identities.of(anna.id) == []


def test_a_failed_change_leaves_nothing_half_done(accounts: Accounts) -> None:
    accounts.add("anna", by="x", roles={"reader"})
    with pytest.raises(RuntimeError), accounts.file.transaction():
        accounts.change("anna", by="x", roles={"analyst"})
        raise RuntimeError
    assert accounts.get("anna").roles == {"reader"} and len(accounts.log()) == 1


def test_unknown_names_are_kept_in_bounds(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.storage.credentials._MAX_UNKNOWN_NAMES", 20)
    accounts.add("anna", by="x")
    for _ in range(8):
        accounts.failures.begin("anna")
    for number in range(60):
        accounts.failures.begin(f"nobody-{number}")
    assert accounts.file.row("SELECT count(*) FROM failure WHERE known = 0")[0] <= 21
    assert accounts.failures.begin("anna") > 0  # the flood has not opened a lock
