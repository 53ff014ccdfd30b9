"""Timestamps of TAXII (section 1.6.4)."""

from __future__ import annotations

from foedus.kernel.ids import format_time


def stamp(micros: int) -> str:
    """With six digits always, so that timestamps sort and compare as text too."""
    text = format_time(micros)
    return text if len(text) > 24 else text[:-1] + "000Z"
