"""The routes of the web face. The composition root adds them to its Litestar application, with `before_send`.

    Litestar(route_handlers=[*routes(), ...], before_send=[set_headers], exception_handlers={...: on_error},
             state=State({"node": node}))

`node` is the Verbs of this node. The authentication middleware puts the Subject into `scope["state"]["subject"]`.
"""

from __future__ import annotations

from litestar import Router
from litestar.types import ControllerRouterHandler

from foedus.faces.web.errors import on_error
from foedus.faces.web.headers import set_headers
from foedus.faces.web.markings import marking_colours
from foedus.faces.web.static_files import static_file

__all__ = ["on_error", "routes", "set_headers"]


def routes() -> list[ControllerRouterHandler]:
    """Every page, with error pages of its own, and what pages load."""
    pages: list[ControllerRouterHandler] = []
    return [
        Router("/", route_handlers=[static_file, marking_colours, *pages], exception_handlers={Exception: on_error}),
    ]
