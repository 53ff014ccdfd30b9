"""Forms of strings that STIX borrows from other standards: addresses, hashes, URLs, languages, CPE names.

Each is a check (see `checks`). Sources: RFC 3986 (URI), RFC 4632 and 5952 (addresses), RFC 5322 (mail), RFC 5646
(languages), RFC 6838 (media types), NISTIR 7695 (CPE 2.3).
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from foedus.kernel.stix.checks import (
    Check,
    Problems,
    below,
    dictionary,
    matching,
    problem,
    quoted,
    string,
    wrong_type,
)
from foedus.kernel.stix.vocabulary import HASH_FORMS, LANGUAGES

hex_bytes = matching(r"(?:[0-9a-fA-F]{2})+", "invalid-hex", "hexadecimal: an even number of digits 0-9, a-f")
mac_address = matching(
    r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", "invalid-address", "a MAC address: six lower-case pairs with colons"
)
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
ipv4 = matching(
    rf"{_OCTET}(?:\.{_OCTET}){{3}}(?:/(?:3[0-2]|[12]?[0-9]))?",
    "invalid-address",
    "an IPv4 address or network: 192.0.2.1 or 192.0.2.0/24",
)
media_type = matching(
    r"(?:application|audio|font|haptics|image|message|model|multipart|text|video)/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]*(?:\s*;.*)?",
    "invalid-media-type",
    "a media type such as application/pdf",
)
character_set = matching(
    r"[a-zA-Z0-9][a-zA-Z0-9/.+_:()-]{1,249}", "invalid-character-set", "a name of the IANA character sets"
)
cve_id = matching(r"CVE-[0-9]{4}-(?:0[0-9]{3}|[1-9][0-9]{3,})", "invalid-external-id", "of the form CVE-2021-44228")
capec_id = matching(r"CAPEC-[0-9]+", "invalid-external-id", "of the form CAPEC-550")

_PREFIX = re.compile(r"12[0-8]|1[01][0-9]|[1-9]?[0-9]")


def ipv6(value: Any) -> Problems | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    address, slash, prefix = value.partition("/")
    try:
        IPv6Address(address)
    except AddressValueError:
        return problem(
            "invalid-address", f"{quoted(value)} is not an IPv6 address or network: 2001:db8::1 or 2001:db8::/32"
        )
    if slash and not _PREFIX.fullmatch(prefix):
        return problem(
            "invalid-address", f"the prefix length of {quoted(value)} must be 0 to 128, without leading zeros"
        )
    return None


_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def base64(value: Any) -> Problems | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    if value and _BASE64.fullmatch(value):
        return None
    return problem("invalid-base64", "must be base64 (RFC 4648) with padding")


# RFC 3986, with the characters beyond ASCII that RFC 3987 adds and people paste
_URI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*+:"
    r"(?:[A-Za-z0-9._~:/?\#\[\]@!$&'()*+,;=|{}^`\\\x80-\U0010ffff-]++|%[0-9A-Fa-f]{2})++"
)


def url(value: Any) -> Problems | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    if _URI.fullmatch(value):
        return None
    return problem(
        "invalid-url",
        f"{quoted(value)} is not a URL (RFC 3986): scheme:rest, without blanks, % only before two hexadecimal digits",
    )


def email(value: Any) -> Problems | None:
    """An address has one name and one host. Quoted names may hold anything."""
    if type(value) is not str:
        return wrong_type("a string", value)
    name, at, host = value.rpartition("@")
    if not at or not name or not host:
        return problem("invalid-email", f"{quoted(value)} is not an e-mail address: name@host")
    return None


def domain_name(value: Any) -> Problems | None:
    """A host name: labels of at most 63 characters. Underscores, which DNS permits, stay."""
    if type(value) is not str:
        return wrong_type("a string", value)
    labels = value.rstrip(".").split(".")
    if len(value) <= 253 and all(0 < len(label) <= 63 and _LABEL.fullmatch(label) for label in labels):
        return None
    return problem("invalid-domain-name", f"{quoted(value)} is not a domain name (RFC 1034, RFC 5890)")


_LABEL = re.compile(r"(?!-)[^\s/\\@:?\#,;<>\"'()\[\]{}|^`\x00-\x1f\x7f]+(?<!-)")

_CPE_TEXT = r"(?:\?*|\*?)(?:[a-zA-Z0-9\-._]|\\[\\*?!\"#$%&'()+,/:;<=>@\[\]^`{|}~])+(?:\?*|\*?)"
cpe = matching(
    rf"cpe:2\.3:[aho*\-](?::(?:{_CPE_TEXT}|[*\-])){{5}}:(?:[a-zA-Z]{{2,3}}(?:-(?:[a-zA-Z]{{2}}|[0-9]{{3}}))?|[*\-])"
    rf"(?::(?:{_CPE_TEXT}|[*\-])){{4}}",
    "invalid-cpe",
    "a CPE 2.3 name, as in cpe:2.3:a:microsoft:word:2000:*:*:*:*:*:*:*",
)

_LANGUAGE = re.compile(
    r"([a-zA-Z]{2,3})(?:-[a-zA-Z]{3}){0,3}(?:-[a-zA-Z]{4})?(?:-(?:[a-zA-Z]{2}|[0-9]{3}))?"
    r"(?:-(?:[a-zA-Z0-9]{5,8}|[0-9][a-zA-Z0-9]{3}))*(?:-[0-9a-wyzA-WYZ](?:-[a-zA-Z0-9]{2,8})+)*(?:-[xX](?:-[a-zA-Z0-9]{1,8})+)?"
)
_PRIVATE_LANGUAGE = re.compile(r"[xX](?:-[a-zA-Z0-9]{1,8})+|[qQ][a-tA-T][a-zA-Z](?:-[a-zA-Z0-9]{1,8})*")


def language(value: Any) -> Problems | None:
    """A language tag (RFC 5646) whose first part is a known language; regions, scripts and variants by form."""
    if type(value) is not str:
        return wrong_type("a string", value)
    if value in LANGUAGES:
        return None
    match = _LANGUAGE.fullmatch(value)
    if (match and match[1].lower() in LANGUAGES) or _PRIVATE_LANGUAGE.fullmatch(value):
        return None
    return problem("invalid-language", f"{quoted(value)} is not a language tag (RFC 5646), such as en, fr-CA or pt")


def _hash_checks() -> dict[str, Check]:
    return {
        name: matching(form, "invalid-hash", f"a {name} hash: {expected}")
        for name, (form, expected) in HASH_FORMS.items()
    }


_HASHES = _hash_checks()
_hash_dictionary = dictionary(string, r"[a-zA-Z0-9_-]{3,250}")


def hashes(value: Any) -> Problems | None:
    """A `hashes` dictionary (section 2.7): values of known algorithms have the right length and alphabet."""
    found = _hash_dictionary(value) or []
    if type(value) is dict:
        for name, digest in value.items():
            check = _HASHES.get(name)
            if check is not None and type(digest) is str:
                found = found + below(name, check(digest) or ())
    return found or None
