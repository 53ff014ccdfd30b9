"""Bounds of foreign formats, each named."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableLimits:
    """What a table may hold."""

    rows: int = 250_000
    columns: int = 200
    cell: int = 100_000  # characters
    workbook_bytes: int = 256 * 1024 * 1024  # all parts unpacked
    workbook_parts: int = 2_000
    workbook_ratio: int = 200  # unpacked over packed, of parts over 1 MiB
