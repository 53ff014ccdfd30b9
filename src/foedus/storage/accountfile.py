"""Files that are no projection: SQLite databases that the server and the command line use at the same time.

WAL, synchronous=FULL (what was answered survives a power cut), mode 0600. `version()` tells a cache whether anything
has changed: it moves at every commit of another process and at every commit of this one that matters.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from foedus.kernel.errors import Busy, Damaged, FoedusError, NotFound, StorageFull

APPLICATION_ID = 0x466F6564  # "Foed"
_BUSY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Make:
    """What a file is: how it is spoken of, its schema, and the version of that."""

    what: str
    schema: str  # a file beside this one
    version: int = 1


ACCOUNTS = Make("accounts", "accounts.sql")


class AccountFile:
    """One connection, used by one thread at a time. `create` makes the file where it is missing.

    Raises NotFound where it is missing and may not be made, Damaged where it is something else, StorageFull and Busy
    as the disk and other processes have it.
    """

    def __init__(self, path: Path, make: Make = ACCOUNTS, *, create: bool = True) -> None:
        self.path = path
        self._make = make
        self._lock = threading.RLock()
        self.changes = 0  # commits of this connection that matter to caches
        if not path.exists() and not create:
            raise NotFound
        with self._translated():
            _make_private(path)
            self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            self._prepare()

    def _prepare(self) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            self._db.execute(f"PRAGMA {pragma}")
        with self.transaction():
            version = self._pragma("user_version")
            if version == 0 and self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
                for statement in _statements((files("foedus.storage") / self._make.schema).read_text("utf-8")):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA application_id={APPLICATION_ID}")
                self._db.execute(f"PRAGMA user_version={self._make.version}")
            elif version != self._make.version or self._pragma("application_id") != APPLICATION_ID:
                raise Damaged(f"{self.path.name} is no file of {self._make.what} of this version of Foedus")

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def version(self) -> tuple[int, int]:
        """Differs from an earlier answer whenever something may have changed since."""
        with self._lock, self._translated():
            return self._pragma("data_version"), self.changes

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """What a query answers."""
        with self._lock, self._translated():
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> Any | None:
        """The first row, or None."""
        with self._lock, self._translated():
            return self._db.execute(sql, values).fetchone()

    @contextmanager
    def transaction(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable on return. `quiet` for what no cache needs to know (times of last use)."""
        with self._lock, self._translated():
            if self._db.in_transaction:  # an inner step of a larger change
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self.changes += not quiet

    def backup(self, target: Path) -> None:
        """A consistent copy while in use. Raises StorageFull where `target` cannot be written."""
        with self._translated():
            _make_private(target)
            copy = sqlite3.connect(target)
            try:
                with self._lock:
                    self._db.backup(copy)
            finally:
                copy.close()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """SQLite's and the system's errors in our terms, at this one boundary."""
        try:
            yield
        except FoedusError:
            raise
        except OSError as error:
            raise StorageFull(f"the file of {self._make.what} cannot be written: {error.strerror}") from error
        except sqlite3.DatabaseError as error:
            raise _in_our_terms(error, self._make.what) from error


def _make_private(path: Path) -> None:
    """SQLite gives its side files the mode of the main one, so it has to be right before SQLite opens it."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _statements(script: str) -> Iterator[str]:
    """The script's statements one by one: `executescript` would commit the transaction that makes the schema atomic."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _in_our_terms(error: sqlite3.DatabaseError, what: str) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Busy(f"another process is changing {what}; try again")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return StorageFull(f"the file of {what} cannot be written: the disk is full, read-only or failing")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Damaged(f"the file of {what} is damaged", hint="restore it from a backup")
    return error
