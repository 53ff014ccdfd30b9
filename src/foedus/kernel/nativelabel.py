"""The native XML form of labels and clearances, which names classifications and categories by number.

    <label xmlns='http://surevine.com/xmlns/spiffy'>
      <policy id='1.3.26.1.3.1'/>  <classification lacv='1'/>
      <tag type='permissive' id='1.3.26.1.4.4' lacv='1001'/>
    </label>

Only the numbers count: the text inside an element is a comment. A policy is needed to read and to write them.
`read_any_label` and `read_any_clearance` also read STANAG 4774 XML, by the root element.
"""

from __future__ import annotations

import re

from lxml import etree

from foedus.config import Limits
from foedus.kernel import stanag4774, xmltext
from foedus.kernel.label import Clearance, Label
from foedus.kernel.policyindex import Slot, categories_of
from foedus.kernel.policymodel import TagKind, same_number
from foedus.kernel.policyset import PolicySet
from foedus.kernel.securitypolicy import Policy
from foedus.kernel.xmltext import Element, attribute, children, local, namespace, refused

NAMESPACE = "http://surevine.com/xmlns/spiffy"
_PARTS = frozenset({"policy", "classification", "tag"})


def read_any_label(data: bytes, policies: PolicySet, limits: Limits | None = None) -> Label:
    """A label in STANAG 4774 or native XML, resolved. Raises PolicyRefused; its faults name what is unknown."""
    root, _ = xmltext.read_xml(data, limits)
    if stanag4774.is_label(root):
        return policies.resolve(stanag4774.label_from_element(root))
    if local(root) == "label" and namespace(root) in ("", NAMESPACE):
        return _label(root, policies)
    raise refused("not-a-label", f"<{local(root)}> is neither a STANAG 4774 label nor a native label")


def read_any_clearance(data: bytes, policies: PolicySet, limits: Limits | None = None) -> Clearance:
    """A clearance in STANAG 4774 or native XML, resolved. Raises PolicyRefused."""
    root, _ = xmltext.read_xml(data, limits)
    if stanag4774.is_clearance(root):
        clearance = stanag4774.clearance_from_element(root)
        return policies.of(clearance).resolve_clearance(clearance)
    if local(root) == "clearance" and namespace(root) in ("", NAMESPACE):
        policy = _policy(root, policies)
        names = frozenset(_class_name(e, policy) for e in children(root, "classification"))
        if not names:
            raise refused("missing-element", "a clearance needs at least one classification")
        return Clearance(policy.name, names, categories_of(_slots(root, policy)), policy.id)
    raise refused("not-a-clearance", f"<{local(root)}> is neither a STANAG 4774 clearance nor a native clearance")


def write_native_label(label: Label, policies: PolicySet) -> bytes:
    """The label by numbers, in UTF-8. Raises PolicyRefused for unknown names and for what the form cannot say."""
    if label.succession is not None or label.privacy_mark:
        raise refused("not-expressible", "the native form has no succession and no privacy mark; use STANAG 4774 XML")
    policy = policies.of(label)
    label = policy.resolve(label)
    return _write("label", policy, [label.classification], policy.slots_of(label))


def write_native_clearance(clearance: Clearance, policies: PolicySet) -> bytes:
    """The clearance by numbers, in UTF-8. Raises PolicyRefused for unknown names."""
    policy = policies.of(clearance)
    clearance = policy.resolve_clearance(clearance)
    slots = sorted((s for c in clearance.categories for s in policy.compiled(c).slots), key=lambda s: s.order)
    levels = [c.name for c in policy.classifications if c.name in clearance.classifications]
    return _write("clearance", policy, levels, slots)


def _label(root: Element, policies: PolicySet) -> Label:
    policy = _policy(root, policies)
    strange = next((e for e in children(root) if local(e).casefold() not in _PARTS), None)
    if strange is not None:
        raise refused("unknown-element", f"<{local(strange)}> in a label is not known; it might restrict")
    levels = children(root, "classification")
    if len(levels) != 1:
        raise refused("missing-element", f"a label has one classification, not {len(levels)}")
    categories = categories_of(_slots(root, policy))
    return Label(policy.name, _class_name(levels[0], policy), categories, policy_id=policy.id)


def _policy(root: Element, policies: PolicySet) -> Policy:
    stated = children(root, "policy")
    if len(stated) != 1 or not attribute(stated[0], "id"):
        raise refused("missing-element", f"a {local(root)} has one policy with an id")
    return policies.of(Label("", "", policy_id=attribute(stated[0], "id")))


def _class_name(element: Element, policy: Policy) -> str:
    lacv = same_number(attribute(element, "lacv"))
    level = policy.classification_numbered(lacv)
    if level is None:
        raise refused("unknown-classification", f"{policy.name} has no classification numbered {lacv!r}")
    return level.name


def _slots(root: Element, policy: Policy) -> list[Slot]:
    found = []
    for element in children(root, "tag"):
        kind = _kind(attribute(element, "type"))
        oid, lacv = attribute(element, "id").removeprefix("urn:oid:"), same_number(attribute(element, "lacv"))
        slots = _numbered(policy, oid, kind, lacv)
        if len(slots) != 1:
            stated = f"tag set {oid}, type {attribute(element, 'type')!r}, number {lacv!r}"
            raise refused("unknown-category", f"{policy.name} has no category with {stated}")
        found.append(slots[0])
    return found


def _numbered(policy: Policy, oid: str, kind: TagKind, lacv: str) -> list[Slot]:
    """The values that a tag set's OID, a type and a number name."""
    if kind is TagKind.UNKNOWN or not (oid and lacv):
        return []
    return [s for s in policy.slots() if (s.tag_set.id, s.tag.kind, s.value.lacv) == (oid, kind, lacv)]


def _kind(stated: str) -> TagKind:
    wanted = re.sub(r"[\s_-]", "", stated).casefold()
    return next((k for k in TagKind if k.value.casefold() == wanted), TagKind.UNKNOWN)


def _write(name: str, policy: Policy, levels: list[str], slots: list[Slot] | tuple[Slot, ...]) -> bytes:
    root = etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={"s": NAMESPACE})
    _add(root, "policy", policy.name).set("id", policy.id)
    for level in levels:
        found = policy.classification(level)
        if found is not None:
            if policy.classification_numbered(found.lacv) is not found or not found.lacv:
                raise refused("not-expressible", f"no number names the classification {found.name} alone")
            _add(root, "classification", found.name).set("lacv", found.lacv)
    for slot in slots:
        if len(_numbered(policy, slot.tag_set.id, slot.tag.kind, slot.value.lacv)) != 1:
            raise refused("not-expressible", f"no number names {slot} alone; use STANAG 4774 XML")
        element = _add(root, "tag", slot.value.name)
        element.set("type", slot.tag.kind.value)
        element.set("id", slot.tag_set.id)
        element.set("lacv", slot.value.lacv)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _add(parent: Element, name: str, content: str) -> Element:
    child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    child.text = content
    return child
