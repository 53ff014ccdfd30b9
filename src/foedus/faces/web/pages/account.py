"""My account: language and zone, password, tokens, sessions. For everybody, about themselves."""

from __future__ import annotations

import asyncio
from typing import Any
from zoneinfo import available_timezones

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect

from foedus.faces.web import clearanceform
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.labelpicker import node_of
from foedus.faces.web.pages.administration import people_of
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import Fault, NotAuthenticated, NotFound, Refused
from foedus.node.roles import SCOPES, scopes_of

_DAY = 86_400


@get("/account", sync_to_thread=True)
def account_page(request: AnyRequest) -> Response[str]:
    """What the node keeps about me, and what I may change."""
    return _page(visit(request))


def _page(v: Visit, faults: tuple[Fault, ...] = (), token: str = "") -> Response[str]:
    people, subject = people_of(v), v.subject
    account = people.get(subject, subject.name)
    now = node_of(v).clock.now()
    useful = scopes_of(account.roles)
    context = {
        "account": account,
        "held": clearanceform.in_words(v, subject.clearances),
        "tokens": [t for t in people.tokens(subject, account.name) if t.revoked is None and t.expires > now],
        "sessions": people.sessions(subject, account.name),
        "scopes": [s for s in SCOPES if s in useful],
        "zones": sorted(available_timezones()),
        "most_days": node_of(v).limits.token_days,
        "shortest": node_of(v).limits.password_min,
        "faults": faults,
        "token": token,
    }
    return v.page("account.html", context, status=422 if faults else 200, echo=False)


@post("/account/{action:str}", status_code=200)
async def account_submit(request: AnyRequest, action: str) -> Response[Any]:
    """Change one thing."""
    form = await read_form(request)
    return await asyncio.to_thread(_change, visit(request), action, form)


def _change(v: Visit, action: str, form: Form) -> Response[Any]:
    people, subject = people_of(v), v.subject
    cookies: list[Cookie] = []
    try:
        if action == "profile":
            people.change(subject, subject.name, language=form.text("language"), zone=form.text("zone"))
            cookies.append(_language(v, form.text("language")))
        elif action == "password":
            _password(v, form)
        elif action == "token":
            return _page(v, token=_token(v, form))
        elif action == "revoke":
            _revoke(v, form.text("token"))
        elif action == "sessions":
            people.end_sessions(subject, subject.name)
        else:
            raise NotFound
    except Refused as error:
        return _page(v, error.faults)
    return Redirect("/account", status_code=303, cookies=cookies)


def _language(v: Visit, lang: str) -> Cookie:
    """The choice of this browser gives way to that of the account."""
    secure = v.request.url.scheme == "https"
    return Cookie(key="lang", value=lang, path="/", max_age=365 * _DAY, samesite="lax", secure=secure)


def _password(v: Visit, form: Form) -> None:
    new = form.raw("new")
    if new != form.raw("again"):
        raise Refused([Fault("passwords-differ", v.t("account.differ"), path="again")])
    try:
        people_of(v).set_password(v.subject, v.subject.name, new, current=form.raw("current"))
    except NotAuthenticated as error:
        raise Refused([Fault("wrong-password", v.t("account.wrong"), path="current")]) from error


def _token(v: Visit, form: Form) -> str:
    days = form.text("days")
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= node_of(v).limits.token_days):
        raise Refused([Fault("invalid-days", v.t("account.days_wrong"), path="days")])
    text, _ = people_of(v).make_token(
        v.subject, v.subject.name, form.text("name"), scope=form.all("scope"), seconds=int(days) * _DAY
    )
    return text


def _revoke(v: Visit, number: str) -> None:
    """One's own tokens only: the number of another's is not there."""
    mine = {str(t.id): t.id for t in people_of(v).tokens(v.subject, v.subject.name)}
    if number not in mine:
        raise NotFound
    people_of(v).revoke_token(v.subject, mine[number])


HANDLERS = (account_page, account_submit)
