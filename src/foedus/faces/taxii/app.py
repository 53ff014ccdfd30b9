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

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from foedus.config import Limits
from foedus.faces.http.asgi import Receive, Scope, Send
from foedus.faces.taxii.collections import Collection, collections
from foedus.faces.taxii.media import TAXII, acceptable
from foedus.faces.taxii.posting import Posting
from foedus.faces.taxii.reading import Reading
from foedus.faces.taxii.requests import (
    Answer,
    Handler,
    Headers,
    MethodNotAllowed,
    NotAcceptable,
    Request,
    encode,
    problem,
)
from foedus.faces.taxii.statuses import Statuses
from foedus.kernel.errors import FoedusError, NotFound
from foedus.node.node import Node
from foedus.node.subject import Subject

_log = logging.getLogger("foedus.taxii")
_TYPE = (b"content-type", TAXII.encode())
_GUARDS: Headers = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]

Authenticate = Callable[[Scope], Awaitable[Subject]]
Resource = Mapping[str, Handler]  # by method; who answers GET answers HEAD


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
        self._reading = Reading(node, limits)
        self._posting = Posting(node, limits, self._statuses)
        self._resources = self._with_fixed_paths()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status, headers, body = await self._answer(scope, receive)
        except FoedusError as error:
            status, headers, body = problem(error)
        except Exception:
            # The number lets the operator find the log line; the caller learns nothing else.
            reference = uuid.uuid4().hex[:12]
            _log.exception("fault of ours, reference %s", reference)
            status, headers, body = 500, [], encode({"title": "internal error", "error_id": reference})
        headers = [_TYPE, (b"content-length", b"%d" % len(body)), *_GUARDS, *headers]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        subject = await self._authenticate(scope)
        headers = dict(scope["headers"])
        if not acceptable(headers.get(b"accept", b"*/*")):
            raise NotAcceptable([], f"this server speaks {TAXII}")
        path = scope["path"].removeprefix(self._base.rstrip("/")).strip("/")
        resource = self._resources.get(path) or self._resource(path)
        method = scope["method"]
        handler = resource.get("GET" if method == "HEAD" else method)
        if handler is None:
            allowed = [name for one in resource for name in ((one, "HEAD") if one == "GET" else (one,))]
            raise MethodNotAllowed(f"{method} is not possible here; possible: {', '.join(allowed)}", *allowed)
        return await handler(Request(subject, headers, scope["query_string"], scope, receive))

    def _with_fixed_paths(self) -> dict[str, Resource]:
        """What stands at the paths that name no object and no status."""
        found: dict[str, Resource] = {
            "": {"GET": self._discovery},
            "api": {"GET": self._root},
            "api/collections": {"GET": self._list},
        }
        for name, collection in self._by_name.items():
            path = f"api/collections/{name}"
            found[path] = {"GET": partial(_collection, collection)}
            found[f"{path}/manifest"] = {"GET": partial(self._reading.manifest, collection)}
            found[f"{path}/objects"] = {
                "GET": partial(self._reading.objects, collection),
                "POST": partial(self._posting.post, collection),
            }
        return found

    def _resource(self, path: str) -> Resource:
        """What stands at the other paths. Raises NotFound."""
        match path.split("/"):
            case ["api", "status", status_id]:
                return {"GET": partial(self._status, status_id)}
            case ["api", "collections", name, "objects", object_id, *rest] if name in self._by_name:
                collection = self._by_name[name]
                if not rest:
                    return {
                        "GET": partial(self._reading.one, collection, object_id),
                        "DELETE": partial(self._posting.delete, collection, object_id),
                    }
                if rest == ["versions"]:
                    return {"GET": partial(self._reading.versions, collection, object_id)}
        raise NotFound

    async def _discovery(self, request: Request) -> Answer:
        host = request.headers.get(b"host", b"127.0.0.1").decode("latin-1")
        root = f"{request.scope.get('scheme', 'http')}://{host}{self._base}api/"
        said = {
            "title": f"Foedus node of {self._node.owner_name}",
            "description": "Labelled records; each reader sees what their clearance permits.",
            "default": root,
            "api_roots": [root],
        }
        return 200, [], encode(said)

    async def _root(self, request: Request) -> Answer:
        said = {
            "title": f"Records of {self._node.owner_name}",
            "versions": [TAXII],
            "max_content_length": self._limits.max_content_length,
        }
        return 200, [], encode(said)

    async def _list(self, request: Request) -> Answer:
        request.subject.require("read")
        can_write = request.subject.may("publish")
        return 200, [], encode({"collections": [one.resource(can_write) for one in self._collections]})

    async def _status(self, status_id: str, request: Request) -> Answer:
        status = self._statuses.find(request.subject.name, status_id)
        if status is None:
            raise NotFound
        return 200, [], status


async def _collection(collection: Collection, request: Request) -> Answer:
    request.subject.require("read")
    return 200, [], encode(collection.resource(request.subject.may("publish")))
