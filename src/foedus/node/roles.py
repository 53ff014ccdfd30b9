"""Who may do what: roles permit verbs, and the scope of a token narrows that further.

Sight of records never comes from a role: every role may read, and what there is to read follows from the clearance
alone. An administrator without a clearance sees an empty node.

Example: `permits({"analyst"}, "publish")` is true; with the scope {"read"} of a token it is false.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

# What each verb is for, and the one scope that carries it.
VERBS: Mapping[str, str] = MappingProxyType(
    {
        "read": "read",  # records that the clearance permits: pages, search, graph, TAXII GET
        "export": "read",  # the same as a bundle or file
        "remember": "read",  # one's own saved searches and marks
        "publish": "publish",  # new records and new versions of them
        "import": "publish",  # the same from files
        "recall": "publish",  # withdraw a record of one's own node
        "work": "publish",  # take the steps of a workflow: assign, answer, close a request
        "releases": "audit",  # the release log: who received what, and why
        "administration": "audit",  # the administrative log: who changed which account
        "verify": "audit",  # check the journal against its checkpoints, read proofs
        "people": "admin",  # accounts, clearances, tokens, links
        "node": "admin",  # reindex, backup, status
        "policies": "admin",  # security policy files
    }
)

SCOPES: tuple[str, ...] = ("read", "publish", "audit", "admin")


@dataclass(frozen=True, slots=True)
class Role:
    """One role as the table states it; `title` in English and French."""

    name: str
    title: Mapping[str, str]
    verbs: frozenset[str]


_READING = frozenset({"read", "export", "remember"})

ROLES: Mapping[str, Role] = MappingProxyType(
    {
        role.name: role
        for role in (
            Role("reader", {"en": "Reader", "fr": "Lecteur"}, _READING),
            Role(
                "analyst",
                {"en": "Analyst", "fr": "Analyste"},
                _READING | {"publish", "import", "recall", "work"},
            ),
            Role(
                "auditor",
                {"en": "Auditor", "fr": "Auditeur"},
                _READING | {"releases", "administration", "verify"},
            ),
            Role(
                "administrator",
                {"en": "Administrator", "fr": "Administrateur"},
                _READING | {"people", "node", "policies", "verify", "administration"},
            ),
        )
    }
)

_EVERY_SCOPE = frozenset(SCOPES)


def permits(roles: Collection[str], verb: str, scope: Collection[str] = _EVERY_SCOPE) -> bool:
    """Whether one of the roles permits the verb and the scope carries it. What is unknown permits nothing."""
    carried = VERBS.get(verb)
    if carried is None or carried not in scope:
        return False
    return any(verb in ROLES[role].verbs for role in roles if role in ROLES)


def scopes_of(roles: Collection[str]) -> frozenset[str]:
    """Every scope that could be of use to somebody with these roles: the widest that a token of theirs may have."""
    return frozenset(VERBS[verb] for role in roles if role in ROLES for verb in ROLES[role].verbs)
