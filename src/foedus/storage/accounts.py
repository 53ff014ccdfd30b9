"""Accounts: who works at this node, with which roles, and for what they have been cleared since when.

There is no default account and no default password. Deleting is deactivating: what somebody did stays attributable.
Every change names who made it (`by`) and stands in the administrative log.

Example:
    accounts = Accounts(data / "accounts.sqlite", clock, random, limits)
    accounts.add("anna", by="local", roles={"analyst"}, clearances=(clearance,))
    accounts.get("anna").epochs        # ((since, (clearance,)),)
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from foedus.config import Limits
from foedus.kernel.errors import Fault, NotFound, Refused
from foedus.kernel.label import Clearance
from foedus.kernel.ports import Clock, Random
from foedus.storage.account import Account, Change, checked_clearances, decode_clearances, encode_clearances, faults_of
from foedus.storage.accountfile import AccountFile
from foedus.storage.credentials import Failures, Links, Sessions, Tokens
from foedus.storage.keepsakes import Identities, Marks, SavedSearches

# A changed clearance begins a little in the future, so that every process has heard of it before it counts. Otherwise
# a reader who polls in between would move past the moment of release and miss what the change released.
CLEARANCE_LEAD = 750_000


class Accounts:
    """The people of one node, and under it what belongs to each: `links`, `sessions`, `tokens`, `failures`,
    `identities`, `searches`, `marks`."""

    def __init__(
        self, path: Path, clock: Clock, random: Random, limits: Limits | None = None, *, create: bool = True
    ) -> None:
        limits = limits or Limits()
        self._clock = clock
        self.file = AccountFile(path, create=create)
        self.links = Links(self.file, clock, random, limits)
        self.sessions = Sessions(self.file, clock, random, limits)
        self.tokens = Tokens(self.file, clock, random, limits)
        self.failures = Failures(self.file, clock, limits)
        self.identities = Identities(self.file, clock)
        self.searches = SavedSearches(self.file, clock)
        self.marks = Marks(self.file, clock)

    # reading

    def find(self, name: str) -> Account | None:
        row = self.file.row(f"{_SELECT} WHERE name = ?", name)
        return self._account(row) if row else None

    def get(self, name: str) -> Account:
        """Raises NotFound."""
        account = self.find(name)
        if account is None:
            raise NotFound
        return account

    def by_id(self, account_id: int) -> Account:
        """Raises NotFound."""
        row = self.file.row(f"{_SELECT} WHERE id = ?", account_id)
        if row is None:
            raise NotFound
        return self._account(row)

    def all(self) -> list[Account]:
        """By name, inactive ones too."""
        return [self._account(row) for row in self.file.rows(f"{_SELECT} ORDER BY name")]

    def password_hash(self, name: str) -> str | None:
        """Of an active account that has a password; None otherwise."""
        row = self.file.row("SELECT password FROM account WHERE name = ? AND active = 1", name)
        return row[0] if row else None

    def log(self, *, limit: int = 100, before: int | None = None) -> list[Change]:
        """The administrative log, newest first, from below the line `before`."""
        rows = self.file.rows(
            "SELECT id, at, actor, account, action, detail FROM administration WHERE id < ? ORDER BY id DESC LIMIT ?",
            before if before is not None else 2**62,
            limit,
        )
        return [
            Change(line, at, actor, account, action, msgspec.json.decode(detail))
            for line, at, actor, account, action, detail in rows
        ]

    def _account(self, row: Any) -> Account:
        account_id, name, display_name, roles, active, created, language, zone, has_password = row
        history = self.file.rows("SELECT since, clearances FROM clearance WHERE account = ? ORDER BY since", account_id)
        return Account(
            id=account_id,
            name=name,
            display_name=display_name,
            roles=frozenset(msgspec.json.decode(roles, type=list[str])),
            active=bool(active),
            created=created,
            language=language,
            zone=zone,
            has_password=bool(has_password),
            epochs=tuple((since, decode_clearances(text)) for since, text in history),
        )

    # changing

    def add(
        self,
        name: str,
        *,
        by: str,
        roles: Collection[str] = (),
        display_name: str = "",
        clearances: Iterable[Clearance] = (),
        language: str = "en",
        zone: str = "UTC",
    ) -> Account:
        """A new active account, cleared from now on. Raises Refused: name taken, or something malformed."""
        display_name = display_name or name
        faults = list(faults_of(name=name, roles=roles, display_name=display_name, language=language, zone=zone))
        if faults:
            raise Refused(faults)
        text = checked_clearances(tuple(clearances))
        now = self._clock.now()
        with self.file.transaction() as db:
            if db.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise Refused([Fault("name-taken", f"there is an account named {name}", path="name")])
            cursor = db.execute(
                "INSERT INTO account (name, display_name, roles, created, language, zone) VALUES (?, ?, ?, ?, ?, ?)",
                (name, display_name, _json(sorted(roles)), now, language, zone),
            )
            if text != "[]":
                db.execute("INSERT INTO clearance VALUES (?, ?, ?)", (cursor.lastrowid, now, text))
            self._record(db, by, name, "add", {"roles": sorted(roles), "clearances": msgspec.Raw(text.encode())})
        return self.get(name)

    def change(
        self,
        name: str,
        *,
        by: str,
        roles: Collection[str] | None = None,
        display_name: str | None = None,
        language: str | None = None,
        zone: str | None = None,
    ) -> Account:
        """What is given becomes so; the rest stays. Raises NotFound, Refused."""
        given: dict[str, Any] = {"display_name": display_name, "language": language, "zone": zone}
        given = {key: value for key, value in given.items() if value is not None}
        if roles is not None:
            given["roles"] = sorted(roles)
        faults = list(faults_of(**given))
        if faults:
            raise Refused(faults)
        with self.file.transaction() as db:
            account = self.get(name)
            for column, value in given.items():
                stored = _json(value) if column == "roles" else value
                db.execute(f"UPDATE account SET {column} = ? WHERE id = ?", (stored, account.id))  # noqa: S608
            if given:
                self._record(db, by, name, "change", given)
        return self.get(name)

    def set_clearances(self, name: str, clearances: Iterable[Clearance], *, by: str) -> int:
        """From the answered moment on (microseconds, less than a second ahead) these clearances are in force."""
        text = checked_clearances(tuple(clearances))
        with self.file.transaction() as db:
            account = self.get(name)
            last, current = account.epochs[-1] if account.epochs else (0, ())
            if encode_clearances(current) == text:
                return last
            since = max(self._clock.now() + CLEARANCE_LEAD, last + 1)
            db.execute("INSERT INTO clearance VALUES (?, ?, ?)", (account.id, since, text))
            detail = {"since": since, "clearances": msgspec.Raw(text.encode())}
            self._record(db, by, name, "clearances", detail)
        return since

    def set_password(self, name: str, password_hash: str | None, *, by: str, keep_session: int = 0) -> None:
        """Store an argon2id hash, or None for no password. Ends the person's other sessions and links."""
        with self.file.transaction() as db:
            account = self.get(name)
            db.execute("UPDATE account SET password = ? WHERE id = ?", (password_hash, account.id))
            db.execute("DELETE FROM session WHERE account = ? AND id <> ?", (account.id, keep_session))
            db.execute("DELETE FROM link WHERE account = ?", (account.id,))
            self._record(db, by, name, "password", {"set": password_hash is not None})

    def refresh_password(self, name: str, old_hash: str, new_hash: str) -> None:
        """The same password under newer parameters of argon2id; nothing if it was changed meanwhile."""
        with self.file.transaction(quiet=True) as db:
            db.execute("UPDATE account SET password = ? WHERE name = ? AND password = ?", (new_hash, name, old_hash))

    def deactivate(self, name: str, *, by: str) -> None:
        """Nobody signs in as this account any more; its sessions, tokens and links end for good."""
        with self.file.transaction() as db:
            account = self.get(name)
            db.execute("UPDATE account SET active = 0 WHERE id = ?", (account.id,))
            db.execute("DELETE FROM session WHERE account = ?", (account.id,))
            db.execute("DELETE FROM link WHERE account = ?", (account.id,))
            db.execute(
                "UPDATE token SET revoked = ? WHERE account = ? AND revoked IS NULL", (self._clock.now(), account.id)
            )
            self._record(db, by, name, "deactivate", {})

    def reactivate(self, name: str, *, by: str) -> None:
        """The account works again, with its old password; sessions, tokens and links do not come back."""
        with self.file.transaction() as db:
            account = self.get(name)
            db.execute("UPDATE account SET active = 1 WHERE id = ?", (account.id,))
            self._record(db, by, name, "reactivate", {})

    def record(self, by: str, name: str, action: str, detail: Mapping[str, Any]) -> None:
        """A line in the administrative log for what another part of this file did. Never give it a secret."""
        with self.file.transaction() as db:
            self._record(db, by, name, action, detail)

    def _record(self, db: sqlite3.Connection, by: str, name: str, action: str, detail: Mapping[str, Any]) -> None:
        db.execute(
            "INSERT INTO administration (at, actor, account, action, detail) VALUES (?, ?, ?, ?, ?)",
            (self._clock.now(), by, name, action, _json(dict(detail))),
        )

    def version(self) -> tuple[int, int]:
        """Differs from an earlier answer whenever something may have changed since, in whichever process."""
        return self.file.version()

    @property
    def changes(self) -> int:
        """The part of `version` that this process moves; costs nothing to ask."""
        return self.file.changes

    def backup(self, target: Path) -> None:
        """A consistent copy while in use."""
        self.file.backup(target)

    def close(self) -> None:
        self.file.close()


_SELECT = "SELECT id, name, display_name, roles, active, created, language, zone, password IS NOT NULL FROM account"


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
