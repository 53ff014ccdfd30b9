"""Raising STIX 2.0 objects to 2.1 (section 1.6 of STIX 2.1 and its appendix of changes say what differs).

    {"type": "tool", "labels": ["remote-access"], ...}
    becomes {"type": "tool", "spec_version": "2.1", "tool_types": ["remote-access"], ...}

The object is not changed; what comes back shares its parts. What 2.1 gives a name of its own moves there, all else
stays: nothing is invented but what 2.1 requires and 2.0 leaves to be understood. The result still has to be validated.
"""

from __future__ import annotations

import re
from typing import Any

from foedus.kernel.stix.vocabulary import SCO_TYPES

# 2.0 kept the kinds of these objects in `labels`; 2.1 has a property for each
_KINDS = {
    "indicator": "indicator_types",
    "malware": "malware_types",
    "report": "report_types",
    "threat-actor": "threat_actor_types",
    "tool": "tool_types",
}
# Properties of observables; those that 2.1 dropped stay as custom ones
_RENAMED = {
    "process": {"created": "created_time", "name": "x_stix20_name", "arguments": "x_stix20_arguments"},
    "windows-registry-key": {"modified": "modified_time"},
    "file": {
        "is_encrypted": "x_stix20_is_encrypted",
        "encryption_algorithm": "x_stix20_encryption_algorithm",
        "decryption_key": "x_stix20_decryption_key",
    },
    "user-account": {"password_last_changed": "credential_last_changed"},
}
_WHOLE_SECONDS = re.compile(r"(T\d{2}:\d{2}:\d{2})(?:\.(\d{1,2}))?Z$")
_HASH_NAMES = {
    "SHA1": "SHA-1",
    "SHA256": "SHA-256",
    "SHA512": "SHA-512",
    "sha1": "SHA-1",
    "sha-1": "SHA-1",
    "sha256": "SHA-256",
    "sha-256": "SHA-256",
    "sha512": "SHA-512",
    "md5": "MD5",
    "ssdeep": "SSDEEP",
}
_HIVES = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCC": "HKEY_CURRENT_CONFIG",
    "HKU": "HKEY_USERS",
}
_SHORT_HIVE = re.compile(r"(HKLM|HKCU|HKCR|HKCC|HKU)(?=\\|$)", re.IGNORECASE)


def needs_upgrade(obj: Any) -> bool:
    """Whether an object is of STIX 2.0: it says so, or says nothing and is not a 2.1 observable."""
    if type(obj) is not dict or type(obj.get("type")) is not str:
        return False
    if obj.get("spec_version") == "2.0":
        return True
    return "spec_version" not in obj and ("created" in obj and obj["type"] not in SCO_TYPES)


def upgrade(obj: dict[str, Any]) -> dict[str, Any]:
    """A STIX 2.0 object as 2.1; a 2.1 object comes back as it is."""
    if not needs_upgrade(obj):
        return obj
    out = {**obj, "spec_version": "2.1"}
    kind = out["type"]
    for name in ("created", "modified"):
        if name in out and kind != "marking-definition":
            out[name] = _with_milliseconds(out[name])
    kinds = _KINDS.get(kind)
    if kinds and "labels" in out and kinds not in out:
        out[kinds] = out.pop("labels")
    further = _BY_TYPE.get(kind)
    if further is not None:
        further(out)
    return out


def _with_milliseconds(value: Any) -> Any:
    if type(value) is not str:
        return value
    return _WHOLE_SECONDS.sub(lambda match: f"{match[1]}.{(match[2] or '').ljust(3, '0')}Z", value)


def _indicator(obj: dict[str, Any]) -> None:
    """2.0 knew one pattern language."""
    obj.setdefault("pattern_type", "stix")
    if obj["pattern_type"] == "stix":
        obj.setdefault("pattern_version", "2.0")
    if "valid_from" not in obj and "created" in obj:
        obj["valid_from"] = obj["created"]


def _malware(obj: dict[str, Any]) -> None:
    """2.0 does not tell families from instances. An object that names no sample is a family, where it has a name."""
    obj.setdefault("is_family", "name" in obj)


def _report(obj: dict[str, Any]) -> None:
    if "published" not in obj and "created" in obj:
        obj["published"] = obj["created"]


def _marking(obj: dict[str, Any]) -> None:
    """The TLP markings got a name."""
    definition = obj.get("definition")
    if obj.get("definition_type") == "tlp" and type(definition) is dict and type(definition.get("tlp")) is str:
        obj.setdefault("name", f"TLP:{definition['tlp'].upper()}")


def _observed_data(obj: dict[str, Any]) -> None:
    """The members of `objects` get the names of 2.1 and go on referring to each other by key."""
    members = obj.get("objects")
    if type(members) is dict:
        obj["objects"] = {
            key: _observable(member) if type(member) is dict else member for key, member in members.items()
        }


def _observable(member: dict[str, Any]) -> dict[str, Any]:
    kind = member.get("type")
    out = {name: _hashes(value) if name == "hashes" else value for name, value in member.items()}
    out.pop("spec_version", None)
    if type(kind) is not str:
        return out
    for old, new in _RENAMED.get(kind, {}).items():
        if old in out:
            out[new] = out.pop(old)
    if kind == "windows-registry-key" and type(out.get("key")) is str:
        out["key"] = _SHORT_HIVE.sub(lambda match: _HIVES[match[1].upper()], out["key"], count=1)
    return out


def _hashes(value: Any) -> Any:
    if type(value) is not dict:
        return value
    return {_HASH_NAMES.get(name, name): digest for name, digest in value.items()}


_BY_TYPE = {
    "indicator": _indicator,
    "malware": _malware,
    "report": _report,
    "marking-definition": _marking,
    "observed-data": _observed_data,
}
