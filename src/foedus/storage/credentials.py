"""Credentials as they are stored: one-time links, sessions, API tokens, and the count of failed sign-ins.

Each secret is 256 random bits and leaves this module once, when it is made; what stays is its SHA-256 hash, so a copy
of the file opens nothing. A slow hash would add nothing: such secrets cannot be guessed, only stolen.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, field

import msgspec

from foedus.config import Limits
from foedus.kernel.errors import Fault, NotFound, Refused
from foedus.kernel.ports import Clock, Random
from foedus.storage.accountfile import AccountFile

TOKEN_PREFIX = "fds_"  # noqa: S105  lets scanners of repositories and logs recognise a leaked token
SECOND = 1_000_000
_TOUCH_EVERY = 60 * SECOND
_MAX_TOKENS = 100  # in force, for one account
_MAX_SESSIONS = 50
_MAX_LINKS = 20
_MAX_UNKNOWN_NAMES = 10_000  # failures kept for names that no account has


def secret_hash(secret: str) -> bytes:
    """What stands in the file for a random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def new_secret(random: Random) -> str:
    """256 random bits as 43 characters that need no escaping in URLs, headers and cookies."""
    return base64.urlsafe_b64encode(random.bytes(32)).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session in force."""

    id: int
    account: int
    csrf: str = field(repr=False)
    created: int
    seen: int
    expires: int  # the absolute end; idleness ends it sooner


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An API token without its secret."""

    id: int
    account: int
    name: str
    scope: frozenset[str]
    created: int
    expires: int
    used: int  # 0: never; up to a minute late
    revoked: int | None


class Links:
    """One-time sign-in links."""

    def __init__(self, file: AccountFile, clock: Clock, random: Random, limits: Limits) -> None:
        self._file, self._clock, self._random = file, clock, random
        self._life = limits.link_seconds * SECOND

    def create(self, account: int, *, seconds: int | None = None) -> str:
        """The secret of a new link. Older links of the account stay valid, the newest few at most."""
        now = self._clock.now()
        life = self._life if seconds is None else min(seconds * SECOND, self._life)
        secret = new_secret(self._random)
        with self._file.transaction() as db:
            db.execute("DELETE FROM link WHERE expires <= ?", (now,))
            db.execute(
                "DELETE FROM link WHERE account = ?1 AND hash NOT IN"
                " (SELECT hash FROM link WHERE account = ?1 ORDER BY created DESC LIMIT ?2)",
                (account, _MAX_LINKS - 1),
            )
            db.execute("INSERT INTO link VALUES (?, ?, ?, ?)", (secret_hash(secret), account, now, now + life))
        return secret

    def account(self, secret: str) -> int | None:
        """Whom the link would sign in; it stays unused. None where it is unknown, used or expired."""
        row = self._file.row(
            "SELECT account FROM link JOIN account a ON a.id = account WHERE hash = ? AND expires > ? AND a.active = 1",
            secret_hash(secret),
            self._clock.now(),
        )
        return int(row[0]) if row else None

    def consume(self, secret: str) -> int | None:
        """Whom the link signs in, this once; None from the second time on."""
        with self._file.transaction() as db:
            account = self.account(secret)
            if account is not None:
                db.execute("DELETE FROM link WHERE hash = ?", (secret_hash(secret),))
        return account


class Sessions:
    """Browser sessions: they end after a time of idleness, and at the latest after an absolute time."""

    def __init__(self, file: AccountFile, clock: Clock, random: Random, limits: Limits) -> None:
        self._file, self._clock, self._random = file, clock, random
        self._life = limits.session_seconds * SECOND
        self._idle = limits.session_idle_seconds * SECOND

    def create(self, account: int, *, replaces: str | None = None) -> tuple[str, SessionRow]:
        """A new session's id (the secret) and row; the session with the id `replaces` ends."""
        now = self._clock.now()
        secret, csrf = new_secret(self._random), new_secret(self._random)
        with self._file.transaction() as db:
            if replaces:
                self.end(replaces)
            db.execute("DELETE FROM session WHERE expires <= ? OR seen <= ?", (now, now - self._idle))
            db.execute(
                "DELETE FROM session WHERE account = ?1 AND id NOT IN"
                " (SELECT id FROM session WHERE account = ?1 ORDER BY id DESC LIMIT ?2)",
                (account, _MAX_SESSIONS - 1),
            )
            cursor = db.execute(
                "INSERT INTO session (hash, account, csrf, created, seen, expires) VALUES (?, ?, ?, ?, ?, ?)",
                (secret_hash(secret), account, csrf, now, now, now + self._life),
            )
        return secret, SessionRow(cursor.lastrowid or 0, account, csrf, now, now, now + self._life)

    def find(self, secret_digest: bytes) -> SessionRow | None:
        """The session in force whose id has this hash."""
        now = self._clock.now()
        row = self._file.row(
            f"{_SESSION} WHERE hash = ? AND expires > ? AND seen > ?", secret_digest, now, now - self._idle
        )
        return SessionRow(*row) if row else None

    def of(self, account: int) -> list[SessionRow]:
        """Sessions in force, newest first."""
        now = self._clock.now()
        rows = self._file.rows(
            f"{_SESSION} WHERE account = ? AND expires > ? AND seen > ? ORDER BY id DESC",
            account,
            now,
            now - self._idle,
        )
        return [SessionRow(*row) for row in rows]

    def idle_end(self, seen: int) -> int:
        """When a session last seen then ends by idleness."""
        return seen + self._idle

    def touch(self, session_id: int, seen: int) -> bool:
        """Write that it was used, at most once a minute: True where it wrote."""
        with self._file.transaction(quiet=True) as db:
            statement = "UPDATE session SET seen = ? WHERE id = ? AND seen <= ?"
            return db.execute(statement, (seen, session_id, seen - _TOUCH_EVERY)).rowcount > 0

    def end(self, secret: str) -> None:
        with self._file.transaction() as db:
            db.execute("DELETE FROM session WHERE hash = ?", (secret_hash(secret),))

    def end_all(self, account: int) -> int:
        """How many ended."""
        with self._file.transaction() as db:
            return db.execute("DELETE FROM session WHERE account = ?", (account,)).rowcount


class Tokens:
    """API tokens."""

    def __init__(self, file: AccountFile, clock: Clock, random: Random, limits: Limits) -> None:
        self._file, self._clock, self._random = file, clock, random
        self._longest = limits.token_days * 86_400 * SECOND

    def create(
        self, account: int, name: str, scope: Collection[str], *, seconds: int | None = None
    ) -> tuple[str, TokenRow]:
        """A new token's text, shown this once, and its row. Raises Refused: name, life or number out of bounds."""
        now = self._clock.now()
        life = self._longest if seconds is None else seconds * SECOND
        faults = []
        if not (0 < len(name) <= 64 and name.isprintable()):
            faults.append(Fault("invalid-token-name", "1 to 64 printable characters", path="name"))
        if not 0 < life <= self._longest:
            days = self._longest // (86_400 * SECOND)
            faults.append(Fault("invalid-token-life", f"a token lives at most {days} days", path="expires"))
        if len([row for row in self.of(account) if row.revoked is None and row.expires > now]) >= _MAX_TOKENS:
            faults.append(Fault("too-many-tokens", f"at most {_MAX_TOKENS} tokens are in force for one account"))
        if faults:
            raise Refused(faults)
        text = TOKEN_PREFIX + new_secret(self._random)
        scope_json = msgspec.json.encode(sorted(set(scope))).decode()
        with self._file.transaction() as db:
            cursor = db.execute(
                "INSERT INTO token (hash, account, name, scope, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
                (secret_hash(text), account, name, scope_json, now, now + life),
            )
        return text, TokenRow(cursor.lastrowid or 0, account, name, frozenset(scope), now, now + life, 0, None)

    def find(self, secret_digest: bytes) -> TokenRow | None:
        """The token in force that has this hash."""
        row = self._file.row(
            f"{_TOKEN} WHERE hash = ? AND revoked IS NULL AND expires > ?", secret_digest, self._clock.now()
        )
        return _token(row) if row else None

    def get(self, token_id: int) -> TokenRow:
        """Also a revoked or expired one. Raises NotFound."""
        row = self._file.row(f"{_TOKEN} WHERE id = ?", token_id)
        if row is None:
            raise NotFound
        return _token(row)

    def of(self, account: int) -> list[TokenRow]:
        """All tokens of the account, newest first."""
        return [_token(row) for row in self._file.rows(f"{_TOKEN} WHERE account = ? ORDER BY id DESC", account)]

    def touch(self, token_id: int, used: int) -> bool:
        """Write that it was used, at most once a minute: True where it wrote."""
        with self._file.transaction(quiet=True) as db:
            statement = "UPDATE token SET used = ? WHERE id = ? AND used <= ?"
            return db.execute(statement, (used, token_id, used - _TOUCH_EVERY)).rowcount > 0

    def revoke(self, token_id: int) -> None:
        """It ends now. Raises NotFound."""
        with self._file.transaction() as db:
            self.get(token_id)
            statement = "UPDATE token SET revoked = ? WHERE id = ? AND revoked IS NULL"
            db.execute(statement, (self._clock.now(), token_id))


class Failures:
    """Failed sign-ins by name, whether there is such an account or not: a lock must not tell which."""

    def __init__(self, file: AccountFile, clock: Clock, limits: Limits) -> None:
        self._file, self._clock = file, clock
        self._attempts = limits.login_attempts
        self._lock = limits.lock_seconds * SECOND

    def begin(self, name: str) -> int:
        """Count an attempt before its password is checked, so that attempts at once cannot outrun the count.

        Answers 0, or for how many seconds the name is still locked; then nothing is to be checked.
        """
        now, key = self._clock.now(), secret_hash(name)
        with self._file.transaction(quiet=True) as db:
            row = db.execute("SELECT count, last, locked FROM failure WHERE name = ?", (key,)).fetchone()
            count, last, locked = row or (0, 0, 0)
            if locked > now:
                return -(-(locked - now) // SECOND)
            count = 1 if locked or last <= now - self._lock else count + 1
            until = now + self._lock if count >= self._attempts else 0
            known = db.execute("SELECT count(*) FROM account WHERE name = ?", (name,)).fetchone()[0]
            db.execute("INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?, ?)", (key, known, count, now, until))
            if not row:
                self._forget(db, now)
        return 0

    def clear(self, name: str) -> None:
        """The password was right."""
        with self._file.transaction(quiet=True) as db:
            db.execute("DELETE FROM failure WHERE name = ?", (secret_hash(name),))

    def _forget(self, db: sqlite3.Connection, now: int) -> None:
        """Drop what no longer counts, and beyond a bound the oldest names that are nobody's."""
        db.execute("DELETE FROM failure WHERE last <= ? AND locked <= ?", (now - self._lock, now))
        if db.execute("SELECT count(*) FROM failure WHERE known = 0").fetchone()[0] > _MAX_UNKNOWN_NAMES:
            db.execute(
                "DELETE FROM failure WHERE name IN (SELECT name FROM failure WHERE known = 0 ORDER BY last LIMIT ?)",
                (_MAX_UNKNOWN_NAMES // 10,),
            )


_SESSION = "SELECT id, account, csrf, created, seen, expires FROM session"
_TOKEN = "SELECT id, account, name, scope, created, expires, used, revoked FROM token"  # noqa: S105


def _token(row: tuple[int, int, str, str, int, int, int, int | None]) -> TokenRow:
    token_id, account, name, scope, created, expires, used, revoked = row
    scopes = frozenset(msgspec.json.decode(scope, type=list[str]))
    return TokenRow(token_id, account, name, scopes, created, expires, used, revoked)
