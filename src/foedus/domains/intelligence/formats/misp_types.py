"""How MISP names things, and what STIX calls them (draft-dulaunoy-misp-core-format; MISP galaxies)."""

from __future__ import annotations

from collections.abc import Mapping

# Attribute type -> kind of value (see `values.KINDS`). Composite types "a|b" are taken apart first.
VALUE_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("ip-src", "ip-dst"), "ip"),
    **dict.fromkeys(("domain", "hostname", "onion-address"), "domain-name"),
    **dict.fromkeys(("url", "uri"), "url"),
    **dict.fromkeys(
        (
            "email",
            "email-src",
            "email-dst",
            "email-reply-to",
            "target-email",
            "whois-registrant-email",
            "dns-soa-email",
        ),
        "email-addr",
    ),
    "email-subject": "email-subject",
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha512": "sha512",
    "ssdeep": "ssdeep",
    "tlsh": "tlsh",
    **dict.fromkeys(("filename", "email-attachment"), "file-name"),
    **dict.fromkeys(("mac-address",), "mac-addr"),
    "AS": "autonomous-system",
    "mutex": "mutex",
    "regkey": "windows-registry-key",
    "user-agent": "user-agent",
}
# The second part of a composite that adds no value of its own; it goes into the description.
COMPANIONS = frozenset({"port", "value"})
RULE_TYPES: Mapping[str, str] = {
    "yara": "yara",
    "sigma": "sigma",
    "snort": "snort",
    "suricata": "suricata",
    "stix2-pattern": "stix",
}
NAME_TYPES: Mapping[str, str] = {"threat-actor": "threat-actor", "campaign-name": "campaign"}
FILE_TYPES = frozenset({"attachment", "malware-sample"})

GALAXIES: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "mitre-attack-pattern",
            "mitre-enterprise-attack-attack-pattern",
            "mitre-mobile-attack-attack-pattern",
            "mitre-ics-techniques",
            "attack4fraud",
        ),
        "attack-pattern",
    ),
    **dict.fromkeys(("mitre-course-of-action", "mitre-enterprise-attack-course-of-action"), "course-of-action"),
    **dict.fromkeys(("mitre-intrusion-set", "mitre-enterprise-attack-intrusion-set"), "intrusion-set"),
    **dict.fromkeys(("threat-actor", "microsoft-activity-group"), "threat-actor"),
    **dict.fromkeys(
        (
            "mitre-malware",
            "mitre-enterprise-attack-malware",
            "malpedia",
            "ransomware",
            "rat",
            "banker",
            "botnet",
            "stealer",
            "backdoor",
            "android",
            "cryptominers",
        ),
        "malware",
    ),
    **dict.fromkeys(("mitre-tool", "mitre-enterprise-attack-tool", "tool", "exploit-kit"), "tool"),
    "branded-vulnerability": "vulnerability",
    "sector": "identity",
    "country": "location",
    "region": "location",
}
THREAT_LEVELS: Mapping[str, str] = {"1": "high", "2": "medium", "3": "low"}
ANALYSIS: Mapping[str, str] = {"0": "initial", "1": "ongoing", "2": "completed"}
DISTRIBUTION: Mapping[str, str] = {
    "0": "your organisation only",
    "1": "this community only",
    "2": "connected communities",
    "3": "all communities",
    "4": "a sharing group",
}
