"""GET of objects, versions and the manifest (sections 5.3, 5.4, 5.6, 5.8): pages of the reader's view.

Pages are joined from stored bytes and never decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from foedus.config import Limits
from foedus.faces.taxii.collections import Collection
from foedus.faces.taxii.filters import page_query
from foedus.faces.taxii.media import STIX
from foedus.faces.taxii.requests import Answer, Headers, Request, encode
from foedus.faces.taxii.times import stamp
from foedus.kernel.errors import NotFound
from foedus.kernel.ids import format_time
from foedus.node.answers import Page, PageHead, PageQuery
from foedus.node.node import Node
from foedus.node.subject import Subject


class Reading:
    """The handlers. Each raises NotPermitted without the right to read, BadQuery for parameters that say nothing."""

    def __init__(self, node: Node, limits: Limits) -> None:
        self._node = node
        self._limits = limits

    async def objects(self, collection: Collection, request: Request) -> Answer:
        page, body = await self._envelope(request.subject, collection, page_query(request.query, self._limits))
        return 200, _dates(page), body

    async def one(self, collection: Collection, object_id: str, request: Request) -> Answer:
        """The versions of one object. Raises NotFound where the reader may see none of it."""
        asked = page_query(request.query, self._limits, ids=(object_id,))
        page, body = await self._envelope(request.subject, collection, asked)
        if not page.bodies:
            await self._must_exist(request.subject, collection, asked)
        return 200, _dates(page), body

    async def manifest(self, collection: Collection, request: Request) -> Answer:
        asked = page_query(request.query, self._limits)
        page = await self._page(request.subject, collection, replace(asked, bodies=False))
        out = _more(page)
        if page.heads:
            out["objects"] = [
                {
                    "id": head.id,
                    "date_added": stamp(head.released),
                    "version": _version(head),
                    "media_type": STIX,
                }
                for head in page.heads
            ]
        return 200, _dates(page), encode(out)

    async def versions(self, collection: Collection, object_id: str, request: Request) -> Answer:
        """Raises NotFound where the reader may see none."""
        asked = replace(page_query(request.query, self._limits, ids=(object_id,)), versions=("all",), bodies=False)
        page = await self._page(request.subject, collection, asked)
        if not page.heads:
            await self._must_exist(request.subject, collection, asked)
        out = _more(page)
        if page.heads:
            out["versions"] = [_version(head) for head in page.heads]
        return 200, _dates(page), encode(out)

    def _asked(self, subject: Subject, collection: Collection, asked: PageQuery) -> Callable[[], Page]:
        """The page to be read, within the collection, through the subject's view. Raises NotPermitted."""
        if collection.types is not None:
            types = collection.types if asked.types is None else asked.types & collection.types
            asked = replace(asked, types=types)
        return partial(self._node.view(subject, "taxii").page, asked)

    async def _page(self, subject: Subject, collection: Collection, asked: PageQuery) -> Page:
        return await asyncio.to_thread(self._asked(subject, collection, asked))

    async def _envelope(self, subject: Subject, collection: Collection, asked: PageQuery) -> tuple[Page, bytes]:
        return await asyncio.to_thread(_enveloped, self._asked(subject, collection, asked))

    async def _must_exist(self, subject: Subject, collection: Collection, asked: PageQuery) -> None:
        """404 for an object that is not there; an empty envelope for one whose versions the filters left out."""
        any_version = PageQuery(ids=asked.ids, versions=("all",), limit=1, bodies=False)
        found = await self._page(subject, collection, any_version)
        if not found.heads:
            raise NotFound


def _enveloped(read: Callable[[], Page]) -> tuple[Page, bytes]:
    """A page and its envelope (section 3.7). One copy of the bodies is made, in the thread that read them."""
    page = read()
    start = b'{"more":true,"next":' + encode(page.next) if page.more else b'{"more":false'
    parts = list(page.bodies)
    if not parts:
        return page, start + b"}"
    parts[0] = start + b',"objects":[' + parts[0]
    parts[-1] += b"]}"
    return page, b",".join(parts)


def _more(page: Page) -> dict[str, Any]:
    return {"more": True, "next": page.next} if page.more else {"more": False}


def _dates(page: Page) -> Headers:
    if not page.last:
        return []
    return [
        (b"x-taxii-date-added-first", stamp(page.first).encode()),
        (b"x-taxii-date-added-last", stamp(page.last).encode()),
    ]


def _version(head: PageHead) -> str:
    """`modified`, or the date added for objects that have no version of their own."""
    return format_time(head.version) if head.version else stamp(head.released)
