"""How one type of object is checked: its properties, what is required, what is ordered, and rules over several.

A plan is data. `Plan.problems` reads an object once and returns every problem of it.

Objects of one source look alike. For the property names of a good object, in their order, with the JSON types of their
values, a plan remembers what is still to be looked at in the next one like it (its `_Shape`): what names and types
decide is decided. An object in which a shape finds anything wrong is read again by the whole plan, which has the words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Literal

from foedus.kernel.ids import exact, is_uuid_from, timestamp
from foedus.kernel.stix.checks import (
    BY_TYPE,
    ENOUGH,
    PRECISE_LENGTH,
    Check,
    Problems,
    Rule,
    below,
    missing,
    precise_time,
    problem,
    quoted,
    wrong_type,
)
from foedus.kernel.stix.common import SCALARS, custom_property, usual_names
from foedus.kernel.stix.markings import check_selectors

Family = Literal["sdo", "sro", "sco", "meta"]
Order = tuple[str, str, bool]  # (later, earlier, strictly)
_SHAPES = 2_048  # remembered in all
_WIDEST = 40  # properties of an object whose shape is remembered
_SECONDS = len("2016-04-06T20:03:48")
AGE: Order = ("modified", "created", False)
_ONLY_WITH: Mapping[Rule, str] = {check_selectors: "granular_markings"}  # rules that concern one property


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
        key = (self, *obj, *map(type, obj.values()))
        shape = _shapes.get(key)
        if shape is not None and shape.passes(obj):
            return None
        found = self.every_problem(obj)
        if found is None and shape is None and len(obj) <= _WIDEST:
            if len(_shapes) >= _SHAPES:
                _shapes.clear()
            _shapes[key] = _Shape(self, obj)
        return found

    def every_problem(self, obj: dict[str, Any]) -> Problems | None:
        """The same, by looking at everything."""
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
            if later in obj and earlier in obj:
                problems = _in_order(obj, later, earlier, strictly)
                if problems:
                    found = (found or []) + problems
        for rule in self.rules:
            problems = rule(obj)
            if problems:
                found = (found or []) + problems
        return found


class _Shape:
    """What is left to look at in an object with the same names and types as one that the plan found good."""

    __slots__ = ("_checks", "_orders", "_rules", "_times")

    def __init__(self, plan: Plan, good: dict[str, Any]) -> None:
        decided = {"type"}  # the plan was chosen by it
        self._times = AGE in plan.orders and all(
            name in good and plan.properties[name] is precise_time for name in ("created", "modified")
        )
        if self._times:
            decided |= {"created", "modified"}
        left = ((name, _of_value(plan.properties, name, type(good[name]))) for name in good if name not in decided)
        self._checks = tuple((name, check) for name, check in left if check is not None)
        orders = (order for order in plan.orders if not (self._times and order == AGE))
        self._orders = tuple(order for order in orders if order[0] in good and order[1] in good)
        self._rules = tuple(rule for rule in plan.rules if _ONLY_WITH.get(rule) in (None, *good))

    def passes(self, obj: dict[str, Any]) -> bool:
        """Whether nothing is wrong."""
        if self._times and not _aged(obj["created"], obj["modified"]):
            return False
        for name, check in self._checks:
            if check(obj[name]):
                return False
        for later, earlier, strictly in self._orders:
            plainly = not strictly and obj[later][:_SECONDS] > obj[earlier][:_SECONDS]  # a later second
            if not plainly and _in_order(obj, later, earlier, strictly):
                return False
        return not any(rule(obj) for rule in self._rules)


def _aged(created: str, modified: str) -> bool:
    """Whether both are precise times in order for sure: three checks in one, for nearly every object has the two."""
    if len(created) < PRECISE_LENGTH or len(modified) < PRECISE_LENGTH:
        return False
    try:
        first = timestamp(created)
        return created == modified or first < timestamp(modified)
    except ValueError:
        return False


_shapes: dict[tuple[object, ...], _Shape] = {}  # by plan, names and types


def _of_value(properties: Mapping[str, Check], name: str, kind: type) -> Check | None:
    """What must be asked of each value of this property that has this type; None where name and type decide."""
    check = properties.get(name)
    if check is not None:
        return None if kind in BY_TYPE.get(check, ()) else check
    if kind is list or name.endswith(("_bin", "_hex")):
        return partial(custom_property, name)
    return None


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
