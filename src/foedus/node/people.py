"""Looking after people: accounts, clearances, tokens, links. Every verb names who acts, checks that they may, and
leaves a line in the administrative log.

Example:
    people.add(COMMAND_LINE, "anna", roles={"analyst"}, clearances=(clearance,))
    people.make_token(COMMAND_LINE, "anna", "laptop")        # the token's text, shown this once
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from foedus.kernel.errors import Fault, NotPermitted, Refused
from foedus.kernel.label import Clearance
from foedus.node.access import Access
from foedus.node.roles import ROLES, SCOPES, scopes_of
from foedus.node.subject import Subject
from foedus.storage.account import Account, Change
from foedus.storage.credentials import SessionRow, TokenRow
from foedus.storage.keepsakes import Identity

# Whoever holds the node's folder. No account can have this name: it begins with a character that names do not.
COMMAND_LINE = Subject("@command-line", roles=frozenset({"administrator"}))


class People:
    """The administrative verbs, and what each person may do about their own account."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._accounts = access.accounts

    def add(
        self,
        actor: Subject,
        name: str,
        *,
        roles: Collection[str],
        display_name: str = "",
        clearances: Iterable[Clearance] = (),
        language: str = "en",
        zone: str = "UTC",
    ) -> Account:
        """A new account, without any credential yet. Raises Refused, NotPermitted."""
        actor.require("people")
        _known_roles(roles)
        return self._accounts.add(
            name,
            by=actor.name,
            roles=roles,
            display_name=display_name,
            clearances=clearances,
            language=language,
            zone=zone,
        )

    def change(
        self,
        actor: Subject,
        name: str,
        *,
        roles: Collection[str] | None = None,
        display_name: str | None = None,
        language: str | None = None,
        zone: str | None = None,
    ) -> Account:
        """Everybody may change their own language and zone; the rest is for administrators."""
        if actor.name != name or roles is not None or display_name is not None:
            actor.require("people")
        _known_roles(roles or ())
        return self._accounts.change(
            name, by=actor.name, roles=roles, display_name=display_name, language=language, zone=zone
        )

    def set_clearances(self, actor: Subject, name: str, clearances: Iterable[Clearance]) -> int:
        """What the person is cleared for from the answered moment on (less than a second ahead)."""
        actor.require("people")
        return self._accounts.set_clearances(name, clearances, by=actor.name)

    def deactivate(self, actor: Subject, name: str) -> None:
        """The account's sessions, tokens and links end. Raises NotPermitted for one's own account."""
        actor.require("people")
        if actor.name == name:
            raise NotPermitted("an administrator cannot deactivate their own account")
        self._accounts.deactivate(name, by=actor.name)

    def reactivate(self, actor: Subject, name: str) -> None:
        actor.require("people")
        self._accounts.reactivate(name, by=actor.name)

    def set_password(self, actor: Subject, name: str, password: str | None, *, current: str = "") -> None:
        """A new password, or none. Ends the account's links and sessions, save the one that asks.

        Who changes their own gives the current one where there is one: an unattended browser is not enough. Raises
        Refused for a weak password, NotAuthenticated and TooMany for the current one, NotPermitted.
        """
        self._own_or_people(actor, name)
        own = actor.name == name
        if own and self._accounts.get(name).has_password:
            self._access.check_password(name, current)
        hashed = None if password is None else self._access.passwords.hash(password, name=name)
        self._accounts.set_password(name, hashed, by=actor.name, keep_session=actor.session_id if own else 0)

    def make_link(self, actor: Subject, name: str, *, seconds: int | None = None) -> str:
        """The secret of a one-time sign-in link: the page is `/signin/link/{secret}`."""
        actor.require("people")
        account = self._accounts.get(name)
        if not account.active:
            raise Refused([Fault("inactive-account", f"{name} is not active", path="name")])
        with self._accounts.file.transaction():
            secret = self._accounts.links.create(account.id, seconds=seconds)
            self._accounts.record(actor.name, name, "link", {})
        return secret

    def make_token(
        self,
        actor: Subject,
        name: str,
        token_name: str,
        *,
        scope: Collection[str] | None = None,
        seconds: int | None = None,
    ) -> tuple[str, TokenRow]:
        """An API token's text, shown this once. Without `scope` it carries all that the roles can use.

        Raises Refused for an unknown scope or one that the roles cannot use, NotPermitted for another's account and
        for one's own by a mere token: who steals a token shall not be able to outlive it.
        """
        self._own_or_people(actor, name)
        account = self._accounts.get(name)
        useful = scopes_of(account.roles)
        wanted = useful if scope is None else frozenset(scope)
        if not account.active:
            raise Refused([Fault("inactive-account", f"{name} is not active", path="name")])
        if not wanted or not wanted <= useful:
            possible = ", ".join(s for s in SCOPES if s in useful) or "none"
            raise Refused([Fault("invalid-scope", f"the roles of {name} can use the scopes: {possible}", path="scope")])
        with self._accounts.file.transaction():
            text, row = self._accounts.tokens.create(account.id, token_name, wanted, seconds=seconds)
            detail = {"id": row.id, "name": row.name, "scope": sorted(wanted), "expires": row.expires}
            self._accounts.record(actor.name, name, "token", detail)
        return text, row

    def revoke_token(self, actor: Subject, token_id: int) -> None:
        """It ends within a second, everywhere. Raises NotFound, NotPermitted."""
        row = self._accounts.tokens.get(token_id)
        owner = self._accounts.by_id(row.account)
        if actor.name != owner.name:
            actor.require("people")
        with self._accounts.file.transaction():
            self._accounts.tokens.revoke(token_id)
            self._accounts.record(actor.name, owner.name, "revoke-token", {"id": row.id, "name": row.name})

    def bind(self, actor: Subject, name: str, issuer: str, subject: str) -> None:
        """Let this person of an OpenID provider sign in as the account. Raises Refused where they are bound already."""
        actor.require("people")
        with self._accounts.file.transaction():
            self._accounts.identities.bind(self._accounts.get(name).id, issuer, subject)
            self._accounts.record(actor.name, name, "bind", {"issuer": issuer, "subject": subject})

    def unbind(self, actor: Subject, name: str, issuer: str, subject: str) -> None:
        """They do not sign in any more, and the account's sessions end. Raises NotFound."""
        actor.require("people")
        account = self._accounts.get(name)
        with self._accounts.file.transaction():
            if self._accounts.identities.find(issuer, subject) != account.id:
                raise Refused([Fault("not-bound", f"this identity is not bound to {name}")])
            self._accounts.identities.unbind(issuer, subject)
            self._accounts.sessions.end_all(account.id)
            self._accounts.record(actor.name, name, "unbind", {"issuer": issuer, "subject": subject})

    def end_sessions(self, actor: Subject, name: str) -> int:
        """Sign the account out everywhere; answers of how many places."""
        self._own_or_people(actor, name)
        with self._accounts.file.transaction():
            ended = self._accounts.sessions.end_all(self._accounts.get(name).id)
            self._accounts.record(actor.name, name, "end-sessions", {"ended": ended})
        return ended

    # reading

    def all(self, actor: Subject) -> list[Account]:
        actor.require("people")
        return self._accounts.all()

    def get(self, actor: Subject, name: str) -> Account:
        """Raises NotFound; others than oneself are for administrators."""
        if actor.name != name:
            actor.require("people")
        return self._accounts.get(name)

    def tokens(self, actor: Subject, name: str) -> list[TokenRow]:
        return self._accounts.tokens.of(self.get(actor, name).id)

    def sessions(self, actor: Subject, name: str) -> list[SessionRow]:
        return self._accounts.sessions.of(self.get(actor, name).id)

    def identities(self, actor: Subject, name: str) -> list[Identity]:
        return self._accounts.identities.of(self.get(actor, name).id)

    def log(self, actor: Subject, *, limit: int = 100, before: int | None = None) -> list[Change]:
        """The administrative log, newest first: for auditors and administrators."""
        actor.require("administration")
        return self._accounts.log(limit=limit, before=before)

    def _own_or_people(self, actor: Subject, name: str) -> None:
        if actor.name != name or actor.via == "token":
            actor.require("people")


def _known_roles(roles: Collection[str]) -> None:
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        known = ", ".join(ROLES)
        raise Refused([Fault("unknown-role", f"{', '.join(unknown)}: the roles are {known}", path="roles")])
