"""The folder of a node: what `foedus init` makes and every start reads.

node.json            owner, name, policies, origin of the journal (no secrets)
keys/*.key           the Ed25519 keys of the two journals, readable by the folder's owner only
policies/*.xml       the security policy files, in the order of node.json
journal/ releases/   the two journals
projections/         what can be dropped and rebuilt
accounts.sqlite      people, tokens, sessions
run/                 the lock and the socket of a running server
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from foedus.kernel.checkpoint import Signer
from foedus.kernel.errors import Fault, PolicyRefused, Refused
from foedus.kernel.policyset import PolicySet
from foedus.kernel.ports import Random
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.spif import read_policy

FORMAT = 1
_JOURNALS = ("journal", "releases")
_OWNER = re.compile(r"[A-Z0-9][A-Z0-9-]{0,31}")


class Signers(NamedTuple):
    """One key a journal: whoever holds a checkpoint of one learns nothing that helps with the other."""

    journal: Signer
    releases: Signer


class NodeFile(msgspec.Struct, frozen=True):
    """`node.json`. `policies` are file names in `policies/`; the first one is the policy of the owner."""

    format: int
    owner: str
    owner_name: str
    origin: str
    policies: tuple[str, ...]
    created: int
    default_label: str = ""  # TEXT; "" means the most restrictive one that the policy allows


def refuse(code: str, message: str, hint: str = "") -> Refused:
    return Refused([Fault(code, message)], message, hint=hint)


def own_policies() -> tuple[Path, ...]:
    """The policy files that come with Foedus: the generic alliance's and TLP's."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "_data" / "policies", here.parents[3] / "policies"):
        if folder.is_dir():
            return (folder / "alliance.xml", folder / "tlp.xml")
    raise refuse("broken-installation", "the policy files of the installation are missing")


def make(
    data: Path, owner: str, owner_name: str, policies: Sequence[Path], *, random: Random, now: int
) -> tuple[NodeFile, Signers]:
    """Make the folder, its keys and its policies. Raises Refused where the folder holds something already."""
    if not _OWNER.fullmatch(owner):
        raise refuse("invalid-owner", f"{owner!r} is not a code of a nation or body", "use letters A-Z, digits and -")
    if data.exists() and any(data.iterdir()):
        raise refuse("folder-in-use", f"{data} is not empty", "name a new folder, or start the node with `foedus up`")
    given = list(policies) or list(own_policies())
    contents = [(path.name, _read(path)) for path in given]
    if not any(_policy(name, content).name.upper() == "TLP" for name, content in contents):
        tlp = own_policies()[1]
        contents.append((tlp.name, _read(tlp)))  # the marking definitions of TLP are fixed by STIX itself
    PolicySet([_policy(name, content) for name, content in contents])
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(data, 0o700)
    for name in ("keys", "policies", "run", "projections"):
        (data / name).mkdir(mode=0o700)
    names = tuple(f"{n:02d}-{name}" for n, (name, _) in enumerate(contents))
    for name, (_, content) in zip(names, contents, strict=True):
        (data / "policies" / name).write_bytes(content)
    origin = f"foedus/{owner.lower()}-{random.bytes(4).hex()}"
    signers = Signers(*(Signer(f"{origin}/{name}", random.bytes(32)) for name in _JOURNALS))
    for name, signer in zip(_JOURNALS, (signers.journal, signers.releases), strict=True):
        write_private(data / "keys" / f"{name}.key", signer.secret().encode() + b"\n")
    node = NodeFile(FORMAT, owner, owner_name, origin, names, now)
    (data / "node.json").write_bytes(msgspec.json.format(msgspec.json.encode(node), indent=2) + b"\n")
    return node, signers


def load(data: Path) -> tuple[NodeFile, Signers, PolicySet]:
    """What the folder says. Raises Refused with what to do where it is not a node's folder."""
    try:
        node = msgspec.json.decode((data / "node.json").read_bytes(), type=NodeFile)
        signers = Signers(*(Signer.parse((data / "keys" / f"{name}.key").read_text().strip()) for name in _JOURNALS))
        contents = [(data / "policies" / name).read_bytes() for name in node.policies]
    except FileNotFoundError as error:
        hint = f"make one with `foedus init --data {data} --owner CODE --owner-name NAME`"
        raise refuse("no-node", f"{data} is not the folder of a node ({error.filename} is missing)", hint) from error
    except msgspec.DecodeError as error:
        raise refuse("no-node", f"{data / 'node.json'} cannot be read: {error}") from error
    if node.format != FORMAT:
        raise refuse("other-format", f"{data} has format {node.format}; this release reads format {FORMAT}")
    return node, signers, PolicySet([read_policy(content) for content in contents])


def _policy(name: str, content: bytes) -> Policy:
    try:
        return read_policy(content)
    except PolicyRefused as error:
        faults = [Fault(one.code, f"{name}: {one.message}", path=one.path) for one in error.faults]
        raise PolicyRefused(faults, hint=error.hint) from error


def address(data: Path) -> str:
    """Where the node's pages were served last: what a sign-in link begins with."""
    try:
        return (data / "run" / "address").read_text().strip()
    except OSError:
        return "http://127.0.0.1:8440"


def remember_address(data: Path, host: str, port: int) -> None:
    """Keep where the pages are served now; a node that listens everywhere is reached on loopback from here."""
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host  # noqa: S104
    (data / "run" / "address").write_text(f"http://{shown}:{port}\n")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise refuse("unreadable", f"{path} cannot be read: {error.strerror}") from error


def write_private(path: Path, content: bytes) -> None:
    """A new file that only the owner of the node may read, durable on return. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
