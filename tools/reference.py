"""Writes docs/reference/commands.md and docs/reference/limits.md from the code: `.venv/bin/python tools/reference.py`.

tests/docs holds the pages against the code, so a command or limit that changes without them is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import typer

from foedus import config
from foedus.faces.cli.app import app

ROOT = Path(__file__).resolve().parents[1]

_COMMANDS = """# Commands

Each command has `--help`. `--data` may be given as `FOEDUS_DATA` in the environment. Where a server runs on the
folder, the same command asks it to do the work, over a socket in the folder. `foedus --install-completion` sets up
completion for your shell.

| exit code | meaning |
| --- | --- |
| 0 | done |
| 1 | a fault of Foedus |
| 2 | input refused; the message names every fault |
| 3 | not found, or not permitted to be seen |
| 4 | the role does not permit it |
| 5 | too many attempts |
| 6 | damaged data |
| 7 | disk full or read-only |
| 8 | another process holds the folder |
"""
_LIMITS = """# Limits

Every bound that input meets, from `Limits` in `src/foedus/config.py`. Sizes are bytes and times are seconds, unless
the name says otherwise. What goes over a limit is refused with a message that names the limit.
"""
# Options whose name says it all on the command line.
_SAID = {
    "port": "Port to listen on; 0 takes any.",
    "limit": "At most so many results.",
    "days": "How long it is valid.",
}
# Limits whose name says it all in the code; here it is said in words. A limit in neither place fails the tests.
_MEANING = {
    "body_bytes_per_second": "the slowest that a large body may come in",
    "default_page": "a list that names no limit of its own",
    "max_search_terms": "words and phrases of one query",
    "max_match_ids": "ids that one TAXII request may match",
    "session_seconds": "the life of a session",
    "session_idle_seconds": "a session that nobody uses",
    "lock_seconds": "how long an account is locked",
    "password_min": "characters of a password, at least",
    "segment_bytes": "one segment file of the journal",
    "batch_bytes": "one group commit",
    "live_subscribers": "pages that listen for news at once",
}
_FIELD = re.compile(r"    (\w+): [^=]+ = [^#]+?(?:  # (.+))?")
_GROUP = re.compile(r"    # (.+)")


def commands() -> str:
    """All commands with their arguments and options, as Markdown."""
    root: Any = typer.main.get_command(app)
    return _COMMANDS + "".join(_command(path, command) for path, command in _walk("foedus", root))


def _walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    for name, child in command.commands.items():
        if hasattr(child, "commands"):
            yield from _walk(f"{path} {name}", child)
        elif not child.hidden:
            yield f"{path} {name}", child


def _command(path: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    usage = [path, *(_placeholder(p) for p in arguments), *(_flag(p) for p in options if p.required)]
    usage += ["[OPTIONS]"] if any(not p.required for p in options) else []
    out = [f"\n## {path}\n", _plain(command.help), f"\n    {' '.join(usage)}\n"]
    if command.params:
        out += ["| option | meaning | default |", "| --- | --- | --- |"]
        out += [f"| `{_placeholder(p)}` | {_meaning(p)} | |" for p in arguments]
        out += [f"| {_names(p)} | {_meaning(p)} | {_default(p)} |" for p in options]
    if command.epilog:
        out.append("\nExample:\n\n    " + command.epilog.removeprefix("Example: "))
    return "\n".join(out) + "\n"


def _placeholder(param: Any) -> str:
    name = str(param.name).rstrip("_").upper()
    return f"{name}…" if param.nargs == -1 else name


def _flag(param: Any) -> str:
    return param.opts[0] if param.is_flag else f"{param.opts[0]} {str(param.name).rstrip('_').upper()}"


def _names(param: Any) -> str:
    return ", ".join(f"`{name}`" for name in param.opts)


def _meaning(param: Any) -> str:
    words = [_plain(param.help or _SAID.get(str(param.name), ""))]
    if getattr(param, "multiple", False) and "again" not in words[0]:
        words.append("May be given again.")
    if param.required and param.param_type_name == "option":
        words.append("Needed.")
    return " ".join(word for word in words if word).replace("|", "\\|")


def _default(param: Any) -> str:
    if param.is_flag or param.default in (None, "") or not isinstance(param.default, str | int):
        return ""
    return f"`{param.default}`"


def _plain(text: str) -> str:
    return re.sub(r"\[/?[a-z ]*\]", "", " ".join(text.split()))


def limits() -> str:
    """All limits with their values and what they bound, as Markdown."""
    source = (ROOT / "src/foedus/config.py").read_text(encoding="utf-8")
    body = source[source.index("class Limits") : source.index("class Settings")]
    defaults = {field.name: field.default for field in fields(config.Limits)}
    out = [_LIMITS]
    for line in body.splitlines():
        if group := _GROUP.fullmatch(line):
            out.append(
                f"\n## {group[1][0].upper()}{group[1][1:]}\n\n| limit | value | what it bounds |\n| --- | --- | --- |"
            )
        elif found := _FIELD.fullmatch(line):
            out.append(f"| `{found[1]}` | {_amount(found[1], defaults[found[1]])} | {found[2] or _said(found[1])} |")
    return "\n".join(out) + "\n"


def _amount(name: str, value: Any) -> str:
    if "bytes" in name or name in ("max_content_length", "max_import_file", "max_string"):
        for size, unit in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
            if value % size == 0:
                return f"{value // size} {unit}"
    if name.endswith("seconds"):
        if value % 60:
            return f"{value:g} s"
        return f"{value // 3600} h" if value % 3600 == 0 else f"{value // 60:g} min"
    return f"{value:,}"


def _said(name: str) -> str:
    if name not in _MEANING:
        raise LookupError(f"config.Limits.{name} has no comment: say there what it bounds (or in tools/reference.py)")
    return _MEANING[name]


PAGES = {"commands.md": commands, "limits.md": limits}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (ROOT / "docs" / "reference" / page).write_text(make(), encoding="utf-8")
