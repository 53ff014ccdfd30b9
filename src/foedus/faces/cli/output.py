"""How the command line speaks: tables and bars for people, JSON for scripts, errors with what to do, exit codes.

0 done · 1 a fault of ours · 2 refused input · 3 not found · 4 not permitted · 5 too many · 6 damaged data
7 disk full or read-only · 8 the node is busy
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from foedus.kernel.errors import Fault, FoedusError, Refused, StorageFull
from foedus.node import answers

# What comes from records and files must not steer a terminal: control characters are shown, not sent.
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class _Printer(Console):
    """A console whose text carries no control characters but line ends and tabs."""

    def print(self, *objects: Any, **style: Any) -> None:
        super().print(*(o.translate(_SHOWN) if isinstance(o, str) else o for o in objects), **style)


out = _Printer(highlight=False, soft_wrap=True)
err = _Printer(stderr=True, highlight=False, soft_wrap=True)


def as_json(value: Any) -> None:
    """One JSON document on standard output."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(text.decode() + "\n")


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})


@contextmanager
def told(json: bool = False) -> Iterator[None]:
    """Turns errors into words (or JSON) and an exit code; a stack trace is never an answer.

    What nobody foresaw is a fault of ours: one line, exit code 1, and the trace where FOEDUS_TRACE is set.
    """
    try:
        yield
    except FoedusError as error:
        _say(error, json)
        raise typer.Exit(getattr(error, "told_exit", error.exit_code)) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has no reader
        raise typer.Exit(0) from None
    except OSError as error:
        told_error = _of_system(error)
        _say(told_error, json)
        raise typer.Exit(told_error.exit_code) from None
    except KeyboardInterrupt:
        err.print("stopped")
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if os.environ.get("FOEDUS_TRACE"):
            traceback.print_exc()
        hint = "set FOEDUS_TRACE=1 and run it again to see where"
        _say(FoedusError(f"a fault of ours: {type(error).__name__}: {error}", hint=hint), json)
        raise typer.Exit(1) from None


def _of_system(error: OSError) -> FoedusError:
    """A refusal by the operating system, by who can do something about it."""
    place = f"{error.filename}: " if error.filename else ""
    message = f"{place}{error.strerror or error}"
    if error.errno in _NO_ROOM:
        return StorageFull(message, hint="free some space, or make the folder writable, and run it again")
    return Refused([Fault("unreadable", message)])


def _say(error: FoedusError, json: bool) -> None:
    shown = error.as_dict()
    if json:
        as_json(shown)
        return
    lines = [fault_line(fault) for fault in shown.get("faults", [])]
    message = str(shown.get("message", ""))
    # a message that only repeats the faults is not said twice
    repeated = any(fault["message"] in message for fault in shown.get("faults", []))
    err.print(f"[bold red]{shown.get('error', 'error')}[/]: {'' if repeated else plain(message)}".rstrip())
    for line in lines[:20]:
        err.print(f"  {plain(line)}")
    if len(lines) > 20:
        err.print(f"  … and {len(lines) - 20} more; --json lists them all")
    if shown.get("hint"):
        err.print(f"  [dim]{plain(str(shown['hint']))}[/]")


def plain(text: object) -> str:
    """Data inside a line with markup: its brackets are brackets."""
    return escape(str(text))


def fault_line(fault: dict[str, Any]) -> str:
    """One fault as one line: place, property, what is wrong."""
    place = fault.get("object_id") or (f"object {fault['index']}" if fault.get("index", -1) >= 0 else "input")
    path = f" {fault['path']}:" if fault.get("path") else ""
    return f"{place}:{path} {fault['message']} ({fault['code']})"


class Bar:
    """A progress bar on standard error; silent where that is not a terminal."""

    def __init__(self, quiet: bool = False) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=err,
            disable=quiet or not err.is_terminal,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, step: answers.Progress) -> None:
        if step.stage not in self._tasks:
            self._tasks[step.stage] = self._bar.add_task(step.stage, total=step.total or None, rate="")
        rate = f"{step.rate:,.0f}/s" if step.rate else ""
        self._bar.update(self._tasks[step.stage], completed=step.done, total=step.total or None, rate=rate)
