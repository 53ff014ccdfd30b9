"""The administrative verbs: who may, what is refused, what stays in the log."""

from __future__ import annotations

import pytest

from foedus.kernel.errors import NotAuthenticated, NotFound, NotPermitted, Refused
from foedus.node.access import Access, Subject
from foedus.node.people import COMMAND_LINE, People
from foedus.node.roles import ROLES, SCOPES, VERBS, permits, scopes_of
from foedus.storage.account import Account

from .conftest import PASSWORD, TLP


def test_the_table_of_roles_is_whole() -> None:
    assert set(VERBS.values()) == set(SCOPES)
    assert {verb for role in ROLES.values() for verb in role.verbs} == set(VERBS)
    assert all(set(role.title) == {"en", "fr"} for role in ROLES.values())


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("reader", {"read", "export"}, {"publish", "releases", "people"}),
        ("analyst", {"read", "publish", "import", "recall", "work"}, {"releases", "administration", "people", "node"}),
        ("auditor", {"read", "releases", "administration", "verify"}, {"publish", "people", "node"}),
        ("administrator", {"people", "node", "policies"}, {"publish", "recall", "releases"}),
    ],
)
def test_roles_permit_what_they_are_for(role: str, may: set[str], may_not: set[str]) -> None:
    assert all(permits({role}, verb) for verb in may)
    assert not any(permits({role}, verb) for verb in may_not)


def test_the_unknown_permits_nothing() -> None:
    assert not permits({"analyst"}, "fly") and not permits({"king"}, "read") and not permits((), "read")
    assert not permits({"analyst"}, "read", ()) and not permits({"analyst"}, "read", {"everything"})


def test_a_scope_only_narrows() -> None:
    for role in ROLES:
        for verb in VERBS:
            for scope in SCOPES:
                assert not permits({role}, verb, {scope}) or permits({role}, verb)
        assert all(any(permits({role}, verb, {scope}) for verb in VERBS) for scope in scopes_of({role}))


def test_domain_verbs_ask_for_a_role_and_the_publishing_scope() -> None:
    Subject("anna", roles=frozenset({"analyst"})).require_role(("analyst",), "answer")
    with pytest.raises(NotPermitted):
        Subject("anna", roles=frozenset({"reader"})).require_role(("analyst",), "answer")
    with pytest.raises(NotPermitted):
        Subject("anna", roles=frozenset({"analyst"}), scope=frozenset({"read"})).require_role(("analyst",), "answer")


def test_every_verb_about_others_is_for_administrators(people: People, access: Access, anna: Account) -> None:
    people.add(COMMAND_LINE, "bert", roles={"reader"})
    _, row = people.make_token(COMMAND_LINE, "bert", "t")
    before = people.log(COMMAND_LINE)
    me = access.local("anna")
    for verb in (
        lambda: people.add(me, "eve", roles={"administrator"}),
        lambda: people.change(me, "bert", language="fr"),
        lambda: people.change(me, "anna", roles={"administrator"}),
        lambda: people.set_clearances(me, "anna", (TLP,)),
        lambda: people.deactivate(me, "bert"),
        lambda: people.reactivate(me, "bert"),
        lambda: people.set_password(me, "bert", PASSWORD),
        lambda: people.make_link(me, "anna"),
        lambda: people.make_token(me, "bert", "t"),
        lambda: people.revoke_token(me, row.id),
        lambda: people.bind(me, "anna", "https://idp", "s"),
        lambda: people.unbind(me, "bert", "https://idp", "s"),
        lambda: people.end_sessions(me, "bert"),
        lambda: people.all(me),
        lambda: people.get(me, "bert"),
        lambda: people.tokens(me, "bert"),
        lambda: people.sessions(me, "bert"),
        lambda: people.identities(me, "bert"),
        lambda: people.log(me),
    ):
        with pytest.raises(NotPermitted):
            verb()
    assert people.log(COMMAND_LINE) == before


def test_everybody_looks_after_their_own(people: People, access: Access, anna: Account) -> None:
    me = access.sign_in_by_password("anna", PASSWORD).subject
    other = access.sign_in_by_password("anna", PASSWORD)
    assert people.change(me, "anna", language="fr", zone="Europe/Paris").language == "fr"
    _, row = people.make_token(me, "anna", "laptop", scope={"read"})
    assert [kept.id for kept in people.tokens(me, "anna")] == [row.id]
    people.revoke_token(me, row.id)
    with pytest.raises(NotAuthenticated):
        people.set_password(me, "anna", "a new and longer password", current="wrong")
    people.set_password(me, "anna", "a new and longer password", current=PASSWORD)
    assert access.session(other.session) is None, "other sessions end with the old password"
    assert access.refresh(me) is not None
    assert access.password("anna", "a new and longer password")


def test_a_stolen_token_cannot_outlive_itself(people: People, access: Access, anna: Account) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    thief = access.token(token)
    for verb in (
        lambda: people.make_token(thief, "anna", "mine"),
        lambda: people.set_password(thief, "anna", "a password of the thief"),
    ):
        with pytest.raises(NotPermitted):
            verb()


def test_scopes_that_the_roles_cannot_use_are_refused(people: People, anna: Account) -> None:
    for scope in ({"admin"}, {"read", "admin"}, set(), {"everything"}):
        with pytest.raises(Refused, match="invalid-scope"):
            people.make_token(COMMAND_LINE, "anna", "t", scope=scope)
    _, row = people.make_token(COMMAND_LINE, "anna", "t")
    assert row.scope == {"read", "publish"}


def test_unknown_roles_and_people(people: People) -> None:
    with pytest.raises(Refused, match="unknown-role"):
        people.add(COMMAND_LINE, "eve", roles={"emperor"})
    with pytest.raises(NotFound):
        people.make_link(COMMAND_LINE, "eve")


def test_the_inactive_get_no_credentials(people: People, anna: Account) -> None:
    people.deactivate(COMMAND_LINE, "anna")
    with pytest.raises(Refused, match="inactive-account"):
        people.make_link(COMMAND_LINE, "anna")
    with pytest.raises(Refused, match="inactive-account"):
        people.make_token(COMMAND_LINE, "anna", "t")


def test_an_administrator_cannot_deactivate_themselves(people: People, access: Access) -> None:
    people.add(COMMAND_LINE, "root", roles={"administrator"})
    with pytest.raises(NotPermitted):
        people.deactivate(access.local("root"), "root")


@pytest.mark.parametrize("password", ["short", "x" * 2_000, "aaaaaaaaaaaaaaaaa", "my name is Anna, really"])
def test_weak_passwords_are_refused(people: People, anna: Account, password: str) -> None:
    with pytest.raises(Refused):
        people.set_password(COMMAND_LINE, "anna", password)


def test_a_password_is_the_same_however_its_characters_are_composed(people: People, access: Access) -> None:
    people.add(COMMAND_LINE, "kaisa", roles={"reader"})
    people.set_password(COMMAND_LINE, "kaisa", "h\u00e4m\u00e4r\u00e4 p\u00e4iv\u00e4")
    assert access.password("kaisa", "ha\u0308ma\u0308ra\u0308 pa\u0308iva\u0308")


def test_no_secret_reaches_the_log(people: People, access: Access, anna: Account) -> None:
    token, _ = people.make_token(COMMAND_LINE, "anna", "laptop")
    link = people.make_link(COMMAND_LINE, "anna")
    people.set_password(COMMAND_LINE, "anna", "a new and longer password")
    said = repr(people.log(COMMAND_LINE))
    assert "laptop" in said
    assert not any(secret in said for secret in (token, token[4:], link, "a new and longer password", "argon2"))


def test_unbinding_ends_sessions(people: People, access: Access, anna: Account) -> None:
    people.bind(COMMAND_LINE, "anna", "https://idp", "s-1")
    signed_in = access.sign_in(anna.id)
    with pytest.raises(Refused, match="not-bound"):
        people.unbind(COMMAND_LINE, "anna", "https://idp", "s-2")
    people.unbind(COMMAND_LINE, "anna", "https://idp", "s-1")
    assert access.session(signed_in.session) is None and people.identities(COMMAND_LINE, "anna") == []
