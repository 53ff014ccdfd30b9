"""OpenID Connect against a provider in another process: the good way, and every way in which it must not work."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.response import Response
from litestar.testing import AsyncTestClient

from foedus.config import Limits
from foedus.faces.http.authentication import Authentication
from foedus.faces.http.oidc import OidcSettings, OidcSignIn, OpenIdClient, ProviderRefused, oidc_routes
from foedus.kernel.errors import Fault, NotAuthenticated, PolicyRefused
from foedus.kernel.label import Clearance
from foedus.node.access import Access
from foedus.node.people import COMMAND_LINE, People
from foedus.storage.account import Account

from .conftest import NATO_RESTRICTED, NATO_SECRET, SECOND, TLP, CountedRandom, FakeClock

CALLBACK = "http://127.0.0.1:8440/signin/oidc/callback"
SECRET = "s3cret/with:odd characters"
SUB = "248289761001"


class Provider:
    """The process, and how the tests tell it what to do."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("provider.py")), "foedus", SECRET, CALLBACK]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.issuer = self._process.stdout.readline().strip()
        self._http = httpx.Client(base_url=self.issuer, verify=False)  # plain http on loopback

    def control(self, clock: FakeClock, **wishes: Any) -> None:
        self._http.post("/control", json={"now": clock.at // SECOND, **wishes}).raise_for_status()

    def served(self) -> list[str]:
        return self._http.get("/served").json()["paths"]

    def stop(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def process() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.stop()


@pytest.fixture
def provider(process: Provider, clock: FakeClock) -> Provider:
    process.control(clock)
    return process


def settings(provider: Provider, tmp_path: Path, **more: Any) -> OidcSettings:
    secret = tmp_path / "client-secret"
    secret.write_text(SECRET + "\n")
    return OidcSettings(provider.issuer, "foedus", CALLBACK, client_secret_file=secret, **more)


def read_clearance(xml: bytes) -> tuple[Clearance, ...]:
    """Stands where the reader of STANAG 4774 is injected: knows two documents, refuses all others."""
    known = {b"<secret/>": (NATO_SECRET,), b"<restricted/>": (NATO_RESTRICTED, TLP)}
    if xml not in known:
        raise PolicyRefused([Fault("not-a-clearance", "not a clearance document")])
    return known[xml]


def claim(xml: bytes) -> str:
    return base64.urlsafe_b64encode(xml).rstrip(b"=").decode()


class Journey:
    """A browser's way: start here, confirm there, come back."""

    def __init__(self, access: Access, clock: FakeClock, http: httpx.AsyncClient, settings: OidcSettings) -> None:
        self.http = http
        self.client = OpenIdClient(settings, http, clock)
        self.signing_in = OidcSignIn(access, self.client, clock, CountedRandom(), read_clearance)

    async def confirmed(self) -> tuple[dict[str, str], str]:
        """What the provider sends the browser back with, and the sealed cookie."""
        address, sealed = await self.signing_in.start("/d/council?tab=2")
        answer = await self.http.get(address)
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query)), sealed

    async def whole(self) -> Any:
        query, sealed = await self.confirmed()
        return (await self.signing_in.finish(query, sealed))[0]


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=False) as client:
        yield client


@pytest.fixture
def journey(
    access: Access,
    people: People,
    anna: Account,
    clock: FakeClock,
    http: httpx.AsyncClient,
    provider: Provider,
    tmp_path: Path,
) -> Journey:
    people.bind(COMMAND_LINE, "anna", provider.issuer, SUB)
    return Journey(access, clock, http, settings(provider, tmp_path))


async def test_the_bound_account_is_signed_in(journey: Journey, access: Access) -> None:
    query, sealed = await journey.confirmed()
    session, target = await journey.signing_in.finish(query, sealed)
    assert access.session(session.session).subject.name == "anna"
    assert (session.subject.via, target) == ("session", "/d/council?tab=2")


@pytest.mark.parametrize(
    ("wishes", "why"),
    [
        ({"claims": {"nonce": "another"}}, "another sign-in"),
        ({"claims": {"nonce": None}}, "another sign-in"),
        ({"claims": {"aud": "somebody-else"}}, "another client"),
        ({"claims": {"aud": None}}, "another client"),
        ({"claims": {"aud": ["foedus", "somebody-else"]}}, "another client"),
        ({"claims": {"azp": "somebody-else"}}, "another client"),
        ({"claims": {"iss": "https://elsewhere.example"}}, "another issuer"),
        ({"claims": {"exp": 1_700_000_000}}, "expired"),
        ({"claims": {"exp": None}}, "no usable exp"),
        ({"claims": {"exp": "later"}}, "no usable exp"),
        ({"claims": {"iat": 4_000_000_000}}, "future"),
        ({"claims": {"nbf": 4_000_000_000}}, "future"),
        ({"claims": {"sub": ""}}, "nobody"),
        ({"claims": {"sub": ["248289761001"]}}, "nobody"),
        ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "access token"),
        ({"sign": "none"}, "accepted algorithm"),
        ({"sign": "HS256"}, "accepted algorithm"),
        ({"sign": "stranger"}, "does not stand"),
        ({"sign": "altered"}, "does not stand"),
        ({"answer": "huge"}, "too long"),
        ({"answer": "garbage"}, "not a JSON object"),
    ],
)
async def test_a_token_that_is_not_right_in_every_point_signs_nobody_in(
    journey: Journey, provider: Provider, clock: FakeClock, access: Access, wishes: dict[str, Any], why: str
) -> None:
    query, sealed = await journey.confirmed()
    provider.control(clock, **wishes)
    with pytest.raises(ProviderRefused, match=why):
        await journey.signing_in.finish(query, sealed)
    assert access.accounts.sessions.of(access.accounts.get("anna").id) == []
    provider.control(clock)
    assert (await journey.whole()).subject.name == "anna"


async def test_several_audiences_with_us_as_the_authorized_party_stand(
    journey: Journey, provider: Provider, clock: FakeClock
) -> None:
    provider.control(clock, claims={"aud": ["foedus", "other"], "azp": "foedus"})
    assert (await journey.whole()).subject.name == "anna"


async def test_an_answer_of_another_attempt_is_refused(journey: Journey) -> None:
    query, _ = await journey.confirmed()
    _, sealed = await journey.confirmed()
    for wrong in (query, {**query, "state": ""}, {"code": query["code"]}):
        with pytest.raises(ProviderRefused, match="another attempt"):
            await journey.signing_in.finish(wrong, sealed)


@pytest.mark.parametrize("cookie", ["", "garbage", "gAAAAABh" + "A" * 100])
async def test_an_answer_in_a_browser_that_began_nothing_is_refused(journey: Journey, cookie: str) -> None:
    query, _ = await journey.confirmed()
    with pytest.raises(ProviderRefused, match="in this browser"):
        await journey.signing_in.finish(query, cookie)


async def test_an_attempt_ends_after_ten_minutes(journey: Journey, clock: FakeClock) -> None:
    query, sealed = await journey.confirmed()
    clock.pass_(602 * SECOND)
    with pytest.raises(ProviderRefused, match="too long ago"):
        await journey.signing_in.finish(query, sealed)


async def test_a_code_is_good_once(journey: Journey) -> None:
    query, sealed = await journey.confirmed()
    await journey.signing_in.finish(query, sealed)
    with pytest.raises(ProviderRefused, match="answered 400"):
        await journey.signing_in.finish(query, sealed)


async def test_an_answer_of_a_mixed_up_issuer_or_with_an_error_is_refused(journey: Journey) -> None:
    query, sealed = await journey.confirmed()
    with pytest.raises(ProviderRefused, match="another issuer"):
        await journey.signing_in.finish({**query, "iss": "https://elsewhere.example"}, sealed)
    with pytest.raises(ProviderRefused, match="refused"):
        await journey.signing_in.finish({"error": "access_denied", "state": query["state"]}, sealed)


async def test_the_verifier_proves_who_began(journey: Journey) -> None:
    """The provider checks PKCE: a stolen code is of no use with another verifier."""
    query, _ = await journey.confirmed()
    _, others = await journey.confirmed()
    stolen = msgspec.structs.replace(journey.signing_in._open(others), state=query["state"])
    sealed = journey.signing_in._seal.encrypt_at_time(
        msgspec.json.encode(stolen), journey.signing_in._seconds()
    ).decode()
    with pytest.raises(ProviderRefused, match="answered 400"):
        await journey.signing_in.finish(query, sealed)


async def test_keys_may_rotate_and_a_flood_of_unknown_keys_asks_but_once(
    journey: Journey, provider: Provider, clock: FakeClock
) -> None:
    await journey.whole()
    clock.pass_(60 * SECOND)
    provider.control(clock, rotate=True)
    assert (await journey.whole()).subject.name == "anna"
    asked = provider.served().count("/jwks")
    provider.control(clock, rotate=True)
    for _ in range(3):
        with pytest.raises(ProviderRefused, match="does not publish"):
            await journey.whole()
    assert provider.served().count("/jwks") == asked
    clock.pass_(5 * SECOND)
    assert (await journey.whole()).subject.name == "anna"


async def test_somebody_unbound_is_refused_whatever_their_name(
    journey: Journey, provider: Provider, clock: FakeClock, access: Access
) -> None:
    provider.control(clock, sub="stranger", claims={"preferred_username": "anna"})
    with pytest.raises(NotAuthenticated):
        await journey.whole()
    assert [account.name for account in access.accounts.all()] == ["anna"]


async def test_an_inactive_account_is_refused(journey: Journey, people: People) -> None:
    people.deactivate(COMMAND_LINE, "anna")
    with pytest.raises(NotAuthenticated):
        await journey.whole()


async def test_provisioning_makes_a_reader_and_never_takes_a_name(
    access: Access, anna: Account, clock: FakeClock, http: httpx.AsyncClient, provider: Provider, tmp_path: Path
) -> None:
    journey = Journey(access, clock, http, settings(provider, tmp_path, provision=True))
    provider.control(clock, sub="s-7", claims={"preferred_username": "Kaisa", "name": "Kaisa Virtanen"})
    first, again = await journey.whole(), await journey.whole()
    assert first.subject.name == again.subject.name == "kaisa"
    assert (first.subject.roles, first.subject.clearances) == ({"reader"}, ())
    assert access.accounts.get("kaisa").display_name == "Kaisa Virtanen"
    for name in ("anna", "", "a:b"):
        provider.control(clock, sub="s-8", claims={"preferred_username": name})
        with pytest.raises(NotAuthenticated):
            await journey.whole()
    assert [account.name for account in access.accounts.all()] == ["anna", "kaisa"]


async def test_the_clearance_claim_decides_where_the_settings_say_so(
    access: Access,
    people: People,
    anna: Account,
    clock: FakeClock,
    http: httpx.AsyncClient,
    provider: Provider,
    tmp_path: Path,
) -> None:
    people.bind(COMMAND_LINE, "anna", provider.issuer, SUB)
    journey = Journey(access, clock, http, settings(provider, tmp_path, accept_clearance=True))
    for given, held in [
        (claim(b"<restricted/>"), (NATO_RESTRICTED, TLP)),
        (claim(b"<secret/>"), (NATO_SECRET,)),
        (None, ()),  # the provider does not say it any more
    ]:
        provider.control(clock, claims={"aciClr": given})
        session = await journey.whole()
        clock.pass_(SECOND)
        assert access.session(session.session).subject.clearances == held
    assert len(access.accounts.get("anna").epochs) == 4
    assert access.accounts.log()[0].actor == "@openid"


@pytest.mark.parametrize("given", [claim(b"<noise/>"), "***", 7, ["x"], "A" * 200_000])
async def test_a_clearance_claim_that_cannot_be_read_signs_nobody_in(
    access: Access,
    people: People,
    anna: Account,
    clock: FakeClock,
    http: httpx.AsyncClient,
    provider: Provider,
    tmp_path: Path,
    given: Any,
) -> None:
    people.bind(COMMAND_LINE, "anna", provider.issuer, SUB)
    journey = Journey(access, clock, http, settings(provider, tmp_path, accept_clearance=True))
    provider.control(clock, claims={"aciClr": given})
    with pytest.raises(ProviderRefused):
        await journey.whole()
    assert access.accounts.get("anna").epochs == anna.epochs


async def test_claims_change_no_clearance_unless_the_settings_say_so(
    journey: Journey, provider: Provider, clock: FakeClock, access: Access, anna: Account
) -> None:
    provider.control(clock, claims={"aciClr": claim(b"<restricted/>")})
    await journey.whole()
    assert access.accounts.get("anna").epochs == anna.epochs


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://elsewhere.example"},
        {"authorization_endpoint": "http://elsewhere.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
)
async def test_metadata_that_lead_elsewhere_are_refused(
    journey: Journey, provider: Provider, clock: FakeClock, metadata: dict[str, Any]
) -> None:
    provider.control(clock, metadata=metadata)
    with pytest.raises(ProviderRefused):
        await journey.signing_in.start("/")


async def test_an_unreachable_provider_is_a_refusal(access: Access, clock: FakeClock, http: httpx.AsyncClient) -> None:
    nowhere = OidcSettings("http://127.0.0.1:9", "foedus", CALLBACK)
    with pytest.raises(ProviderRefused, match="cannot be reached"):
        await Journey(access, clock, http, nowhere).signing_in.start("/")


@pytest.mark.parametrize("issuer", ["http://idp.example", "ftp://127.0.0.1", "https://user@idp.example", ""])
def test_settings_demand_https(issuer: str) -> None:
    with pytest.raises(ValueError):
        OidcSettings(issuer, "foedus", CALLBACK)


async def test_the_routes_carry_a_browser_through(
    journey: Journey, access: Access, clock: FakeClock, limits: Limits, http: httpx.AsyncClient
) -> None:
    def render(template: str, context: Any) -> Response[Any]:
        return Response({"template": template, "error": context["error"]})

    app = Litestar(oidc_routes(journey.signing_in, render))
    app.state.authentication = Authentication(access, clock, limits)
    async with AsyncTestClient(app, base_url="http://127.0.0.1:8440") as browser:
        old = access.sign_in(access.accounts.get("anna").id).session
        browser.cookies.set("foedus", old, domain="127.0.0.1")
        away = await browser.get("/signin/oidc/start?next=//evil.example", follow_redirects=False)
        assert away.status_code == 303 and "HttpOnly" in away.headers["set-cookie"]
        back = await http.get(away.headers["location"])
        answer = await browser.get(back.headers["location"], follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        new = {cookie.name: cookie.value for cookie in browser.cookies.jar}["foedus"]
        assert access.session(new).subject.name == "anna" and access.session(old) is None
        again = await browser.get(back.headers["location"], follow_redirects=False)
        assert again.status_code == 401 and again.json()["error"]["code"] == "provider"
        assert set(again.json()["error"]) == {"code", "en", "fr"}
