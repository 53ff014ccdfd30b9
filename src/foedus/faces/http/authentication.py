"""Authentication over HTTP: bearer token, Basic (name and token, or name and password), session cookie.

`Authentication.authenticate` takes raw header tuples, so that a plain ASGI handler can call it as well as the
middleware, which puts the Subject into `scope["state"]["subject"]` and the session's CSRF token into
`scope["state"]["csrf"]`.

Example:
    authentication = Authentication(access, clock, limits)
    app = Litestar(..., middleware=[DefineMiddleware(AuthenticationMiddleware, authentication=authentication)])
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Iterable
from typing import Any, NoReturn

from anyio import CapacityLimiter, to_thread

from foedus.config import Limits
from foedus.faces.http.asgi import App, Receive, Scope, Send, below
from foedus.faces.http.cookies import is_secure, read_cookie
from foedus.faces.http.ratelimit import Buckets
from foedus.faces.http.refusals import Refuse, answer, refuse_as_page
from foedus.kernel.errors import FoedusError, NotAuthenticated, NotPermitted, TooMany
from foedus.kernel.ports import Clock
from foedus.node.access import LINK_FAILED, Access, Identity, SignedIn, Subject
from foedus.storage.credentials import TOKEN_PREFIX

RawHeaders = Iterable[tuple[bytes, bytes]]

_AT_ONCE = 2  # argon2id checks: each holds 64 MiB
_WAITING = 32
_MAX_AUTHORIZATION = 4 * 1024  # bytes
_NO_CREDENTIAL = "sign in, or send a token"
_WRONG = "the credential is not valid"
_SLOW_DOWN = "too many requests without a valid credential from this address"


class Authentication:
    """Who is calling, with limits for those who cannot show it. One for the whole server process."""

    def __init__(self, access: Access, clock: Clock, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.access = access
        self.now = clock.now
        self._anonymous = Buckets(clock, limits.requests_per_minute_anonymous)
        self._failures = Buckets(clock, limits.failures_per_minute)
        self._hashing = CapacityLimiter(_AT_ONCE)

    async def authenticate(
        self, headers: RawHeaders, address: str = "", *, secure: bool = False, cookies: bool = True
    ) -> Subject:
        """The subject that the headers show. Raises NotAuthenticated, TooMany.

        Faces for programs, which have no CsrfMiddleware before them, ask with `cookies=False`.
        """
        return (await self.identify(headers, address, secure=secure, cookies=cookies)).subject

    async def identify(
        self, headers: RawHeaders, address: str = "", *, secure: bool = False, cookies: bool = True
    ) -> Identity:
        """The same with the CSRF token of a session. An Authorization header goes before a cookie."""
        headers = list(headers)
        shown = [value for name, value in headers if name == b"authorization"]
        if shown:
            subject = await self._authorized(shown[0], address) if len(shown) == 1 else None
            if subject is None:
                self._fail(address)
            return Identity(subject)
        identity = self.from_cookie(headers, secure=secure) if cookies else None
        if identity is None:
            self.meter(address)
            raise NotAuthenticated(_NO_CREDENTIAL)
        return identity

    def from_cookie(self, headers: RawHeaders, *, secure: bool = False) -> Identity | None:
        """Who is signed in, if anybody. For pages that are open to all."""
        session = read_cookie(headers, secure)
        return self.access.session(session) if session else None

    def meter(self, address: str) -> None:
        """Count a request without a valid credential. Raises TooMany."""
        wait = self._anonymous.take(address)
        if wait:
            raise TooMany(_SLOW_DOWN, wait)

    async def sign_in_by_password(self, name: str, password: str, address: str, *, replaces: str = "") -> SignedIn:
        """A new session. Raises NotAuthenticated, TooMany."""
        signed_in: SignedIn = await self._hashed(address, self._sign_in, name, password, replaces)
        return signed_in

    def _sign_in(self, name: str, password: str, replaces: str) -> SignedIn:
        return self.access.sign_in_by_password(name, password, replaces=replaces or None)

    def check_link(self, secret: str, address: str) -> None:
        """Whether the link would sign somebody in, without using it up. Raises NotAuthenticated, TooMany."""
        if not self.access.link_is_valid(secret):
            self._count_failure(address)
            raise NotAuthenticated(LINK_FAILED)

    def sign_in_by_link(self, secret: str, address: str, *, replaces: str = "") -> SignedIn:
        """A new session. Raises NotAuthenticated, TooMany."""
        try:
            return self.access.sign_in_by_link(secret, replaces=replaces or None)
        except NotAuthenticated:
            self._count_failure(address)
            raise

    async def _authorized(self, value: bytes, address: str) -> Subject | None:
        scheme, _, credential = value.partition(b" ")
        if len(value) > _MAX_AUTHORIZATION:
            return None
        if scheme.lower() == b"bearer":
            return self.access.token(credential.strip().decode("latin-1"))
        if scheme.lower() != b"basic":
            return None
        try:
            name, colon, secret = base64.b64decode(credential.strip(), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        if not colon:
            return None
        if secret.startswith(TOKEN_PREFIX):
            return self.access.token(secret, name.strip().lower())
        known = self.access.known_password(name, secret)
        if known is not None:
            return known
        found: Subject = await self._hashed(address, self.access.password, name, secret)
        return found

    async def _hashed(self, address: str, check: Any, *arguments: Any) -> Any:
        """Run a check that costs argon2id, off the event loop, few at once, and few from one address."""
        self._count_failure(address)
        if self._hashing.statistics().tasks_waiting >= _WAITING:
            raise TooMany("too many sign-ins at once", 5)
        return await to_thread.run_sync(check, *arguments, limiter=self._hashing)

    def _count_failure(self, address: str) -> None:
        wait = self._failures.take(address)
        if wait:
            raise TooMany(_SLOW_DOWN, wait)

    def _fail(self, address: str) -> NoReturn:
        self._count_failure(address)
        raise NotAuthenticated(_WRONG)


class AuthenticationMiddleware:
    """Plain ASGI. Behind it `scope["state"]["subject"]` is a Subject, or None on `public` paths for the anonymous.

    `public` paths look at the cookie only, so that they cannot be used to try credentials; those that are also
    `unmetered` are not even counted.
    """

    def __init__(
        self,
        app: App,
        *,
        authentication: Authentication,
        public: tuple[str, ...] = ("/healthz", "/signin", "/static"),
        unmetered: tuple[str, ...] = ("/healthz", "/static"),
        refuse: Refuse = refuse_as_page,
    ) -> None:
        self.app = app
        self._authentication = authentication
        self._public = public
        self._unmetered = unmetered
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                identity = await self._identify(scope)
            except FoedusError as error:
                await answer(send, self._refuse(scope, error))
                return
            state: dict[str, Any] = scope.setdefault("state", {})
            state["subject"] = identity.subject if identity else None
            state["csrf"] = identity.csrf if identity else ""
        elif scope["type"] == "websocket":  # none of our faces speaks it
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        await self.app(scope, receive, send)

    async def _identify(self, scope: Scope) -> Identity | None:
        path, headers, secure = scope["path"], scope["headers"], is_secure(scope)
        address = client_address(scope)
        if not below(path, self._public):
            return await self._authentication.identify(headers, address, secure=secure)
        identity = self._authentication.from_cookie(headers, secure=secure)
        if identity is None and not below(path, self._unmetered):
            self._authentication.meter(address)
        return identity


def client_address(scope: Any) -> str:
    """The caller's address, "" where the server does not know it."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def subject_of(scope: Any) -> Subject:
    """The subject of a request behind the middleware. Raises NotAuthenticated on a public path without a session."""
    subject = scope.get("state", {}).get("subject")
    if not isinstance(subject, Subject):
        raise NotAuthenticated(_NO_CREDENTIAL)
    return subject


def require(scope: Any, verb: str) -> Subject:
    """The same, once role and scope permit the verb. Raises NotAuthenticated, NotPermitted."""
    subject = subject_of(scope)
    if not subject.may(verb):
        raise NotPermitted(f"your role or the scope of your token does not permit: {verb}")
    return subject


_SECRETS = re.compile(r"(/signin/link/|fds_|[?&](?:code|state)=)[A-Za-z0-9_%.~-]+")


class SecretFilter(logging.Filter):
    """Takes tokens, one-time links and OpenID codes out of log records. Put it on the access log's handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(str(record.msg))
        if isinstance(record.args, tuple):  # formatters of access logs read the arguments one by one
            record.args = tuple(redact(value) if isinstance(value, str) else value for value in record.args)
        return True


def redact(text: str) -> str:
    """The text without the secrets that may stand in a path."""
    return _SECRETS.sub(r"\1[secret]", text)
