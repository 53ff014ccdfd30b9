"""Domain objects, relationships, sightings and meta objects of STIX 2.1 (sections 4, 5 and 7), as tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from foedus.kernel.json_faults import printable
from foedus.kernel.stix.checks import (
    Check,
    Problems,
    Rule,
    any_value,
    below,
    boolean,
    dictionary,
    integer,
    list_of,
    number,
    number_between,
    one_of,
    problem,
    reference,
    string,
    strings,
    time,
)
from foedus.kernel.stix.common import (
    DOMAIN,
    custom_property,
    extensions,
    kill_chain_phases,
    object_references,
    relationship_name,
)
from foedus.kernel.stix.containers import observable_container
from foedus.kernel.stix.markings import check_circular, check_definition, check_selectors
from foedus.kernel.stix.patterns import check_pattern
from foedus.kernel.stix.plan import AGE, Family, Order, Plan
from foedus.kernel.stix.values import language
from foedus.kernel.stix.vocabulary import EXTENSION_TYPES, OPINIONS, SDO_TYPES

_REQUIRED = ("spec_version", "created", "modified")
_SEEN: Order = ("last_seen", "first_seen", False)
_TEXT: dict[str, Check] = {"name": string, "description": string}
_TIMES_SEEN: dict[str, Check] = {"first_seen": time, "last_seen": time}
_NOT_ENDS = ("bundle", "language-content", "marking-definition", "relationship", "sighting")
software = reference("software")


def _plan(
    type_name: str,
    properties: dict[str, Check],
    required: str = "",
    *,
    family: Family = "sdo",
    any_of: Iterable[str] = (),
    orders: Iterable[Order] = (),
    rules: Iterable[Rule] = (),
) -> Plan:
    return Plan(
        type_name,
        family,
        {**DOMAIN, **properties},
        required=(*_REQUIRED, *required.split()),
        any_of=any_of,
        orders=(AGE, *orders),
        rules=(check_selectors, *rules),
    )


def _coordinates(obj: dict[str, Any]) -> Problems | None:
    """A location has both coordinates or none, a precision only with them, and is somewhere at all."""
    found: Problems = []
    for one, other in (("latitude", "longitude"), ("longitude", "latitude")):
        if one in obj and other not in obj:
            found += problem("missing-property", f"{other} is required beside {one}", other)
    if "precision" in obj and not ("latitude" in obj or "longitude" in obj):
        found += problem("missing-property", "precision needs latitude and longitude", "precision")
    if not ("region" in obj or "country" in obj or "latitude" in obj or "longitude" in obj):
        found += problem("missing-property", "a location needs region, country, or latitude and longitude")
    return found or None


def _family_name(obj: dict[str, Any]) -> Problems | None:
    if obj.get("is_family") is True and "name" not in obj:
        return problem("missing-property", "a malware family needs its name", "name")
    return None


def _observed(obj: dict[str, Any]) -> Problems | None:
    if ("objects" in obj) == ("object_refs" in obj):
        return problem(
            "missing-property", "needs either object_refs or (deprecated) objects, and not both", "object_refs"
        )
    return None


def _extension_properties(obj: dict[str, Any]) -> Problems | None:
    """`extension_properties` name what a top-level extension adds, and nothing else has them."""
    kinds, names = obj.get("extension_types"), obj.get("extension_properties")
    if "extension_properties" not in obj:
        return None
    found: Problems = []
    if type(kinds) is list and "toplevel-property-extension" not in kinds:
        text = "only an extension of type toplevel-property-extension has extension_properties"
        found += problem("not-permitted", text, "extension_properties")
    for index, name in enumerate(names if type(names) is list else ()):
        if type(name) is str:
            problems = custom_property(name, "") if not name.endswith(("_bin", "_hex")) else None
            found += [(f"extension_properties[{index}]", code, text) for _, code, text in problems or ()]
    return found or None


def _translations(value: Any) -> Problems | None:
    """Language tag -> property -> translation (section 7.1)."""
    found = _translation_dictionary(value) or []
    if type(value) is dict:
        for tag, properties in value.items():
            place = printable(tag)
            found = found + below(place, language(tag) or ())
            if type(properties) is dict:
                for name, text in properties.items():
                    if name != "id":
                        found = found + below(place, custom_property(name, text) or ())
            else:
                found = found + below(place, problem("wrong-type", "must be an object of translated properties"))
    return found or None


_translation_dictionary = dictionary(any_value, r".{1,250}")

PLANS = [
    _plan("attack-pattern", {**_TEXT, "aliases": strings, "kill_chain_phases": kill_chain_phases}, "name"),
    _plan("campaign", {**_TEXT, **_TIMES_SEEN, "aliases": strings, "objective": string}, "name", orders=(_SEEN,)),
    _plan("course-of-action", _TEXT, "name"),
    _plan("grouping", {**_TEXT, "context": string, "object_refs": object_references}, "context object_refs"),
    _plan(
        "identity",
        {**_TEXT, "roles": strings, "identity_class": string, "sectors": strings, "contact_information": string},
        "name",
    ),
    _plan("incident", _TEXT, "name"),
    _plan(
        "indicator",
        {
            **_TEXT,
            "indicator_types": strings,
            "pattern": string,
            "pattern_type": string,
            "pattern_version": string,
            "valid_from": time,
            "valid_until": time,
            "kill_chain_phases": kill_chain_phases,
        },
        "pattern pattern_type valid_from",
        orders=(("valid_until", "valid_from", True),),
        rules=(check_pattern,),
    ),
    _plan(
        "infrastructure",
        {
            **_TEXT,
            **_TIMES_SEEN,
            "infrastructure_types": strings,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
        },
        "name",
        orders=(_SEEN,),
    ),
    _plan(
        "intrusion-set",
        {
            **_TEXT,
            **_TIMES_SEEN,
            "aliases": strings,
            "goals": strings,
            "resource_level": string,
            "primary_motivation": string,
            "secondary_motivations": strings,
        },
        "name",
        orders=(_SEEN,),
    ),
    _plan(
        "location",
        {
            **_TEXT,
            "latitude": number_between(-90, 90),
            "longitude": number_between(-180, 180),
            "precision": number,
            "region": string,
            "country": string,
            "administrative_area": string,
            "city": string,
            "street_address": string,
            "postal_code": string,
        },
        rules=(_coordinates,),
    ),
    _plan(
        "malware",
        {
            **_TEXT,
            **_TIMES_SEEN,
            "malware_types": strings,
            "is_family": boolean,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
            "operating_system_refs": list_of(software),
            "architecture_execution_envs": strings,
            "implementation_languages": strings,
            "capabilities": strings,
            "sample_refs": list_of(reference("artifact", "file")),
        },
        "is_family",
        orders=(_SEEN,),
        rules=(_family_name,),
    ),
    _plan(
        "malware-analysis",
        {
            "product": string,
            "version": string,
            "host_vm_ref": software,
            "operating_system_ref": software,
            "installed_software_refs": list_of(software),
            "configuration_version": string,
            "modules": strings,
            "analysis_engine_version": string,
            "analysis_definition_version": string,
            "submitted": time,
            "analysis_started": time,
            "analysis_ended": time,
            "result_name": string,
            "result": string,
            "analysis_sco_refs": list_of(reference(banned=SDO_TYPES | {"bundle", "marking-definition"})),
            "sample_ref": reference("artifact", "file", "network-traffic"),
        },
        "product",
        any_of=("result", "analysis_sco_refs"),
        orders=(("analysis_ended", "analysis_started", False),),
    ),
    _plan(
        "note",
        {"abstract": string, "content": string, "authors": strings, "object_refs": object_references},
        "content object_refs",
    ),
    _plan(
        "observed-data",
        {
            "first_observed": time,
            "last_observed": time,
            "number_observed": integer(1, 999_999_999),
            "objects": observable_container,
            "object_refs": list_of(reference(banned=SDO_TYPES | {"bundle", "marking-definition", "language-content"})),
        },
        "first_observed last_observed number_observed",
        orders=(("last_observed", "first_observed", False),),
        rules=(_observed,),
    ),
    _plan(
        "opinion",
        {"explanation": string, "authors": strings, "opinion": one_of(OPINIONS), "object_refs": object_references},
        "opinion object_refs",
    ),
    _plan(
        "report",
        {**_TEXT, "report_types": strings, "published": time, "object_refs": object_references},
        "name published object_refs",
    ),
    _plan(
        "threat-actor",
        {
            **_TEXT,
            **_TIMES_SEEN,
            "threat_actor_types": strings,
            "aliases": strings,
            "roles": strings,
            "goals": strings,
            "sophistication": string,
            "resource_level": string,
            "primary_motivation": string,
            "secondary_motivations": strings,
            "personal_motivations": strings,
        },
        "name",
        orders=(_SEEN,),
    ),
    _plan(
        "tool",
        {
            **_TEXT,
            "tool_types": strings,
            "aliases": strings,
            "kill_chain_phases": kill_chain_phases,
            "tool_version": string,
        },
        "name",
    ),
    _plan("vulnerability", _TEXT, "name"),
    _plan(
        "relationship",
        {
            "relationship_type": relationship_name,
            "description": string,
            "source_ref": reference(banned=_NOT_ENDS),
            "target_ref": reference(banned=_NOT_ENDS),
            "start_time": time,
            "stop_time": time,
        },
        "relationship_type source_ref target_ref",
        family="sro",
        orders=(("stop_time", "start_time", True),),
    ),
    _plan(
        "sighting",
        {
            "description": string,
            **_TIMES_SEEN,
            "count": integer(0, 999_999_999),
            "sighting_of_ref": reference(banned=_NOT_ENDS),
            "observed_data_refs": list_of(reference("observed-data")),
            "where_sighted_refs": list_of(reference("identity", "location")),
            "summary": boolean,
        },
        "sighting_of_ref",
        family="sro",
        orders=(_SEEN,),
    ),
    _plan(
        "language-content",
        {
            "object_ref": reference(banned=("bundle", "language-content")),
            "object_modified": time,
            "contents": _translations,
        },
        "object_ref contents",
        family="meta",
    ),
    _plan(
        "extension-definition",
        {
            **_TEXT,
            "schema": string,
            "version": string,
            "extension_types": list_of(one_of(EXTENSION_TYPES)),
            "extension_properties": strings,
        },
        "name schema version extension_types created_by_ref",
        family="meta",
        rules=(_extension_properties,),
    ),
    Plan(
        "marking-definition",
        "meta",
        {
            **DOMAIN,
            "created": time,
            "modified": time,
            "name": string,
            "definition_type": string,
            "definition": dictionary(),
            "extensions": extensions(named=False),
        },
        required=("spec_version", "created"),
        rules=(check_selectors, check_circular, check_definition),
    ),
]


def custom_domain_object(type_name: str) -> Plan:
    """The plan of a type that the standard does not define: the common properties, and any valid others."""
    return _plan(type_name, {})
