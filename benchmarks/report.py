"""What was measured, as rows: a table for people, JSON and Markdown for keeping.

A row compares ours with a peer (the ratio counts) or with a bound of our own (a time, a size). Whether the target is
met is said, never asserted: a slow machine is not a fault. Wrong answers are, and are raised where they are found.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from benchmarks.environment import ROOT

Sense = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `target` bounds the ratio where there is a peer figure, else the figure itself."""

    what: str
    unit: str
    ours: float | None
    peer_name: str = ""
    peer: float | None = None
    target: float | None = None
    sense: Sense = "at least"
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return self.ours / self.peer if self.ours is not None and self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none, or a side is missing."""
        figure = self.ratio if self.peer_name else self.ours
        if self.target is None or figure is None:
            return None
        return figure >= self.target if self.sense == "at least" else figure <= self.target


@dataclass
class Report:
    """The rows of one run, what broke, and what was left out and why."""

    mode: str
    rows: list[Row] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows.append(row)

    def fault(self, name: str, error: Exception) -> None:
        """Something broke. Folders of this machine are left out of what is said."""
        lines = str(error).replace(f"{ROOT}/", "").split("\n")
        said = " ".join(line.strip() for line in ([lines[0], *lines[-3:]] if len(lines) > 4 else lines))
        self.broken.append(f"{name}: {said.strip() or type(error).__name__}")

    def facts(self) -> dict[str, object]:
        """About the machine: what helps to read the figures, and nothing that names it."""
        return {
            "mode": self.mode,
            "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "cores": os.cpu_count(),
            "load average at the end": round(os.getloadavg()[0], 1),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
        }

    def print(self) -> None:
        """The table, for a terminal of any width."""
        console = Console(width=None if sys.stdout.isatty() else 150)
        table = Table(title="Foedus beside its peers" if self.rows else None)
        for name, right in (("what", 0), ("ours", 1), ("peer", 1), ("ratio", 1), ("target", 1), ("met", 0)):
            table.add_column(name, justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*cells(row))
        console.print(table)
        notes = dict.fromkeys(row.note for row in self.rows if row.note)
        for line in [*notes, *(f"left out: {s}" for s in self.skipped), *(f"BROKEN: {b}" for b in self.broken)]:
            console.print(f"- {line}", markup=False, highlight=False)
        console.print(", ".join(f"{name} {value}" for name, value in self.facts().items()), highlight=False)

    def markdown(self) -> str:
        """The same as a Markdown document."""
        lines = ["| what | ours | peer | ratio | target | met |", "| --- | --: | --: | --: | --: | --- |"]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in self.rows]
        notes = dict.fromkeys(row.note for row in self.rows if row.note)
        lines += ["", *(f"- {note}" for note in notes), *(f"- left out: {s}" for s in self.skipped)]
        lines += [f"- BROKEN: {b}" for b in self.broken]
        return "\n".join([*lines, "", ", ".join(f"{k} {v}" for k, v in self.facts().items()), ""])

    def write(self, folder: Path) -> Path:
        """Keep the run as `<date>.json` and `<date>.md`; returns the first."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}.json"
        rows = [{**asdict(row), "ratio": row.ratio, "met": row.met} for row in self.rows]
        whole = {"facts": self.facts(), "rows": rows, "skipped": self.skipped, "broken": self.broken}
        file.write_text(json.dumps(whole, indent=1))
        file.with_suffix(".md").write_text(self.markdown())
        return file


def cells(row: Row) -> list[str]:
    """One row of the table as text."""
    ratio, met = row.ratio, row.met
    target = f"{row.sense} {figure(row.target)}" + ("x" if row.peer_name else "") if row.target is not None else ""
    return [
        row.what,
        f"{figure(row.ours)} {row.unit}" if row.ours is not None else "not measured",
        f"{row.peer_name} {figure(row.peer)}" if row.peer is not None else row.peer_name,
        f"{figure(ratio)}x" if ratio is not None else "",
        target,
        {True: "yes", False: "NO", None: ""}[met],
    ]


def figure(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def quantile(values: list[float], share: float) -> float:
    """The value below which this share lies; nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
