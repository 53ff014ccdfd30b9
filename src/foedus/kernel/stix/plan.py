"""How one type of object is checked: its properties, what is required, what is ordered, and rules over several.

A plan is data. `Plan.problems` reads an object once and returns every problem of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from foedus.kernel.ids import exact, is_uuid_from, known_times, timestamp
from foedus.kernel.stix.checks import ENOUGH, Check, Problems, Rule, below, missing, problem, quoted, wrong_type
from foedus.kernel.stix.common import SCALARS, custom_property, usual_names

Family = Literal["sdo", "sro", "sco", "meta"]
Order = tuple[str, str, bool]  # (later, earlier, strictly)
_NEVER = 2**63


class Plan:
    """The checks of one type of STIX object."""

    def __init__(
        self,
        type_name: str,
        family: Family,
        properties: Mapping[str, Check],
        *,
        required: Iterable[str] = (),
        any_of: Iterable[str] = (),
        orders: Iterable[Order] = (),
        rules: Iterable[Rule] = (),
    ) -> None:
        self.type, self.family = type_name, family
        self.required = frozenset(required) | {"type", "id"}
        self.any_of = tuple(any_of)
        self.orders = tuple(orders)
        self.rules = tuple(rules)
        self._prefix = f"{type_name}--"
        self._uuid_at = len(self._prefix)
        self.properties: dict[str, Check] = {**properties, "type": self._check_type, "id": self.check_id}

    def _check_type(self, value: Any) -> Problems | None:
        return None  # the plan was chosen by it

    def check_id(self, value: Any) -> Problems | None:
        if type(value) is str and value.startswith(self._prefix) and is_uuid_from(value, self._uuid_at):
            return None
        if type(value) is not str:
            return wrong_type("an identifier", value)
        return problem("invalid-identifier", f"{quoted(value)} must be {self.type}--UUID (RFC 4122, versions 1 to 5)")

    def problems(self, obj: dict[str, Any]) -> Problems | None:
        """Every problem of the object, None where there is none."""
        found: Problems | None = None
        find = self.properties.get
        for name, value in obj.items():
            check = find(name)
            if check is None:
                if name in usual_names and type(value) in SCALARS:
                    continue
                problems = custom_property(name, value)
            else:
                problems = check(value)
            if problems:
                if found is None:
                    found = []
                found += problems if check is None else below(name, problems)
                if len(found) >= ENOUGH:
                    break
        present = obj.keys()
        if not present >= self.required:
            found = (found or []) + [item for name in sorted(self.required - present) for item in missing(name)]
        if self.any_of and not any(name in obj for name in self.any_of):
            text = f"a {self.type} needs at least one of {', '.join(self.any_of)}"
            found = (found or []) + problem("missing-property", text)
        for later, earlier, strictly in self.orders:
            if later not in obj or earlier not in obj:
                continue
            if found is None and known_times.get(obj[later], 0) > known_times.get(obj[earlier], _NEVER):
                continue  # both are times, and plainly in order
            problems = _in_order(obj, later, earlier, strictly)
            if problems:
                found = (found or []) + problems
        for rule in self.rules:
            problems = rule(obj)
            if problems:
                found = (found or []) + problems
        return found


def _in_order(obj: dict[str, Any], later: str, earlier: str, strictly: bool) -> Problems | None:
    second, first = obj[later], obj[earlier]
    if second == first and not strictly:
        return None
    try:
        if timestamp(second) > timestamp(first):
            return None
        high, low = exact(second), exact(first)
    except (TypeError, ValueError, AttributeError):  # the property's own check names it
        return None
    if high > low or (high == low and not strictly):
        return None
    relation = "must be later than" if strictly else "must not be earlier than"
    return problem("invalid-order", f"{later} ({second}) {relation} {earlier} ({first})", later)
