"""The predefined extensions of cyber-observable objects (section 6), by the object that carries them."""

from __future__ import annotations

import re
from typing import Any

from foedus.kernel.stix.checks import (
    Check,
    Problems,
    boolean,
    dictionary,
    integer,
    list_of,
    number,
    one_of,
    problem,
    quoted,
    record,
    string,
    strings,
    time,
    wrong_type,
)
from foedus.kernel.stix.values import hashes, hex_bytes
from foedus.kernel.stix.vocabulary import (
    ADDRESS_FAMILIES,
    INTEGRITY_LEVELS,
    SERVICE_START_TYPES,
    SERVICE_STATUSES,
    SERVICE_TYPES,
    SOCKET_TYPES,
    STANDARD_TYPES,
    words,
)

_REFERENCE = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)--[0-9a-fA-F-]{32,36}")


def observable(*types: str) -> Check:
    """A reference from one observable to another of these types (none named: any).

    Of the UUID only its alphabet is checked: published examples and the official validator's own suite hold
    shortened ones, and a reference that leads nowhere is no fault (section 2.9).
    """
    wanted = frozenset(types)

    def check(value: Any) -> Problems | None:
        if type(value) is not str:
            return wrong_type("an identifier", value)
        match = _REFERENCE.fullmatch(value)
        if match is None:
            return problem("invalid-identifier", f"{quoted(value)} is not an identifier: type--UUID")
        if wanted and match[1] not in wanted and match[1] in STANDARD_TYPES:
            return problem("wrong-reference", f"must refer to {' or '.join(types)}, not {match[1]}")
        return None

    return check


def _text_or_integer(value: Any) -> Problems | None:
    return None if type(value) in (str, int) else wrong_type("a string or an integer", value)


_COUNT = integer(0)
_INTEGER = integer()

_WHOLE_SECOND = re.compile(r".*T\d{2}:\d{2}:\d{2}Z")


def _build_time(value: Any) -> Problems | None:
    """The time stamp of a portable executable counts whole seconds."""
    found = time(value)
    if found is None and not _WHOLE_SECOND.fullmatch(value):
        return problem("invalid-timestamp", f"{quoted(value)} must be of whole seconds, without a fraction")
    return found


def _any_of(properties: dict[str, Check], required: str = "", *, optional: str = "") -> Check:
    """A record with at least one of its properties; those named `optional` do not count."""
    spare = words(optional)
    return record(properties, required=words(required), any_of=[name for name in properties if name not in spare])


_OPTIONAL_HEADER_SIZES = words(
    "size_of_code size_of_initialized_data size_of_uninitialized_data size_of_image size_of_headers "
    "size_of_stack_reserve size_of_stack_commit size_of_heap_reserve size_of_heap_commit"
)
_OPTIONAL_HEADER_NUMBERS = words(
    "major_linker_version minor_linker_version address_of_entry_point base_of_code base_of_data image_base "
    "section_alignment file_alignment major_os_version minor_os_version major_image_version minor_image_version "
    "major_subsystem_version minor_subsystem_version number_of_rva_and_sizes"
)
_OPTIONAL_HEADER_HEX = words(
    "magic_hex win32_version_value_hex checksum_hex subsystem_hex dll_characteristics_hex loader_flags_hex"
)
_optional_header = _any_of(
    {
        **dict.fromkeys(_OPTIONAL_HEADER_SIZES, _COUNT),
        **dict.fromkeys(_OPTIONAL_HEADER_NUMBERS, _INTEGER),
        **dict.fromkeys(_OPTIONAL_HEADER_HEX, hex_bytes),
        "hashes": hashes,
    }
)

FILE: dict[str, Check] = {
    "ntfs-ext": _any_of(
        {
            "sid": string,
            "alternate_data_streams": list_of(
                record({"name": string, "hashes": hashes, "size": _COUNT}, required=("name",))
            ),
        }
    ),
    "raster-image-ext": _any_of(
        {
            "image_height": _INTEGER,
            "image_width": _INTEGER,
            "bits_per_pixel": _INTEGER,
            "image_compression_algorithm": string,
            "exif_tags": dictionary(_text_or_integer),
        }
    ),
    "pdf-ext": _any_of(
        {
            "version": string,
            "is_optimized": boolean,
            "document_info_dict": dictionary(string),
            "pdfid0": string,
            "pdfid1": string,
        }
    ),
    "archive-ext": record(
        {"contains_refs": list_of(observable("file", "directory")), "comment": string}, required=("contains_refs",)
    ),
    "windows-pebinary-ext": _any_of(
        {
            "pe_type": string,
            "imphash": string,
            "machine_hex": hex_bytes,
            "number_of_sections": _COUNT,
            "time_date_stamp": _build_time,
            "pointer_to_symbol_table_hex": hex_bytes,
            "number_of_symbols": _COUNT,
            "size_of_optional_header": _COUNT,
            "characteristics_hex": hex_bytes,
            "file_header_hashes": hashes,
            "optional_header": _optional_header,
            "sections": list_of(
                record({"name": string, "size": _COUNT, "entropy": number, "hashes": hashes}, required=("name",))
            ),
        },
        "pe_type",
        optional="pe_type",
    ),
}

NETWORK_TRAFFIC: dict[str, Check] = {
    "http-request-ext": record(
        {
            "request_method": string,
            "request_value": string,
            "request_version": string,
            "request_header": dictionary(strings),
            "message_body_length": _INTEGER,
            "message_body_data_ref": observable("artifact"),
        },
        required=("request_method", "request_value"),
    ),
    "icmp-ext": record(
        {"icmp_type_hex": hex_bytes, "icmp_code_hex": hex_bytes}, required=("icmp_type_hex", "icmp_code_hex")
    ),
    "socket-ext": record(
        {
            "address_family": one_of(ADDRESS_FAMILIES),
            "is_blocking": boolean,
            "is_listening": boolean,
            "options": dictionary(_INTEGER, r"(?:SO|ICMP|ICMP6|IP|IPV6|MCAST|TCP|IRLMP)(?:_[A-Z0-9]+)+"),
            "socket_type": one_of(SOCKET_TYPES),
            "socket_descriptor": _COUNT,
            "socket_handle": _INTEGER,
        },
        required=("address_family",),
    ),
    "tcp-ext": _any_of({"src_flags_hex": hex_bytes, "dst_flags_hex": hex_bytes}),
}


def _startup_value(value: Any) -> Problems | None:
    return None if value is None or type(value) in (str, int) else wrong_type("a string or an integer", value)


PROCESS: dict[str, Check] = {
    "windows-process-ext": _any_of(
        {
            "aslr_enabled": boolean,
            "dep_enabled": boolean,
            "priority": string,
            "owner_sid": string,
            "window_title": string,
            "startup_info": dictionary(_startup_value),
            "integrity_level": one_of(INTEGRITY_LEVELS),
        }
    ),
    "windows-service-ext": _any_of(
        {
            "service_name": string,
            "descriptions": strings,
            "display_name": string,
            "group_name": string,
            "start_type": one_of(SERVICE_START_TYPES),
            "service_dll_refs": list_of(observable("file")),
            "service_type": one_of(SERVICE_TYPES),
            "service_status": one_of(SERVICE_STATUSES),
        }
    ),
}

USER_ACCOUNT: dict[str, Check] = {
    "unix-account-ext": _any_of({"gid": _INTEGER, "groups": strings, "home_dir": string, "shell": string})
}
