"""What a security policy file says about display: phrases, their places and languages, prefixes and separators.

Nothing here decides about release: what is not known is warned about and passed over.

Source: Open XML SPIF 2.1 (markingData, markingQualifier).
"""

from __future__ import annotations

from collections.abc import Callable

from foedus.kernel import xmltext
from foedus.kernel.policymodel import Marking, Phrase, Qualifier
from foedus.kernel.xmltext import Element, attribute, children

_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_CODES = {
    "pagetop", "pagebottom", "pagetopbottom", "documentstart", "documentend", "nonamedisplay", "nomarkingdisplay",
    "suppressclassname", "firstlineoftext", "lastlineoftext", "subject", "xheader", "portionmarking", "inputtitle",
    "watermark", "replacepolicy",
}  # fmt: skip


def read_marking_of(element: Element, warn: Callable[[str], None]) -> Marking:
    """The marking that stands directly inside a policy, classification, tag set, tag or category."""
    phrases = []
    for e in children(element, "markingData"):
        codes = frozenset(xmltext.text(c).casefold() for c in children(e, "code"))
        for strange in sorted(codes - _CODES):
            warn(f"marking code {strange!r} is not known")
        said = next((e.get(a) for a in ("phrase", "simplePhrase") if e.get(a) is not None), None)
        phrases.append(Phrase(_lang(e), said, codes & _CODES))
    qualifiers = [
        Qualifier(_lang(q) or _lang(e), attribute(q, "qualifierCode").casefold(), q.get("markingQualifier", ""))
        for e in children(element, "markingQualifier")
        for q in children(e, "qualifier")
    ]
    return Marking(tuple(phrases), tuple(qualifiers))


def _lang(element: Element) -> str:
    return str(element.get(_LANG, element.get("lang", ""))).casefold()
