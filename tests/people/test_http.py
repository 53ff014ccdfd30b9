"""Authentication over HTTP as a browser, a program and an attacker meet it, through the whole stack."""

from __future__ import annotations

import base64
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, get, post
from litestar.response import Response
from uvicorn.logging import AccessFormatter

from foedus.config import Limits
from foedus.faces.http.authentication import (
    Authentication,
    AuthenticationMiddleware,
    SecretFilter,
    require,
    subject_of,
)
from foedus.faces.http.csrf import CsrfMiddleware
from foedus.faces.http.signin import safe_target, signin_routes
from foedus.kernel.errors import FoedusError, NotAuthenticated, NotPermitted, TooMany
from foedus.node.access import Access
from foedus.node.people import COMMAND_LINE, People
from foedus.storage.account import Account

from .conftest import MINUTE, PASSWORD, SECOND, FakeClock

HTTP, HTTPS = "http://node.example", "https://node.example"


def render(template: str, context: Any) -> Response[Any]:
    """In the place of the web face: shows what a page would be made of."""
    error = context["error"]
    return Response({"template": template, "error": error["code"] if error else None, "next": context.get("next")})


@get("/who")
async def who(request: Request[Any, Any, Any]) -> dict[str, Any]:
    subject = subject_of(request.scope)
    return {"name": subject.name, "via": subject.via, "csrf": request.scope["state"]["csrf"]}


@post("/change")
async def change(request: Request[Any, Any, Any]) -> dict[str, Any]:
    require(request.scope, "publish")
    kind = request.content_type[0]
    if kind.startswith(("multipart/", "application/x-www-form")):
        form = await request.form()
        upload = form.get("file")
        return {"text": form.get("text"), "file": len(await upload.read()) if upload else 0}
    return {"body": len(await request.body())}


@get(["/healthz", "/static/x.css"])
async def open_to_all() -> str:
    return "ok"


def to_json(_: Request[Any, Any, Any], error: FoedusError) -> Response[Any]:
    return Response(error.as_dict(), status_code=error.status)


@pytest.fixture
def authentication(access: Access, clock: FakeClock, limits: Limits) -> Authentication:
    return Authentication(access, clock, limits)


class World:
    """One node's HTTP side, and browsers at addresses of one's choice."""

    def __init__(self, authentication: Authentication, limits: Limits) -> None:
        routes = [who, change, open_to_all, *signin_routes(render, ("Alliance",))]
        app = Litestar(routes, exception_handlers={FoedusError: to_json}, openapi_config=None)
        app.state.authentication = authentication
        self.app = AuthenticationMiddleware(CsrfMiddleware(app, limits=limits), authentication=authentication)
        self.opened: list[httpx.AsyncClient] = []

    def browser(self, base: str = HTTP, address: str = "192.0.2.7") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.app, client=(address, 50_000))
        self.opened.append(httpx.AsyncClient(transport=transport, base_url=base))
        return self.opened[-1]


@pytest.fixture
async def world(authentication: Authentication, limits: Limits, anna: Account) -> AsyncIterator[World]:
    world = World(authentication, limits)
    yield world
    for client in world.opened:
        await client.aclose()


@pytest.fixture
def token(people: People, anna: Account) -> str:
    return people.make_token(COMMAND_LINE, "anna", "laptop")[0]


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def sign_in(browser: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await browser.post("/signin", data={"name": "anna", "password": PASSWORD, **form})


# credentials


async def test_every_credential_shows_its_subject(world: World, token: str) -> None:
    browser = world.browser()
    for headers, via in [
        (bearer(token), "token"),
        ({"Authorization": f"bearer {token}"}, "token"),
        (basic("anna", token), "token"),
        (basic("Anna", token), "token"),
        (basic("anna", PASSWORD), "password"),
    ]:
        answer = await browser.get("/who", headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"name": "anna", "via": via, "csrf": ""})
    assert (await sign_in(browser)).status_code == 303
    shown = (await browser.get("/who")).json()
    assert (shown["name"], shown["via"], len(shown["csrf"])) == ("anna", "session", 43)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer x",
        "Bearer fds_x",
        "Basic",
        "Basic !!!",
        "Basic YQ==",
        "Basic /////w==",
        "Digest x",
        "Negotiate abc",
        "Bearer " + "x" * 5_000,
        "Basic " + base64.b64encode(b"anna:wrong").decode(),
    ],
)
async def test_a_wrong_credential_is_401_with_both_challenges(world: World, value: str) -> None:
    browser = world.browser()
    await sign_in(browser)  # a good cookie does not mend a bad header
    answer = await browser.get("/who", headers={"Authorization": value, "Accept": "text/html"})
    assert answer.status_code == 401 and answer.json()["error"] == "not-authenticated"
    challenges = answer.headers.get_list("www-authenticate")
    assert challenges == ['Bearer realm="foedus"', 'Basic realm="foedus", charset="UTF-8"']


async def test_a_token_under_another_name_is_refused(world: World, people: People, token: str) -> None:
    people.add(COMMAND_LINE, "bert", roles={"reader"})
    assert (await world.browser().get("/who", headers=basic("bert", token))).status_code == 401
    assert (await world.browser().get("/who", headers=basic("", token))).status_code == 401


async def test_two_authorization_headers_are_refused(authentication: Authentication, token: str) -> None:
    header = (b"authorization", f"Bearer {token}".encode())
    assert (await authentication.authenticate([header], "192.0.2.7")).name == "anna"
    with pytest.raises(NotAuthenticated):
        await authentication.authenticate([header, header], "192.0.2.7")


async def test_faces_for_programs_take_no_cookie(
    authentication: Authentication, access: Access, anna: Account, token: str
) -> None:
    cookie = (b"cookie", f"foedus={access.sign_in(anna.id).session}".encode())
    assert (await authentication.authenticate([cookie])).via == "session"
    with pytest.raises(NotAuthenticated):
        await authentication.authenticate([cookie], cookies=False)
    shown = [cookie, (b"authorization", f"Bearer {token}".encode())]
    assert (await authentication.authenticate(shown, cookies=False)).via == "token"


async def test_the_anonymous_are_challenged_or_led_to_the_sign_in_page(world: World) -> None:
    browser = world.browser()
    program = await browser.get("/who")
    assert program.status_code == 401 and len(program.headers.get_list("www-authenticate")) == 2
    page = await browser.get("/who?q=a&b=c%20d", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["location"]) == (303, "/signin?next=/who%3Fq%3Da%26b%3Dc%2520d")
    part = await browser.get("/who", headers={"HX-Request": "true", "Accept": "text/html"})
    assert (part.status_code, part.headers["hx-redirect"]) == (401, "/signin")
    assert part.headers.get_list("www-authenticate") == ['Bearer realm="foedus"'], "no password window"


async def test_what_is_absent_and_what_is_there_answer_the_anonymous_alike(world: World) -> None:
    browser = world.browser()
    there, absent = await browser.get("/who"), await browser.get("/nothing/here")
    assert (there.status_code, there.content, there.headers) == (absent.status_code, absent.content, absent.headers)


@pytest.mark.parametrize("path", ["/signin/../who", "/static/../who", "//who", "/signin/..//who"])
async def test_public_paths_cannot_be_stretched(world: World, path: str) -> None:
    answers: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        answers.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
        "client": ("192.0.2.7", 1),
        "scheme": "http",
        "server": ("node", 80),
        "root_path": "",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }
    await world.app(scope, receive, send)
    assert answers[0]["status"] == 401


async def test_websockets_are_closed(world: World) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await world.app({"type": "websocket", "path": "/who", "headers": []}, None, send)  # type: ignore[arg-type]
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_a_scope_that_does_not_carry_the_verb_is_403(world: World, people: People) -> None:
    narrow, _ = people.make_token(COMMAND_LINE, "anna", "r", scope={"read"})
    answer = await world.browser().post("/change", headers=bearer(narrow), content=b"x")
    assert (answer.status_code, answer.json()["error"]) == (403, NotPermitted.code)


# sessions and cookies


async def test_cookie_flags(world: World, limits: Limits) -> None:
    plain = (await sign_in(world.browser())).headers["set-cookie"]
    safe = (await sign_in(world.browser(HTTPS))).headers["set-cookie"]
    assert plain.startswith("foedus=") and safe.startswith("__Host-foedus=")
    for cookie in (plain, safe):
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)
        assert any(flag.startswith("max-age=") and int(flag[8:]) <= limits.session_seconds for flag in flags)
    assert "secure" in safe.lower() and "secure" not in plain.lower()


async def test_over_https_only_the_prefixed_cookie_counts(world: World, access: Access, anna: Account) -> None:
    session = access.sign_in(anna.id).session
    browser = world.browser(HTTPS)
    assert (await browser.get("/who", headers={"Cookie": f"foedus={session}"})).status_code == 401
    assert (await browser.get("/who", headers={"Cookie": f"__Host-foedus={session}"})).status_code == 200
    twice = {"Cookie": f"__Host-foedus={session}; __Host-foedus=planted"}
    assert (await browser.get("/who", headers=twice)).status_code == 401


async def test_a_planted_session_is_never_taken_over(world: World, access: Access, anna: Account) -> None:
    browser, attacker = world.browser(), world.browser()
    planted = access.sign_in(anna.id).session  # the attacker's own, put into the victim's browser
    browser.cookies.set("foedus", planted, domain="node.example")
    answer = await sign_in(browser)
    new = answer.cookies["foedus"]
    assert new != planted
    attacker.cookies.set("foedus", planted, domain="node.example")
    assert (await attacker.get("/who")).status_code == 401


async def test_signing_in_answers_and_refuses_in_the_same_way(world: World) -> None:
    browser = world.browser()
    good = await sign_in(browser, next="/d/council?tab=2")
    assert (good.status_code, good.headers["location"]) == (303, "/d/council?tab=2")
    answers = [await sign_in(browser, name=name, password="wrong") for name in ("anna", "nobody")]
    assert {(a.status_code, a.content) for a in answers} == {(401, answers[0].content)}
    assert answers[0].json()["error"] == "failed" and "set-cookie" not in answers[0].headers
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="foedus"'
    assert answers[0].headers["cache-control"] == "no-store"


async def test_a_locked_name_says_so_to_all_alike(world: World, limits: Limits) -> None:
    for name in ("anna", "nobody"):
        browser = world.browser(address=f"192.0.2.{len(name)}")
        for _ in range(limits.login_attempts):
            assert (await sign_in(browser, name=name, password="wrong")).status_code == 401
        locked = await sign_in(browser, name=name)
        assert (locked.status_code, locked.json()["error"]) == (429, "wait")
        assert 0 < int(locked.headers["retry-after"]) <= limits.lock_seconds


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil", "\\", "", "/\tx", "/signin"])
async def test_signing_in_leads_nowhere_else(world: World, target: str) -> None:
    assert safe_target(target) == "/"
    assert (await sign_in(world.browser(), next=target)).headers["location"] == "/"


async def test_opening_a_link_does_not_use_it_up(world: World, people: People) -> None:
    browser, link = world.browser(), people.make_link(COMMAND_LINE, "anna")
    for _ in range(3):  # a mail scanner, a preview, the person
        page = await browser.get(f"/signin/link/{link}")
        assert (page.status_code, page.json()["template"]) == (200, "signin-link.html")
        assert page.headers["referrer-policy"] == "no-referrer" and page.headers["cache-control"] == "no-store"
    used = await browser.post(f"/signin/link/{link}")
    assert (used.status_code, used.headers["location"]) == (303, "/")
    assert (await browser.get("/who")).json()["name"] == "anna"
    for answer in (await browser.post(f"/signin/link/{link}"), await browser.get(f"/signin/link/{link}")):
        assert (answer.status_code, answer.json()["error"]) == (401, "link")


async def test_signing_out_ends_the_session_and_the_cookie(world: World) -> None:
    browser = world.browser()
    await sign_in(browser)
    csrf = (await browser.get("/who")).json()["csrf"]
    session = browser.cookies["foedus"]
    out = await browser.post("/signout", data={"_csrf": csrf})
    assert (out.status_code, out.headers["location"]) == (303, "/signin")
    assert "max-age=0" in out.headers["set-cookie"].lower()
    browser.cookies.set("foedus", session, domain="node.example")
    assert (await browser.get("/who")).status_code == 401


# cross-site requests


@pytest.fixture
async def signed_in(world: World) -> tuple[httpx.AsyncClient, str]:
    browser = world.browser()
    await sign_in(browser)
    return browser, (await browser.get("/who")).json()["csrf"]


async def test_a_change_by_cookie_shows_the_sessions_token(signed_in: tuple[httpx.AsyncClient, str]) -> None:
    browser, csrf = signed_in
    file = {"file": ("a.json", b"x" * 300_000)}
    for request in (
        {"headers": {"X-CSRF-Token": csrf}, "content": b"{}"},
        {"data": {"_csrf": csrf, "text": "hello"}},
        {"data": {"text": "hello", "_csrf": csrf}},
        {"data": {"_csrf": csrf, "text": "hello"}, "files": file},
    ):
        answer = await browser.post("/change", **request)  # type: ignore[arg-type]
        assert answer.status_code == 201, answer.text
    assert answer.json() == {"text": "hello", "file": 300_000}, "the body reaches the application whole"


async def test_a_change_by_cookie_without_it_is_refused(signed_in: tuple[httpx.AsyncClient, str]) -> None:
    browser, csrf = signed_in
    other = csrf[:-1] + ("A" if csrf[-1] != "A" else "B")
    late = {"data": {"text": "x" * 100, "_csrf": csrf}, "files": {"file": ("a", b"x")}}
    for request in (
        {"content": b"{}"},
        {"headers": {"X-CSRF-Token": other}, "content": b"{}"},
        {"headers": {"X-CSRF-Token": ""}, "data": {"_csrf": csrf}},
        {"data": {"_csrf": other}},
        {"data": {"_csrf": ""}},
        {"data": {"text": f"_csrf={csrf}"}},
        {
            "content": f"_csrf={csrf}&_csrf={csrf}".encode(),
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        {"content": f'{{"_csrf": "{csrf}"}}'.encode(), "headers": {"Content-Type": "application/json"}},
        {"content": f"_csrf={csrf}".encode(), "headers": {"Content-Type": "text/plain"}},
        late,  # in a multipart form it comes first
    ):
        answer = await browser.post("/change", **request)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["error"]) == (403, "cross-site"), request


async def test_the_token_of_another_session_is_refused(world: World, signed_in: tuple[httpx.AsyncClient, str]) -> None:
    other = world.browser()
    await sign_in(other)
    answer = await other.post("/change", headers={"X-CSRF-Token": signed_in[1]}, content=b"{}")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://node.example"}, 201),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://node.example.evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
    ],
)
async def test_what_the_browser_says_of_the_origin_counts(
    signed_in: tuple[httpx.AsyncClient, str], said: dict[str, str], status: int
) -> None:
    browser, csrf = signed_in
    answer = await browser.post("/change", headers={"X-CSRF-Token": csrf, **said}, content=b"{}")
    assert answer.status_code == status


async def test_nobody_is_signed_in_from_another_site(world: World, people: People) -> None:
    browser, link = world.browser(), people.make_link(COMMAND_LINE, "anna")
    browser.headers["Origin"] = "http://evil.example"
    assert (await sign_in(browser)).status_code == 403
    assert (await browser.post(f"/signin/link/{link}")).status_code == 403
    del browser.headers["Origin"]
    assert (await browser.post(f"/signin/link/{link}")).status_code == 303


async def test_tokens_are_exempt_and_basic_is_held_to_its_origin(world: World, token: str) -> None:
    browser = world.browser()
    abroad = {"Origin": "http://evil.example"}
    assert (await browser.post("/change", headers=bearer(token), content=b"x")).status_code == 201
    assert (await browser.post("/change", headers={**bearer(token), **abroad}, content=b"x")).status_code == 201
    assert (await browser.post("/change", headers=basic("anna", token), content=b"x")).status_code == 201
    # a browser repeats Basic credentials by itself
    assert (await browser.post("/change", headers={**basic("anna", token), **abroad}, content=b"x")).status_code == 403


async def test_a_form_beyond_the_limit_is_refused(authentication: Authentication, anna: Account) -> None:
    world = World(authentication, Limits(max_content_length=10_000))
    browser = world.browser()
    await sign_in(browser)
    csrf = (await browser.get("/who")).json()["csrf"]
    answer = await browser.post("/change", data={"_csrf": csrf, "text": "x" * 20_000})
    assert answer.status_code == 413
    await browser.aclose()


# limits


async def test_the_anonymous_are_limited_by_address(world: World, limits: Limits, token: str, clock: FakeClock) -> None:
    here, there = world.browser(address="192.0.2.7"), world.browser(address="192.0.2.8")
    for _ in range(limits.requests_per_minute_anonymous):
        assert (await here.get("/who")).status_code == 401
    limited = await here.get("/who")
    assert limited.status_code == 429 and int(limited.headers["retry-after"]) >= 1
    assert (await here.get("/signin")).status_code == 429
    assert (await here.get("/healthz")).status_code == (await here.get("/static/x.css")).status_code == 200
    assert (await there.get("/who")).status_code == 401
    assert (await here.get("/who", headers=bearer(token))).status_code == 200, "a valid credential always passes"
    clock.pass_(MINUTE)
    assert (await here.get("/who")).status_code == 401


async def test_wrong_credentials_are_limited_by_address(world: World, limits: Limits, token: str) -> None:
    browser = world.browser()
    for number in range(limits.failures_per_minute):
        assert (await browser.get("/who", headers=bearer(f"fds_{number}"))).status_code == 401
    assert (await browser.get("/who", headers=bearer("fds_more"))).status_code == 429
    assert (await browser.get("/who", headers=bearer(token))).status_code == 200


async def test_password_checks_of_one_address_are_limited_whatever_the_name(
    world: World, limits: Limits, access: Access
) -> None:
    browser = world.browser()
    before = access.passwords.checks
    statuses = [
        (await sign_in(browser, name=f"name-{number}", password="wrong")).status_code
        for number in range(limits.failures_per_minute + 10)
    ]
    assert statuses == [401] * limits.failures_per_minute + [429] * 10
    assert access.passwords.checks == before + limits.failures_per_minute


async def test_kept_basic_passwords_cost_no_check(world: World, access: Access, limits: Limits) -> None:
    browser = world.browser()
    for _ in range(limits.failures_per_minute * 2):
        assert (await browser.get("/who", headers=basic("anna", PASSWORD))).status_code == 200
    assert access.passwords.checks == 1


async def test_only_so_many_passwords_wait_to_be_checked(
    authentication: Authentication, anna: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foedus.faces.http.authentication._WAITING", 0)
    with pytest.raises(TooMany):
        await authentication.sign_in_by_password("anna", PASSWORD, "192.0.2.7")


# logs


async def test_secrets_reach_no_log(world: World, people: People, token: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser, link = world.browser(), people.make_link(COMMAND_LINE, "anna")
    await browser.get("/who", headers=bearer(token))
    await browser.get("/who", headers=basic("anna", PASSWORD))
    await browser.get("/who", headers=basic("anna", "a wrong password"))
    foedus = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    said = " ".join(record.getMessage() for record in foedus)
    assert not any(secret in said for secret in (token, PASSWORD, link, "a wrong password"))


def test_the_filter_takes_secrets_out_of_access_logs_and_leaves_the_rest() -> None:
    arguments = ("192.0.2.7:5", "GET", "/signin/link/AbC_-9?x=1", "1.1", 200)
    record = logging.LogRecord("uvicorn.access", logging.INFO, "", 0, '%s - "%s %s HTTP/%s" %d', arguments, None)
    assert SecretFilter().filter(record)
    line = AccessFormatter('%(client_addr)s "%(request_line)s" %(status_code)s', use_colors=False).format(record)
    assert line == '192.0.2.7:5 "GET /signin/link/[secret]?x=1 HTTP/1.1" 200 OK'
    text = "token fds_abcDEF123 and /signin/oidc/callback?code=SplxlOB&state=af0ifjs&page=2"
    other = logging.LogRecord("foedus", logging.INFO, "", 0, text, (), None)
    SecretFilter().filter(other)
    assert other.getMessage() == "token fds_[secret] and /signin/oidc/callback?code=[secret]&state=[secret]&page=2"


async def test_sessions_end_while_a_browser_is_open(world: World, clock: FakeClock, limits: Limits) -> None:
    browser = world.browser()
    await sign_in(browser)
    clock.pass_(limits.session_idle_seconds * SECOND)
    assert (await browser.get("/who")).status_code == 401
