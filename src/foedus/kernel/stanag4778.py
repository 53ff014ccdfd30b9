"""STANAG 4778 binding: which label belongs to which data, emitted at export only.

    <mb:BindingInformation>
      <ds:Signature>…</ds:Signature>                       only with a signer
      <mb:MetadataBindingContainer>
        <mb:MetadataBinding>
          <mb:Metadata> one STANAG 4774 label </mb:Metadata>
          <mb:DataReference URI="bundle.json"/> …          detached; or <mb:Data> with the content: encapsulating

Signed bindings use XML signatures: exclusive C14N, SHA-384 digests of the binding and of every piece of referenced
data, ECDSA P-256 with SHA-256. The key is named, never carried: a verifier uses a key that it pinned.

Source: ADatP-4778 Edition A chapters 3 and 4; XML Signature 1.1; RFC 4051 and RFC 6931 for the algorithm names.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from lxml import etree

from foedus.config import Limits
from foedus.kernel import stanag4774, xmltext
from foedus.kernel.label import Label
from foedus.kernel.xmltext import Element, children, local, refused

BINDING = "urn:nato:stanag:4778:bindinginformation:1:0"
_DS = "http://www.w3.org/2000/09/xmldsig#"
_XMIME = "http://www.w3.org/2005/05/xmlmime"
_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
_HALF = 32  # bytes of each half of a P-256 signature


@dataclass(frozen=True, slots=True)
class Data:
    """Something that a label is bound to. `uri` is relative to the binding's file."""

    uri: str
    content: bytes
    content_type: str = "application/stix+json;version=2.1"


@dataclass(frozen=True, slots=True)
class Signer:
    """A P-256 key and the name by which verifiers have pinned it."""

    name: str
    key: ec.EllipticCurvePrivateKey


def bind(
    items: Sequence[tuple[Label, Sequence[Data]]], signer: Signer | None = None, *, encapsulate: bool = False
) -> bytes:
    """The binding of each label to its data, as BindingInformation XML in UTF-8.

    One MetadataBinding a distinct label. Data under several labels are named in each. Detached unless `encapsulate`,
    which carries the content in the document, in base64. Raises PolicyRefused where there is nothing to bind, and where
    one URI would name two contents.
    """
    grouped: dict[Label, dict[Data, None]] = {}
    for label, data in items:
        grouped.setdefault(label, {}).update(dict.fromkeys(data))
    if not grouped or not all(grouped.values()):
        raise refused("nothing-to-bind", "a binding needs a label and data for it")
    external = {} if encapsulate else _by_uri(d for pieces in grouped.values() for d in pieces)
    root = etree.Element(f"{{{BINDING}}}BindingInformation", nsmap={"mb": BINDING, "xmime": _XMIME})
    container = etree.SubElement(root, f"{{{BINDING}}}MetadataBindingContainer")
    for label, pieces in grouped.items():
        binding = etree.SubElement(container, f"{{{BINDING}}}MetadataBinding")
        metadata = etree.SubElement(binding, f"{{{BINDING}}}Metadata")
        element = etree.SubElement(
            metadata,
            f"{{{stanag4774.LABEL}}}{stanag4774.LABEL_ROOTS[0]}",
            nsmap={"slab": stanag4774.LABEL},
        )
        stanag4774.label_into(element, label, stanag4774.LabelDocument())
        for piece in pieces:
            _write_data(binding, piece, encapsulate)
    if signer is not None:
        _sign(root, signer, external)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def read_binding(data: bytes, limits: Limits | None = None) -> tuple[tuple[Label, tuple[str, ...]], ...]:
    """The labels of a binding with the URIs they are bound to. An unsigned binding proves nothing.

    Raises PolicyRefused where it cannot be read.
    """
    root, _ = xmltext.read_xml(data, limits)
    if local(root) != "BindingInformation" or xmltext.namespace(root) != BINDING:
        raise refused("not-a-binding", f"<{local(root)}> is not a STANAG 4778 binding")
    found = []
    for container in children(root, "MetadataBindingContainer"):
        for binding in children(container, "MetadataBinding"):
            labels = [e for m in children(binding, "Metadata") for e in children(m)]
            uris = tuple(e.get("URI", "") for e in children(binding, "DataReference"))
            found += [(stanag4774.label_from_element(e), uris) for e in labels]
    return tuple(found)


def verify(
    data: bytes,
    key: ec.EllipticCurvePublicKey,
    contents: Mapping[str, bytes],
    limits: Limits | None = None,
) -> bool:
    """Whether the binding is signed by this pinned key and every piece of referenced data is what was signed.

    `contents` holds the data by URI. Only the form that `bind` writes is accepted; anything else is False. Raises
    PolicyRefused where it is not XML.
    """
    root, _ = xmltext.read_xml(data, limits)
    signatures = [e for e in root if e.tag == f"{{{_DS}}}Signature"]
    if local(root) != "BindingInformation" or len(signatures) != 1:
        return False
    signature = signatures[0]
    try:
        given = base64.b64decode("".join(signature.findtext(f"{{{_DS}}}SignatureValue", "").split()), validate=True)
        if len(given) != 2 * _HALF:
            return False
        der = encode_dss_signature(int.from_bytes(given[:_HALF], "big"), int.from_bytes(given[_HALF:], "big"))
        info = signature.find(f"{{{_DS}}}SignedInfo")
        key.verify(der, _canonical(info), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, TypeError):
        return False
    # What was signed must be exactly what we would sign over this binding and these data.
    stripped = copy.deepcopy(root)
    stripped.remove(next(e for e in stripped if e.tag == f"{{{_DS}}}Signature"))
    uris = sorted({e.get("URI", "") for e in root.iter(f"{{{BINDING}}}DataReference")})
    if any(uri not in contents for uri in uris):
        return False
    expected = _signed_info(stripped, {uri: contents[uri] for uri in uris})
    return hmac.compare_digest(_canonical(expected), _canonical(info))


def _by_uri(data: Iterable[Data]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for piece in data:
        if found.setdefault(piece.uri, piece.content) != piece.content:
            raise refused("two-contents", f"{piece.uri!r} names two contents; a binding could not tell them apart")
    return found


def _write_data(binding: Element, piece: Data, encapsulate: bool) -> None:
    element = etree.SubElement(binding, f"{{{BINDING}}}{'Data' if encapsulate else 'DataReference'}")
    element.set(f"{{{_XMIME}}}contentType", piece.content_type)
    if encapsulate:
        element.text = base64.b64encode(piece.content).decode()
    else:
        element.set("URI", piece.uri)


def _sign(root: Element, signer: Signer, external: Mapping[str, bytes]) -> None:
    info = _signed_info(root, external)
    signature = etree.Element(f"{{{_DS}}}Signature", nsmap={"ds": _DS})
    signature.append(info)
    # Exclusive C14N of SignedInfo does not depend on where it stands.
    r, s = decode_dss_signature(signer.key.sign(_canonical(info), ec.ECDSA(hashes.SHA256())))
    value = etree.SubElement(signature, f"{{{_DS}}}SignatureValue")
    value.text = base64.b64encode(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")).decode()
    key = etree.SubElement(etree.SubElement(signature, f"{{{_DS}}}KeyInfo"), f"{{{_DS}}}KeyName")
    key.text = signer.name
    root.insert(0, signature)


def _signed_info(root: Element, external: Mapping[str, bytes]) -> Element:
    """SignedInfo over the binding (without a signature) and the external data, in the order of their URIs."""
    info = etree.Element(f"{{{_DS}}}SignedInfo", nsmap={"ds": _DS})
    etree.SubElement(info, f"{{{_DS}}}CanonicalizationMethod").set("Algorithm", _C14N)
    etree.SubElement(info, f"{{{_DS}}}SignatureMethod").set("Algorithm", _ECDSA_SHA256)
    _reference(info, "", _canonical(root), (_ENVELOPED, _C14N))
    for uri in sorted(external):
        _reference(info, uri, external[uri], ())
    return info


def _reference(info: Element, uri: str, content: bytes, transforms: Sequence[str]) -> None:
    reference = etree.SubElement(info, f"{{{_DS}}}Reference")
    reference.set("URI", uri)
    if transforms:
        group = etree.SubElement(reference, f"{{{_DS}}}Transforms")
        for algorithm in transforms:
            etree.SubElement(group, f"{{{_DS}}}Transform").set("Algorithm", algorithm)
    etree.SubElement(reference, f"{{{_DS}}}DigestMethod").set("Algorithm", _SHA384)
    digest = etree.SubElement(reference, f"{{{_DS}}}DigestValue")
    digest.text = base64.b64encode(hashlib.sha384(content).digest()).decode()


def _canonical(element: Element) -> bytes:
    return etree.tostring(element, method="c14n", exclusive=True)
