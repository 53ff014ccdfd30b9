"""Reading XML from strangers: no entities, no DTD, no network, bounded size and depth.

Policy files, labels and clearances all come in through `read_xml`. One fault is mended, because files in public use
have it: an end tag whose name is a misspelling of the element that it closes. Everything else that is not well
formed is refused.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Any

from lxml import etree

from foedus.config import Limits
from foedus.kernel.errors import Fault, PolicyRefused, TooLarge

Element = Any  # an lxml element; its stubs are too loose to be worth more

_ENCODINGS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
_DECLARED = re.compile(rb"""^\s*<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARATION = re.compile(r"^\s*<\?xml\b.*?\?>", re.S)
_NO_TAGS = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))  # what begins like a tag, and where it ends
# A tag; an attribute value may hold ">". Nothing is tried twice: hostile text costs no more than its length.
_TAG = re.compile(r"<(?P<end>/?)(?P<name>[^\s<>/!?\"'=]++)(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>")
_LONGEST_NAME = 100  # of an element whose misspelt end tag is mended
_MOST_MENDED = 100  # end tags of one document


def read_xml(data: bytes, limits: Limits | None = None) -> tuple[Element, tuple[str, ...]]:
    """The root element and warnings about what was mended.

    Raises PolicyRefused for anything that is not well-formed XML in a known encoding, holds a document type or nests
    deeper than `limits.max_depth`; TooLarge above `limits.max_xml_bytes`.
    """
    limits = limits or Limits()
    if len(data) > limits.max_xml_bytes:
        raise TooLarge([Fault("too-large", f"XML of {len(data)} bytes; at most {limits.max_xml_bytes} are read")])
    data = _utf8(data)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise refused("doctype", "a document type or entity declaration is not allowed")
    warnings: tuple[str, ...] = ()
    try:
        root = _parse(data)
    except etree.XMLSyntaxError as error:
        mended = _mend(data)
        if mended is None:
            raise refused("not-well-formed", f"not well-formed XML: {_clean(error)}") from None
        data, warnings = mended
        try:
            root = _parse(data)
        except etree.XMLSyntaxError:
            raise refused("not-well-formed", f"not well-formed XML: {_clean(error)}") from None
    _check_depth(root, limits.max_depth)
    return root, warnings


def refused(code: str, message: str, path: str = "") -> PolicyRefused:
    """A PolicyRefused with one fault."""
    return PolicyRefused([Fault(code, message, path=path)])


def local(element: Element) -> str:
    """The element's name without its namespace."""
    return str(etree.QName(element).localname)


def namespace(element: Element) -> str:
    """The element's namespace, "" where it has none."""
    return str(etree.QName(element).namespace or "")


def children(element: Element, *names: str) -> list[Element]:
    """Child elements with one of these local names (case-insensitive), or all of them."""
    wanted = {n.casefold() for n in names}
    return [c for c in element if isinstance(c.tag, str) and (not wanted or local(c).casefold() in wanted)]


def attribute(element: Element, *names: str) -> str:
    """The first of these attributes that is there, stripped; "" where none is.

    One without that very name counts by its local name, without case. Raises PolicyRefused where two such stand in one
    element: readers would disagree on which one counts.
    """
    for name in names:
        if (value := element.get(name)) is not None:
            return str(value).strip()
        alike = [v for k, v in element.attrib.items() if str(etree.QName(k).localname).casefold() == name.casefold()]
        if len(alike) > 1:
            raise refused("duplicate-attribute", f"the attribute {name} stands twice in <{local(element)}>")
        if alike:
            return str(alike[0]).strip()
    return ""


def text(element: Element) -> str:
    """All text inside the element, white space collapsed."""
    return " ".join("".join(element.itertext()).split())


def _parse(data: bytes) -> Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, attribute_defaults=False,
        huge_tree=False, remove_comments=True, remove_pis=True, recover=False,
    )  # fmt: skip
    return etree.fromstring(data, parser)


def _clean(error: etree.XMLSyntaxError) -> str:
    return re.sub(r"\s*\(<string>, line \d+\)$", "", str(error)).replace("Document is empty, ", "no root element, ")


def _utf8(data: bytes) -> bytes:
    """The document in an ASCII-compatible encoding, so that what is searched is what is parsed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return _DECLARATION.sub("", data.decode("utf-16")).encode()
        except UnicodeError:
            raise refused("encoding", "not valid UTF-16") from None
    if b"\0" in data:
        raise refused("encoding", "zero bytes in the document; use UTF-8")
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].decode().lower() not in _ENCODINGS:
        raise refused("encoding", f"encoding {declared[1].decode()} is not read; use UTF-8")
    return data


def _check_depth(root: Element, most: int) -> None:
    level = [root]
    depth = 0
    while level:
        depth += 1
        if depth > most:
            raise refused("too-deep", f"nested deeper than {most} elements")
        level = [child for element in level for child in element]


def _mend(data: bytes) -> tuple[bytes, tuple[str, ...]] | None:
    """Rename end tags that misspell the element they close; None where that is not what is wrong."""
    try:
        source = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    tags = _tags(source)
    if tags is None:
        return None
    starts = {tag["name"] for tag in tags if not tag["end"]}
    stack: list[str] = []
    parts: list[str] = []
    warnings: list[str] = []
    last = 0
    for tag in tags:
        name = tag["name"]
        if not tag["end"]:
            if not tag[0].endswith("/>"):
                stack.append(name)
            continue
        if not stack:
            return None
        opened = stack.pop()
        if name == opened:
            continue
        if len(warnings) >= _MOST_MENDED or name in starts or not _misspells(name, opened):
            return None
        parts += [source[last : tag.start("name")], opened]
        last = tag.end("name")
        warnings.append(f"line {source.count(chr(10), 0, last) + 1}: end tag </{name}> read as </{opened}>")
    if stack or not warnings:
        return None
    return "".join([*parts, source[last:]]).encode(), tuple(warnings)


def _tags(source: str) -> list[re.Match[str]] | None:
    """Every tag, in order; None where something that begins does not end."""
    found = []
    at = source.find("<")
    while at >= 0:
        closing = next((end for begin, end in _NO_TAGS if source.startswith(begin, at)), "")
        if closing:
            end = source.find(closing, at)
            if end < 0:
                return None
            end += len(closing)
        elif tag := _TAG.match(source, at):
            found.append(tag)
            end = tag.end()
        else:
            return None
        at = source.find("<", end)
    return found


def _misspells(name: str, right: str) -> bool:
    """Whether a name is close to the right one; it is no element's name, else elements are interleaved or missing."""
    if max(len(name), len(right)) > _LONGEST_NAME:
        return False
    return SequenceMatcher(None, name, right).ratio() >= 0.8
