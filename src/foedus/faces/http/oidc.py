"""Signing in through an OpenID provider: /signin/oidc/start leads there, /signin/oidc/callback comes back.

Whoever the provider confirms signs in as the account that an administrator has bound to them (issuer and `sub`; never
by a name, which providers let people choose). Only where the settings say so is a reader's account made for the others.

What an attempt has to come back with travels in a cookie under our own seal, so unfinished attempts cost the node no
memory, and an answer is of use only in the browser that began.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Response

from foedus.faces.http.authentication import client_address
from foedus.faces.http.cookies import cookie, is_secure, read_cookie
from foedus.faces.http.openid import Attempt, OidcSettings, OpenIdClient, ProviderRefused
from foedus.faces.http.signin import AnyRequest, Render, previous_session, private, refused, safe_target, signed_in
from foedus.kernel.errors import FoedusError, NotAuthenticated, Refused, TooMany
from foedus.kernel.label import Clearance
from foedus.kernel.ports import Clock, Random
from foedus.node.access import Access, SignedIn
from foedus.storage.account import Account
from foedus.storage.credentials import new_secret

__all__ = ["OidcSettings", "OidcSignIn", "OpenIdClient", "ProviderRefused", "oidc_routes"]

ReadClearance = Callable[[bytes], tuple[Clearance, ...]]

ACTOR = "@openid"  # in the administrative log; no account can have this name
_COOKIE = "foedus-oidc"
_ATTEMPT_SECONDS = 600
_MAX_CLEARANCE = 128 * 1024  # characters of the claim
_log = logging.getLogger("foedus.signin")


class _Sealed(msgspec.Struct, frozen=True):
    state: str
    nonce: str
    verifier: str
    target: str


class OidcSignIn:
    """The steps of a sign-in, without the web around them. Raises ProviderRefused and NotAuthenticated."""

    def __init__(
        self,
        access: Access,
        provider: OpenIdClient,
        clock: Clock,
        random: Random,
        read_clearance: ReadClearance | None = None,
    ) -> None:
        if provider.settings.accept_clearance and read_clearance is None:
            raise ValueError("clearances by claim need a reader of clearances")
        self._access = access
        self._provider = provider
        self._settings = provider.settings
        self._clock = clock
        self._random = random
        self._read_clearance = read_clearance
        self._seal = Fernet(base64.urlsafe_b64encode(random.bytes(32)))

    async def start(self, target: str) -> tuple[str, str]:
        """Where the browser goes, and the sealed cookie that it brings back."""
        attempt = Attempt(*(new_secret(self._random) for _ in range(3)))
        sealed = _Sealed(attempt.state, attempt.nonce, attempt.verifier, target)
        address = await self._provider.authorization_url(attempt)
        return address, self._seal.encrypt_at_time(msgspec.json.encode(sealed), self._seconds()).decode()

    async def finish(
        self, query: Mapping[str, str], sealed_cookie: str, *, replaces: str | None = None
    ) -> tuple[SignedIn, str]:
        """The new session and where to go, once state, code, ID token and account all stand."""
        sealed = self._open(sealed_cookie)
        if not hmac.compare_digest(query.get("state", "").encode(), sealed.state.encode()):
            raise ProviderRefused("the answer belongs to another attempt")
        if query.get("iss", self._settings.issuer) != self._settings.issuer:  # RFC 9207: mixed-up providers
            raise ProviderRefused("the answer is of another issuer")
        code = query.get("code", "")
        if "error" in query or not 0 < len(code) <= 4096:
            raise ProviderRefused("the provider refused")
        claims = await self._provider.claims(code, Attempt(sealed.state, sealed.nonce, sealed.verifier))
        account = self._account(claims, self._clearances(claims))
        return self._access.sign_in(account.id, replaces=replaces), sealed.target

    def _open(self, sealed: str) -> _Sealed:
        try:
            plain = self._seal.decrypt_at_time(sealed.encode("latin-1"), _ATTEMPT_SECONDS, self._seconds())
        except InvalidToken as error:
            raise ProviderRefused("no sign-in was begun in this browser, or too long ago") from error
        return msgspec.json.decode(plain, type=_Sealed)

    def _clearances(self, claims: Mapping[str, Any]) -> tuple[Clearance, ...] | None:
        """What the claim says; () without a claim; None where claims do not decide."""
        if not self._settings.accept_clearance or self._read_clearance is None:
            return None
        claim = claims.get(self._settings.clearance_claim)
        if claim is None:
            return ()
        if not isinstance(claim, str) or len(claim) > _MAX_CLEARANCE:
            raise ProviderRefused("the clearance claim is not a text of usable length")
        try:
            xml = base64.b64decode(claim + "=" * (-len(claim) % 4), altchars=b"-_", validate=True)
            return self._read_clearance(xml)
        except (binascii.Error, ValueError, FoedusError) as error:
            raise ProviderRefused("the clearance claim cannot be read") from error

    def _account(self, claims: Mapping[str, Any], clearances: tuple[Clearance, ...] | None) -> Account:
        accounts = self._access.accounts
        bound = accounts.identities.find(self._settings.issuer, claims["sub"])
        if bound is None:
            return self._provisioned(claims, clearances or ())
        account = accounts.by_id(bound)
        if not account.active:
            raise NotAuthenticated("the account is not active")
        if clearances is not None:
            accounts.set_clearances(account.name, clearances, by=ACTOR)
        return account

    def _provisioned(self, claims: Mapping[str, Any], clearances: tuple[Clearance, ...]) -> Account:
        """A new reader's account, where the settings allow it and the preferred name is free."""
        if not self._settings.provision:
            raise NotAuthenticated("no account is bound to this person")
        accounts, name = self._access.accounts, str(claims.get("preferred_username", "")).lower()
        try:
            with accounts.file.transaction():
                account = accounts.add(
                    name, by=ACTOR, roles={"reader"}, display_name=_shown(claims, name), clearances=clearances
                )
                accounts.identities.bind(account.id, self._settings.issuer, claims["sub"])
                detail = {"issuer": self._settings.issuer, "subject": claims["sub"]}
                accounts.record(ACTOR, name, "bind", detail)
        except Refused as error:
            raise NotAuthenticated("no account could be made for this person") from error
        return account

    def _seconds(self) -> int:
        return self._clock.now() // 1_000_000


def oidc_routes(signing_in: OidcSignIn, render: Render) -> list[HTTPRouteHandler]:
    """The two handlers. Pages of refusal are `signin.html` with `error.code` "provider"."""

    def refuse(request: AnyRequest, error: FoedusError) -> Response[Any]:
        _log.warning("OpenID Connect: %s", error.message)
        page = refused(render, request, "signin.html", error, "provider", next="/", providers=())
        page.set_cookie(cookie("", is_secure(request.scope), max_age=0, name=_COOKIE))
        return page

    @get("/signin/oidc/start", name="oidc-start", include_in_schema=False)
    async def start(request: AnyRequest) -> Response[Any]:
        target = safe_target(request.query_params.get("next", "/"))
        try:
            address, sealed = await signing_in.start(target)
        except ProviderRefused as error:
            return refuse(request, error)
        keep = cookie(sealed, is_secure(request.scope), max_age=_ATTEMPT_SECONDS, name=_COOKIE)
        return private(Redirect(address, status_code=303, cookies=[keep]))

    @get("/signin/oidc/callback", name="oidc-callback", include_in_schema=False)
    async def callback(request: AnyRequest) -> Response[Any]:
        secure, query = is_secure(request.scope), dict(request.query_params.items())
        sealed = read_cookie(request.scope["headers"], secure, _COOKIE)
        try:
            request.app.state.authentication.meter(client_address(request.scope))
            session, target = await signing_in.finish(query, sealed, replaces=previous_session(request) or None)
        except (ProviderRefused, NotAuthenticated, TooMany) as error:
            return refuse(request, error)
        answer = signed_in(request, session, target)
        answer.set_cookie(cookie("", secure, max_age=0, name=_COOKIE))
        return answer

    return [start, callback]


def _shown(claims: Mapping[str, Any], name: str) -> str:
    shown = claims.get("name")
    return shown if isinstance(shown, str) and 0 < len(shown) <= 128 and shown.isprintable() else name
