"""TLP in foreign formats: words to the marking definitions of TLP 2.0 and back (FIRST TLP 2.0; OASIS object ids)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from foedus.kernel.stixmarking import TLP1_IDS, TLP2_IDS

# From open to closed, in lower case as tags and extensions write them; TLP 2.0 calls TLP 1's white clear.
TLP2: Mapping[str, str] = {level.lower(): id for level, id in TLP2_IDS.items()}
TLP1: Mapping[str, str] = {level.lower(): id for level, id in TLP1_IDS.items()}
ORDER = tuple(TLP2)
_COLOURS = {v: k for k, v in TLP2.items()} | {v: "clear" if k == "white" else k for k, v in TLP1.items()}


def read(text: str) -> str | None:
    """The TLP 2.0 colour that a word or tag names ("TLP:AMBER+STRICT", "white"); None where it names none."""
    word = text.strip().lower().removeprefix("tlp:").strip().replace(" ", "").replace("amber-strict", "amber+strict")
    word = "clear" if word == "white" else word
    return word if word in TLP2 else None


def strictest(colours: Iterable[str]) -> str:
    """The most closed of these colours, "" of none."""
    return max(colours, key=ORDER.index, default="")


def of_refs(refs: Iterable[str]) -> str:
    """The colour among marking references, "" where there is none."""
    return strictest(_COLOURS[r] for r in refs if r in _COLOURS)
