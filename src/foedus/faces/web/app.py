"""The routes of the web face. The composition root adds them to its Litestar application, with `before_send`.

    Litestar(route_handlers=[*routes(), ...], before_send=[set_headers], exception_handlers={Exception: on_error}, ...)

`app.state.node` is the node and `app.state.authentication` its Authentication, whose middleware puts the Subject into
`scope["state"]["subject"]`.
"""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Router
from litestar.types import ControllerRouterHandler

from foedus.faces.http.signin import signin_routes
from foedus.faces.web.errors import on_error
from foedus.faces.web.headers import set_headers
from foedus.faces.web.markings import marking_colours
from foedus.faces.web.pages import (
    account,
    administration,
    audit,
    duplicates,
    graph,
    home,
    importing,
    live,
    publish,
    record,
    requests,
    search,
    searches,
    signin,
    timeline,
    upkeep,
)
from foedus.faces.web.static_files import static_file

__all__ = ["on_error", "routes", "set_headers"]


def routes(providers: Sequence[str] = ()) -> list[ControllerRouterHandler]:
    """Every page, with error pages of its own, and what pages load. `providers`: OpenID providers to sign in with."""
    pages: list[ControllerRouterHandler] = [static_file, marking_colours, *signin_routes(signin.render, providers)]
    reading = (home, live, search, record, graph, timeline, audit)
    writing = (publish, importing, requests, duplicates, searches, account, administration, upkeep)
    for topic in (*reading, *writing):
        pages += topic.HANDLERS
    return [Router("/", route_handlers=pages, exception_handlers={Exception: on_error}, include_in_schema=False)]
