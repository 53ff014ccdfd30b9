"""`foedus label …`: labels without a node: check, show the marking, convert between the forms."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from foedus.faces.cli.output import as_json, out, told
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.labelcheck import check as check_label
from foedus.node.setup import own_policies

label = typer.Typer(help="Confidentiality labels and clearances; no node needed.", no_args_is_help=True)

_XML_START = b"<"


def text_of(given: str) -> str:
    """What an option that takes FILE|TEXT means: the content of the file of that name, else the text itself."""
    if not given:
        return ""
    path = Path(given)
    try:
        if len(given) < 4096 and path.is_file():
            return path.read_text(encoding="utf-8-sig")
    except OSError:
        return given
    except UnicodeDecodeError as error:
        raise Refused([Fault("wrong-encoding", f"{given} is not UTF-8")]) from error
    if given.endswith((".xml", ".nato")):
        raise Refused([Fault("unreadable", f"there is no file {given}")])
    return given


def _bytes_or_text(given: str) -> bytes | str:
    path = Path(given)
    if len(given) < 4096 and path.is_file():
        content = path.read_bytes()
        return content if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_XML_START) else content.decode("utf-8")
    return given


@label.command(
    "check", epilog="Example: foedus label check --policy p.xml --label l.xml --clearance c.xml --lang fr --json"
)
def check(
    label_: Annotated[str, typer.Option("--label", help="STANAG 4774 XML, native XML or TEXT.")],
    policy: Annotated[list[Path] | None, typer.Option(help="Policy files; ours where none is given.")] = None,
    clearance: Annotated[str, typer.Option(help="Clearance: XML or TEXT; decides where given.")] = "",
    lang: Annotated[str, typer.Option(help="en or fr.")] = "en",
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Is the label valid, how is it shown, and may somebody with this clearance see it?

    Ends with 0 whenever the question could be answered, whatever the answer is.
    """
    with told(json):
        try:
            policies = [path.read_bytes() for path in (policy or own_policies())]
            given = _bytes_or_text(label_)
            cleared = _bytes_or_text(clearance) if clearance else None
        except OSError as error:
            raise Refused([Fault("unreadable", f"{error.filename} cannot be read: {error.strerror}")]) from error
        answer = check_label(policies, given, cleared, lang, time.time_ns() // 1000)
        if json:
            as_json(answer)
        else:
            out.print(f"[bold]{answer['marking']}[/]" if answer["marking"] else "[red]no marking[/]")
            out.print("valid" if answer["valid"] else "[red]not valid[/]")
            if answer["decision"]:
                out.print(f"{answer['decision']}: {answer['reason']}")
            elif answer["reason"]:
                out.print(answer["reason"])
