"""All channels of one node: what leaves, what comes in, and the recalls that follow what has left."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from foedus.exchange.channel import Batch, Pull, answer
from foedus.exchange.statement import sealing_name
from foedus.kernel.checkpoint import Signer, Verifier
from foedus.kernel.errors import NotFound
from foedus.kernel.ports import Random
from foedus.node import setup
from foedus.node.exchange.inlet import Inlet
from foedus.node.exchange.outlet import Outlet
from foedus.node.exchange.peer import Keys, Peer, channel_name
from foedus.node.exchange.recalling import state_recalls
from foedus.node.exchange.sealing import Sealing
from foedus.node.follow import item_of
from foedus.storage.channellog import ChannelLog
from foedus.storage.exchangestore import ExchangeStore, SealRow
from foedus.storage.labels import TOMBSTONE

if TYPE_CHECKING:
    from foedus.node.node import Node

_OWN = ""  # the cursor of what is done once for all channels


class Exchange:
    """The channels of an open node with these peers. One thread at a time calls `step` and `take`."""

    def __init__(self, node: Node, peers: Iterable[Peer]) -> None:
        data, origin = node.settings.data, node.file.origin
        self._node = node
        self.peers = {peer.code: peer for peer in peers}
        self._sealer = _signer(data, "statements", sealing_name(origin), node.random)
        self._signer = _signer(data, "channels", f"{origin}/channels", node.random)
        self.store = ExchangeStore(data / "exchange.sqlite")
        self._sealing = Sealing(node.owner, node.journal, node.table, self.store, self._sealer)
        self._outlets = {peer.code: self._outlet(peer) for peer in self.peers.values() if peer.sends}
        self._inlets = {
            peer.code: Inlet(node, self.store, peer, self._originators) for peer in self.peers.values() if peer.receives
        }

    @property
    def keys(self) -> Keys:
        """What others pin for this node."""
        return Keys((str(self._sealer.verifier),), (str(self._signer.verifier),))

    # -- out

    def step(self) -> int:
        """Release what is new to every peer that is not paused; how many entries were numbered."""
        self._state_recalls()
        return sum(outlet.advance() for outlet in self._outlets.values() if outlet.peer.state == "active")

    def answer(self, code: str, pull: Pull) -> Batch:
        """What this peer gets for its question. Raises NotFound, AnswerRefused."""
        outlet = self._outlets.get(code)
        if outlet is None or outlet.peer.state == "ended" or pull.channel != channel_name(self._node.file.origin, code):
            raise NotFound
        return answer(outlet, pull, self._node.limits)

    def _outlet(self, peer: Peer) -> Outlet:
        node = self._node
        folder = node.settings.data / "channels" / peer.code.lower()
        if (folder / "log").is_dir():
            log = ChannelLog.open(folder, self._signer, node.clock, node.limits)
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = channel_name(node.file.origin, peer.code)
            log = ChannelLog.create(folder, name, self._signer, node.clock, node.limits)
        return Outlet(node, self._sealing, log, peer)

    def _state_recalls(self) -> None:
        """For what this node withdrew and had sealed: the recalls that its channels will carry."""
        node, store = self._node, self.store
        cursor, stop = store.cursor(_OWN), node.table.cursor
        flags = node.table.column("flags")[cursor:stop]
        for tombstone in (cursor + np.flatnonzero(flags & TOMBSTONE)).tolist():
            entry = node.journal.entry(tombstone)
            targets = list(item_of(entry).targets)
            seals = store.seals(targets)
            by_labels: dict[int, list[SealRow]] = defaultdict(list)
            for row in seals.values():
                if row.salt is None:  # our own: what others withdraw comes with their recall
                    by_labels[int(node.table.column("labelset")[row.seq])].append(row)
            for rows in by_labels.values():
                state_recalls(store, self._sealer, node.owner, entry, [row.leaf for row in rows])
            store.forget_seals(targets)
        if stop != cursor:
            store.keep_cursor(_OWN, stop)

    # -- in

    def inlet(self, code: str) -> Inlet:
        """Raises NotFound."""
        inlet = self._inlets.get(code)
        if inlet is None:
            raise NotFound
        return inlet

    def _originators(self, code: str) -> Sequence[Verifier]:
        """The sealing keys that are pinned for a nation or body."""
        if code == self._node.owner:
            return [self._sealer.verifier]
        peer = self.peers.get(code)
        return peer.keys.sealing() if peer is not None else []

    def close(self) -> None:
        for outlet in self._outlets.values():
            outlet.close()
        self.store.close()


def _signer(data: Path, name: str, key_name: str, random: Random) -> Signer:
    """A key of this node, made at its first use."""
    path = data / "keys" / f"{name}.key"
    if not path.exists():
        setup.write_private(path, Signer(key_name, random.bytes(32)).secret().encode() + b"\n")
    return Signer.parse(path.read_text().strip())
