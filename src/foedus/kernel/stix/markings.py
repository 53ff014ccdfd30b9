"""Data markings (section 7.2): granular selectors, references to markings, and marking definitions themselves."""

from __future__ import annotations

import re
from typing import Any

from foedus.kernel.json_faults import printable
from foedus.kernel.stix.checks import (
    Problems,
    below,
    list_of,
    matching,
    problem,
    quoted,
    record,
    reference,
    string,
)
from foedus.kernel.stix.values import language
from foedus.kernel.stix.vocabulary import TLP1, TLP1_CREATED, words

SELECTOR_FORM = r"(?:[a-z0-9_-]{3,249}(?:\.(?:\[\d+\]|[a-zA-Z0-9_-]{1,250}))*|id)"
marking_reference = reference("marking-definition")
marking_references = list_of(marking_reference)


def _one_meaning(marking: dict[str, Any]) -> Problems | None:
    """A granular marking gives either a marking or a language."""
    if ("lang" in marking) == ("marking_ref" in marking):
        return problem("invalid-granular-marking", "needs exactly one of marking_ref and lang")
    return None


granular_markings = list_of(
    record(
        {
            "selectors": list_of(
                matching(SELECTOR_FORM, "invalid-selector", "a selector: names and [indices] joined by dots")
            ),
            "marking_ref": marking_reference,
            "lang": language,
        },
        required=("selectors",),
        rules=(_one_meaning,),
    )
)

_INDEX = re.compile(r"\[([0-9]{1,9})\]")


def resolves(obj: dict[str, Any], selector: str) -> bool:
    """Whether a selector points at something that is there: `external_references.[0].url`."""
    here: Any = obj
    for step in selector.split("."):
        if isinstance(here, dict) and step in here:
            here = here[step]
            continue
        index = _INDEX.fullmatch(step)
        if index is None or not isinstance(here, list) or int(index[1]) >= len(here):
            return False
        here = here[int(index[1])]
    return True


def check_selectors(obj: dict[str, Any]) -> Problems | None:
    """The rule for objects with granular markings: every selector resolves."""
    if "granular_markings" not in obj:
        return None
    markings = obj["granular_markings"]
    found: Problems = []
    for index, marking in enumerate(markings if isinstance(markings, list) else ()):
        selectors = marking.get("selectors") if isinstance(marking, dict) else None
        for position, selector in enumerate(selectors if isinstance(selectors, list) else ()):
            if isinstance(selector, str) and not resolves(obj, selector):
                place = f"granular_markings[{index}].selectors[{position}]"
                found += problem("unresolved-selector", f"{quoted(selector)} points at nothing in this object", place)
    return found or None


def check_circular(obj: dict[str, Any]) -> Problems | None:
    """The rule for marking definitions: none may mark itself."""
    own = obj.get("id")
    found: Problems = []
    text = "a marking definition must not mark itself"
    refs = obj.get("object_marking_refs")
    for index, ref in enumerate(refs if isinstance(refs, list) else ()):
        if ref == own:
            found += problem("circular-marking", text, f"object_marking_refs[{index}]")
    markings = obj.get("granular_markings")
    for index, marking in enumerate(markings if isinstance(markings, list) else ()):
        if isinstance(marking, dict) and marking.get("marking_ref") == own and own is not None:
            found += problem("circular-marking", text, f"granular_markings[{index}].marking_ref")
    return found or None


_statement = record({"statement": string}, required=("statement",))


def check_definition(obj: dict[str, Any]) -> Problems | None:
    """The rule for marking definitions: a statement, one of the four TLP 1 constants, or an extension."""
    kind, definition = obj.get("definition_type"), obj.get("definition")
    found: Problems = []
    if "extensions" not in obj:
        for name in ("definition_type", "definition"):
            if name not in obj:
                found += problem("missing-property", f"{name} is required where there are no extensions", name)
    if kind is None or definition is None:
        return found or None
    if kind == "statement":
        found += below("definition", _statement(definition) or ())
    elif kind == "tlp":
        found += _tlp(obj, definition)
    return found or None


_TLP_PROPERTIES = frozenset(
    words("type spec_version id created name definition_type definition object_marking_refs granular_markings")
)


def _tlp(obj: dict[str, Any], definition: Any) -> Problems:
    level = definition.get("tlp") if isinstance(definition, dict) else None
    fixed = TLP1.get(level) if isinstance(level, str) else None
    if fixed is None:
        return problem("invalid-marking", f"tlp must be one of {', '.join(TLP1)}", "definition.tlp")
    found: Problems = []
    for name, right in (("id", fixed[0]), ("name", fixed[1]), ("created", TLP1_CREATED)):
        if obj.get(name) != right:
            found += problem("invalid-marking", f"the standard fixes TLP {level}: {name} must be {right}", name)
    for name in sorted(obj.keys() - _TLP_PROPERTIES):
        found += problem("invalid-marking", f"the standard fixes TLP {level}: it has no {printable(name)}", name)
    return found
