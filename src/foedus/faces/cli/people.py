"""`foedus user …` and `foedus token …`: people and their credentials; with a running server or without."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foedus.faces.cli import labels
from foedus.faces.cli.output import as_json, out, plain, told
from foedus.kernel.ids import format_time
from foedus.node import service
from foedus.node.people import COMMAND_LINE

user = typer.Typer(help="People: roles, clearances, sign-in links.", no_args_is_help=True)
token = typer.Typer(help="API tokens of people.", no_args_is_help=True)

Data = Annotated[Path, typer.Option("--data", help="The node's folder.", envvar="FOEDUS_DATA")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
Name = Annotated[str, typer.Argument(help="Account name.")]
ROLES = "reader, analyst, auditor, administrator"


@user.command(
    "add",
    epilog="Example: foedus user add anna --data fin --role analyst --clearance 'ALLIANCE SECRET for FIN' --token",
)
def add(
    name: Name,
    data: Data,
    role: Annotated[list[str], typer.Option(help=f"One of {ROLES}; may be given again.")],
    clearance: Annotated[
        list[str] | None, typer.Option(help="TEXT or a STANAG 4774 clearance file; one a policy.")
    ] = None,
    display_name: Annotated[str, typer.Option(help="As people read it.")] = "",
    language: Annotated[str, typer.Option(help="en or fr.")] = "en",
    zone: Annotated[str, typer.Option(help="Time zone: Europe/Helsinki.")] = "UTC",
    token: Annotated[bool, typer.Option("--token", help="Also make an API token; the last line is the token.")] = False,
    link: Annotated[bool, typer.Option("--link", help="Also make a one-time sign-in link.")] = False,
    json: Json = False,
) -> None:
    """Add a person with roles and a clearance."""
    with told(json), service.people(data) as people:
        cleared = people.clearances([labels.text_of(text) for text in clearance or []])
        account = people.people.add(
            COMMAND_LINE, name, roles=role, display_name=display_name, clearances=cleared, language=language, zone=zone
        )
        made: dict[str, Any] = {
            "name": account.name,
            "roles": sorted(account.roles),
            "clearance": people.words(account),
        }
        if link:
            made["link"] = people.link(account)
        if token:
            made["token"] = people.token(account, "command line")
        if json:
            as_json(made)
            return
        out.print(f"{name}: {', '.join(made['roles'])}; {plain(made['clearance'] or 'cleared for nothing')}")
        if link:
            out.print(made["link"])
        if token:
            typer.echo(made["token"])


@user.command("list", epilog="Example: foedus user list --data fin")
def list_(data: Data, json: Json = False) -> None:
    """Everybody, inactive accounts too."""
    with told(json), service.people(data) as people:
        rows: list[dict[str, Any]] = [
            {"name": a.name, "roles": sorted(a.roles), "active": a.active, "clearance": people.words(a)}
            for a in people.accounts.all()
        ]
        if json:
            as_json(rows)
            return
        for row in rows:
            state = "" if row["active"] else " (inactive)"
            out.print(
                f"{row['name']}{state}: {', '.join(row['roles'])}; {plain(row['clearance'] or 'cleared for nothing')}"
            )


@user.command("clearance", epilog="Example: foedus user clearance anna 'ALLIANCE SECRET for FIN' --data fin")
def clearance(name: Name, data: Data, clearance: Annotated[list[str], typer.Argument(help="TEXT or file.")]) -> None:
    """Give a person another clearance, from now on."""
    with told(), service.people(data) as people:
        cleared = people.clearances([labels.text_of(text) for text in clearance])
        people.people.set_clearances(COMMAND_LINE, name, cleared)
        out.print(f"{name}: {plain(people.words(people.accounts.get(name)))}")


@user.command("roles", epilog="Example: foedus user roles anna analyst auditor --data fin")
def roles(name: Name, data: Data, role: Annotated[list[str], typer.Argument(help=ROLES)]) -> None:
    """Give a person other roles."""
    with told(), service.people(data) as people:
        account = people.people.change(COMMAND_LINE, name, roles=role)
        out.print(f"{name}: {', '.join(sorted(account.roles))}")


@user.command("disable", epilog="Example: foedus user disable anna --data fin")
def disable(name: Name, data: Data) -> None:
    """End a person's access: sessions, tokens and links end with it. The history stays."""
    with told(), service.people(data) as people:
        people.people.deactivate(COMMAND_LINE, name)
        out.print(f"{name} is inactive")


@user.command("enable", epilog="Example: foedus user enable anna --data fin")
def enable(name: Name, data: Data) -> None:
    """Let an inactive account in again."""
    with told(), service.people(data) as people:
        people.people.reactivate(COMMAND_LINE, name)
        out.print(f"{name} is active")


@user.command("password", epilog="Example: foedus user password anna --data fin")
def password(
    name: Name,
    data: Data,
    remove: Annotated[bool, typer.Option("--remove", help="The account has no password any more.")] = False,
) -> None:
    """Set a password (it is asked for, never given on the command line), or take it away."""
    with told(), service.people(data) as people:
        text = None if remove else typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        people.people.set_password(COMMAND_LINE, name, text)
        out.print(f"{name}: {'no password' if remove else 'the password is set'}")


@user.command("bind", epilog="Example: foedus user bind anna --data fin --issuer https://id.example --subject 4711")
def bind(
    name: Name,
    data: Data,
    issuer: Annotated[str, typer.Option(help="The OpenID provider.")],
    subject: Annotated[str, typer.Option(help="The person's `sub` there.")],
    remove: Annotated[bool, typer.Option("--remove", help="End the binding.")] = False,
) -> None:
    """Let a person of an OpenID provider sign in as this account."""
    with told(), service.people(data) as people:
        change = people.people.unbind if remove else people.people.bind
        change(COMMAND_LINE, name, issuer, subject)
        out.print(f"{name} is {'no longer ' if remove else ''}{subject} of {issuer}")


@user.command("link", epilog="Example: foedus user link anna --data fin")
def link(name: Name, data: Data) -> None:
    """A one-time sign-in link for the web."""
    with told(), service.people(data) as people:
        typer.echo(people.link(people.accounts.get(name)))


@token.command("add", epilog="Example: foedus token add anna --data fin --title 'OpenCTI feed' --scope read --days 90")
def token_add(
    name: Name,
    data: Data,
    title: Annotated[str, typer.Option(help="What it is for.")] = "command line",
    scope: Annotated[
        list[str] | None, typer.Option(help="read, publish, audit, admin; all that the roles allow otherwise.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=365)] = 365,
) -> None:
    """Make an API token; it is shown once."""
    with told(), service.people(data) as people:
        typer.echo(people.token(people.accounts.get(name), title, scope, days))


@token.command("list", epilog="Example: foedus token list anna --data fin")
def token_list(name: Name, data: Data, json: Json = False) -> None:
    """The tokens of a person, without their secrets."""
    with told(json), service.people(data) as people:
        rows: list[dict[str, Any]] = [
            {
                "id": t.id,
                "title": t.name,
                "scope": sorted(t.scope),
                "expires": format_time(t.expires),
                "used": format_time(t.used) if t.used else None,
                "revoked": format_time(t.revoked) if t.revoked else None,
            }
            for t in people.accounts.tokens.of(people.accounts.get(name).id)
        ]
        if json:
            as_json(rows)
            return
        for row in rows:
            state = f"revoked {row['revoked']}" if row["revoked"] else f"until {row['expires']}"
            out.print(f"{row['id']:>4}  {plain(row['title'])}  {', '.join(row['scope'])}  {state}")


@token.command("revoke", epilog="Example: foedus token revoke 3 --data fin")
def token_revoke(id: Annotated[int, typer.Argument(help="From `foedus token list`.")], data: Data) -> None:
    """End a token at once."""
    with told(), service.people(data) as people:
        people.people.revoke_token(COMMAND_LINE, id)
        out.print(f"token {id} is revoked")
