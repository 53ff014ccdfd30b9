"""Values that indicators are about: their kinds, their normal forms, their STIX patterns, and defanged writing.

Example: `pattern("ipv4-addr", "203.0.113.7")` is "[ipv4-addr:value = '203.0.113.7']"; `read_pattern` goes back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

_DEFANGED = (
    (re.compile(r"^(?:hxxp|h\*\*p)s(?=\W)", re.IGNORECASE), "https"),
    (re.compile(r"^(?:hxxp|h\*\*p)(?=\W)", re.IGNORECASE), "http"),
    (re.compile(r"^fxp(?=\W)", re.IGNORECASE), "ftp"),
    (re.compile(r"\[(?:://)\]"), "://"),
    (re.compile(r"[\[({]\s*(?:\.|dot|punto|point)\s*[\])}]", re.IGNORECASE), "."),
    (re.compile(r"\\\."), "."),
    (re.compile(r"[\[({]\s*:\s*[\])}]"), ":"),
    (re.compile(r"[\[({]\s*(?:@|at)\s*[\])}]", re.IGNORECASE), "@"),
    (re.compile(r"\[/\]"), "/"),
)


def refang(value: str) -> str:
    """The value as it is on the wire: hxxps://evil[.]example/ becomes https://evil.example/."""
    for form, plain in _DEFANGED:
        value = form.sub(plain, value)
    return value


def _address(version: int, value: str) -> str:
    # A network may be written with any of its addresses: 203.0.113.9/24 is 203.0.113.0/24.
    found = ip_network(value, strict=False) if "/" in value else ip_address(value)
    if found.version != version:
        raise ValueError
    return str(found)


_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")


def _domain(value: str) -> str:
    name = value.rstrip(".").lower()
    ascii_name = name if name.isascii() else name.encode("idna").decode()
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or len(labels) < 2 or not all(_LABEL.match(part) for part in labels):
        raise ValueError
    if labels[-1].isdigit():  # 203.0.113.999 is a wrong address, not a name
        raise ValueError
    return name


def _url(value: str) -> str:
    parts = urlsplit(value)
    if not parts.scheme or not parts.netloc or any(c.isspace() for c in value):
        raise ValueError
    return value


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not at or not local or any(c.isspace() for c in value):
        raise ValueError
    return f"{local}@{_domain(domain)}"


def _hash(length: int, value: str) -> str:
    if len(value) != length or not all(c in "0123456789abcdefABCDEF" for c in value):
        raise ValueError
    return value.lower()


def _mac(value: str) -> str:
    digits = re.sub(r"[:.\-]", "", value).lower()
    if len(digits) != 12 or not all(c in "0123456789abcdef" for c in digits):
        raise ValueError
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def _number(value: str) -> str:
    number = int(re.sub(r"\Aas\s*", "", value.strip(), flags=re.IGNORECASE))
    if not 0 <= number < 2**32:
        raise ValueError
    return str(number)


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError
    return value


_HIVES: Mapping[str, str] = {
    "hklm": "HKEY_LOCAL_MACHINE",
    "hkcu": "HKEY_CURRENT_USER",
    "hkcr": "HKEY_CLASSES_ROOT",
    "hku": "HKEY_USERS",
    "hkcc": "HKEY_CURRENT_CONFIG",
}


def _registry(value: str) -> str:
    """The key with its hive in full, as STIX 2.1 section 6.17 wants it."""
    hive, slash, rest = _text(value).partition("\\")
    return f"{_HIVES.get(hive.rstrip(':').lower(), hive)}{slash}{rest}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value: the object path that a pattern compares, and the normal form (ValueError: it has none)."""

    path: str
    normal: Callable[[str], str]
    expected: str  # for the fault
    number: bool = False  # compared as an integer


KINDS: Mapping[str, Kind] = {
    "ipv4-addr": Kind("ipv4-addr:value", partial(_address, 4), "an IPv4 address or network"),
    "ipv6-addr": Kind("ipv6-addr:value", partial(_address, 6), "an IPv6 address or network"),
    "domain-name": Kind("domain-name:value", _domain, "a domain name"),
    "url": Kind("url:value", _url, "a URL with its scheme"),
    "email-addr": Kind("email-addr:value", _email, "an e-mail address"),
    "md5": Kind("file:hashes.MD5", partial(_hash, 32), "32 hexadecimal digits"),
    "sha1": Kind("file:hashes.'SHA-1'", partial(_hash, 40), "40 hexadecimal digits"),
    "sha256": Kind("file:hashes.'SHA-256'", partial(_hash, 64), "64 hexadecimal digits"),
    "sha512": Kind("file:hashes.'SHA-512'", partial(_hash, 128), "128 hexadecimal digits"),
    "ssdeep": Kind("file:hashes.SSDEEP", _text, "an ssdeep hash"),
    "tlsh": Kind("file:hashes.TLSH", _text, "a TLSH hash"),
    "file-name": Kind("file:name", _text, "a file name"),
    "mac-addr": Kind("mac-addr:value", _mac, "a MAC address"),
    "autonomous-system": Kind("autonomous-system:number", _number, "an AS number", number=True),
    "mutex": Kind("mutex:name", _text, "a name"),
    "windows-registry-key": Kind("windows-registry-key:key", _registry, "a registry key"),
    "user-agent": Kind(
        "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'", _text, "a User-Agent header"
    ),
    "email-subject": Kind("email-message:subject", _text, "a subject line"),
}
ALIASES: Mapping[str, str] = {
    **{name: name for name in KINDS},
    **dict.fromkeys(("ipv4", "ip4", "ip-v4"), "ipv4-addr"),
    **dict.fromkeys(("ipv6", "ip6", "ip-v6"), "ipv6-addr"),
    **dict.fromkeys(("ip", "ip-src", "ip-dst", "ip-addr", "address", "cidr"), "ip"),
    **dict.fromkeys(("domain", "hostname", "host", "fqdn", "domaine", "onion-address"), "domain-name"),
    **dict.fromkeys(("uri", "link"), "url"),
    **dict.fromkeys(("email", "e-mail", "mail", "email-src", "email-dst"), "email-addr"),
    **dict.fromkeys(("sha-1",), "sha1"),
    **dict.fromkeys(("sha-256", "filehash-sha256"), "sha256"),
    **dict.fromkeys(("sha-512",), "sha512"),
    **dict.fromkeys(("filehash-md5",), "md5"),
    **dict.fromkeys(("filehash-sha1",), "sha1"),
    **dict.fromkeys(("hash", "file-hash", "filehash"), "hash"),
    **dict.fromkeys(("filename", "file"), "file-name"),
    **dict.fromkeys(("mac", "mac-address"), "mac-addr"),
    **dict.fromkeys(("as", "asn"), "autonomous-system"),
    **dict.fromkeys(("regkey", "registry-key", "registry"), "windows-registry-key"),
    **dict.fromkeys(("useragent", "http-user-agent"), "user-agent"),
}
_GUESSES = {
    "": ("ipv4-addr", "ipv6-addr", "sha256", "sha1", "md5", "sha512", "url", "email-addr", "mac-addr", "domain-name"),
    "ip": ("ipv4-addr", "ipv6-addr"),
    "hash": ("sha256", "sha1", "md5", "sha512"),
}


_ONLINE = frozenset({"", "ip", "ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr"})


def known_kind(kind: str) -> str:
    """The kind that a name or alias means ("" for none given, "?" for an unknown one)."""
    return ALIASES.get(kind.strip().lower().replace("_", "-").replace(" ", "-"), "?") if kind.strip() else ""


def plain(kind: str, value: str) -> str:
    """The value, refanged where its kind is one that people defang: a registry key may hold `\\.` by right."""
    return refang(value.strip()) if known_kind(kind) in _ONLINE else value.strip()


def normalise(kind: str, value: str) -> tuple[str, str] | None:
    """(kind, normal value) of a value of this kind, alias or "" (then guessed); None where it is not of that kind."""
    name = known_kind(kind)
    for candidate in _GUESSES.get(name, (name,)):
        if candidate not in KINDS:
            return None
        try:
            return candidate, KINDS[candidate].normal(value.strip())
        except (ValueError, UnicodeError):
            continue
    return None


def comparison(kind: str, value: str) -> str:
    """One comparison of a STIX pattern (STIX 2.1 section 9.6), quoted."""
    known = KINDS[kind]
    if known.number:
        return f"{known.path} = {value}"
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{known.path} = '{quoted}'"


def pattern(kind: str, value: str) -> str:
    """The pattern that matches exactly this value."""
    return f"[{comparison(kind, value)}]"


_PATHS = {known.path.replace("'", ""): name for name, known in KINDS.items()}
_ONE = re.compile(r"\s*\[\s*([a-z0-9-]+:[^\s=<>!]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|(\d+))\s*\]\s*\Z", re.DOTALL)


def read_pattern(text: str) -> tuple[str, str] | None:
    """(kind, value) of a pattern with a single equality over a kind that we know; None for any other pattern."""
    found = _ONE.match(text)
    if found is None:
        return None
    kind = _PATHS.get(found[1].replace("'", "").replace('"', ""))
    if kind is None:
        return None
    return kind, re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL) if found[2] is not None else found[3]
