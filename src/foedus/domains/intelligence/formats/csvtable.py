"""Indicators as CSV, in and out (RFC 4180; the columns of `indicators`).

In: UTF-8, UTF-16 with a byte order mark, or Windows-1252; comma, semicolon, tab or bar, whichever the header uses.
Out: UTF-8 with commas. A cell that a spreadsheet would take for a formula gets an apostrophe in front, which comes off
again on import (CWE-1236).
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from foedus.domains.intelligence.formats.indicators import COLUMNS, header, read_rows, write_rows
from foedus.domains.intelligence.formats.limits import TableLimits
from foedus.kernel.errors import Fault

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DELIMITERS = ",;\t|"
Result = tuple[list[dict[str, Any]], list[Fault]]


def decode(data: bytes) -> tuple[str, list[Fault]]:
    """The text, and how it was decoded where that is worth saying. A table with NUL characters is none."""
    notices = []
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            text = data.decode("utf-16")
        except UnicodeDecodeError:
            return "", [Fault("invalid-encoding", "begins as UTF-16 and is not")]
        notices.append(Fault("encoding", "read as UTF-16", notice=True))
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
            notices.append(Fault("encoding", "not UTF-8: read as Windows-1252", notice=True))
    if "\0" in text:
        return "", [Fault("not-a-table", "the text has NUL characters")]
    return text, notices


def delimiter(first_line: str) -> str:
    """The separator that the header uses most, outside quotes."""
    bare = "".join(first_line.split('"')[::2])
    return max(_DELIMITERS, key=bare.count)


def sniff(data: bytes) -> bool:
    """Whether this begins as a table with a header that names a value."""
    text, _ = decode(data[: 64 * 1024 & ~1])
    lines = text.lstrip().splitlines()
    if not lines or lines[0][:1] in "{[<":
        return False
    names, faults = header(lines[0].replace('"', "").split(delimiter(lines[0])))
    return bool(names) and not any(f.code == "no-header" for f in faults)


def read(data: bytes, now: int | None = None, limits: TableLimits | None = None) -> Result:
    """Indicators of a CSV file, and a fault for every bad row with its number and column. Never raises."""
    limits = limits or TableLimits()
    text, faults = decode(data)
    if any(not f.notice for f in faults):
        return [], faults
    if not text.strip():
        return [], [Fault("empty", "the file is empty")]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter(text.lstrip().splitlines()[0]), strict=True)
    table = Table(((rows.line_num, row) for row in rows), limits, _plain)
    objects, found = table.read(now)
    return objects, faults + found


class Table:
    """Numbered rows of cells, read under limits: the header first, then indicators. Shared with workbooks."""

    def __init__(
        self, rows: Iterator[tuple[int, Sequence[str]]], limits: TableLimits, cell: Callable[[str], str] = str
    ) -> None:
        self._rows, self._limits, self._cell = rows, limits, cell
        self._faults: list[Fault] = []

    def read(self, now: int | None) -> Result:
        try:
            names, self._faults = header(next((cells for _, cells in self._rows if any(c.strip() for c in cells)), []))
        except csv.Error as error:
            return [], [Fault("not-a-table", f"the first row cannot be read: {error}")]
        if any(not f.notice for f in self._faults):
            return [], self._faults
        day = None if now is None else now - now % 86_400_000_000
        objects, found = read_rows(self._cells(names), day)
        if not objects and not found and not any(not f.notice for f in self._faults):
            found = [Fault("empty", "the table has no rows below its header")]
        return objects, self._faults + found

    def _cells(self, names: Sequence[str]) -> Iterator[tuple[int, Mapping[str, str]]]:
        count = 0
        try:
            for number, cells in self._rows:
                if not any(c.strip() for c in cells):
                    continue
                count += 1
                if count > self._limits.rows:
                    self._fault("too-many-rows", f"at most {self._limits.rows:,} rows are read", number)
                    return
                if len(cells) > self._limits.columns or any(len(c) > self._limits.cell for c in cells):
                    self._fault("too-large", f"at most {self._limits.columns} cells of {self._limits.cell:,}", number)
                    continue
                if len(cells) > len(names) and any(c.strip() for c in cells[len(names) :]):
                    self._fault("too-many-cells", "the row has more cells than the header", number)
                    continue
                yield number, {n: self._cell(c) for n, c in zip(names, cells, strict=False) if n}
        except csv.Error as error:
            self._fault("not-a-table", f"reading stopped: {error}", count + 2)

    def _fault(self, code: str, message: str, number: int) -> None:
        self._faults.append(Fault(code, f"row {number}: {message}"))


def _plain(cell: str) -> str:
    """The cell without the apostrophe of `guard`."""
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip("'").startswith(_FORMULA) else cell


def guard(cell: str) -> str:
    """The cell so that no spreadsheet runs it."""
    return f"'{cell}" if cell.lstrip("'").startswith(_FORMULA) else cell


def write(objects: Sequence[Mapping[str, Any]]) -> bytes:
    """The indicators among these objects as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for cells in write_rows(objects):
        writer.writerow([guard(c) for c in cells])
    return out.getvalue().encode("utf-8", "replace")
