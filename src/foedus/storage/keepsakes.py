"""What accounts keep beside credentials: bound OpenID Connect identities, saved searches, marks of what was seen."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.kernel.errors import Fault, NotFound, Refused
from foedus.kernel.ports import Clock
from foedus.storage.accountfile import AccountFile

_MAX_SEARCHES = 200  # for one account
_MAX_MARKS = 1_000
_MAX_QUERY = 4_096  # characters
_MAX_OPAQUE = 4_096
_MAX_IDENTITY = 255  # OpenID Connect Core 1.0, section 2: `sub` has at most 255 characters


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search that its owner keeps; `cursor` is how far they have been told, opaque here."""

    account: int
    name: str
    query: str
    notify: bool
    cursor: str
    created: int


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has looked into a topic; `value` is opaque here."""

    topic: str
    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody at an OpenID provider, bound to an account."""

    issuer: str
    subject: str
    account: int
    bound: int


class Identities:
    """Which person at which OpenID provider is which account."""

    def __init__(self, file: AccountFile, clock: Clock) -> None:
        self._file, self._clock = file, clock

    def find(self, issuer: str, subject: str) -> int | None:
        """The account, active or not."""
        row = self._file.row("SELECT account FROM identity WHERE issuer = ? AND subject = ?", issuer, subject)
        return int(row[0]) if row else None

    def of(self, account: int) -> list[Identity]:
        rows = self._file.rows(
            "SELECT issuer, subject, account, bound FROM identity WHERE account = ? ORDER BY issuer, subject", account
        )
        return [Identity(*row) for row in rows]

    def bind(self, account: int, issuer: str, subject: str) -> None:
        """Raises Refused where the identity is somebody else's already."""
        if not (0 < len(issuer) <= 2048 and 0 < len(subject) <= _MAX_IDENTITY):
            raise Refused([Fault("invalid-identity", f"issuer and subject are needed, at most {_MAX_IDENTITY} long")])
        with self._file.transaction() as db:
            owner = self.find(issuer, subject)
            if owner is not None and owner != account:
                raise Refused([Fault("identity-taken", "this identity is bound to another account")])
            db.execute(
                "INSERT OR IGNORE INTO identity VALUES (?, ?, ?, ?)", (issuer, subject, account, self._clock.now())
            )

    def unbind(self, issuer: str, subject: str) -> None:
        with self._file.transaction() as db:
            db.execute("DELETE FROM identity WHERE issuer = ? AND subject = ?", (issuer, subject))


class SavedSearches:
    """Searches that people keep, some of which notify."""

    def __init__(self, file: AccountFile, clock: Clock) -> None:
        self._file, self._clock = file, clock

    def save(self, account: int, name: str, query: str, *, notify: bool = False, cursor: str = "") -> SavedSearch:
        """New, or the one of that name changed (its cursor too). Raises Refused where a bound is passed."""
        faults = []
        if not (0 < len(name) <= 128 and name.isprintable()):
            faults.append(Fault("invalid-search-name", "1 to 128 printable characters", path="name"))
        if len(query) > _MAX_QUERY or len(cursor) > _MAX_OPAQUE:
            faults.append(Fault("search-too-long", f"a saved search has at most {_MAX_QUERY} characters", path="query"))
        kept = {search.name for search in self.of(account)}
        if name not in kept and len(kept) >= _MAX_SEARCHES:
            faults.append(Fault("too-many-searches", f"at most {_MAX_SEARCHES} saved searches"))
        if faults:
            raise Refused(faults)
        with self._file.transaction(quiet=True) as db:
            db.execute(
                "INSERT INTO saved_search VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, name) DO UPDATE"
                " SET query = excluded.query, notify = excluded.notify, cursor = excluded.cursor",
                (account, name, query, int(notify), cursor, self._clock.now()),
            )
        return self.get(account, name)

    def get(self, account: int, name: str) -> SavedSearch:
        """Raises NotFound."""
        row = self._file.row(f"{_SEARCH} WHERE account = ? AND s.name = ?", account, name)
        if row is None:
            raise NotFound
        return _search(row)

    def of(self, account: int) -> list[SavedSearch]:
        return [_search(row) for row in self._file.rows(f"{_SEARCH} WHERE account = ? ORDER BY s.name", account)]

    def notifying(self) -> list[SavedSearch]:
        """Those of active accounts that want to be told."""
        rows = self._file.rows(
            f"{_SEARCH} JOIN account a ON a.id = account WHERE notify = 1 AND a.active = 1 ORDER BY account, s.name"
        )
        return [_search(row) for row in rows]

    def advance(self, account: int, name: str, cursor: str) -> None:
        """Remember how far its owner has been told. Nothing where the search is gone."""
        if len(cursor) > _MAX_OPAQUE:
            raise Refused([Fault("cursor-too-long", f"at most {_MAX_OPAQUE} characters")])
        with self._file.transaction(quiet=True) as db:
            db.execute("UPDATE saved_search SET cursor = ? WHERE account = ? AND name = ?", (cursor, account, name))

    def delete(self, account: int, name: str) -> None:
        """Raises NotFound."""
        with self._file.transaction(quiet=True) as db:
            self.get(account, name)
            db.execute("DELETE FROM saved_search WHERE account = ? AND name = ?", (account, name))


class Marks:
    """Last-seen marks per person and topic."""

    def __init__(self, file: AccountFile, clock: Clock) -> None:
        self._file, self._clock = file, clock

    def get(self, account: int, topic: str) -> Mark | None:
        row = self._file.row("SELECT topic, value, at FROM mark WHERE account = ? AND topic = ?", account, topic)
        return Mark(*row) if row else None

    def set(self, account: int, topic: str, value: str) -> Mark:
        """Raises Refused where a bound is passed. The topic unused for longest makes room for a new one."""
        if not 0 < len(topic) <= 256 or len(value) > _MAX_OPAQUE:
            raise Refused([Fault("mark-too-long", f"a mark has at most {_MAX_OPAQUE} characters")])
        mark = Mark(topic, value, self._clock.now())
        with self._file.transaction(quiet=True) as db:
            db.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?, ?)", (account, topic, value, mark.at))
            db.execute(
                "DELETE FROM mark WHERE account = ?1 AND topic NOT IN"
                " (SELECT topic FROM mark WHERE account = ?1 ORDER BY at DESC, topic LIMIT ?2)",
                (account, _MAX_MARKS),
            )
        return mark


_SEARCH = "SELECT account, s.name, query, notify, cursor, s.created FROM saved_search s"


def _search(row: tuple[int, str, str, int, str, int]) -> SavedSearch:
    account, name, query, notify, cursor, created = row
    return SavedSearch(account, name, query, bool(notify), cursor, created)
