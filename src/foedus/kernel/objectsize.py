"""The limits of one object: its bytes, how deep it nests, how long its strings are."""

from __future__ import annotations

from typing import Any

from foedus.config import Limits
from foedus.kernel.canonical import depth_within
from foedus.kernel.stix.checks import Problems, problem


def too_large(obj: dict[str, Any], body: bytes, depth: int, limits: Limits) -> Problems | None:
    """What about an object is beyond the limits, None where nothing is.

    `body` is its canonical form; `depth` the levels that it may have inside its container.
    """
    if len(body) > limits.max_object_bytes:
        return problem("object-too-large", f"{len(body)} bytes; at most {limits.max_object_bytes}")
    if not depth_within(obj, body, depth):
        return problem("too-deep", f"nested deeper than {limits.max_depth} levels")
    if len(body) > limits.max_string:
        return _long_strings(obj, limits.max_string)
    return None


def _long_strings(value: Any, most: int, path: str = "") -> Problems | None:
    """Strings longer than the limit, at any depth of a tree whose depth was checked."""
    if type(value) is str:
        return problem("string-too-long", f"a string of {len(value)} characters; at most {most}", path)
    found: Problems = []
    if type(value) is dict:
        for name, item in value.items():
            if type(item) in (str, dict, list) and (type(item) is not str or len(item) > most):
                found += _long_strings(item, most, f"{path}.{name}" if path else name) or ()
    elif type(value) is list:
        for index, item in enumerate(value):
            if type(item) in (str, dict, list) and (type(item) is not str or len(item) > most):
                found += _long_strings(item, most, f"{path}[{index}]") or ()
    return found or None
