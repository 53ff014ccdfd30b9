"""Passwords under argon2id (RFC 9106, second recommended parameters), and the rules for new ones (NIST SP 800-63B).

A check costs the same whether or not there is a hash to check against: without one it runs against a dummy.
"""

from __future__ import annotations

import base64
import unicodedata
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from foedus.config import Limits
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.ports import Random

_MAX_PASSWORD = 1_024  # characters; more would only buy work for the hash


class Passwords:
    """Hashes and checks. `checks` counts the argon2id verifications that were made."""

    def __init__(self, limits: Limits, random: Random, hasher: PasswordHasher | None = None) -> None:
        self._shortest = limits.password_min
        self._random = random
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self.checks = 0

    @cached_property
    def _dummy(self) -> str:
        return self._hasher.hash(base64.b64encode(self._random.bytes(32)))

    def hash(self, password: str, *, name: str) -> str:
        """For a new password. Raises Refused where it is too short, too long or easily guessed."""
        if not self._shortest <= len(password) <= _MAX_PASSWORD:
            message = f"a password has {self._shortest} to {_MAX_PASSWORD} characters"
            raise Refused([Fault("password-length", message, path="password")])
        if len(set(password)) < 5 or (len(name) > 3 and name in password.casefold()):
            message = "a password neither repeats a few characters nor has the account's name in it"
            raise Refused([Fault("password-weak", message, path="password")])
        return self._hasher.hash(_octets(password))

    def check(self, password: str, stored: str | None) -> bool:
        """Whether it is the password; False, after the same work, where none is stored."""
        dummy = self._dummy  # made at the first check of any kind, so that it shows for none
        self.checks += 1
        try:
            right = self._hasher.verify(stored or dummy, _octets(password))
        except (VerificationError, InvalidHashError):
            return False
        return right and stored is not None

    def renewed(self, password: str, stored: str) -> str | None:
        """The hash of a right password under today's parameters where `stored` has others."""
        return self._hasher.hash(_octets(password)) if self._hasher.check_needs_rehash(stored) else None


def _octets(password: str) -> bytes:
    """The same octets however a keyboard composes its characters; never more than a bound."""
    return unicodedata.normalize("NFKC", password[: _MAX_PASSWORD + 1]).encode("utf-8", "replace")
