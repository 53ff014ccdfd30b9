"""The subject: who reads or acts, with a clearance, roles and the way they came in. A plain frozen value."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from foedus.kernel.errors import NotPermitted
from foedus.kernel.label import Clearance
from foedus.node.roles import SCOPES, permits

Via = Literal["session", "token", "password", "local"]

# Since this moment (microseconds), these clearances: one a policy.
Epoch = tuple[int, tuple[Clearance, ...]]

_permits = lru_cache(4_096)(permits)  # asked with every request, of the same few combinations

FULL_SCOPE = frozenset(SCOPES)


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who has been authenticated. It carries no secret and may be logged.

    `epochs` is the history of their clearances, oldest first, `since` strictly increasing; the last one is in force.
    The history matters because a record is released to somebody at the moment when it was written or when their
    clearance began to permit it, whichever came later. No epochs: cleared for nothing.
    """

    name: str
    roles: frozenset[str] = frozenset()
    epochs: tuple[Epoch, ...] = ()
    scope: frozenset[str] = FULL_SCOPE
    via: Via = "local"
    language: str = "en"
    zone: str = "UTC"
    token_id: int = 0  # the row of the token that was shown, 0 where there was none
    session_id: int = 0  # the same for a session
    display_name: str = ""

    @property
    def clearances(self) -> tuple[Clearance, ...]:
        """The clearances in force."""
        return self.epochs[-1][1] if self.epochs else ()

    def may(self, verb: str) -> bool:
        """Whether role and scope permit the verb (see `roles.VERBS`)."""
        return _permits(self.roles, verb, self.scope)

    def require(self, verb: str) -> None:
        """Raises NotPermitted where role or scope do not permit the verb."""
        if not self.may(verb):
            raise NotPermitted(f"your role or the scope of your token does not permit: {verb}")

    def require_role(self, roles: Collection[str], verb: str) -> None:
        """For verbs of a domain, which name roles: one of them is held, and the scope carries publishing."""
        if not (self.roles & frozenset(roles) and "publish" in self.scope):
            raise NotPermitted(f"your role or the scope of your token does not permit: {verb}")
