"""A peering: another node, what it is cleared for, which way records go, and the keys that were pinned for it."""

from __future__ import annotations

from typing import Literal

import msgspec

from foedus.kernel.checkpoint import Verifier
from foedus.node.subject import Epoch, Subject

Direction = Literal["out", "in", "both"]
State = Literal["active", "paused", "ended"]


class Keys(msgspec.Struct, frozen=True):
    """Public keys as text, the one in use first; more than one while a key is being replaced."""

    statements: tuple[str, ...] = ()  # seals what its owner originates
    channels: tuple[str, ...] = ()  # signs its channels and receipts

    def sealing(self) -> list[Verifier]:
        return [Verifier.parse(text) for text in self.statements]

    def signing(self) -> list[Verifier]:
        return [Verifier.parse(text) for text in self.channels]


class Peer(msgspec.Struct, frozen=True):
    """One peering as this node has it. `code` is the peer's owner; `origin` the name that its keys begin with."""

    code: str
    origin: str
    keys: Keys
    epochs: tuple[Epoch, ...] = ()  # what it is cleared for, since when; the last one is in force
    domains: tuple[str, ...] = ()  # none: all
    direction: Direction = "both"
    relay: bool = False  # whether records of others pass on to it
    state: State = "active"
    address: str = ""  # where it is reached; the only place, whatever it says of itself

    @property
    def sends(self) -> bool:
        """Whether we release to it."""
        return self.direction != "in"

    @property
    def receives(self) -> bool:
        """Whether we take from it."""
        return self.direction != "out"

    def subject(self) -> Subject:
        """As whom it reads."""
        return Subject(f"peer:{self.code}", epochs=self.epochs)


def channel_name(sender: str, receiver_code: str) -> str:
    """The origin line of the channel's checkpoints: sender's origin, receiver's code."""
    return f"{sender}/channel/{receiver_code.lower()}"
