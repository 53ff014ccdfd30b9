"""POST of objects and DELETE of one (sections 5.5, 5.7), in the collection of everything."""

from __future__ import annotations

import asyncio

from foedus.config import Limits
from foedus.faces.taxii.collections import Collection
from foedus.faces.taxii.filters import parameters
from foedus.faces.taxii.media import TAXII, is_taxii
from foedus.faces.taxii.requests import Answer, MethodNotAllowed, Request, UnsupportedMedia
from foedus.faces.taxii.statuses import Statuses, StatusIds, status_of
from foedus.kernel.errors import Fault, Refused
from foedus.node.commits import Commits
from foedus.node.ingest import Ingest
from foedus.node.node import Node

_INLINE = 4 * 1024  # smaller bodies are validated on the event loop: a thread would cost more; larger could hold it up


class Posting:
    """The handlers. Each raises NotPermitted where role or scope forbid it."""

    def __init__(self, node: Node, limits: Limits, statuses: Statuses) -> None:
        self._node = node
        self._limits = limits
        self._statuses = statuses
        self._ids = StatusIds(node.random)
        self._commits = Commits()

    async def post(self, collection: Collection, request: Request) -> Answer:
        """Answered when what is good of the envelope is durable. Raises Refused where the envelope itself is not."""
        if not is_taxii(request.headers.get(b"content-type", b"")):
            raise UnsupportedMedia([], f"POST an envelope as {TAXII}")
        request.subject.require("publish")
        if collection.types is not None:
            raise MethodNotAllowed("this collection is read-only; POST to the collection of everything", "GET", "HEAD")
        data = await request.body(self._limits.max_content_length)
        received = self._node.clock.now()
        begin = self._node.begin_ingest
        if len(data) <= _INLINE:
            ingest = begin(request.subject, data, partial=True, envelope=True)
        else:
            ingest = await asyncio.to_thread(begin, request.subject, data, partial=True, envelope=True)
        for future in ingest.futures:
            await self._commits.result(future)
        if ingest.faults and not ingest.good:
            _whole(ingest)
        status_id = self._ids.next()
        status = status_of(ingest, status_id, received)
        self._statuses.keep(request.subject.name, status_id, status)
        return 202, [], status

    async def delete(self, collection: Collection, object_id: str, request: Request) -> Answer:
        """A recall of the whole record: one version alone cannot be withdrawn from those who have it."""
        if collection.types is not None:
            request.subject.require("recall")
            raise MethodNotAllowed(
                "this collection is read-only; DELETE in the collection of everything", "GET", "HEAD"
            )
        if "match[version]" in parameters(request.query):
            raise Refused([Fault("unsupported", "a recall withdraws every version", path="match[version]")])
        await asyncio.to_thread(self._node.recall, request.subject, object_id, "TAXII DELETE")
        return 200, [], b"{}"


def _whole(ingest: Ingest) -> None:
    """Raises Refused where the envelope itself is wrong: no object of it fails on its own."""
    faults = ingest.reported
    if any(fault.index < 0 and fault.code != "more-faults" for fault in faults):
        raise Refused(faults)
