"""`validate`: every fault of one STIX 2.1 object."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from foedus.kernel.errors import Fault
from foedus.kernel.ids import is_type_name
from foedus.kernel.stix import domain_objects, observables
from foedus.kernel.stix.checks import Problems, kind_of, problem, quoted
from foedus.kernel.stix.plan import Plan
from foedus.kernel.stix.vocabulary import RESERVED_TYPES

UPGRADE_HINT = "--upgrade raises STIX 2.0 to 2.1"

PLANS: dict[str, Plan] = {plan.type: plan for plan in (*domain_objects.PLANS, *observables.PLANS)}


def validate(obj: Any, index: int = -1) -> list[Fault]:
    """Faults of one object, an empty list where it is valid. `index`: its position in the input."""
    found = problems_of(obj)
    return as_faults(obj, index, found) if found else []


def problems_of(obj: Any) -> Problems | None:
    """What `validate` finds, before it is told which object of the input this is."""
    if type(obj) is not dict:
        return problem("wrong-type", f"a STIX object must be a JSON object, not {kind_of(obj)}")
    plan = PLANS.get(obj["type"]) if type(obj.get("type")) is str else None
    if plan is not None:
        return plan.problems(obj)
    return _without_plan(obj)


def _without_plan(obj: dict[str, Any]) -> Problems | None:
    """Objects of custom types, and those that are no STIX objects at all."""
    name = obj.get("type")
    if "type" not in obj:
        found = problem("missing-property", "the property type is required", "type")
    elif type(name) is not str:
        found = problem("wrong-type", f"must be a string, not {kind_of(name)}", "type")
    elif name == "bundle":
        return problem("nested-bundle", "a bundle cannot be inside another one; give its objects", "type")
    elif name in RESERVED_TYPES:
        found = problem("reserved-type", f"the standard reserves the type {name}", "type")
    elif not is_type_name(name):
        text = f"{quoted(name)} is not a name of a type: 3 to 250 of a-z, 0-9 and hyphens, a letter first"
        found = problem("invalid-type", text, "type")
    else:
        return _custom_plan(name, _is_observable(obj)).problems(obj)
    return found + [item for item in _anonymous.problems(obj) or () if item[0] not in ("type", "id")]


def _is_observable(obj: dict[str, Any]) -> bool:
    """A custom object without creation time is a cyber-observable, unless an extension says what it is."""
    extensions = obj.get("extensions")
    for extension in extensions.values() if type(extensions) is dict else ():
        kind = extension.get("extension_type") if type(extension) is dict else None
        if kind == "new-sco":
            return True
        if kind in ("new-sdo", "new-sro"):
            return False
    return "created" not in obj and "modified" not in obj


@lru_cache(maxsize=1024)
def _custom_plan(name: str, observable: bool) -> Plan:
    return observables.custom_observable(name) if observable else domain_objects.custom_domain_object(name)


_anonymous = observables.custom_observable("unknown")


def is_stix20(obj: Any) -> bool:
    """Whether an object says that it is STIX 2.0."""
    return type(obj) is dict and obj.get("spec_version") == "2.0"


def as_faults(obj: Any, index: int, found: Problems) -> list[Fault]:
    """Problems as faults of this object. A missing or old spec_version brings the hint how to raise the object."""
    identifier = obj.get("id") if type(obj) is dict else None
    usable = identifier if type(identifier) is str and len(identifier) < 400 and identifier.isprintable() else ""
    faults = []
    for path, code, message in found:
        if path == "spec_version":
            if is_stix20(obj):
                code, message = "stix-2.0", f"this is a STIX 2.0 object; {UPGRADE_HINT}"
            elif code == "missing-property":
                message = f'the property spec_version is required, and must be "2.1" ({UPGRADE_HINT})'
        faults.append(Fault(code, message, usable, index, path))
    return faults
