"""What the command line does around a node that is not open: make one, look after its people, verify it, restore it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from foedus.config import Limits, Settings
from foedus.kernel.clearancetext import read_clearance, write_clearance
from foedus.kernel.errors import Damaged
from foedus.kernel.label import Clearance
from foedus.kernel.nativelabel import read_any_clearance
from foedus.kernel.policyset import PolicySet
from foedus.kernel.ports import Verification
from foedus.node import care, setup
from foedus.node.access import Access
from foedus.node.answers import Progress
from foedus.node.clock import SystemClock, SystemRandom
from foedus.node.contract import OnProgress
from foedus.node.node import Node
from foedus.node.people import COMMAND_LINE, People
from foedus.node.roles import scopes_of
from foedus.storage.account import Account
from foedus.storage.accounts import Accounts
from foedus.storage.segments import SegmentJournal
from foedus.storage.verification import verify_folder

_DAY = 86_400


def init(data: Path, owner: str, owner_name: str, policies: Sequence[Path], port: int = 8440) -> dict[str, Any]:
    """Make a node and its first administrator. Raises Refused."""
    clock, random = SystemClock(), SystemRandom()
    file, signers = setup.make(data, owner, owner_name, policies, random=random, now=clock.now())
    for name, signer in (("journal", signers.journal), ("releases", signers.releases)):
        SegmentJournal.create(data / name, signer.name, signer, clock, random).close()
    _, _, policy_set = setup.load(data)
    with people(data) as them:
        them.people.add(COMMAND_LINE, "admin", roles={"administrator"}, display_name="Administrator")
        link = them.link(them.accounts.get("admin"), port)
    return {
        "data": str(data),
        "owner": owner,
        "policies": [policy.name for policy in policy_set],
        "warnings": [f"{policy.name}: {warning}" for policy in policy_set for warning in policy.warnings],
        "journal_key": str(signers.journal.verifier),
        "link": link,
        "origin": file.origin,
    }


class PeopleOfNode:
    """The people of a node's folder, for whoever holds the folder; works beside a running server."""

    def __init__(self, accounts: Accounts, access: Access, policies: PolicySet, address: str) -> None:
        self._address = address
        self.accounts = accounts
        self.people = People(access)
        self._policies = policies

    def clearances(self, texts: Sequence[str]) -> tuple[Clearance, ...]:
        """Clearances from TEXT or XML. Raises Refused."""
        out: list[Clearance] = []
        for text in texts:
            if text.lstrip("\ufeff \t\r\n").startswith("<"):
                out.append(read_any_clearance(text.encode(), self._policies))
            else:
                out += read_clearance(text, self._policies)
        return tuple(out)

    def words(self, account: Account) -> str:
        """The clearance in force as TEXT, "" where there is none."""
        held = account.epochs[-1][1] if account.epochs else ()
        return write_clearance(held, self._policies) if held else ""

    def link(self, account: Account, port: int | None = None) -> str:
        """A one-time sign-in address on this machine: at `port`, or where the node was served last."""
        base = self._address if port is None else f"http://127.0.0.1:{port}"
        return f"{base}/signin/link/{self.people.make_link(COMMAND_LINE, account.name)}"

    def token(self, account: Account, title: str, scope: Sequence[str] | None = None, days: int = 365) -> str:
        """A new API token's text; it is shown this once."""
        wanted = frozenset(scope) if scope else scopes_of(account.roles)
        text, _ = self.people.make_token(COMMAND_LINE, account.name, title, scope=wanted, seconds=days * _DAY)
        return text


@contextmanager
def people(data: Path) -> Iterator[PeopleOfNode]:
    """The people of the node in this folder. Raises Refused where there is no node."""
    _, _, policies = setup.load(data)
    clock, random, limits = SystemClock(), SystemRandom(), Limits()
    accounts = Accounts(data / "accounts.sqlite", clock, random, limits)
    try:
        yield PeopleOfNode(accounts, Access(accounts, clock, random, limits), policies, setup.address(data))
    finally:
        accounts.close()


def verify(data: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Check both journals of the folder, whether a server runs or not."""
    _, signers, _ = setup.load(data)
    out: dict[str, Any] = {}
    clock = SystemClock()
    for name, signer in (("journal", signers.journal), ("releases", signers.releases)):
        out[name] = _verify_one(data / name, signer.verifier, care.counter(name, on_progress, clock))
    out["sound"] = all(out[name]["sound"] for name in ("journal", "releases"))
    return out


def _verify_one(folder: Path, verifier: Any, progress: Any) -> dict[str, Any]:
    found: Verification = verify_folder(folder, verifier, progress=progress)  # also what is too damaged to open
    return {
        "sound": not found.damage,
        "entries": found.entries,
        "checkpoints": found.checkpoints,
        "erased": found.erased,
        "root": found.root.hex(),
        "damage": msgspec.to_builtins(found.damage),
        "pending": list(found.pending),
        "seconds": round(found.seconds, 3),
    }


def restore(source: Path, data: Path, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Make a node's folder from a backup; it is verified before it is used. Raises Refused, Damaged."""
    care.restore_folder(source, data)
    result = verify(data, on_progress)
    if not result["sound"]:
        raise Damaged("the backup is damaged; nothing was started from it", hint=f"see `foedus verify --data {data}`")
    if on_progress is not None:
        on_progress(Progress("projections", 0, result["journal"]["entries"]))
    with Node.open(Settings(data)) as node:
        node.projector.wait_for(node.journal.size, 3600.0)
        return {"restored": True, **node.status()}
