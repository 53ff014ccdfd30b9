"""Faults and decisions on French pages: every code of a decision and of a label has a sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import foedus.kernel.policy
from foedus.faces.web.language import catalogue, words
from foedus.faces.web.saying import said
from foedus.kernel.errors import Fault
from foedus.kernel.label import Reason

SOURCE = Path(foedus.kernel.policy.__file__).parents[1]
_CODE = re.compile(r"[a-z]+[a-z0-9]*(-[a-z0-9]+)*")
_MAKERS = {"Fault", "JsonFault", "Reason", "refused", "problem", "matching", "fault", "add", "explain"}
DECISIONS = ("kernel/policy.py", "node/registry.py")
LABELS = (
    "kernel/policyrules.py", "kernel/policyset.py", "kernel/securitypolicy.py", "kernel/defaultlabel.py",
    "kernel/labeltext.py", "kernel/clearancetext.py", "kernel/textparts.py", "kernel/quoting.py",
    "kernel/nativelabel.py", "kernel/stanag4774.py", "kernel/xmltext.py", "kernel/labelcheck.py",
    "faces/web/labelpicker.py",
)  # fmt: skip
IMPORTS = (
    "kernel/json_faults.py", "kernel/canonical.py", "kernel/record.py", "kernel/container.py",
    *(str(p.relative_to(SOURCE)) for p in sorted((SOURCE / "kernel" / "stix").glob("*.py"))),
    *(str(p.relative_to(SOURCE)) for p in sorted((SOURCE / "domains/intelligence/formats").glob("*.py"))),
)  # fmt: skip
# Notices: they refuse nothing, and a report shows them apart, without their code.
_NOTICES = {"refanged", "undated", "misp-changed", "misp-distribution"}


def codes(path: str) -> Iterator[str]:
    """The codes that a module writes out: the first or second argument of what makes a fault."""
    for node in ast.walk(ast.parse((SOURCE / path).read_text("utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        place = 1 if name == "matching" else 0
        if name in _MAKERS and len(node.args) > place:
            code = node.args[place]
            if isinstance(code, ast.Constant) and isinstance(code.value, str) and _CODE.fullmatch(code.value):
                yield code.value


@pytest.mark.parametrize("path", [*DECISIONS, *LABELS, *IMPORTS])
def test_every_code_has_a_french_sentence(path: str) -> None:
    french = catalogue("fr")
    missing = {code for code in codes(path) if code not in _NOTICES and f"said.{code}" not in french}
    assert not missing


def test_the_codes_are_found_where_they_are() -> None:
    found = {path: set(codes(path)) for path in (*DECISIONS, *LABELS, *IMPORTS)}
    assert {"classification", "restrictive-category", "no-clearance", "permitted"} <= found["kernel/policy.py"]
    assert "unknown-marking" in found["node/registry.py"]
    assert {"excluded-class", "selection-limit"} <= found["kernel/policyrules.py"]
    assert {"invalid-hex", "invalid-address"} <= found["kernel/stix/values.py"]
    assert "duplicate-key" in found["kernel/json_faults.py"]


def test_in_french_the_original_follows_and_is_marked_as_english() -> None:
    fault = Fault("excluded-class", "CRYPTO must not stand with <SECRET>")
    french = said(words("fr"), fault)
    assert french.startswith("Cette valeur ne va pas avec la classification.")
    assert '<span class="said-as" lang="en">CRYPTO must not stand with &lt;SECRET&gt;</span>' in french


def test_english_and_codes_without_a_sentence_stay_as_they_are() -> None:
    assert said(words("en"), Reason("classification", "not cleared for SECRET")) == "not cleared for SECRET"
    assert said(words("fr"), Fault("some-new-code", "a < b")) == "a &lt; b"
