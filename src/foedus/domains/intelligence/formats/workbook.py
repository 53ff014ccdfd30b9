"""Indicators as a workbook (.xlsx, ECMA-376), in and out: the same columns as CSV, in the first sheet that has them.

A workbook is a zip of XML: before it is opened its parts are counted and weighed, and a document type declaration, with
which entities could grow or reach out, refuses it. Formulas are never run: the values that the file carries count.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from foedus.domains.intelligence.formats.csvtable import Result, Table
from foedus.domains.intelligence.formats.indicators import COLUMNS, header, write_rows
from foedus.domains.intelligence.formats.limits import TableLimits
from foedus.kernel.errors import Fault, Refused

_CHUNK = 1 << 16
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_MAX_CELL = 32_767  # characters of a cell, the format's own limit


def sniff(data: bytes) -> bool:
    """Whether this is a zip with a workbook in it."""
    if not data.startswith(b"PK\x03\x04"):
        return False
    return b"xl/" in data


def read(data: bytes, now: int | None = None, limits: TableLimits | None = None) -> Result:
    """Indicators of a workbook, and faults with row and column as for CSV. Never raises."""
    from openpyxl import load_workbook  # a third of the node's start-up time: loaded where a workbook is read

    limits = limits or TableLimits()
    if (fault := _weigh(data, limits)) is not None:
        return [], [fault]
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # openpyxl raises whatever its parts raise; none of it may pass
        return [], [Fault("not-a-workbook", f"it cannot be opened: {type(error).__name__}")]
    try:
        for sheet in book.worksheets:
            names, faults = header(_first(sheet))
            if "value" in names and not any(not f.notice for f in faults):
                return Table(_rows(sheet, limits), limits).read(now)
        return [], [Fault("no-header", "no sheet has a first row that names the columns with `value` among them")]
    except Exception as error:
        return [], [Fault("not-a-workbook", f"a sheet cannot be read: {type(error).__name__}")]
    finally:
        book.close()


def _weigh(data: bytes, limits: TableLimits) -> Fault | None:
    """Why the zip must not be opened, None where it may."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > limits.workbook_parts:
                return Fault("too-large", f"a workbook of more than {limits.workbook_parts:,} parts")
            left = limits.workbook_bytes
            for part in parts:
                if part.flag_bits & 1:
                    return Fault("encrypted", "the workbook is encrypted")
                # What the directory says may be a lie: what comes out is counted.
                size, suspicious = _unpack(archive, part, left)
                if suspicious:
                    return Fault("document-type", "a part declares a document type or entities")
                left -= size
                if left < 0:
                    return Fault("too-large", f"unpacked it is larger than {limits.workbook_bytes:,} bytes")
                if size > 1 << 20 and size > limits.workbook_ratio * max(part.compress_size, 1):
                    return Fault("too-large", f"a part grows more than {limits.workbook_ratio} times when unpacked")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, RuntimeError, ValueError):
        return Fault("not-a-workbook", "it is not a readable zip archive")
    return None


def _unpack(archive: zipfile.ZipFile, part: zipfile.ZipInfo, most: int) -> tuple[int, bool]:
    """(bytes that come out, up to just over `most`; whether a document type is declared)."""
    size, tail = 0, b""
    is_xml = part.filename.lower().endswith((".xml", ".rels", ".vml"))
    with archive.open(part) as stream:
        while size <= most and (chunk := stream.read(_CHUNK)):
            size += len(chunk)
            if is_xml:
                text = (tail + chunk).replace(b"\0", b"").upper()  # without NULs UTF-16 reads like ASCII
                if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
                    return size, True
                tail = chunk[-32:]
    return size, False


def _first(sheet: Any) -> list[str]:
    for cells in sheet.iter_rows(min_row=1, max_row=20, max_col=200, values_only=True):
        if any(c is not None for c in cells):
            return [_text(c) for c in cells]
    return []


def _rows(sheet: Any, limits: TableLimits) -> Iterator[tuple[int, Sequence[str]]]:
    most = limits.rows + 21
    for number, cells in enumerate(sheet.iter_rows(max_row=most, max_col=limits.columns, values_only=True), start=1):
        yield number, [_text(c) for c in cells]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):  # cells have no zone
        return value.replace(tzinfo=UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def write(objects: Sequence[Mapping[str, Any]]) -> bytes:
    """The indicators among these objects as a workbook. Every cell is text: nothing in it is a formula.

    Raises Refused where a pattern is too long for a cell; long descriptions are cut, visibly.
    """
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Indicators")
    sheet.freeze_panes = "A2"
    sheet.append(list(COLUMNS))
    for cells in write_rows(objects):
        sheet.append([_cell(sheet, name, c) for name, c in zip(COLUMNS, cells, strict=True)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, column: str, text: str) -> Any:
    if len(text) > _MAX_CELL:
        if column not in ("name", "description"):
            raise Refused([Fault("too-large", f"{column} has more than {_MAX_CELL:,} characters: export CSV or STIX")])
        text = f"{text[: _MAX_CELL - 4]} […]"
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, value=_CONTROL.sub("\ufffd", text))
    cell.data_type = "s"
    return cell
