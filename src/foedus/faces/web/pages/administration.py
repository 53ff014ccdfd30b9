"""People, for administrators: accounts, roles, clearances, links; and the administrative log."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from litestar import Response, get, post
from litestar.response import Redirect

from foedus.faces.web import clearanceform
from foedus.faces.web.formdata import Form, read_form
from foedus.faces.web.labelpicker import node_of
from foedus.faces.web.visit import AnyRequest, Visit, visit
from foedus.kernel.errors import Fault, NotFound, NotPermitted, Refused
from foedus.node.people import People
from foedus.node.roles import ROLES

_LOG = 100


def people_of(v: Visit) -> People:
    """The administrative verbs of the node."""
    return People(node_of(v).access)


def roles_shown(v: Visit) -> list[tuple[str, str]]:
    return [(name, role.title.get(v.lang, role.title["en"])) for name, role in ROLES.items()]


@get("/admin", sync_to_thread=False)
def admin(request: AnyRequest) -> Response[Any]:
    """The first page of administration that the person may use."""
    v = visit(request)
    for verb, path in (("people", "/admin/people"), ("administration", "/admin/log"), ("verify", "/admin/node")):
        if v.may(verb):
            return Redirect(path, status_code=303)
    v.subject.require("people")
    raise NotFound


@get("/admin/people", sync_to_thread=True)
def people_page(request: AnyRequest) -> Response[str]:
    """Everybody who has an account here."""
    v = visit(request)
    accounts = people_of(v).all(v.subject)
    lines = [(a, clearanceform.in_words(v, a.epochs[-1][1] if a.epochs else ())) for a in accounts]
    return v.page("people.html", {"lines": lines})


@get("/admin/people/add", sync_to_thread=True)
def add_page(request: AnyRequest) -> Response[str]:
    """A new account."""
    v = visit(request)
    v.subject.require("people")
    return _add_form(v, Form({"language": [v.lang]}), clearanceform.start(v), ())


def _add_form(v: Visit, form: Form, cleared: clearanceform.ClearanceForm, faults: tuple[Fault, ...]) -> Response[str]:
    context = {"form": form, "cleared": cleared, "faults": faults, "roles": roles_shown(v)}
    return v.page("person_add.html", context, status=422 if faults else 200)


@post("/admin/people/add", status_code=200)
async def add_submit(request: AnyRequest) -> Response[Any]:
    """Make the account."""
    form = await read_form(request)
    return await asyncio.to_thread(_add, visit(request), form)


def _add(v: Visit, form: Form) -> Response[Any]:
    v.subject.require("people")
    cleared = clearanceform.read(v, form)
    faults: tuple[Fault, ...] = cleared.faults
    if not form.all("roles"):
        faults = (*faults, Fault("no-role", v.t("people.choose_role"), path="roles"))
    if not faults:
        try:
            made = people_of(v).add(
                v.subject,
                form.text("name"),
                roles=form.all("roles"),
                display_name=form.text("display_name"),
                clearances=cleared.clearances,
                language=form.text("language") or "en",
                zone=form.text("zone") or "UTC",
            )
            return Redirect(f"/admin/people/{quote(made.name)}", status_code=303)
        except Refused as error:
            faults = error.faults
    return _add_form(v, form, cleared, faults)


@post("/admin/clearance/preview", status_code=200)
async def clearance_preview(request: AnyRequest) -> Response[str]:
    """What a clearance means, as it is written."""
    form = await read_form(request)
    v = visit(request)
    v.subject.require("people")
    cleared = await asyncio.to_thread(clearanceform.read, v, form)
    swap = form.text("clearance_by") == "controls"
    return v.fragment("clearance_shown.html", {"cleared": cleared, "swap": swap})


@get("/admin/people/{name:str}", sync_to_thread=True)
def person_page(request: AnyRequest, name: str) -> Response[str]:
    """One account."""
    v = visit(request)
    v.subject.require("people")
    return _person(v, name)


def _person(v: Visit, name: str, faults: tuple[Fault, ...] = (), *, link: str = "", **more: Any) -> Response[str]:
    people = people_of(v)
    account = people.get(v.subject, name)
    now = node_of(v).clock.now()
    context = {
        "account": account,
        "roles": roles_shown(v),
        "cleared": more.get("cleared") or clearanceform.start(v, account.epochs[-1][1] if account.epochs else ()),
        "epochs": [(since, clearanceform.in_words(v, held)) for since, held in reversed(account.epochs)],
        "tokens": [t for t in people.tokens(v.subject, name) if t.revoked is None and t.expires > now],
        "sessions": people.sessions(v.subject, name),
        "identities": people.identities(v.subject, name),
        "faults": faults,
        "link": link,
        "own": account.name == v.subject.name,
        "said": more.get("said", ""),
    }
    return v.page("person.html", context, status=422 if faults else 200, echo=not link)


@post("/admin/people/{name:str}/{action:str}", status_code=200)
async def person_submit(request: AnyRequest, name: str, action: str) -> Response[Any]:
    """Change one thing about an account."""
    form = await read_form(request)
    return await asyncio.to_thread(_change, visit(request), name, action, form)


def _change(v: Visit, name: str, action: str, form: Form) -> Response[Any]:
    v.subject.require("people")
    people, subject = people_of(v), v.subject
    people.get(subject, name)
    cleared = clearanceform.read(v, form) if action == "clearance" else None
    try:
        if action == "roles":
            _keep_one_administrator(v, name, form.all("roles"))
            people.change(subject, name, roles=form.all("roles"), display_name=form.text("display_name"))
        elif action == "clearance" and cleared is not None:
            if cleared.faults:
                return _person(v, name, cleared.faults, cleared=cleared)
            people.set_clearances(subject, name, cleared.clearances)
        elif action == "link":
            secret = people.make_link(subject, name)
            base = v.request.url
            return _person(v, name, link=f"{base.scheme}://{base.netloc}/signin/link/{secret}")
        elif action == "revoke":
            people.revoke_token(subject, _number(form.text("token")))
        elif action == "sessions":
            people.end_sessions(subject, name)
        elif action == "password":
            people.set_password(subject, name, None)
        elif action == "deactivate":
            people.deactivate(subject, name)
        elif action == "reactivate":
            people.reactivate(subject, name)
        else:
            raise NotFound
    except Refused as error:
        return _person(v, name, error.faults)
    return Redirect(f"/admin/people/{quote(name)}", status_code=303)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise NotFound
    return int(text)


def _keep_one_administrator(v: Visit, name: str, roles: list[str]) -> None:
    """Nobody takes their own administration away by accident: another administrator can."""
    if name == v.subject.name and "administrator" not in roles:
        raise NotPermitted(v.t("people.own_role"))


@get("/admin/log", sync_to_thread=True)
def log_page(request: AnyRequest) -> Response[str]:
    """Who changed which account, newest first."""
    v = visit(request)
    given = request.query_params.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 18 else None
    lines = people_of(v).log(v.subject, limit=_LOG, before=before)
    return v.page("admin_log.html", {"lines": lines, "next": lines[-1].id if len(lines) == _LOG else None})


HANDLERS = (
    admin, people_page, add_page, add_submit, clearance_preview, person_page, person_submit, log_page,
)  # fmt: skip
