"""Texts that people wrote, as safe HTML: paragraphs, lists, code, and links that lead only to http and https. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from markupsafe import Markup, escape

_INLINE = re.compile(
    r"`(?P<code>[^`\n]{1,500})`"
    r"|<code>(?P<tagged>[^<\n]{1,500})</code>"
    r"|\*\*(?P<bold>[^*\n]{1,300})\*\*"
    r"|\[(?P<text>[^\]\n]{1,300})\]\((?P<url>[^)\s]{1,2000})\)"
    r"|\(Citation: (?P<cited>[^)\n]{1,200})\)"
)
_BULLET = re.compile(r"^\s{0,8}[*\-•]\s+")
_HEADING = re.compile(r"^#{1,6}\s+")


def safe_url(url: str) -> str:
    """The address where it is http or https with a host, "" for anything else (javascript:, data:, file:)."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme.lower() in ("http", "https") and parts.netloc else ""


def link(url: str, text: str) -> Markup:
    """A link that tells the other side nothing and gives it no hold on this page; plain text where it is not safe."""
    safe = safe_url(url)
    if not safe:
        return escape(text)
    return Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>').format(safe, text)


def _inline(text: str) -> Markup:
    out, end = [], 0
    for m in _INLINE.finditer(text):
        out.append(escape(text[end : m.start()]))
        if code := m["code"] or m["tagged"]:
            out.append(Markup("<code>{}</code>").format(code))
        elif m["bold"]:
            out.append(Markup("<strong>{}</strong>").format(m["bold"]))
        elif m["cited"]:
            out.append(Markup('<cite class="cite">{}</cite>').format(m["cited"]))
        else:
            out.append(link(m["url"], m["text"]))
        end = m.end()
    out.append(escape(text[end:]))
    return Markup("").join(out)


def prose(text: str) -> Markup:
    """Blank lines part paragraphs; lines that begin with a bullet make a list."""
    blocks: list[Markup] = []
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        lines = [line for line in block.split("\n") if line.strip()]
        at = 0
        while at < len(lines):
            bullets = bool(_BULLET.match(lines[at]))
            run = []
            while at < len(lines) and bool(_BULLET.match(lines[at])) == bullets:
                run.append(_inline(_HEADING.sub("", _BULLET.sub("", lines[at])).strip()))
                at += 1
            if bullets:
                blocks.append(
                    Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(r) for r in run))
                )
            else:
                blocks.append(Markup("<p>{}</p>").format(Markup("<br>").join(run)))
    return Markup("\n").join(blocks)


_PATTERN = re.compile(
    r"(?P<text>(?:t|b|h)?'(?:[^'\\]|\\.)*+(?:'|\\?\Z))"  # possessive: linear also where a quote is never closed
    r"|(?P<word>\b(?:AND|OR|NOT|FOLLOWEDBY|WITHIN|SECONDS|REPEATS|TIMES|IN|LIKE|MATCHES|ISSUBSET|ISSUPERSET|EXISTS|START|STOP)\b)"
    r"|(?P<path>(?<![a-z0-9-])[a-z0-9-]++:[A-Za-z0-9_.'\-\[\]*]+)"
    r"|(?P<number>\b\d+(?:\.\d+)?\b)"
    r"|(?P<sign>!=|<=|>=|[=<>\[\]()])",
    re.S,
)


def pattern(text: str) -> Markup:
    """A STIX pattern with its parts in spans: `pt-text`, `pt-word`, `pt-path`, `pt-number`, `pt-sign`."""
    out, end = [], 0
    for m in _PATTERN.finditer(text):
        out.append(escape(text[end : m.start()]))
        out.append(Markup('<span class="pt-{}">{}</span>').format(m.lastgroup, m[0]))
        end = m.end()
    out.append(escape(text[end:]))
    return Markup("").join(out)
