"""The TAXII 2.1 server as one ASGI application below `/taxii2/`.

    GET    /taxii2/                                      discovery
    GET    /taxii2/api/                                  API root
    GET    /taxii2/api/status/{id}/                      status
    GET    /taxii2/api/collections/[{id}/]               collections
    GET    /taxii2/api/collections/{id}/manifest/        manifest
    GET    …/objects/   POST …/objects/                  objects
    GET    …/objects/{object}/   DELETE …                one object
    GET    …/objects/{object}/versions/                  its versions

A collection is found by id or alias. What a reader may not see is absent everywhere: 404, the same for both.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import msgspec

from foedus.config import Limits
from foedus.faces.taxii.collections import Collection, collections
from foedus.faces.taxii.filters import page_query, parameters
from foedus.faces.taxii.statuses import Statuses, StatusIds
from foedus.kernel.errors import Fault, FoedusError, NotAuthenticated, NotFound, Refused, TooLarge, TooMany
from foedus.kernel.ids import format_time
from foedus.node.answers import ImportReport, Page, PageHead, PageQuery
from foedus.node.commits import Commits
from foedus.node.node import Node
from foedus.node.subject import Subject

TAXII = "application/taxii+json;version=2.1"
_log = logging.getLogger("foedus.taxii")
_encode = msgspec.json.encode
_INLINE = 4 * 1024  # smaller bodies are validated on the event loop: a thread would cost more; larger could hold it up

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Authenticate = Callable[[Scope], Awaitable[Subject]]
Headers = list[tuple[bytes, bytes]]


class NotAcceptable(Refused):
    status = 406
    code = "not-acceptable"


class UnsupportedMedia(Refused):
    status = 415
    code = "unsupported-media-type"


class MethodNotAllowed(Refused):
    """`allowed` goes into the Allow header, which RFC 9110 demands of a 405."""

    status = 405
    code = "method-not-allowed"

    def __init__(self, message: str, *allowed: str) -> None:
        super().__init__([], message)
        self.allowed = allowed


def _stamp(micros: int) -> str:
    """TAXII timestamps carry six digits, so that they sort and compare as text too."""
    text = format_time(micros)
    return text if len(text) > 24 else text[:-1] + "000Z"


@lru_cache(256)  # clients send the same few headers with every request
def _media(value: str) -> tuple[str, dict[str, str]]:
    kind, *parts = value.split(";")
    given = {}
    for part in parts:
        name, _, text = part.partition("=")
        given[name.strip().lower()] = text.strip().strip('"')
    return kind.strip().lower(), given


@lru_cache(256)
def _acceptable(accept: str) -> bool:
    if not accept.strip():
        return True  # says nothing: the same as no header (RFC 9110, 12.4.1)
    for one in accept.split(","):
        kind, given = _media(one)
        if kind in {"*/*", "application/*"}:
            return True
        if kind == "application/taxii+json" and given.get("version", "2.1") == "2.1":
            return True
    return False


class TaxiiApp:
    """ASGI. `authenticate` raises NotAuthenticated; `base` is the path below which the server stands."""

    def __init__(self, node: Node, authenticate: Authenticate, limits: Limits, base: str = "/taxii2/") -> None:
        self._node = node
        self._authenticate = authenticate
        self._limits = limits
        self._base = base
        self._collections = collections(node.owner, node.domains())
        self._by_name = {c.id: c for c in self._collections} | {c.alias: c for c in self._collections}
        self._statuses = Statuses()
        self._ids = StatusIds(node.random)
        self._commits = Commits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, headers, body = await self._answer(scope, receive)
        except FoedusError as error:
            status, headers, body = self._problem(error)
        except Exception:
            # The number lets the operator find the log line; the caller learns nothing else.
            reference = uuid.uuid4().hex[:12]
            _log.exception("fault of ours, reference %s", reference)
            status, headers, body = 500, [], _encode({"title": "internal error", "error_id": reference})
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", TAXII.encode()),
                    (b"content-length", str(len(body)).encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                    *headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _problem(self, error: FoedusError) -> tuple[int, Headers, bytes]:
        """The error message resource (section 3.6.1)."""
        headers: Headers = []
        if isinstance(error, NotAuthenticated):
            headers += [(b"www-authenticate", b'Bearer realm="foedus"'), (b"www-authenticate", b'Basic realm="foedus"')]
        if isinstance(error, TooMany):
            headers.append((b"retry-after", str(error.retry_after).encode()))
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        message: dict[str, Any] = {
            "title": error.code.replace("-", " "),
            "description": error.message,
            "error_code": error.code,
            "http_status": str(error.status),
        }
        if isinstance(error, Refused) and error.faults:
            message["details"] = {"faults": [f.as_dict() for f in error.faults]}
        if error.hint:
            message["description"] += f". {error.hint}"
        return error.status, headers, _encode(message)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[int, Headers, bytes]:
        method = scope["method"]
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        subject = await self._authenticate(scope)
        if not _acceptable(headers.get(b"accept", "*/*")):
            raise NotAcceptable([], "this server speaks application/taxii+json;version=2.1")
        path = scope["path"].removeprefix(self._base.rstrip("/")).strip("/")
        parts = path.split("/") if path else []
        match parts:
            case []:
                _only(method, "GET", "HEAD")
                return 200, [], _encode(self._discovery(scope, headers))
            case ["api"]:
                _only(method, "GET", "HEAD")
                return 200, [], _encode(self._root())
            case ["api", "status", status_id]:
                _only(method, "GET", "HEAD")
                status = self._statuses.find(subject.name, status_id)
                if status is None:
                    raise NotFound
                return 200, [], status
            case ["api", "collections"]:
                _only(method, "GET", "HEAD")
                subject.require("read")
                can_write = subject.may("publish")
                return 200, [], _encode({"collections": [c.resource(can_write) for c in self._collections]})
            case ["api", "collections", name, *rest]:
                collection = self._by_name.get(name)
                if collection is None:
                    raise NotFound
                return await self._collection(scope, receive, headers, subject, collection, rest)
        raise NotFound

    async def _collection(
        self,
        scope: Scope,
        receive: Receive,
        headers: dict[bytes, str],
        subject: Subject,
        collection: Collection,
        rest: Sequence[str],
    ) -> tuple[int, Headers, bytes]:
        method, query = scope["method"], scope["query_string"]
        match rest:
            case []:
                _only(method, "GET", "HEAD")
                subject.require("read")
                return 200, [], _encode(collection.resource(subject.may("publish")))
            case ["manifest"]:
                _only(method, "GET", "HEAD")
                return await self._manifest(subject, collection, page_query(query, self._limits))
            case ["objects"] if method == "POST":
                return await self._post(scope, receive, headers, subject, collection)
            case ["objects"]:
                _only(method, "GET", "HEAD", "POST")
                return await self._objects(subject, collection, page_query(query, self._limits))
            case ["objects", object_id] if method == "DELETE":
                return await self._delete(subject, collection, object_id, query)
            case ["objects", object_id]:
                _only(method, "GET", "HEAD", "DELETE")
                asked = page_query(query, self._limits, ids=(object_id,))
                return await self._objects(subject, collection, asked, must_exist=True)
            case ["objects", object_id, "versions"]:
                _only(method, "GET", "HEAD")
                asked = replace(page_query(query, self._limits, ids=(object_id,)), versions=("all",))
                return await self._versions(subject, collection, asked)
        raise NotFound

    def _discovery(self, scope: Scope, headers: dict[bytes, str]) -> dict[str, Any]:
        host = headers.get(b"host", "127.0.0.1")
        root = f"{scope.get('scheme', 'http')}://{host}{self._base}api/"
        return {
            "title": f"Foedus node of {self._node.owner_name}",
            "description": "Labelled records; each reader sees what their clearance permits.",
            "default": root,
            "api_roots": [root],
        }

    def _root(self) -> dict[str, Any]:
        return {
            "title": f"Records of {self._node.owner_name}",
            "versions": [TAXII],
            "max_content_length": self._limits.max_content_length,
        }

    def _asked(self, subject: Subject, collection: Collection, asked: PageQuery) -> Callable[[], Page]:
        """The page to be read, within the collection, through the subject's view. Raises NotPermitted."""
        if collection.types is not None:
            types = collection.types if asked.types is None else asked.types & collection.types
            asked = replace(asked, types=types)
        return partial(self._node.view(subject, "taxii").page, asked)

    async def _page(self, subject: Subject, collection: Collection, asked: PageQuery) -> Page:
        return await asyncio.to_thread(self._asked(subject, collection, asked))

    async def _objects(
        self, subject: Subject, collection: Collection, asked: PageQuery, *, must_exist: bool = False
    ) -> tuple[int, Headers, bytes]:
        page, body = await asyncio.to_thread(_enveloped, self._asked(subject, collection, asked))
        if must_exist and not page.bodies:
            await self._must_exist(subject, collection, asked)
        return 200, _dates(page), body

    async def _must_exist(self, subject: Subject, collection: Collection, asked: PageQuery) -> None:
        """404 for an object that is not there; an empty envelope for one whose versions the filters left out."""
        found = await self._page(subject, collection, PageQuery(ids=asked.ids, versions=("all",), limit=1))
        if not found.heads:
            raise NotFound

    async def _manifest(self, subject: Subject, collection: Collection, asked: PageQuery) -> tuple[int, Headers, bytes]:
        page = await self._page(subject, collection, replace(asked, bodies=False))
        out: dict[str, Any] = {"more": page.more}
        if page.more:
            out["next"] = page.next
        if page.heads:
            out["objects"] = [
                {
                    "id": head.id,
                    "date_added": _stamp(head.released),
                    "version": _version(head),
                    "media_type": "application/stix+json;version=2.1",
                }
                for head in page.heads
            ]
        return 200, _dates(page), _encode(out)

    async def _versions(self, subject: Subject, collection: Collection, asked: PageQuery) -> tuple[int, Headers, bytes]:
        page = await self._page(subject, collection, replace(asked, bodies=False))
        if not page.heads:
            await self._must_exist(subject, collection, asked)
        out: dict[str, Any] = {"more": page.more}
        if page.more:
            out["next"] = page.next
        if page.heads:
            out["versions"] = [_version(head) for head in page.heads]
        return 200, _dates(page), _encode(out)

    async def _delete(
        self, subject: Subject, collection: Collection, object_id: str, query: bytes
    ) -> tuple[int, Headers, bytes]:
        """A recall of the whole record: one version alone cannot be withdrawn from those who have it."""
        if collection.types is not None:
            subject.require("recall")
            raise MethodNotAllowed(
                "this collection is read-only; DELETE in the collection of everything", "GET", "HEAD"
            )
        if "match[version]" in parameters(query):
            raise Refused([Fault("unsupported", "a recall withdraws every version", path="match[version]")])
        await asyncio.to_thread(self._node.recall, subject, object_id, "TAXII DELETE")
        return 200, [], b"{}"

    async def _post(
        self, scope: Scope, receive: Receive, headers: dict[bytes, str], subject: Subject, collection: Collection
    ) -> tuple[int, Headers, bytes]:
        kind, given = _media(headers.get(b"content-type", ""))
        if kind != "application/taxii+json" or given.get("version", "2.1") != "2.1":
            raise UnsupportedMedia([], f"POST an envelope as {TAXII}")
        subject.require("publish")
        if collection.types is not None:
            raise MethodNotAllowed("this collection is read-only; POST to the collection of everything", "GET", "HEAD")
        data = await _read_body(receive, headers, self._limits.max_content_length)
        received = self._node.clock.now()
        if len(data) <= _INLINE:
            ingest = self._node.begin_ingest(subject, data, partial=True, envelope=True)
        else:
            ingest = await asyncio.to_thread(self._node.begin_ingest, subject, data, partial=True, envelope=True)
        outcomes = [await self._commits.result(future) for future in ingest.futures]
        report = ingest.finish(outcomes)
        if not report.accepted and any(fault.index < 0 and fault.code != "more-faults" for fault in report.faults):
            raise Refused(report.faults)  # the envelope itself is wrong: no object of it fails on its own
        status_id = self._ids.next()
        status = _encode(_status(status_id, received, report))
        self._statuses.keep(subject.name, status_id, status)
        return 202, [], status


def _enveloped(read: Callable[[], Page]) -> tuple[Page, bytes]:
    """A page and its envelope (section 3.7). One copy of the bodies is made, in the thread that read them."""
    page = read()
    start = b'{"more":true,"next":' + _encode(page.next) if page.more else b'{"more":false'
    parts = list(page.bodies)
    if not parts:
        return page, start + b"}"
    parts[0] = start + b',"objects":[' + parts[0]
    parts[-1] += b"]}"
    return page, b",".join(parts)


def _only(method: str, *allowed: str) -> None:
    if method not in allowed:
        raise MethodNotAllowed(f"{method} is not possible here; possible: {', '.join(allowed)}", *allowed)


def _dates(page: Page) -> Headers:
    if not page.last:
        return []
    return [
        (b"x-taxii-date-added-first", _stamp(page.first).encode()),
        (b"x-taxii-date-added-last", _stamp(page.last).encode()),
    ]


def _version(head: PageHead) -> str:
    """`modified`, or the date added for objects that have no version of their own."""
    return format_time(head.version) if head.version else _stamp(head.released)


async def _read_body(receive: Receive, headers: dict[bytes, str], most: int) -> bytes:
    declared = headers.get(b"content-length", "")
    too_large = TooLarge([], f"a request may hold {most} bytes (max_content_length)")
    if declared.isdigit() and int(declared) > most:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused([], "the request ended before its body did")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise too_large
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


def _status(status_id: str, received: int, report: ImportReport) -> dict[str, Any]:
    """The status resource (section 4.3.1). An object that was there already counts as a success."""
    successes = [
        {"id": object_id, "version": format_time(version) if version else _stamp(received)}
        for object_id, version in report.accepted
    ]
    by_object: dict[str, list[str]] = {}
    for fault in report.faults:
        place = f"object {fault.index}" if fault.index >= 0 else "envelope"
        by_object.setdefault(fault.object_id or place, []).append(str(fault))
    failures = [
        {"id": name, "version": _stamp(received), "message": "; ".join(words)[:2000]}
        for name, words in by_object.items()
    ]
    return {
        "id": status_id,
        "status": "complete",
        "request_timestamp": _stamp(received),
        "total_count": report.total,
        "success_count": len(successes),
        "successes": successes,
        "failure_count": report.refused,
        "failures": failures,
        "pending_count": 0,
    }
