"""What to call a record in a list: its name, or what stands for a name in its type. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

NameOf = Callable[[str], str | None]
_LONG = 140

# Properties that stand for a name, best first (observables: STIX 2.1, section 6).
_NAMES = (
    "name",
    "value",
    "subject",
    "command_line",
    "key",
    "path",
    "display_name",
    "user_id",
    "account_login",
    "abstract",
)
_TEXTS = ("content", "explanation", "description", "statement", "question", "title")


def shorten(text: str, length: int = _LONG) -> str:
    """One line, cut at a word."""
    line = " ".join(text[: length * 8].split())
    if len(line) <= length:
        return line
    return line[:length].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def ends(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids of the records whose names belong to this record's title."""
    kind = obj.get("type")
    if kind == "relationship":
        return tuple(str(obj.get(name, "")) for name in ("source_ref", "target_ref"))
    if kind == "sighting":
        return (str(obj.get("sighting_of_ref", "")),)
    if kind in ("note", "opinion") and not obj.get("abstract"):
        refs = obj.get("object_refs")
        return (str(refs[0]),) if kind == "opinion" and isinstance(refs, list) and refs else ()
    return ()


def title(obj: Mapping[str, Any], name_of: NameOf = lambda _: None) -> str:
    """A title that is never empty. `name_of` gives the titles of records it refers to, None where it cannot."""
    kind = str(obj.get("type", ""))

    def name(stix_id: Any) -> str:
        return name_of(str(stix_id)) or str(stix_id).split("--", 1)[0]

    if kind == "relationship":
        verb = str(obj.get("relationship_type", "")).replace("-", " ")
        return f"{name(obj.get('source_ref'))} → {verb} → {name(obj.get('target_ref'))}"
    if kind == "sighting":
        return f"{name(obj.get('sighting_of_ref'))} × {obj.get('count', 1)}"
    if kind == "opinion":
        target = next(iter(ends(obj)), "")
        return f"{obj.get('opinion', '')}: {name(target)}" if target else str(obj.get("opinion", ""))
    return own_name(obj) or short_id(str(obj.get("id", "")))


def own_name(obj: Mapping[str, Any]) -> str:
    """The name that the record gives itself, "" where it gives none."""
    for key in (*_NAMES, *_TEXTS):
        value = obj.get(key)
        if isinstance(value, str) and value.strip():
            return shorten(value)
    if obj.get("type") == "autonomous-system" and "number" in obj:
        return f"AS{obj['number']}"
    if obj.get("type") == "network-traffic":
        protocols = obj.get("protocols")
        return " / ".join(map(str, protocols)) if isinstance(protocols, list) else ""
    hashes = obj.get("hashes")
    if isinstance(hashes, Mapping) and hashes:
        algorithm = "SHA-256" if "SHA-256" in hashes else next(iter(hashes))
        return shorten(f"{algorithm} {hashes[algorithm]}")
    place = [str(obj[k]) for k in ("city", "country", "region") if obj.get(k)]
    return ", ".join(place)


def short_id(stix_id: str) -> str:
    """`report--5b2a…`: enough to tell two nameless records apart."""
    kind, _, rest = stix_id.partition("--")
    return f"{kind}--{rest[:8]}…" if rest else stix_id


def wanted(objects: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every id whose name the titles of these need, once each."""
    return list(dict.fromkeys(i for obj in objects for i in ends(obj) if i))
