"""TLP in foreign formats: words to the marking definitions of TLP 2.0 and back (FIRST TLP 2.0; OASIS object ids)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

_PREFIX = "marking-definition--"

# From open to closed.
TLP2: Mapping[str, str] = {
    "clear": _PREFIX + "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": _PREFIX + "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": _PREFIX + "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": _PREFIX + "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": _PREFIX + "e828b379-4e03-4974-9ac4-e53a884c97c1",
}
# STIX 2.1 section 7.2.1.4; TLP 2.0 calls white clear.
TLP1: Mapping[str, str] = {
    "white": _PREFIX + "613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": _PREFIX + "34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": _PREFIX + "f88d31f6-486f-44da-b317-01333bde0b82",
    "red": _PREFIX + "5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
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
