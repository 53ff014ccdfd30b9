"""Real files: every valid one is taken and comes back equal, every invalid one is refused at the right place."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from foedus.kernel.canonical import is_canonical
from foedus.kernel.record import read_input

SHARED = Path(os.environ.get("FOEDUS_SHARED", Path(__file__).resolve().parents[3] / "shared" / "data")) / "stix"
absent = pytest.mark.skipif(not SHARED.is_dir(), reason="the real data beside the project (../shared/data) are absent")


def files(*folders: str) -> list[Any]:
    found = [path for folder in folders for path in sorted((SHARED / folder).glob("*/*.json"))]
    return [pytest.param(path, id=path.stem) for path in found] or [pytest.param(None, marks=absent)]


def objects(data: bytes) -> list[Any]:
    tree = json.loads(data)
    return tree["objects"] if isinstance(tree, dict) and tree.get("type") == "bundle" else [tree]


def by_id(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: (item["id"], item.get("modified", "")))


def assert_comes_back(data: bytes) -> None:
    found = read_input(data)
    assert found.faults == []
    expected = {json.dumps(item, sort_keys=True): item for item in objects(data)}.values()
    assert found.total == len(objects(data))
    assert by_id([json.loads(item.body) for item in found.valid]) == by_id(list(expected))
    assert by_id([item.obj for item in found.valid]) == by_id(list(expected))


@absent
@pytest.mark.parametrize("path", files("valid"))
def test_valid_files_come_back_equal(path: Path) -> None:
    assert_comes_back(path.read_bytes())


@absent
def test_attack_for_industrial_systems_comes_back_equal() -> None:
    assert_comes_back((SHARED / "attack" / "ics-attack-18.1.json").read_bytes())


@absent
def test_attack_enterprise_comes_back_equal_and_canonical() -> None:
    data = gzip.decompress((SHARED / "attack" / "enterprise-attack-2.1.json.gz").read_bytes())
    found = read_input(data)
    assert found.faults == []
    for item, original in zip(found.valid, objects(data), strict=True):
        assert json.loads(item.body) == original
    assert all(is_canonical(item.body) for item in found.valid[::97])


# file, then: code index:path ... (index -1: the bundle itself)
EXPECTED_FAULTS = """
external-bundle_with_artifact_objects
    missing-property 4:encryption_algorithm 6:encryption_algorithm
external-bundle_with_software_objects
    invalid-language 4:languages[0] 5:languages[0] 6:languages[0] 6:languages[1] 6:languages[2]
external-bundle_with_software_observables
    invalid-language 2:languages[0] 3:languages[0] 3:languages[1] 3:languages[2]
external-bundle_with_wrapped_observables
    missing-property 2:encryption_algorithm 4:encryption_algorithm
    invalid-identifier 53:id 54:id 56:id 58:id
    invalid-language 63:languages[0] 64:languages[0] 65:languages[0] 65:languages[1] 65:languages[2]
external-bundle_with_wrapped_observables_and_indicator
    missing-property 2:encryption_algorithm 4:encryption_algorithm
    invalid-identifier 65:id 66:id 68:id 70:id
    invalid-language 77:languages[0] 78:languages[0] 79:languages[0] 79:languages[1] 79:languages[2]
internal-bundle_with_hashlookup_indicator_object
    invalid-pattern 2:pattern
internal-bundle_with_regkey_observable_attribute
    invalid-registry-key 3:key
internal-bundle_with_regkey_value_observable_attribute
    invalid-registry-key 3:key
attack_pattern_tests-test_invalid_property_prefix_4deb2b
    invalid-property-name 0:x-something
attack_pattern_tests-test_invalid_timestamp_13de87
    invalid-timestamp 0:modified
attack_pattern_tests-test_invalid_timestamp_670626
    invalid-timestamp 0:modified
attack_pattern_tests-test_invalid_timestamp_879a71
    invalid-timestamp 0:modified
attack_pattern_tests-test_invalid_timestamp_a0fa9c
    invalid-timestamp 0:modified
bundle_tests-test_bundle_missing_id_b99f9b
    missing-property -1:id
bundle_tests-test_bundle_sdo_missing_id_d1a55a
    missing-property 0:id
bundle_tests-test_bundle_sdo_missing_type_53de94
    missing-property 0:type
campaign_tests-test_invalid_timestamp_5acde1
    invalid-order 0:last_seen
campaign_tests-test_invalid_timestamp_a0e9a3
    invalid-timestamp 0:created
custom_obj_tests-test_invalid_property_name_starting_character_in_instance_324a4a
    invalid-property-name 0:9ome_custom_stuff
custom_obj_tests-test_invalid_timestamp_d62d97
    invalid-order 0:modified
extensions_tests-test_ext_defn_extprops_not_top_level_41ca21
    not-permitted 0:extension_properties
extensions_tests-test_ext_defn_invalid_extension_type_bb2bca
    not-in-enumeration 0:extension_types[0]
identity_tests-test_invalid_timestamp_52c000
    invalid-timestamp 0:created
identity_tests-test_invalid_timestamp_d380ed
    invalid-order 0:modified
incident_tests-test_invalid_timestamp_7db48c
    invalid-timestamp 0:created
incident_tests-test_invalid_timestamp_bfb990
    invalid-order 0:modified
indicator_tests-test_additional_schema_custom_type_invalid_schema_02ab1b
    invalid-identifier 0:id
    missing-property 0:spec_version
indicator_tests-test_indicator_no_pattern_eece75
    missing-property 0:pattern
indicator_tests-test_invalid_lang_3d190a
    invalid-language 0:lang
indicator_tests-test_invalid_timestamp_2ea5ed
    invalid-timestamp 0:created
indicator_tests-test_invalid_timestamp_7d7ff2
    invalid-order 0:valid_until
indicator_tests-test_pattern_custom_invalid_format_03c0f4
    invalid-pattern 0:pattern
indicator_tests-test_pattern_custom_object_type_too_short_22cfd1
    invalid-pattern 0:pattern
intrusion_set_tests-test_invalid_timestamp_7fac8e
    invalid-order 0:last_seen
ip_addr_tests-test_invalid_ipv4_6e3aaa
    invalid-address 0:value
ip_addr_tests-test_invalid_ipv4_98d864
    invalid-address 0:value
ip_addr_tests-test_invalid_ipv4_e85513
    invalid-address 0:value
ip_addr_tests-test_invalid_ipv6_60e5db
    invalid-address 0:value
ip_addr_tests-test_invalid_ipv6_c4cc6e
    invalid-address 0:value
language_content_tests-test_invalid_contents_key_808780
    invalid-language 0:contents.español
language_content_tests-test_invalid_contents_subkey_3df0ac
    invalid-property-name 0:contents.es.a
language_content_tests-test_invalid_timestamp_0964f6
    invalid-order 0:modified
language_content_tests-test_invalid_timestamp_bfc0c3
    invalid-timestamp 0:created
malware_analysis_tests-test_invalid_timestamp_103eb0
    invalid-order 0:modified
malware_analysis_tests-test_invalid_timestamp_5c819f
    invalid-timestamp 0:created
malware_tests-test_invalid_timestamp_08051b
    invalid-timestamp 0:last_seen
malware_tests-test_vocab_malware_is_family_boolean_cb211f
    wrong-type 0:is_family
marking_definition_tests-test_granular_marking_circular_ref_f2351b
    circular-marking 0:granular_markings[0].marking_ref
marking_definition_tests-test_granular_marking_invalid_marking_ref_type_7e9c31
    wrong-reference 0:granular_markings[0].marking_ref
marking_definition_tests-test_granular_marking_invalid_selector_df209f
    invalid-selector 0:granular_markings[0].selectors[0]
    unresolved-selector 0:granular_markings[0].selectors[0]
marking_definition_tests-test_marking_definition_invalid_definition_b53dd9
    invalid-marking 0:definition.tlp
marking_definition_tests-test_marking_definition_missing_properties_1cd9fd
    missing-property 0:definition 0:definition_type
marking_definition_tests-test_object_marking_ref_circular_ref_112a37
    circular-marking 0:object_marking_refs[0]
network_traffic_tests-test_network_traffic_end_is_active_a1ca89
    not-permitted 0:end
observed_data_tests-test_artifact_url_payloadbin_5174b7
    invalid-base64 0:payload_bin
observed_data_tests-test_email_message_multipart_1b9d96
    missing-property 0:body_multipart[1].body 0:body_multipart[2].body
    not-permitted 0:body_multipart
observed_data_tests-test_file_invalid_is_encrypted_56b79f
    missing-property 0:encryption_algorithm
observed_data_tests-test_hash_length_b7137f
    invalid-key 0:hashes.MD
observed_data_tests-test_invalid_accessed_timestamp_2009ac
    invalid-order 0:modified
observed_data_tests-test_invalid_accessed_timestamp_c9a8b2
    invalid-timestamp 0:created
observed_data_tests-test_invalid_extension_timestamp_91b2e5
    invalid-timestamp 0:extensions.windows-pebinary-ext.time_date_stamp
observed_data_tests-test_invalid_seen_time_3078c7
    invalid-order 0:last_observed
observed_data_tests-test_invalid_seen_time_a49974
    invalid-timestamp 0:first_observed
observed_data_tests-test_observable_object_extensions_prefix_lax_357544
    invalid-extension-key 0:extensions.x-foobar
observed_data_tests-test_observable_object_extensions_string_fe633a
    wrong-type 0:extensions
observed_data_tests-test_observable_object_reserved_property_60fefb
    reserved-property 0:action
observed_data_tests-test_observable_object_reserved_type_7295f2
    reserved-type 0:type
observed_data_tests-test_software_cpe_b4c59f
    invalid-cpe 0:cpe
observed_data_tests-test_software_language_aa6e3f
    invalid-language 0:languages[0]
observed_data_tests-test_url_bba11b
    invalid-url 0:value
observed_data_tests-test_windows_registry_key_truncated_beefb6
    invalid-registry-key 0:key
relationship_tests-test_invalid_timestamp_251eeb
    invalid-timestamp 0:start_time
relationship_tests-test_invalid_timestamp_feddef
    invalid-order 0:stop_time
report_tests-test_invalid_timestamp_551144
    invalid-timestamp 0:created
report_tests-test_invalid_timestamp_ab8c9f
    invalid-order 0:modified
sighting_tests-test_invalid_timestamp_68759a
    invalid-timestamp 0:created
sighting_tests-test_invalid_timestamp_a2a2a0
    invalid-order 0:modified
sighting_tests-test_observed_data_refs_0b9226
    wrong-reference 0:observed_data_refs[1]
sighting_tests-test_sighting_of_ref_722bda
    wrong-reference 0:sighting_of_ref
threat_actor_tests-test_invalid_timestamp_0b6723
    invalid-order 0:modified
threat_actor_tests-test_invalid_timestamp_6e2d55
    invalid-timestamp 0:last_seen
threat_actor_tests-test_invalid_timestamp_9cad7a
    invalid-timestamp 0:created
threat_actor_tests-test_invalid_timestamp_ae391d
    invalid-order 0:last_seen
tool_tests-test_invalid_timestamp_4afccb
    invalid-timestamp 0:created
vulnerability_tests-test_incorrect_cve_format_letter_bda27c
    invalid-external-id 0:external_references[0].external_id
vulnerability_tests-test_incorrect_cve_source_name_f310b5
    invalid-source-name 0:external_references[0].source_name
"""


def expected_faults() -> dict[str, set[tuple[str, int, str]]]:
    out: dict[str, set[tuple[str, int, str]]] = {}
    for line in EXPECTED_FAULTS.strip().splitlines():
        if not line.startswith(" "):
            name = line
            continue
        code, *places = line.split()
        for place in places:
            index, _, path = place.partition(":")
            out.setdefault(name, set()).add((code, int(index), path))
    return out


@absent
@pytest.mark.parametrize("path", files("invalid"))
def test_invalid_files_are_refused_at_the_right_place(path: Path) -> None:
    data = path.read_bytes()
    found = read_input(data)
    assert {(fault.code, fault.index, fault.path) for fault in found.faults} == expected_faults()[path.stem]
    faulty = {fault.index for fault in found.faults}
    members = objects(data)
    for fault in found.faults:
        assert fault.message
        assert fault.object_id == (members[fault.index].get("id", "") if fault.index >= 0 else "")
    assert len(found.valid) == len(members) - len(faulty - {-1}), "the others are not lost"
