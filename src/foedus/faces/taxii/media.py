"""The media types of TAXII 2.1 (section 1.6.8): what is sent, and what a client accepts."""

from __future__ import annotations

from functools import lru_cache

TAXII = "application/taxii+json;version=2.1"
STIX = "application/stix+json;version=2.1"
_REMEMBERED = 256  # clients send the same few headers with every request


@lru_cache(_REMEMBERED)
def is_taxii(content_type: bytes) -> bool:
    """Whether a body is TAXII 2.1, or TAXII of a version that is not named."""
    kind, given = _read(content_type.decode("latin-1"))
    return kind == "application/taxii+json" and given.get("version", "2.1") == "2.1"


@lru_cache(_REMEMBERED)
def acceptable(accept: bytes) -> bool:
    """Whether an Accept header lets us answer in TAXII 2.1. An empty one says nothing (RFC 9110, 12.4.1)."""
    if not accept.strip():
        return True
    for one in accept.decode("latin-1").split(","):
        kind, given = _read(one)
        if kind in {"*/*", "application/*"}:
            return True
        if kind == "application/taxii+json" and given.get("version", "2.1") == "2.1":
            return True
    return False


def _read(value: str) -> tuple[str, dict[str, str]]:
    """One media type and its parameters, names in lower case."""
    kind, *parts = value.split(";")
    given = {}
    for part in parts:
        name, _, text = part.partition("=")
        given[name.strip().lower()] = text.strip().strip('"')
    return kind.strip().lower(), given
