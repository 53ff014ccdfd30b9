"""The protocol side of OpenID Connect: the authorization code flow with PKCE against one provider.

Sources: OpenID Connect Core 1.0, section 3.1; Discovery 1.0; RFC 7636 (PKCE, S256); RFC 9700 (best current practice).
Only asymmetric signatures are accepted, only with keys that the provider publishes. Everything a provider sends is
bounded in size, and every address that it names is https, or on loopback.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core.util import create_half_hash
from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError

from foedus.kernel.errors import FoedusError
from foedus.kernel.ports import Clock

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_MAX_ANSWER = 1024 * 1024
_MAX_TOKEN = 256 * 1024
_MAX_HEADER = 16 * 1024  # with a certificate chain
_LEEWAY = 60  # seconds between the provider's clock and ours
_METADATA_KEPT = 3600
_KEYS_AGAIN = 5  # seconds: an unknown key makes us ask again, but a forger shall not make us ask all the time
_TIMEOUT = httpx.Timeout(10.0)


class ProviderRefused(FoedusError):
    """The provider, or what it sent, does not confirm anybody. The message is for the node's log, not for the page."""

    blame = "peer"
    status = 401
    code = "openid-refused"


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """One provider. `issuer` exactly as the provider writes it; `redirect_uri` as registered there."""

    issuer: str
    client_id: str
    redirect_uri: str  # https://node.example/signin/oidc/callback
    client_secret_file: Path | None = None  # None: a public client, held by PKCE alone
    title: str = "OpenID Connect"
    scopes: tuple[str, ...] = ("openid", "profile")
    provision: bool = False  # make a reader's account for whoever the provider confirms
    accept_clearance: bool = False  # the claim decides what the person is cleared for; no claim: nothing
    clearance_claim: str = "aciClr"  # BASE64URL of a STANAG 4774 clearance

    def __post_init__(self) -> None:
        for url in (self.issuer, self.redirect_uri):
            if not _trustworthy(url):
                raise ValueError(f"not an https address, nor on loopback: {url}")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one sign-in has to come back with. Made of random secrets; kept by the browser under our seal."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class OpenIdClient:
    """One provider as this node sees it. `http` is shared and closed by whoever made it."""

    def __init__(self, settings: OidcSettings, http: httpx.AsyncClient, clock: Clock) -> None:
        self.settings = settings
        self._http = http
        self._clock = clock
        self._metadata: dict[str, Any] = {}
        self._metadata_at = 0
        self._keys: list[jwk.Key] = []
        self._keys_at = 0

    async def authorization_url(self, attempt: Attempt) -> str:
        """Where the browser goes. Raises ProviderRefused."""
        endpoint = self._endpoint(await self._discover(), "authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": " ".join(self.settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        return endpoint + ("&" if urlsplit(endpoint).query else "?") + urlencode(query)

    async def claims(self, code: str, attempt: Attempt) -> dict[str, Any]:
        """The validated claims of the ID token that the code buys. Raises ProviderRefused."""
        endpoint = self._endpoint(await self._discover(), "token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.redirect_uri,
            "client_id": self.settings.client_id,
            "code_verifier": attempt.verifier,
        }
        answer = await self._fetch("POST", endpoint, data=form, headers=self._client_authentication())
        id_token, access_token = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str) or len(id_token) > _MAX_TOKEN:
            raise ProviderRefused("the provider sent no usable ID token")
        token = await self._verified(id_token)
        self._check_claims(token.claims, attempt)
        if isinstance(access_token, str) and "at_hash" in token.claims:
            expected = create_half_hash(access_token, token.header["alg"])
            if not hmac.compare_digest(expected or b"", str(token.claims["at_hash"]).encode()):
                raise ProviderRefused("the access token is not the one that belongs to the ID token")
        return token.claims

    def _check_claims(self, claims: Mapping[str, Any], attempt: Attempt) -> None:
        """OpenID Connect Core 1.0, section 3.1.3.7; the numbers are those of its list."""
        now = self._clock.now() // 1_000_000
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        me = self.settings.client_id
        if claims.get("iss") != self.settings.issuer:  # 2
            raise ProviderRefused("the ID token is of another issuer")
        if me not in audiences:  # 3
            raise ProviderRefused("the ID token is for another client")
        if (len(audiences) > 1 or "azp" in claims) and claims.get("azp") != me:  # 4, 5
            raise ProviderRefused("the ID token was issued to another client")
        if _number(claims, "exp") + _LEEWAY <= now:  # 9
            raise ProviderRefused("the ID token has expired")
        if _number(claims, "iat") - _LEEWAY > now or ("nbf" in claims and _number(claims, "nbf") - _LEEWAY > now):  # 10
            raise ProviderRefused("the ID token is from the future")
        nonce = claims.get("nonce")
        if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), attempt.nonce.encode()):  # 11
            raise ProviderRefused("the ID token answers another sign-in")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise ProviderRefused("the ID token names nobody")

    async def _verified(self, id_token: str) -> jwt.Token:
        """The token once its signature stands under a published key (steps 6 to 8 of the list)."""
        registry = jws.JWSRegistry(algorithms=list(ALGORITHMS))
        registry.max_payload_length = _MAX_TOKEN
        registry.max_header_length = _MAX_HEADER
        try:
            header = jws.extract_compact(id_token.encode(), registry=registry).headers()
            key = await self._key(header)
            return jwt.decode(id_token, key, algorithms=list(ALGORITHMS), registry=registry)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise ProviderRefused(f"the ID token's signature does not stand: {type(error).__name__}") from error

    async def _key(self, header: Mapping[str, Any]) -> jwk.Key:
        if header.get("alg") not in ALGORITHMS:
            raise ProviderRefused("the ID token is not signed with an accepted algorithm")
        found = self._matching(header)
        if found is None and not 0 <= self._clock.now() - self._keys_at < _KEYS_AGAIN * 1_000_000:
            await self._fetch_keys()  # the provider may have changed its keys
            found = self._matching(header)
        if found is None:
            raise ProviderRefused("the ID token is signed with a key that the provider does not publish")
        return found

    def _matching(self, header: Mapping[str, Any]) -> jwk.Key | None:
        """The key that the header names; without a name, the only one there is."""
        name = header.get("kid")
        keys = [key for key in self._keys if name is None or key.kid == name]
        return keys[0] if len(keys) == 1 else None

    async def _fetch_keys(self) -> None:
        answer = await self._fetch("GET", self._endpoint(await self._discover(), "jwks_uri"))
        self._keys_at = self._clock.now()
        published = answer.get("keys")
        self._keys = []
        for raw in published[:64] if isinstance(published, list) else []:
            if (
                not isinstance(raw, dict)
                or raw.get("kty") not in ("RSA", "EC", "OKP")
                or raw.get("use", "sig") != "sig"
            ):
                continue
            try:
                self._keys.append(jwk.import_key(raw))
            except (JoseError, ValueError, TypeError, KeyError):
                continue  # a key of a kind that we do not know confirms nobody; the others still may

    async def _discover(self) -> dict[str, Any]:
        now = self._clock.now()
        if not self._metadata or not 0 <= now - self._metadata_at < _METADATA_KEPT * 1_000_000:
            address = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
            metadata = await self._fetch("GET", address)
            if metadata.get("issuer") != self.settings.issuer:
                raise ProviderRefused("the provider's metadata are of another issuer")
            self._metadata, self._metadata_at = metadata, now
        return self._metadata

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        address = metadata.get(name)
        if not isinstance(address, str) or not _trustworthy(address):
            raise ProviderRefused(f"the provider's metadata have no usable {name}")
        return address

    def _client_authentication(self) -> dict[str, str]:
        """client_secret_basic, with both parts form-encoded first (RFC 6749, section 2.3.1)."""
        if self.settings.client_secret_file is None:
            return {}
        try:
            secret = self.settings.client_secret_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderRefused("the file of the client secret cannot be read") from error
        pair = httpx.BasicAuth(quote(self.settings.client_id, safe=""), quote(secret, safe=""))
        request = next(pair.auth_flow(httpx.Request("POST", self.settings.issuer)))
        return {"Authorization": request.headers["Authorization"]}

    async def _fetch(self, method: str, address: str, **more: Any) -> dict[str, Any]:
        """A JSON object from the provider; no redirects, bounded."""
        body = bytearray()
        try:
            async with self._http.stream(method, address, follow_redirects=False, timeout=_TIMEOUT, **more) as response:
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MAX_ANSWER:
                        raise ProviderRefused("the provider's answer is too long")
                if response.status_code != 200:
                    raise ProviderRefused(f"the provider answered {response.status_code}")
            return msgspec.json.decode(body, type=dict[str, Any])
        except httpx.HTTPError as error:
            raise ProviderRefused(f"the provider cannot be reached: {type(error).__name__}") from error
        except msgspec.MsgspecError as error:
            raise ProviderRefused("the provider's answer is not a JSON object") from error


def _number(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ProviderRefused(f"the ID token has no usable {name}")
    return float(value)


def _trustworthy(address: str) -> bool:
    parts = urlsplit(address)
    if parts.username or parts.password or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"))
