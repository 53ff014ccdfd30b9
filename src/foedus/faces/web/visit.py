"""One request of one person: who they are, what they may read, in which language, zone and colours.

Every page starts with `v = visit(request)` and ends with `return v.page("search.html", {...})`. In templates: `v` is
the visit, `t` its words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.datastructures import Cookie
from markupsafe import Markup

from foedus.faces.web import menu, people, times
from foedus.faces.web.language import LANGUAGES, NAMES, Words, accepted, choose, words
from foedus.faces.web.markings import Colours
from foedus.faces.web.saying import Coded, said
from foedus.faces.web.templating import environment
from foedus.kernel.domain import say
from foedus.kernel.errors import NotAuthenticated
from foedus.node.access import Subject
from foedus.node.answers import Found, Marking
from foedus.node.contract import Verbs, View

AnyRequest = Request[Any, Any, Any]
THEMES = ("auto", "light", "dark")
_YEAR = 365 * 24 * 3600


class Visit:
    """The context of one page. Reading `view` or `subject` without a signed-in person raises NotAuthenticated."""

    def __init__(self, request: AnyRequest) -> None:
        self.request = request
        self.colours = Colours()
        self.verbs: Verbs = request.app.state.node
        self.lang = choose(
            request.query_params.get("lang"),
            request.cookies.get("lang"),
            self.maybe_subject.language if self.maybe_subject else None,
            accepted(request.headers.get("accept-language", "")),
        )
        self.t: Words = words(self.lang)
        theme = request.query_params.get("theme") or request.cookies.get("theme") or "auto"
        self.theme = theme if theme in THEMES else "auto"

    @cached_property
    def maybe_subject(self) -> Subject | None:
        return people.subject_of(self.request)

    @property
    def subject(self) -> Subject:
        if self.maybe_subject is None:
            raise NotAuthenticated("sign in first")
        return self.maybe_subject

    @cached_property
    def view(self) -> View:
        """The one way to read."""
        return self.verbs.view(self.subject, "web")

    def become(self, subject: Subject) -> None:
        """Go on as the same person with what they may see now: for streams that outlive their request."""
        self.__dict__["maybe_subject"] = subject
        self.__dict__.pop("view", None)
        self.colours = Colours()

    @cached_property
    def zone(self) -> tzinfo:
        return times.zone(self.maybe_subject.zone if self.maybe_subject else "")

    @property
    def csrf(self) -> str:
        """The token that forms send back; "" before there is a session."""
        return people.csrf_token(self.request)

    def may(self, verb: str) -> bool:
        """Whether the person's roles permit a verb of `node.roles`: what a page offers, never what it shows."""
        return self.maybe_subject is not None and self.maybe_subject.may(verb)

    @cached_property
    def menu(self) -> list[menu.Entry]:
        return menu.entries(self) if self.maybe_subject is not None else []

    # what templates call

    def markings(self, found: Found) -> list[Marking]:
        return self.view.markings(found, self.lang)

    def all_markings(self, found: Iterable[Found]) -> list[Marking]:
        """Every marking of a page that shows many records: a page is marked with the set of its sources' labels."""
        ids = dict.fromkeys(one for f in found for one in f.labels)
        shown = self.markings(Found("", "marking-definition", 0, 0, "", "", tuple(ids), b"{}"))
        return sorted({m.text: m for m in shown}.values(), key=lambda m: m.text)

    def label_texts(self, ids: Sequence[str]) -> dict[str, str]:
        """Display markings of labels that this reader's own facets named."""
        shown = Found("", "marking-definition", 0, 0, "", "", tuple(ids), b"{}")
        return {one.id: one.text for one in self.markings(shown)}

    def mark(self, marking: Marking) -> str:
        """The CSS class that gives a marking its classification's colours on this page."""
        return self.colours.css_class(marking.background, marking.foreground)

    def time(self, at: int | None, *, seconds: bool = False, day: bool = False) -> Markup:
        """A `<time>` in the person's zone; empty where there is no time."""
        if at is None or at <= 0:
            return Markup("")
        text = times.shown(at, self.zone, seconds=seconds, day=day)
        return Markup('<time datetime="{}">{}</time>').format(times.iso(at), text)

    def here(self, **changes: object) -> str:
        """This page's address with some query parameters changed; None removes one. Never leaves the page."""
        given = [(k, v) for k, v in self.request.query_params.multi_items() if k not in changes]
        given += [(k, str(v)) for k, v in changes.items() if v is not None]
        return "?" + urlencode(given)

    def type_name(self, kind: str) -> str:
        """A STIX type in words: "x-mitre-tactic" is not in the standard and becomes "Mitre tactic"."""
        key = f"type.{kind}"
        return self.t(key) if self.t.has(key) else self._domain_types.get(kind) or plain_name(kind)

    def prop_name(self, name: str) -> str:
        return name if "--" in name else self.t.maybe(f"prop.{name}", plain_name(name))

    def link_name(self, kind: str) -> str:
        """A kind of link in words."""
        return self.t.maybe(f"link.{kind}", kind.replace("-", " "))

    def said(self, what: Coded) -> Markup:
        """What a fault or a reason says, in the page's language."""
        return said(self.t, what)

    @cached_property
    def _domain_types(self) -> dict[str, str]:
        return {r.type: say(r.title, self.lang) for domain in self.verbs.domains() for r in domain.records}

    @property
    def languages(self) -> list[tuple[str, str]]:
        return [(code, NAMES[code]) for code in LANGUAGES]

    # what handlers return

    def page(
        self, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200, echo: bool = True
    ) -> Response[str]:
        """A whole page. `echo`: whether links to change language and theme keep the address's query."""
        full = {"v": self, "t": self.t, "echo": echo, "bell": None, **(context or {})}
        html = environment().get_template(template).render(full)
        return Response(html, status_code=status, media_type="text/html; charset=utf-8", cookies=self._cookies())

    def fragment(self, template: str, context: Mapping[str, Any] | None = None) -> Response[str]:
        """A piece of a page, for htmx."""
        html = self.render(template, context)
        return Response(html, media_type="text/html; charset=utf-8")

    def render(self, template: str, context: Mapping[str, Any] | None = None) -> str:
        return environment().get_template(template).render({"v": self, "t": self.t, **(context or {})})

    @property
    def is_htmx(self) -> bool:
        return self.request.headers.get("hx-request") == "true"

    def _cookies(self) -> list[Cookie]:
        asked = {"lang": self.lang, "theme": self.theme}
        secure = self.request.url.scheme == "https"
        return [
            Cookie(key=name, value=value, path="/", max_age=_YEAR, samesite="lax", secure=secure)
            for name, value in asked.items()
            if name in self.request.query_params
        ]


def visit(request: AnyRequest) -> Visit:
    return Visit(request)


def plain_name(name: str) -> str:
    """A machine name in words: "x_mitre_data_sources" -> "Mitre data sources"."""
    text = name.removeprefix("x_").removeprefix("x-").replace("_", " ").replace("-", " ").strip() or name
    return text[0].upper() + text[1:]
