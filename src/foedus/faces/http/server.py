"""The server of one node: one ASGI application that sends each path to its face, on TCP and on the operator's socket.

/healthz     200 {"status": "ok"} when ready; nothing else, for anybody may ask
/taxii2/     TAXII 2.1 (plain ASGI)
the rest     web pages and the HTTP API (Litestar)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from typing import Any

import uvicorn

from foedus.config import Limits, Settings
from foedus.faces.http.asgi import App, Receive, Scope, Send
from foedus.faces.http.authentication import Authentication, SecretFilter, client_address
from foedus.faces.http.connections import bounded
from foedus.faces.http.control import ControlApp
from foedus.faces.http.cookies import is_secure
from foedus.faces.http.forwarded import Forwarded
from foedus.faces.taxii.app import TaxiiApp
from foedus.kernel.errors import Busy, Fault, Refused
from foedus.node import process, setup
from foedus.node.node import Node
from foedus.node.subject import Subject

_log = logging.getLogger("foedus.server")


class Dispatch:
    """Chooses the face by path."""

    def __init__(self, taxii: App, pages: App) -> None:
        self._taxii = taxii
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith("/taxii2"):
            await self._taxii(scope, receive, send)
        elif scope["type"] == "http" and path == "/healthz":
            await _health(send)
        else:
            await self._pages(scope, receive, send)


class Pages:
    """The pages and the HTTP API, loaded in a thread of their own: TAXII and health answer meanwhile."""

    def __init__(self, node: Node, authentication: Authentication, limits: Limits) -> None:
        self._app: Future[App] = Future()
        threading.Thread(target=self._load, args=(node, authentication, limits), daemon=True).start()

    def _load(self, node: Node, authentication: Authentication, limits: Limits) -> None:
        try:
            from foedus.faces.http.site import site

            self._app.set_result(site(node, authentication, limits))
        except BaseException as error:
            self._app.set_exception(error)
            _log.exception("the pages cannot be loaded")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app.result() if self._app.done() else await asyncio.wrap_future(self._app)
        await app(scope, receive, send)


async def _health(send: Send) -> None:
    body = b'{"status":"ok"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def application(node: Node, limits: Limits) -> App:
    """The application for a node that is open."""
    authentication = Authentication(node.access, node.clock, limits)

    def authenticate(scope: Scope) -> Awaitable[Subject]:
        return authentication.authenticate(
            scope["headers"], client_address(scope), secure=is_secure(scope), cookies=False
        )

    return Dispatch(TaxiiApp(node, authenticate, limits), Pages(node, authentication, limits))


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; both stop cleanly. Raises Refused where the address is taken, Busy, Damaged."""
    process.start()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    for handler in logging.getLogger().handlers:
        handler.addFilter(SecretFilter())
    _allow_files(settings.limits)
    listener = _listen(settings.host, settings.port)
    with Node.open(settings, own_projector=False) as node:
        _run(node, settings, listener)


def _allow_files(limits: Limits) -> None:
    """As many open files as the connections and the node's own files need, where the system lets us have them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.max_connections + 1_000
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"{host}:{port} cannot be used: {error.strerror}"
        raise Refused([Fault("address-in-use", message)], message, hint="name another one with --port") from error
    return listener


def _run(node: Node, settings: Settings, listener: socket.socket) -> None:
    control = settings.data / "run" / "foedus.sock"
    control.parent.mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        control.unlink()
    if len(str(control)) > 100:
        raise Busy(f"the path of {settings.data} is too long for a Unix socket", hint="use a shorter path")
    config: dict[str, Any] = {
        "loop": "uvloop",
        "interface": "asgi3",
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": 5,
    }
    app = Forwarded(application(node, settings.limits))
    public = uvicorn.Server(uvicorn.Config(app, http=bounded(settings.limits), proxy_headers=False, **config))
    local_socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    previous = os.umask(0o177)
    try:
        local_socket.bind(str(control))
    finally:
        os.umask(previous)
    local = uvicorn.Server(uvicorn.Config(ControlApp(node, settings.limits), http="httptools", **config))
    port = listener.getsockname()[1]
    setup.remember_address(settings.data, settings.host, port)
    print(
        f"foedus: the node of {node.owner_name} listens on http://{settings.host}:{port}", file=sys.stderr, flush=True
    )
    process.settle()
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(_both(public, listener, local, local_socket))
    finally:
        with contextlib.suppress(FileNotFoundError):
            control.unlink()


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


async def _both(public: uvicorn.Server, listener: socket.socket, local: uvicorn.Server, unix: socket.socket) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        public.should_exit = local.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    for server in (public, local):
        # both run in one loop here: the signals are ours, not uvicorn's
        server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
    await asyncio.gather(public.serve([listener]), local.serve([unix]))
