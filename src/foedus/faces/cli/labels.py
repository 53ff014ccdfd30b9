"""`foedus label …`: labels without a node: check, show the marking, convert between the forms."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from foedus.faces.cli.output import as_json, out, plain, told
from foedus.kernel import clearancetext, labeltext, nativelabel, stanag4774
from foedus.kernel.errors import Fault, Refused
from foedus.kernel.label import Clearance, Label
from foedus.kernel.labelcheck import check as check_label
from foedus.kernel.labelcheck import read_clearance_input, read_label_input
from foedus.kernel.policyset import PolicySet
from foedus.kernel.spif import read_policy
from foedus.kernel.stixmarking import marking_for
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
            out.print(f"[bold]{plain(answer['marking'])}[/]" if answer["marking"] else "[red]no marking[/]")
            out.print("valid" if answer["valid"] else "[red]not valid[/]")
            if answer["decision"]:
                out.print(f"{answer['decision']}: {plain(answer['reason'])}")
            elif answer["reason"]:
                out.print(plain(answer["reason"]))


class Form(StrEnum):
    """The forms in which labels and clearances are written."""

    TEXT = "text"
    XML = "xml"  # STANAG 4774
    NATIVE = "native"
    STIX = "stix"


@label.command("convert", epilog="Example: foedus label convert 'ALLIANCE RESTRICTED Releasable to Japan' --to xml")
def convert(
    given: Annotated[str, typer.Argument(help="A label or (with --clearance) a clearance: XML file or TEXT.")],
    to: Annotated[
        Form, typer.Option(help="text, xml (STANAG 4774), native, or stix (a marking definition).")
    ] = Form.XML,
    policy: Annotated[list[Path] | None, typer.Option(help="Policy files; ours where none is given.")] = None,
    clearance: Annotated[bool, typer.Option("--clearance", help="It is a clearance.")] = False,
    lang: Annotated[str, typer.Option(help="Language of a marking.")] = "en",
) -> None:
    """Write a label or a clearance in another form."""
    with told():
        policies = PolicySet([read_policy(_content(path)) for path in (policy or own_policies())])
        content = _bytes_or_text(given)
        if clearance:
            typer.echo(_clearance_as(read_clearance_input(content, policies), to, policies))
        else:
            typer.echo(_label_as(read_label_input(content, policies), to, policies, lang))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused([Fault("unreadable", f"{path} cannot be read: {error.strerror}")]) from error


def _label_as(value: Label, to: Form, policies: PolicySet, lang: str) -> str:
    if to is Form.TEXT:
        return labeltext.write_label(value, policies, lang)
    if to is Form.XML:
        return stanag4774.write_label(value).decode()
    if to is Form.NATIVE:
        return nativelabel.write_native_label(value, policies).decode()
    return msgspec.json.format(msgspec.json.encode(marking_for(value, policies)), indent=2).decode()


def _clearance_as(values: tuple[Clearance, ...], to: Form, policies: PolicySet) -> str:
    if to is Form.TEXT:
        return clearancetext.write_clearance(values, policies)
    if to is Form.STIX or len(values) != 1:
        raise Refused([Fault("no-such-form", "STIX has no clearances, and XML holds one policy's; try --to text")])
    if to is Form.XML:
        return stanag4774.write_clearance(values[0]).decode()
    return nativelabel.write_native_clearance(values[0], policies).decode()
