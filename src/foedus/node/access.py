"""Authentication: from a credential to a Subject, in microseconds where it has been seen before.

Answers are kept in memory under the hash of the credential. They are dropped at once when this process changes an
account, within CHECK_EVERY when another process does, and when they run out. A check costs a dictionary look-up;
argon2id and SQLite are reached only by what is new.

Lock-out: an attempt is counted before its password is checked. Unknown names are counted, locked, checked and
answered exactly as known ones.

Example:
    access.token("fds_…")                           # Subject or None
    signed_in = access.sign_in_by_link(secret)      # SignedIn: put signed_in.session into the cookie
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from foedus.config import Limits
from foedus.kernel.errors import Busy, NotAuthenticated, NotFound, StorageFull, TooMany
from foedus.kernel.ports import Clock, Random
from foedus.node.passwords import Passwords
from foedus.node.subject import FULL_SCOPE, Epoch, Subject, Via
from foedus.storage.account import Account
from foedus.storage.accounts import Accounts
from foedus.storage.credentials import SECOND, TOKEN_PREFIX, SessionRow, secret_hash

__all__ = ["FULL_SCOPE", "Access", "Epoch", "Identity", "SignedIn", "Subject", "Via"]

CHECK_EVERY = SECOND // 4  # how often to ask whether another process changed something; below CLEARANCE_LEAD
_TOUCH_EVERY = 60 * SECOND
_PASSWORD_KEPT = 5 * 60 * SECOND
_MAX_KEPT = 50_000
_MAX_NAME = 256
FAILED = "name or password is wrong, or the account cannot sign in this way"
LINK_FAILED = "this sign-in link is unknown, used or expired"
LOCKED = "too many failed sign-ins under this name"


@dataclass(frozen=True, slots=True)
class Identity:
    """A subject and what belongs to the credential that showed them. `csrf` is "" unless it is a session."""

    subject: Subject
    csrf: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: `session` goes into the cookie and nowhere else."""

    subject: Subject
    session: str = field(repr=False)
    csrf: str = field(repr=False)
    expires: int


@dataclass(slots=True)
class _Kept:
    """One answer: good until `until`; `touched` is when its use was last written."""

    identity: Identity
    until: int
    touched: int
    session: SessionRow | None = None


class Access:
    """Who is it? Safe to call from several threads; `password` and the sign-in by it take tens of milliseconds."""

    def __init__(
        self,
        accounts: Accounts,
        clock: Clock,
        random: Random,
        limits: Limits | None = None,
        passwords: Passwords | None = None,
    ) -> None:
        self.accounts = accounts
        self.passwords = passwords or Passwords(limits or Limits(), random)
        self._clock = clock
        self._kept: dict[Hashable, _Kept] = {}
        self._lock = threading.RLock()
        self._key = random.bytes(32)  # of this process: what is kept for passwords cannot be checked elsewhere
        self._version = accounts.version()
        self._changes = self._version[1]
        self._checked = clock.now()

    # credentials

    def token(self, text: str, name: str | None = None) -> Subject | None:
        """Whose API token it is; None where it is not in force, or not that of `name`."""
        if not text.startswith(TOKEN_PREFIX) or len(text) > _MAX_NAME:
            return None
        digest = secret_hash(text)
        kept = self._keep(digest, lambda now: self._load_token(digest, now))
        if kept is None or (name is not None and name != kept.identity.subject.name):
            return None
        return kept.identity.subject

    def session(self, secret: str) -> Identity | None:
        """Whose session it is, with its CSRF token; None where it is not in force."""
        if len(secret) > _MAX_NAME:
            return None
        digest = secret_hash(secret)
        kept = self._keep(digest, lambda now: self._load_session(digest, now))
        return kept.identity if kept else None

    def known_password(self, name: str, password: str) -> Subject | None:
        """Who has lately shown exactly this name and password; None says nothing about whether they are right."""
        kept = self._keep(self._password_key(name, password), lambda now: None)
        return kept.identity.subject if kept else None

    def password(self, name: str, password: str) -> Subject:
        """Whose name and password it is. Raises NotAuthenticated, or TooMany while the name is locked."""
        known = self.known_password(name, password)
        if known is not None:
            return known
        account = self.check_password(name, password)
        key = self._password_key(name, password)
        kept = self._keep(key, lambda now: self._load_account(account.id, now, "password", now + _PASSWORD_KEPT))
        if kept is None:
            raise NotAuthenticated(FAILED)
        return kept.identity.subject

    def check_password(self, name: str, password: str) -> Account:
        """The account of this name and password, checked now. Raises NotAuthenticated, TooMany."""
        name = _typed(name)
        wait = self.accounts.failures.begin(name)
        if wait:
            raise TooMany(LOCKED, wait)
        stored = self.accounts.password_hash(name)
        if not self.passwords.check(password, stored) or stored is None:
            raise NotAuthenticated(FAILED)
        self.accounts.failures.clear(name)
        renewed = self.passwords.renewed(password, stored)
        if renewed:
            self.accounts.refresh_password(name, stored, renewed)
        return self.accounts.get(name)

    def local(self, name: str) -> Subject:
        """For the command line, whose user holds the node's folder. Raises NotFound for no such active account."""
        account = self.accounts.get(name)
        if not account.active:
            raise NotFound
        return _subject(account, self._clock.now(), "local")

    def everyone(self) -> list[Subject]:
        """All active accounts as subjects, by name: to compute an audience."""
        now = self._clock.now()
        return [_subject(account, now, "local") for account in self.accounts.all() if account.active]

    def refresh(self, subject: Subject) -> Subject | None:
        """The subject as they are now, for streams that outlive a request; None where the credential has ended."""
        key = (subject.via, subject.name, subject.token_id, subject.session_id)
        kept = self._keep(key, lambda now: self._load_again(subject, now))
        return kept.identity.subject if kept else None

    # signing in and out

    def sign_in_by_password(self, name: str, password: str, *, replaces: str | None = None) -> SignedIn:
        """A new session; the one whose id was shown before ends. Raises NotAuthenticated, TooMany."""
        return self.sign_in(self.check_password(name, password).id, replaces=replaces)

    def link_is_valid(self, secret: str) -> bool:
        """Whether the link would sign somebody in. Asking does not use it up."""
        return len(secret) <= _MAX_NAME and self.accounts.links.account(secret) is not None

    def sign_in_by_link(self, secret: str, *, replaces: str | None = None) -> SignedIn:
        """A new session by a one-time link, which is used up. Raises NotAuthenticated."""
        with self.accounts.file.transaction():
            account = self.accounts.links.consume(secret) if len(secret) <= _MAX_NAME else None
            if account is None:
                raise NotAuthenticated(LINK_FAILED)
            return self.sign_in(account, replaces=replaces)

    def sign_in(self, account_id: int, *, replaces: str | None = None) -> SignedIn:
        """A new session for somebody whom the caller has authenticated. Raises NotAuthenticated for an inactive one."""
        account = self.accounts.by_id(account_id)
        if not account.active:
            raise NotAuthenticated(FAILED)
        secret, row = self.accounts.sessions.create(account_id, replaces=replaces)
        subject = _subject(account, self._clock.now(), "session", session_id=row.id)
        return SignedIn(subject, secret, row.csrf, row.expires)

    def sign_out(self, secret: str) -> None:
        """The session ends. Nothing where there is none."""
        if len(secret) <= _MAX_NAME:
            self.accounts.sessions.end(secret)

    def _password_key(self, name: str, password: str) -> bytes:
        text = f"{_typed(name)}\0{password}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._key, digest_size=32).digest()

    # what is kept

    def _keep(self, key: Hashable, load: Callable[[int], _Kept | None]) -> _Kept | None:
        now = self._clock.now()
        with self._lock:
            self._notice_changes(now)
            kept = self._kept.get(key)
            if kept is None or now >= kept.until:
                self._kept.pop(key, None)
                kept = load(now)
                if kept is None:
                    return None
                if len(self._kept) >= _MAX_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = kept
            if now - kept.touched >= _TOUCH_EVERY:
                self._touch(kept, now)
            return kept

    def _notice_changes(self, now: int) -> None:
        """Drop everything once something has changed. The version is read before anything is loaded under it."""
        if self._changes == self.accounts.changes and 0 <= now - self._checked < CHECK_EVERY:
            return
        version = self.accounts.version()
        self._checked, self._changes = now, version[1]
        if version != self._version:
            self._version = version
            self._kept.clear()

    def _touch(self, kept: _Kept, now: int) -> None:
        """Write the time of use. That it cannot be written (a full disk) keeps nobody out."""
        kept.touched = now
        subject = kept.identity.subject
        try:
            if subject.token_id:
                self.accounts.tokens.touch(subject.token_id, now)
            elif kept.session:
                self.accounts.sessions.touch(kept.session.id, now)
                kept.until = min(self.accounts.sessions.idle_end(now), kept.session.expires, self._next_epoch(subject))
        except (StorageFull, Busy):
            return

    def _load_token(self, digest: bytes, now: int) -> _Kept | None:
        row = self.accounts.tokens.find(digest)
        if row is None:
            return None
        kept = self._load_account(row.account, now, "token", row.expires)
        if kept is None:
            return None
        subject = replace(kept.identity.subject, scope=row.scope, token_id=row.id)
        return _Kept(Identity(subject), kept.until, touched=row.used)

    def _load_session(self, digest: bytes, now: int) -> _Kept | None:
        row = self.accounts.sessions.find(digest)
        if row is None:
            return None
        end = min(row.expires, self.accounts.sessions.idle_end(row.seen))
        kept = self._load_account(row.account, now, "session", end)
        if kept is None:
            return None
        identity = Identity(replace(kept.identity.subject, session_id=row.id), row.csrf)
        return _Kept(identity, kept.until, touched=row.seen, session=row)

    def _load_account(self, account_id: int, now: int, via: Via, end: int) -> _Kept | None:
        account = self.accounts.by_id(account_id)
        if not account.active:
            return None
        later = [since for since, _ in account.epochs if since > now]
        return _Kept(Identity(_subject(account, now, via)), min([end, *later]), touched=now)

    def _load_again(self, subject: Subject, now: int) -> _Kept | None:
        account = self.accounts.find(subject.name)
        if account is None:
            return None
        scope, end = subject.scope, now + 60 * SECOND
        if subject.token_id:
            row = self.accounts.tokens.get(subject.token_id)
            if row.revoked is not None or row.expires <= now:
                return None
            end = min(end, row.expires)
        elif subject.session_id:
            live = [row for row in self.accounts.sessions.of(account.id) if row.id == subject.session_id]
            if not live:
                return None
            end = min(end, live[0].expires)
        kept = self._load_account(account.id, now, subject.via, end)
        if kept is None:
            return None
        again = replace(kept.identity.subject, scope=scope, token_id=subject.token_id, session_id=subject.session_id)
        return _Kept(Identity(again), kept.until, touched=now)

    def _next_epoch(self, subject: Subject) -> int:
        account = self.accounts.get(subject.name)
        return min([since for since, _ in account.epochs if since > self._clock.now()], default=2**62)


def _typed(name: str) -> str:
    """A name as somebody typed it, in the one form that accounts have."""
    return name[:_MAX_NAME].strip().lower()


def _subject(account: Account, now: int, via: Via, session_id: int = 0) -> Subject:
    return Subject(
        name=account.name,
        roles=account.roles,
        epochs=tuple(epoch for epoch in account.epochs if epoch[0] <= now),
        via=via,
        language=account.language,
        zone=account.zone,
        session_id=session_id,
        display_name=account.display_name,
    )
