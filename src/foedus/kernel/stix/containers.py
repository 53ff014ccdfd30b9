"""The deprecated `objects` of observed data: observables inside, which refer to each other by key (section 4.14)."""

from __future__ import annotations

from typing import Any

from foedus.kernel.json_faults import printable
from foedus.kernel.stix.checks import Problems, below, problem, quoted, wrong_type


def observable_container(value: Any) -> Problems | None:
    """Each member is checked as an observable of its type; its `id` may be absent, its references are keys or ids."""
    from foedus.kernel.stix.observables import embedded_problems  # observables need this module's neighbours first

    if type(value) is not dict:
        return wrong_type("an object of observables", value)
    if not value:
        return problem("empty-dictionary", "must not be empty")
    found: Problems = []
    for key, member in value.items():
        place = printable(key)
        if type(member) is not dict:
            found += below(place, wrong_type("an object", member))
        elif type(member.get("type")) is not str:
            found += below(place, problem("missing-property", "the property type is required", "type"))
        else:
            found += below(place, embedded_problems(member) or ())
            found += below(place, _unresolved(member, value))
    return found or None


def _unresolved(member: Any, container: dict[str, Any], path: str = "") -> Problems:
    """References of a member, at any depth, that are neither a key of the container nor an identifier."""
    found: Problems = []
    if type(member) is dict:
        for name, value in member.items():
            here = f"{path}.{name}" if path else name
            if name.endswith("_ref") and type(value) is str:
                found += _reference(value, container, here)
            elif name.endswith("_refs") and type(value) is list:
                for index, item in enumerate(value):
                    if type(item) is str:
                        found += _reference(item, container, f"{here}[{index}]")
            else:
                found += _unresolved(value, container, here)
    elif type(member) is list:
        for index, item in enumerate(member):
            found += _unresolved(item, container, f"{path}[{index}]")
    return found


def _reference(value: str, container: dict[str, Any], path: str) -> Problems:
    if value in container or "--" in value:
        return []
    return problem("unresolved-reference", f"{quoted(value)} is not a key of these objects", path)
