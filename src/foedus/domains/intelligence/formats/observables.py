"""Values as STIX cyber-observable objects, with the deterministic ids that every producer gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foedus.domains.intelligence.objects import observable_id

_HASHES = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512", "ssdeep": "SSDEEP", "tlsh": "TLSH"}
_VALUED = frozenset({"ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "mac-addr"})
# STIX 2.1 section 2.9: of several hashes only the first of these counts towards the id.
_IDENTIFYING = ("MD5", "SHA-1", "SHA-256", "SHA-512")


def observable(values: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """One object for each (kind, value), but names and hashes together make one file. Kinds without are left out."""
    made: list[dict[str, Any]] = []
    file: dict[str, Any] = {}
    for kind, value in values:
        if kind in _VALUED:
            made.append(_object(kind, {"value": value}))
        elif kind in _HASHES:
            file.setdefault("hashes", {})[_HASHES[kind]] = value
        elif kind == "file-name":
            file["name"] = value
        elif kind == "autonomous-system":
            made.append(_object(kind, {"number": int(value)}))
        elif kind == "mutex":
            made.append(_object(kind, {"name": value}))
        elif kind == "windows-registry-key":
            made.append(_object(kind, {"key": value}))
        elif kind == "email-subject":
            made.append(_object("email-message", {"subject": value}, is_multipart=False))
    if file:
        hashes = file.get("hashes", {})
        chosen = next((n for n in (*_IDENTIFYING, *hashes) if n in hashes), "")
        contributing = {**file, **({"hashes": {chosen: hashes[chosen]}} if chosen else {})}
        made.append({**_object("file", contributing), **file})
    return made


def _object(kind: str, contributing: dict[str, Any], **more: Any) -> dict[str, Any]:
    own = observable_id(kind, contributing)
    return {"type": kind, "spec_version": "2.1", "id": own, **contributing, **more}
