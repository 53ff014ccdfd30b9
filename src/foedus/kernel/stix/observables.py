"""Cyber-observable objects of STIX 2.1 (section 6), as tables. Their predefined extensions: `observable_extensions`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from foedus.kernel.ids import uuid_version
from foedus.kernel.stix import observable_extensions as predefined
from foedus.kernel.stix.checks import (
    Check,
    Problems,
    Rule,
    boolean,
    dictionary,
    integer,
    list_of,
    one_of,
    problem,
    quoted,
    record,
    string,
    strings,
    time,
    wrong_type,
)
from foedus.kernel.stix.common import OBSERVABLE, extensions
from foedus.kernel.stix.markings import check_selectors
from foedus.kernel.stix.observable_extensions import observable
from foedus.kernel.stix.plan import Order, Plan
from foedus.kernel.stix.values import (
    base64,
    character_set,
    cpe,
    domain_name,
    email,
    hashes,
    hex_bytes,
    ipv4,
    ipv6,
    language,
    mac_address,
    media_type,
    url,
)
from foedus.kernel.stix.vocabulary import ENCRYPTION_ALGORITHMS, REGISTRY_DATA_TYPES, words

_PORT = integer(0, 65_535)
_COUNT = integer(0)
_FILE_TIMES: dict[str, Check] = {"ctime": time, "mtime": time, "atime": time}


def _plan(
    type_name: str,
    properties: dict[str, Check],
    required: str = "",
    *,
    any_of: str = "",
    orders: Iterable[Order] = (),
    rules: Iterable[Rule] = (),
) -> Plan:
    return Plan(
        type_name,
        "sco",
        {**OBSERVABLE, **properties},
        required=words(required),
        any_of=words(any_of),
        orders=orders,
        rules=(check_selectors, *rules),
    )


def _random_id(*contributing: str) -> Rule:
    """Without any property that contributes to a deterministic id, the id is a random UUID (section 2.9)."""

    def check(obj: dict[str, Any]) -> Problems | None:
        identifier = obj.get("id")
        if type(identifier) is not str or any(name in obj for name in contributing) or uuid_version(identifier) == 4:
            return None
        reason = f"none of {', '.join(contributing)} is there" if contributing else "the type has no deterministic id"
        return problem("invalid-identifier", f"must be a UUID of version 4, because {reason}", "id")

    return check


def _artifact(obj: dict[str, Any]) -> Problems | None:
    found: Problems = []
    if ("payload_bin" in obj) == ("url" in obj):
        found += problem("missing-property", "an artifact needs either payload_bin or url, and not both", "payload_bin")
    if "url" in obj and "hashes" not in obj:
        found += problem("missing-property", "hashes are required beside url", "hashes")
    if "decryption_key" in obj and "encryption_algorithm" not in obj:
        found += problem("missing-property", "required beside decryption_key", "encryption_algorithm")
    return found or None


def _multipart(obj: dict[str, Any]) -> Problems | None:
    multipart = obj.get("is_multipart")
    if multipart is False and "body_multipart" in obj:
        return problem("not-permitted", "body_multipart needs is_multipart to be true", "body_multipart")
    if multipart is True and "body" in obj:
        return problem("not-permitted", "body needs is_multipart to be false", "body")
    return None


def _still_active(obj: dict[str, Any]) -> Problems | None:
    if obj.get("is_active") is True and "end" in obj:
        return problem("not-permitted", "end must not be there while is_active is true", "end")
    return None


def _one_body(part: Any) -> Problems | None:
    if ("body" in part) == ("body_raw_ref" in part):
        return problem("missing-property", "needs either body or body_raw_ref", "body")
    return None


_SHORT_HIVE = re.compile(r"(?:HKLM|HKCC|HKCR|HKCU|HKU)(?:\\|$)", re.IGNORECASE)


def _registry_key(value: Any) -> Problems | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    if _SHORT_HIVE.match(value):
        text = f"{quoted(value)} must name its hive in full: HKEY_LOCAL_MACHINE, HKEY_CURRENT_USER, ..."
        return problem("invalid-registry-key", text)
    return None


def _text_or_list(value: Any) -> Problems | None:
    return strings(value) if type(value) is list else string(value)


def _text_or_integer(value: Any) -> Problems | None:
    return None if type(value) in (str, int) else wrong_type("a string or an integer", value)


_header_fields = dictionary(_text_or_list)
_email_addresses = list_of(observable("email-addr"))
_mime_parts = list_of(
    record(
        {
            "body": string,
            "body_raw_ref": observable("artifact", "file"),
            "content_type": string,
            "content_disposition": string,
        },
        rules=(_one_body,),
    )
)
_X509_V3 = words(
    "basic_constraints name_constraints policy_constraints key_usage extended_key_usage subject_key_identifier "
    "authority_key_identifier subject_alternative_name issuer_alternative_name subject_directory_attributes "
    "crl_distribution_points inhibit_any_policy certificate_policies policy_mappings"
)
_x509_extensions = record(
    {
        **dict.fromkeys(_X509_V3, string),
        "private_key_usage_period_not_before": time,
        "private_key_usage_period_not_after": time,
    },
    any_of=(*_X509_V3, "private_key_usage_period_not_before", "private_key_usage_period_not_after"),
)
_ACCOUNT_FLAGS = words("is_service_account is_privileged can_escalate_privs is_disabled")
_ACCOUNT_TEXTS = words("user_id credential account_login account_type display_name")
_ACCOUNT_TIMES = words("account_created account_expires credential_last_changed account_first_login account_last_login")
_CERTIFICATE_TEXTS = words(
    "version serial_number signature_algorithm issuer subject subject_public_key_algorithm subject_public_key_modulus"
)

PLANS = [
    _plan(
        "artifact",
        {
            "mime_type": media_type,
            "payload_bin": base64,
            "url": url,
            "hashes": hashes,
            "encryption_algorithm": one_of(ENCRYPTION_ALGORITHMS),
            "decryption_key": string,
        },
        rules=(_artifact, _random_id("hashes", "payload_bin")),
    ),
    _plan("autonomous-system", {"number": integer(), "name": string, "rir": string}, "number"),
    _plan(
        "directory",
        {
            "path": string,
            "path_enc": character_set,
            **_FILE_TIMES,
            "contains_refs": list_of(observable("file", "directory")),
        },
        "path",
    ),
    _plan(
        "domain-name",
        {"value": domain_name, "resolves_to_refs": list_of(observable("ipv4-addr", "ipv6-addr", "domain-name"))},
        "value",
    ),
    _plan(
        "email-addr", {"value": email, "display_name": string, "belongs_to_ref": observable("user-account")}, "value"
    ),
    _plan(
        "email-message",
        {
            "is_multipart": boolean,
            "date": time,
            "content_type": string,
            "from_ref": observable("email-addr"),
            "sender_ref": observable("email-addr"),
            "to_refs": _email_addresses,
            "cc_refs": _email_addresses,
            "bcc_refs": _email_addresses,
            "message_id": string,
            "subject": string,
            "received_lines": strings,
            "additional_header_fields": _header_fields,
            "body": string,
            "body_multipart": _mime_parts,
            "raw_email_ref": observable("artifact"),
        },
        "is_multipart",
        rules=(_multipart, _random_id("from_ref", "subject", "body")),
    ),
    _plan(
        "file",
        {
            "hashes": hashes,
            "size": _COUNT,
            "name": string,
            "name_enc": character_set,
            "magic_number_hex": hex_bytes,
            "mime_type": string,
            **_FILE_TIMES,
            "parent_directory_ref": observable("directory"),
            "contains_refs": list_of(observable()),
            "content_ref": observable("artifact"),
            "extensions": extensions(predefined.FILE),
        },
        any_of="hashes name",
    ),
    _plan(
        "ipv4-addr",
        {
            "value": ipv4,
            "resolves_to_refs": list_of(observable("mac-addr")),
            "belongs_to_refs": list_of(observable("autonomous-system")),
        },
        "value",
    ),
    _plan(
        "ipv6-addr",
        {
            "value": ipv6,
            "resolves_to_refs": list_of(observable("mac-addr")),
            "belongs_to_refs": list_of(observable("autonomous-system")),
        },
        "value",
    ),
    _plan("mac-addr", {"value": mac_address}, "value"),
    _plan("mutex", {"name": string}, "name"),
    _plan(
        "network-traffic",
        {
            "start": time,
            "end": time,
            "is_active": boolean,
            "src_ref": observable("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name"),
            "dst_ref": observable("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name"),
            "src_port": _PORT,
            "dst_port": _PORT,
            "protocols": strings,
            "src_byte_count": _COUNT,
            "dst_byte_count": _COUNT,
            "src_packets": _COUNT,
            "dst_packets": _COUNT,
            "ipfix": dictionary(_text_or_integer),
            "src_payload_ref": observable("artifact"),
            "dst_payload_ref": observable("artifact"),
            "encapsulates_refs": list_of(observable("network-traffic")),
            "encapsulated_by_ref": observable("network-traffic"),
            "extensions": extensions(predefined.NETWORK_TRAFFIC),
        },
        "protocols",
        any_of="src_ref dst_ref",
        orders=(("end", "start", False),),
        rules=(_still_active,),
    ),
    _plan(
        "process",
        {
            "is_hidden": boolean,
            "pid": integer(),
            "created_time": time,
            "cwd": string,
            "command_line": string,
            "environment_variables": dictionary(string),
            "opened_connection_refs": list_of(observable("network-traffic")),
            "creator_user_ref": observable("user-account"),
            "image_ref": observable("file"),
            "parent_ref": observable("process"),
            "child_refs": list_of(observable("process")),
            "extensions": extensions(predefined.PROCESS),
        },
        any_of=(
            "extensions is_hidden pid created_time cwd command_line environment_variables opened_connection_refs "
            "creator_user_ref image_ref parent_ref child_refs"
        ),
        rules=(_random_id(),),
    ),
    _plan(
        "software",
        {
            "name": string,
            "cpe": cpe,
            "swid": string,
            "languages": list_of(language),
            "vendor": string,
            "version": string,
        },
        "name",
    ),
    _plan("url", {"value": url}, "value"),
    _plan(
        "user-account",
        {
            **dict.fromkeys(_ACCOUNT_TEXTS, string),
            **dict.fromkeys(_ACCOUNT_FLAGS, boolean),
            **dict.fromkeys(_ACCOUNT_TIMES, time),
            "extensions": extensions(predefined.USER_ACCOUNT),
        },
        any_of=" ".join(("extensions", *_ACCOUNT_TEXTS, *_ACCOUNT_FLAGS, *_ACCOUNT_TIMES)),
        rules=(_random_id("account_type", "user_id", "account_login"),),
    ),
    _plan(
        "windows-registry-key",
        {
            "key": _registry_key,
            "values": list_of(
                record(
                    {"name": string, "data": string, "data_type": one_of(REGISTRY_DATA_TYPES)},
                    any_of=("name", "data", "data_type"),
                )
            ),
            "modified_time": time,
            "creator_user_ref": observable("user-account"),
            "number_of_subkeys": integer(),
        },
        any_of="key values modified_time creator_user_ref number_of_subkeys",
        rules=(_random_id("key", "values"),),
    ),
    _plan(
        "x509-certificate",
        {
            "is_self_signed": boolean,
            "hashes": hashes,
            **dict.fromkeys(_CERTIFICATE_TEXTS, string),
            "validity_not_before": time,
            "validity_not_after": time,
            "subject_public_key_exponent": integer(),
            "x509_v3_extensions": _x509_extensions,
        },
        any_of=" ".join(
            (
                "is_self_signed hashes validity_not_before validity_not_after subject_public_key_exponent",
                "x509_v3_extensions",
                *_CERTIFICATE_TEXTS,
            )
        ),
        rules=(_random_id("hashes", "serial_number"),),
    ),
]
_BY_TYPE = {plan.type: plan for plan in PLANS}


def custom_observable(type_name: str) -> Plan:
    """The plan of an observable type that the standard does not define."""
    return _plan(type_name, {})


def embedded_problems(member: dict[str, Any]) -> Problems | None:
    """Problems of an observable inside `objects` of observed data: it needs no id, and its references are keys."""
    plan = _BY_TYPE.get(member["type"])
    found = (plan or custom_observable(member["type"])).problems(member) or []
    kept = [
        item
        for item in found
        if not (item[0] == "id" and "id" not in member)
        and not (item[1] in ("invalid-identifier", "wrong-reference") and "_ref" in item[0])
    ]
    return kept or None
