"""Properties that many types share (section 3) and the data types that they are made of (section 2)."""

from __future__ import annotations

import re
from typing import Any

from foedus.kernel.ids import UUID_FORM
from foedus.kernel.json_faults import printable
from foedus.kernel.stix.checks import (
    ENOUGH,
    REMEMBERED,
    Check,
    Problems,
    any_value,
    below,
    boolean,
    integer,
    list_of,
    matching,
    one_of,
    precise_time,
    problem,
    quoted,
    record,
    reference,
    string,
    strings,
    wrong_type,
)
from foedus.kernel.stix.markings import granular_markings, marking_references
from foedus.kernel.stix.values import base64, capec_id, cve_id, hashes, hex_bytes, language, url
from foedus.kernel.stix.vocabulary import EXTENSION_TYPES, RESERVED_PROPERTIES

_EXTERNAL_ID = {"cve": cve_id, "capec": capec_id}
_CVE_OR_CAPEC = re.compile(r"CVE-\d{4}-(?:0\d{3}|[1-9]\d{3,})|CAPEC-\d+")
_reference_properties = record(
    {"source_name": string, "description": string, "url": url, "hashes": hashes, "external_id": string},
    required=("source_name",),
)
_USUAL = frozenset({"source_name", "description", "url", "external_id"})
_plain_forms: set[tuple[object, ...]] = set()  # names and types of plain references: a few dozen at most
_good_urls: set[str] = set()  # the same reports are cited again and again


def external_references(value: Any) -> Problems | None:
    """A list of them."""
    if type(value) is list and value:
        for item in value:
            if type(item) is not dict or not _is_plain_reference(item):
                break
        else:
            return None
    return _external_references(value)


def external_reference(value: Any) -> Problems | None:
    """Section 2.5: a source and one of description, url, external_id; CVE and CAPEC ids with their own source."""
    found = _reference_properties(value)
    if type(value) is not dict:
        return found
    source, identifier = value.get("source_name"), value.get("external_id")
    further: Problems = []
    own = _EXTERNAL_ID.get(source) if type(source) is str else None
    if own is not None and identifier is None:
        further = [("external_id", "missing-property", f"a reference to {source} needs its external_id")]
    elif own is not None:
        further = below("external_id", own(identifier) or ()) if type(identifier) is str else []
    elif type(identifier) is str and identifier[0:1] == "C" and _CVE_OR_CAPEC.fullmatch(identifier):
        right = "cve" if identifier.startswith("CVE") else "capec"
        further = [("source_name", "invalid-source-name", f'must be "{right}" for {identifier}')]
    elif not ("external_id" in value or "description" in value or "url" in value):
        further = problem("missing-property", "needs at least one of description, url, external_id")
    return [*(found or ()), *further] or None


_external_references = list_of(external_reference)


def _is_plain_reference(value: dict[str, Any]) -> bool:
    """Whether the rules are sure to find nothing: a source and more, all texts, as nearly all references are."""
    form = (*value, *map(type, value.values()))
    if form not in _plain_forms and not _is_plain_form(value, form):
        return False
    if value["source_name"] in _EXTERNAL_ID or value.get("external_id", "")[:1] == "C":
        return False  # CVE and CAPEC have rules of their own
    address = value.get("url")
    return address is None or address in _good_urls or _is_url(address)


def _is_plain_form(value: dict[str, Any], form: tuple[object, ...]) -> bool:
    """Remembered by names and types, which decide it."""
    if "source_name" not in value or len(value) < 2 or not value.keys() <= _USUAL:
        return False
    if any(type(item) is not str for item in value.values()):
        return False
    _plain_forms.add(form)
    return True


def _is_url(address: str) -> bool:
    if url(address):
        return False
    if len(address) < 512:
        if len(_good_urls) >= REMEMBERED:
            _good_urls.clear()
        _good_urls.add(address)
    return True


kill_chain_phases = list_of(
    record({"kill_chain_name": string, "phase_name": string}, required=("kill_chain_name", "phase_name"))
)

# The standard asks for lower case, hyphens excluded; capitals after the third character are in wide use and pass.
_NAME = re.compile(r"[a-z][a-z0-9_]{2}[A-Za-z0-9_]{0,247}")
usual_names: set[str] = set()  # names found good; a few thousand at most
SCALARS = frozenset({str, int, float, bool})


def custom_property(name: str, value: Any) -> Problems | None:
    """A property that the standard does not define (section 3.1 and 11): a valid name, a value that STIX can hold."""
    if name in usual_names:
        if type(value) in SCALARS:
            return None
        return below(name, any_value(value) or ()) or None
    if not _NAME.fullmatch(name):
        return problem(
            "invalid-property-name",
            "a property's name has 3 to 250 of a-z, 0-9 and _, a letter first",
            printable(name),
        )
    if name in RESERVED_PROPERTIES:
        return problem("reserved-property", f"the standard reserves the name {name}", name)
    if name.endswith("_bin"):
        return below(name, base64(value) or ()) or None
    if name.endswith("_hex"):
        return below(name, hex_bytes(value) or ()) or None
    if len(usual_names) < 4096:
        usual_names.add(name)
    return below(name, any_value(value) or ()) or None


_EXTENSION_ID = re.compile(rf"extension-definition--{UUID_FORM}")
_PREDEFINED = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*-ext")
_extension_type = one_of(EXTENSION_TYPES)


def extension(value: Any) -> Problems | None:
    """What stands under `extension-definition--…` (section 7.3): it says what kind of extension it is."""
    if type(value) is not dict:
        return wrong_type("an object", value)
    found: Problems = []
    if "extension_type" not in value:
        found += problem(
            "missing-property", f"extension_type is required: one of {', '.join(EXTENSION_TYPES)}", "extension_type"
        )
    for name, item in value.items():
        if name == "extension_type":
            found += below(name, _extension_type(item) or ())
        elif name in RESERVED_PROPERTIES:
            found += problem("reserved-property", f"the standard reserves the name {name}", name)
        else:
            found += custom_property(name, item) or ()
    return found or None


def _foreign_extension(value: Any) -> Problems | None:
    if type(value) is not dict:
        return wrong_type("an object", value)
    if not value:
        return problem("empty-dictionary", "must not be empty; leave the extension out")
    return _bad_names(value)


def _bad_names(value: Any) -> Problems:
    """Names of an extension's properties that no property may have."""
    found: Problems = []
    for name in value if type(value) is dict else ():
        if not _NAME.fullmatch(name) and name != "id" and len(found) < ENOUGH:
            text = "a property's name has 3 to 250 of a-z, 0-9 and _, a letter first"
            found += problem("invalid-property-name", text, printable(name))
    return found


def extensions(predefined: dict[str, Check] | None = None, *, named: bool = True) -> Check:
    """The `extensions` of an object: predefined ones by name, all others by the id of their definition."""
    known = predefined or {}

    def check(value: Any) -> Problems | None:
        if type(value) is not dict:
            return wrong_type("an object of extensions", value)
        if not value:
            return problem("empty-dictionary", "must not be empty; leave the property out")
        found: Problems = []
        for key, item in value.items():
            if key in known:
                found += below(key, known[key](item) or ()) + below(key, _bad_names(item))
            elif _EXTENSION_ID.fullmatch(key):
                found += below(key, extension(item) or ())
            elif named and _PREDEFINED.fullmatch(key):
                found += below(key, _foreign_extension(item) or ())
            else:
                if len(found) >= ENOUGH:
                    break
                text = f"{quoted(key)} is neither extension-definition--UUID nor the name of a predefined extension"
                found += problem("invalid-extension-key", text, printable(key))
        return found or None

    return check


spec_version = one_of(("2.1",))
identity_reference = reference("identity")
object_references = list_of(reference())

# Common properties, without `type` and `id`, which each plan checks itself
DOMAIN: dict[str, Check] = {
    "spec_version": spec_version,
    "created_by_ref": identity_reference,
    "created": precise_time,
    "modified": precise_time,
    "revoked": boolean,
    "labels": strings,
    "confidence": integer(0, 100),
    "lang": language,
    "external_references": external_references,
    "object_marking_refs": marking_references,
    "granular_markings": granular_markings,
    "extensions": extensions(),
}
OBSERVABLE: dict[str, Check] = {
    "spec_version": spec_version,
    "object_marking_refs": marking_references,
    "granular_markings": granular_markings,
    "defanged": boolean,
    "lang": language,
    "extensions": extensions(),
}
relationship_name = matching(r"[a-z0-9-]+", "invalid-relationship-type", "of a-z, 0-9 and hyphens")
