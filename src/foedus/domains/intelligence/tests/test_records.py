"""The records of the domain: every standard type, valid examples, definitions whose schemas agree with the checks."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import stix2validator

from foedus.domains import intelligence
from foedus.domains.intelligence import extensions, grading, requests
from foedus.domains.intelligence.examples import EXAMPLES
from foedus.domains.intelligence.forms import FORMS
from foedus.domains.intelligence.records import summary

SCHEMAS = Path(intelligence.__file__).parent / "schemas"
OPTIONS = stix2validator.ValidationOptions(version="2.1")


def schema(name: str) -> dict:
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("record", [*EXAMPLES.values(), *extensions.DEFINITIONS], ids=lambda r: r["type"])
def test_examples_and_definitions_are_valid_stix(record):
    result = stix2validator.validate_instance(dict(record), OPTIONS)
    assert result.is_valid, [str(e) for e in result.errors]


def test_schemas_agree_with_what_is_written():
    jsonschema.validate(EXAMPLES[requests.TYPE], schema("request-for-information"))
    jsonschema.validate(EXAMPLES["report"]["extensions"][grading.EXTENSION], schema("source-grading"))
    states = schema("request-for-information")["properties"]["state"]["enum"]
    assert set(states) == requests.STORED
    for definition in extensions.DEFINITIONS[1:]:
        assert (SCHEMAS / Path(definition["schema"].split()[0]).name).is_file()


def test_definitions_never_move():
    """Other nodes refer to these ids: they are part of the format."""
    assert extensions.REQUEST["id"] == "extension-definition--f7decdca-8c19-5377-9398-91294fdf9131"
    assert extensions.GRADING["id"] == "extension-definition--9fc7bdde-b9e4-55b3-99c8-1de7778f2bce"


def test_every_form_field_is_a_property_of_its_example_or_standard():
    for kind, fields in FORMS.items():
        required = {f["name"] for f in fields if f["required"]}
        assert required <= EXAMPLES[kind].keys(), kind


def test_summaries():
    assert summary(EXAMPLES["report"]) == "Ransomware against port operators (B2)"
    assert summary({"type": "ipv4-addr", "id": "x", "value": "203.0.113.7"}) == "203.0.113.7"
    assert summary({"type": "file", "id": "x", "hashes": {"MD5": "a"}}) == "a"
    assert summary({"type": "grouping", "id": "grouping--x"}) == "grouping--x"
