"""`foedus`: the commands. Each is a few lines: arguments in, an operation, an answer for people or as JSON."""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Annotated

import typer

from foedus.config import Settings
from foedus.faces.cli import labels, people, provider
from foedus.faces.cli.output import Bar, as_json, err, fault_line, out, plain, told
from foedus.faces.cli.run import run
from foedus.kernel.errors import Fault, Refused
from foedus.node import service

app = typer.Typer(
    name="foedus",
    help="A node that keeps labelled records and shows each reader exactly what they may see.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(people.user, name="user")
app.add_typer(people.token, name="token")
app.add_typer(labels.label, name="label")
app.add_typer(provider.oidc, name="oidc")

Data = Annotated[Path, typer.Option("--data", help="The node's folder.", envvar="FOEDUS_DATA")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]
As = Annotated[str, typer.Option("--as", help="The account whose view it is.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this STIX type; may be given again.")]
Lang = Annotated[str, typer.Option("--lang", help="en or fr.")]


@app.command(epilog="Example: foedus init --data fin --owner FIN --owner-name Finland")
def init(
    data: Data,
    owner: Annotated[str, typer.Option(help="Code of the nation or body: FIN.")],
    owner_name: Annotated[str, typer.Option(help="Its name: Finland.")],
    policy: Annotated[
        list[Path] | None, typer.Option(help="Security policy file (XML SPIF); the first is yours.")
    ] = None,
    json: Json = False,
) -> None:
    """Make the folder of a new node, its keys, and a one-time link for its first administrator."""
    with told(json):
        made = service.init(data, owner, owner_name, policy or [])
        if json:
            as_json(made)
            return
        out.print(f"[bold]The node of {plain(owner_name)} is in {plain(data)}.[/]")
        for warning in made["warnings"]:
            err.print(f"[yellow]policy:[/] {plain(warning)}")
        out.print(f"Policies: {', '.join(made['policies'])}")
        out.print(f"Public key of the journal: {made['journal_key']}")
        out.print(f"Start it:      foedus up --data {data}")
        out.print(f"Then sign in once as administrator (valid for 24 hours):\n{made['link']}")


_IN_THE_CLEAR = (
    "[bold yellow]Warning:[/] the node listens on {host} without TLS: whoever is on the network in between can read "
    "records, passwords and tokens.\n"
    "  Put a proxy with TLS before it, and keep the port closed to everybody else (documentation: Behind a reverse "
    "proxy);\n  or leave --host out, and it listens on this machine only."
)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there. A name other than localhost may lead anywhere."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@app.command(epilog="Example: foedus up --data fin --port 8440")
def up(
    data: Data,
    host: Annotated[str, typer.Option(help="Address to listen on; loopback unless you say otherwise.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8440,
) -> None:
    """Run the node: web, HTTP API and TAXII. GET /healthz answers 200 when it is ready; SIGTERM stops it cleanly."""
    from foedus.faces.http.server import serve  # the web stack loads only where it is used

    if not is_loopback(host):
        err.print(_IN_THE_CLEAR.format(host=plain(host)))
    with told():
        serve(Settings(data=data, host=host, port=port))


@app.command(epilog="Example: foedus demo --port 8440")
def demo(
    data: Annotated[Path | None, typer.Option(help="Where to keep it; a temporary folder otherwise.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8440,
    open_: Annotated[bool, typer.Option("--open", help="Open the analyst's page in a browser.")] = False,
) -> None:
    """Start a node with a small sample coalition and three people, and print a one-time link for each."""
    from foedus.faces.cli.demo import run_demo

    with told():
        run_demo(data, port, open_)


@app.command("import", epilog="Example: foedus import --data fin report.json --label 'ALLIANCE RESTRICTED' --as anna")
def import_(
    data: Data,
    files: Annotated[
        list[Path], typer.Argument(help="STIX bundle, MISP event, CSV or workbook; - for standard input.")
    ],
    label: Annotated[str, typer.Option(help="Label of what is unmarked: TEXT, or a file with STANAG 4774 XML.")] = "",
    as_: Annotated[str, typer.Option("--as", help="The account that imports.")] = "",
    partial: Annotated[bool, typer.Option("--partial", help="Keep the good objects of a file with faults.")] = False,
    upgrade: Annotated[bool, typer.Option("--upgrade", help="Raise STIX 2.0 to 2.1.")] = False,
    format: Annotated[str, typer.Option(help="stix, misp, csv, xlsx; guessed otherwise.")] = "",
    json: Json = False,
) -> None:
    """Import files under a label, with a report of every fault. Nothing of a faulty file is kept without --partial."""
    reports, failed = [], False
    with told(json), Bar(quiet=json) as bar:
        text = labels.text_of(label)
        for file in files:
            arguments = {"label": text, "as": as_, "partial": partial, "upgrade": upgrade, "format": format}
            report = run(Settings(data), "import", {**arguments, "name": file.name}, _content(file), bar)
            reports.append({"file": file.name, **report})
            failed = failed or bool(report["refused"] or (report["faults"] and not report["stored"]))
    if json:
        as_json(reports[0] if len(reports) == 1 else reports)
    else:
        for report in reports:
            _say_import(report)
    if failed:
        raise typer.Exit(2)


def _say_import(report: dict[str, object]) -> None:
    out.print(
        f"[bold]{plain(report['file'])}[/]: {report['stored']:,} stored, {report['known']:,} already there, "
        f"{report['refused']:,} refused of {report['total']:,} ({report['seconds']} s)"
    )
    labels_ = report["labels"]
    assert isinstance(labels_, dict)
    for marking, count in labels_.items():
        out.print(f"  {count:>8,}  {plain(marking)}")
    for notice in report["notices"]:  # type: ignore[attr-defined]
        out.print(f"  [yellow]{plain(notice)}[/]")
    faults = report["faults"]
    assert isinstance(faults, list)
    for fault in faults[:50]:
        err.print("  " + plain(fault_line(fault)))
    if len(faults) > 50:
        err.print(f"  … and {len(faults) - 50} more; --json lists them all")


def _content(file: Path) -> bytes:
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Refused([Fault("unreadable", f"{file} cannot be read: {error.strerror}")]) from error


@app.command(epilog="Example: foedus export --data fin --as anna --type report > reports.json")
def export(
    data: Data,
    as_: As,
    type_: Types = None,
    format: Annotated[str, typer.Option(help="stix, csv, xlsx, or stanag4778 for the label bindings.")] = "stix",
    marked: Annotated[
        bool, typer.Option("--marked", help="Write each object's label into it; its bytes are then other ones.")
    ] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of standard output.")] = None,
    json: Json = False,
) -> None:
    """Export what an account may see, as a STIX bundle. The release is recorded."""
    with told(json), Bar(quiet=True) as bar:
        arguments = {"as": as_, "types": type_, "format": format, "marked": marked}
        if output is None:
            run(Settings(data), "export", arguments, b"", bar, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with output.open("wb") as file:
                run(Settings(data), "export", arguments, b"", bar, file)


@app.command(epilog="Example: foedus search --data fin --as anna 'type:report \"power grid\"'")
def search(
    data: Data,
    text: Annotated[str, typer.Argument(help='Words, "phrases", -without, prefix*, type:… originator:… after:…')],
    as_: As,
    type_: Types = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 25,
    lang: Lang = "en",
    json: Json = False,
) -> None:
    """Search what an account may see."""
    with told(json):
        found = run(
            Settings(data),
            "search",
            {"text": text, "as": as_, "types": type_, "limit": limit, "lang": lang},
            b"",
            lambda _: None,
        )
        if json:
            as_json(found)
            return
        for row in found["results"]:
            out.print(f"[dim]{row['id']}[/]\n  [bold]{plain(row['name'])}[/]  {plain(' · '.join(row['markings']))}")
        out.print(f"{len(found['results'])} of {found['total']:,}")


@app.command(epilog="Example: foedus show --data fin --as anna report--6ae18c7e-…")
def show(
    data: Data, id: Annotated[str, typer.Argument(help="STIX id.")], as_: As, lang: Lang = "en", json: Json = False
) -> None:
    """Show one record with its label, and why the account may see it."""
    with told(json):
        found = run(Settings(data), "show", {"id": id, "as": as_, "lang": lang}, b"", lambda _: None)
        if json:
            as_json(found)
            return
        for marking in found["markings"]:
            out.print(f"[bold]{plain(marking)}[/]")
        as_json(found["object"])
        for reason in found["why"]:
            out.print(f"[dim]{plain(reason['marking'])}: {plain(reason['reason'])}[/]")


@app.command(epilog="Example: foedus publish --data fin --as anna --label 'ALLIANCE RESTRICTED' object.json")
def publish(
    data: Data,
    file: Annotated[Path, typer.Argument(help="One STIX object or a list of them; - for standard input.")],
    as_: As,
    label: Annotated[str, typer.Option(help="TEXT, or a file with STANAG 4774 XML.")] = "",
    json: Json = False,
) -> None:
    """Publish records of your own under a label."""
    with told(json):
        arguments = {"as": as_, "label": labels.text_of(label)}
        done = run(Settings(data), "publish", arguments, _content(file), lambda _: None)
        if json:
            as_json(done)
        else:
            for one in done["published"]:
                out.print(f"{one['id']} {'was there already' if one['known'] else 'published'}")


@app.command(epilog="Example: foedus recall --data fin --as anna report--6ae18c7e-… --reason 'wrong source'")
def recall(
    data: Data,
    id: Annotated[str, typer.Argument(help="STIX id.")],
    as_: As,
    reason: Annotated[str, typer.Option(help="For the auditors.")] = "",
    json: Json = False,
) -> None:
    """Withdraw a record: a tombstone is kept, its content is overwritten everywhere."""
    with told(json):
        done = run(Settings(data), "recall", {"id": id, "as": as_, "reason": reason}, b"", lambda _: None)
        if json:
            as_json(done)
        else:
            out.print(f"{done['id']}: {done['erased']} version(s) withdrawn and erased")


@app.command(epilog="Example: foedus verify --data fin --json")
def verify(data: Data, json: Json = False) -> None:
    """Check both journals against their signed checkpoints; names the first entry that was altered."""
    with told(json), Bar(quiet=json) as bar:
        result = service.verify(data, bar)
        if json:
            as_json(result)
        else:
            for name in ("journal", "releases"):
                one = result[name]
                word = "[green]sound[/]" if one["sound"] else "[bold red]DAMAGED[/]"
                out.print(f"{name}: {word}, {one['entries']:,} entries, {one['checkpoints']:,} checkpoints")
                for damage in one["damage"][:20]:
                    err.print(f"  entry {damage['seq']}: {damage['message']}")
    if not result["sound"]:
        raise typer.Exit(6)


@app.command(epilog="Example: foedus reindex --data fin")
def reindex(data: Data, json: Json = False) -> None:
    """Drop the projections and rebuild them from the journal, to the same answers."""
    with told(json), Bar(quiet=json) as bar:
        done = run(Settings(data), "reindex", {}, b"", bar)
        if json:
            as_json(done)
        else:
            out.print(f"rebuilt from {done['entries']:,} entries")


@app.command(epilog="Example: foedus backup --data fin /backups/fin-2026-09-21")
def backup(data: Data, target: Annotated[Path, typer.Argument(help="A new folder.")], json: Json = False) -> None:
    """Copy the node to a new folder, also while it runs."""
    with told(json), Bar(quiet=json) as bar:
        done = run(Settings(data), "backup", {"target": str(target.resolve())}, b"", bar)
        if json:
            as_json(done)
        else:
            out.print(f"backup in {target}; bring it back with `foedus restore {target} --data NEW`")


@app.command(epilog="Example: foedus restore /backups/fin-2026-09-21 --data fin-again")
def restore(source: Annotated[Path, typer.Argument(help="A backup.")], data: Data, json: Json = False) -> None:
    """Make a node's folder from a backup, verified before it is used."""
    with told(json), Bar(quiet=json) as bar:
        done = service.restore(source, data, bar)
        if json:
            as_json(done)
        else:
            out.print(f"restored {done['entries']:,} entries into {data}")
