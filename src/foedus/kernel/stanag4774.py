"""STANAG 4774 labels and clearances in XML: read leniently, written strictly.

Documents in use differ from the standard in the case of element names, in `URL` for `URI`, and in leaving out
`ReviewDateTime`: all of that is read. An element of a label that is not known is refused: a misspelt category must not
fall away. Written documents use the standard's names and order.

Source: ADatP-4774 Edition A, chapters 3 and 4 (label), Annex on clearances.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lxml import etree

from foedus.config import Limits
from foedus.kernel import xmltext
from foedus.kernel.label import MAX_SUCCESSORS, Category, Clearance, Label, Succession, TagType, merged
from foedus.kernel.xmltext import Element, attribute, children, local, namespace, refused, text

LABEL = "urn:nato:stanag:4774:confidentialitymetadatalabel:1:0"
CLEARANCE = "urn:nato:stanag:4774:confidentialityclearance:1:0"

LABEL_ROOTS = ("originatorConfidentialityLabel", "alternativeConfidentialityLabel", "metadataConfidentialityLabel")
_SUCCESSOR = "successorConfidentialityLabel"
_AROUND = frozenset({"confidentialityinformation", "originatorid", "creationdatetime", "successionhandling"})
_INFORMATION = frozenset({"policyidentifier", "classification", "privacymark", "category"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LabelDocument:
    """What stands around a label. Times are microseconds since 1970, -1 where absent."""

    role: str = LABEL_ROOTS[0]
    originator_id: str = ""
    originator_id_type: str = "uniqueIdentifier"
    created: int = -1
    review: int = -1  # a review date in the past does not invalidate a label


def read_label(data: bytes, limits: Limits | None = None) -> Label:
    """The label of an XML document, names as it spells them. Raises PolicyRefused."""
    return label_from_element(xmltext.read_xml(data, limits)[0])


def read_label_document(data: bytes, limits: Limits | None = None) -> tuple[Label, LabelDocument]:
    """The label and what stands around it. Raises PolicyRefused."""
    root = xmltext.read_xml(data, limits)[0]
    label = label_from_element(root)
    role = next(r for r in LABEL_ROOTS if r.casefold() == local(root).casefold())
    identity = children(root, "OriginatorID")
    created = children(root, "CreationDateTime")
    review = attribute(root, "ReviewDateTime")
    return label, LabelDocument(
        role,
        text(identity[0]) if identity else "",
        attribute(identity[0], "IDType") if identity else "uniqueIdentifier",
        read_time(text(created[0])) if created else -1,
        read_time(review) if review else -1,
    )


def is_label(root: Element) -> bool:
    """Whether an element is a STANAG 4774 label."""
    return namespace(root) in ("", LABEL) and local(root).casefold() in {r.casefold() for r in LABEL_ROOTS}


def is_clearance(root: Element) -> bool:
    """Whether an element is a STANAG 4774 clearance."""
    return namespace(root) in ("", CLEARANCE) and local(root).casefold() == "confidentialityclearance"


def label_from_element(root: Element, depth: int = 0) -> Label:
    """The label in an element. Raises PolicyRefused where a part is missing, stands twice or cannot be understood."""
    if depth == 0 and not is_label(root):
        raise refused("not-a-label", f"<{local(root)}> is not a STANAG 4774 label")
    if depth > MAX_SUCCESSORS:
        raise refused("succession", f"more than {MAX_SUCCESSORS} successors in a row")
    information = _one(root, "ConfidentialityInformation")
    _only_known(root, _AROUND, (LABEL, ""))
    _only_known(information, _INFORMATION)
    name, oid = _policy(information)
    marks = [text(m) for m in children(information, "PrivacyMark")]
    return Label(
        policy=name,
        classification=_needed(_one(information, "Classification")),
        categories=_categories(information),
        privacy_mark="; ".join(m for m in marks if m),
        succession=_succession(root, depth),
        policy_id=oid,
    )


def write_label(label: Label, document: LabelDocument | None = None) -> bytes:
    """The label as a STANAG 4774 document in UTF-8. `document.role` is one of LABEL_ROOTS."""
    document = document or LabelDocument()
    root = etree.Element(f"{{{LABEL}}}{document.role}", nsmap={"slab": LABEL})
    label_into(root, label, document)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def label_into(root: Element, label: Label, document: LabelDocument) -> None:
    """Write the label's parts into its (empty) element."""
    if document.review >= 0:
        root.set("ReviewDateTime", write_time(document.review))
    information = etree.SubElement(root, f"{{{LABEL}}}ConfidentialityInformation")
    _write_policy(information, label.policy, label.policy_id)
    _add(information, "Classification", label.classification)
    if label.privacy_mark:
        _add(information, "PrivacyMark", label.privacy_mark)
    _write_categories(information, label.categories)
    if document.originator_id:
        _add(root, "OriginatorID", document.originator_id).set("IDType", document.originator_id_type)
    if document.created >= 0:
        _add(root, "CreationDateTime", write_time(document.created))
    if label.succession is not None:
        handling = etree.SubElement(root, f"{{{LABEL}}}SuccessionHandling")
        _add(handling, "SuccessionDateTime", write_time(label.succession.at))
        successor = etree.SubElement(handling, f"{{{LABEL}}}SuccessorConfidentialityLabel")
        label_into(successor, label.succession.label, LabelDocument(created=document.created))


def read_clearance(data: bytes, limits: Limits | None = None) -> Clearance:
    """The clearance of an XML document, names as it spells them. Raises PolicyRefused."""
    return clearance_from_element(xmltext.read_xml(data, limits)[0])


def clearance_from_element(root: Element) -> Clearance:
    """The clearance in an element. Raises PolicyRefused."""
    if not is_clearance(root):
        raise refused("not-a-clearance", f"<{local(root)}> is not a STANAG 4774 clearance")
    name, oid = _policy(root)
    names = [_needed(c) for group in children(root, "ClassificationList") for c in children(group, "Classification")]
    if not names:
        raise refused("missing-element", "a clearance needs ClassificationList with at least one Classification")
    return Clearance(name, frozenset(names), _categories(root), oid)


def write_clearance(clearance: Clearance) -> bytes:
    """The clearance as a STANAG 4774 document in UTF-8."""
    root = etree.Element(f"{{{CLEARANCE}}}ConfidentialityClearance", nsmap={"clr": CLEARANCE, "slab": LABEL})
    _write_policy(root, clearance.policy, clearance.policy_id)
    group = etree.SubElement(root, f"{{{CLEARANCE}}}ClassificationList")
    for name in sorted(clearance.classifications):
        _add(group, "Classification", name)
    _write_categories(root, clearance.categories)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def read_time(stated: str) -> int:
    """An xs:dateTime as microseconds since 1970, UTC where it states no zone. Raises PolicyRefused.

    The standard's own examples carry seven decimals: what is finer than a microsecond is cut off.
    """
    head, dot, tail = stated.strip().partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        stated = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}" if digits else stated
    try:
        moment = datetime.fromisoformat(stated.strip())
    except ValueError:
        raise refused("invalid-time", f"{stated!r} is not an xs:dateTime") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def write_time(micros: int) -> str:
    """Microseconds since 1970 as an xs:dateTime in UTC, without needless decimals."""
    moment = _EPOCH + timedelta(microseconds=micros)
    stated = moment.strftime("%Y-%m-%dT%H:%M:%S") if moment.year >= 1000 else moment.isoformat()[:19]
    decimals = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{stated}{decimals}Z"


def _only_known(element: Element, known: frozenset[str], namespaces: tuple[str, ...] = ()) -> None:
    """Refuse an element that is not known (of these namespaces, where some are given): it might restrict."""
    for child in children(element):
        if local(child).casefold() not in known and (not namespaces or namespace(child) in namespaces):
            raise refused("unknown-element", f"<{local(child)}> in {local(element)} is not known; it might restrict")


def _succession(root: Element, depth: int) -> Succession | None:
    handling = children(root, "SuccessionHandling")
    if not handling:
        return None
    if len(handling) > 1:
        raise refused("succession", "SuccessionHandling stands more than once")
    at = read_time(_needed(_one(handling[0], "SuccessionDateTime")))
    return Succession(at, label_from_element(_one(handling[0], _SUCCESSOR), depth + 1))


def _policy(element: Element) -> tuple[str, str]:
    identifier = _one(element, "PolicyIdentifier")
    oid = attribute(identifier, "URI", "URL").removeprefix("urn:oid:")
    name = text(identifier)
    if not name and not oid:
        raise refused("missing-element", "PolicyIdentifier is empty")
    return name, oid


def _categories(element: Element) -> tuple[Category, ...]:
    found: list[Category] = []
    for e in children(element, "Category"):
        tag_set = attribute(e, "TagName") or attribute(e, "URI", "URL").removeprefix("urn:oid:")
        if not tag_set:
            raise refused("missing-attribute", "a Category has no TagName")
        stated = attribute(e, "Type").upper()
        # An unknown type must deny, never fall away: it stays in the label as UNKNOWN.
        type = TagType(stated) if stated in TagType.__members__ else TagType.UNKNOWN
        strange = [local(c) for c in children(e) if local(c).casefold() != "genericvalue"]
        if strange:
            raise refused("unknown-value", f"Category {tag_set}: <{strange[0]}> cannot be read; use GenericValue")
        values = [_needed(v) for v in children(e, "GenericValue")]
        if not values:
            raise refused("missing-element", f"Category {tag_set} has no GenericValue")
        found.append(Category(tag_set, type, frozenset(values)))
    return merged(found)


def _one(element: Element, name: str) -> Element:
    found = children(element, name)
    if len(found) != 1:
        how = "is missing" if not found else "stands more than once"
        raise refused("missing-element" if not found else "duplicate-element", f"{name} {how} in {local(element)}")
    return found[0]


def _needed(element: Element) -> str:
    stated = text(element)
    if not stated:
        raise refused("empty-element", f"{local(element)} is empty")
    return stated


def _add(parent: Element, name: str, content: str) -> Element:
    child = etree.SubElement(parent, f"{{{LABEL}}}{name}")
    try:
        child.text = content
    except ValueError:
        raise refused("not-expressible", f"{name}: {content!r} holds what XML cannot carry") from None
    return child


def _write_policy(parent: Element, name: str, oid: str) -> None:
    identifier = _add(parent, "PolicyIdentifier", name)
    if oid:
        identifier.set("URI", f"urn:oid:{oid}")


def _write_categories(parent: Element, categories: Iterable[Category]) -> None:
    for category in categories:
        if category.type is TagType.UNKNOWN:
            raise refused("unknown-tag-type", f"{category.tag_set}: a category of unknown type cannot be written")
        element = etree.SubElement(parent, f"{{{LABEL}}}Category")
        element.set("Type", category.type.value)
        element.set("TagName", category.tag_set)
        for value in sorted(category.values):
            _add(element, "GenericValue", value)
