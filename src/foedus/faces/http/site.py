"""The pages and the HTTP API as one Litestar application behind authentication and the check for forged forms."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.openapi import OpenAPIConfig

from foedus.config import Limits
from foedus.faces.http.api import api
from foedus.faces.http.authentication import Authentication, AuthenticationMiddleware
from foedus.faces.http.csrf import CsrfMiddleware
from foedus.faces.web import app as web
from foedus.node.node import Node


def site(node: Node, authentication: Authentication, limits: Limits) -> Any:
    """An ASGI application; `app.state.node` and `app.state.authentication` are what its handlers use."""
    litestar = Litestar(
        route_handlers=[api(node.domains()), *web.routes()],
        openapi_config=OpenAPIConfig(title="Foedus", version="1", path="/api/schema"),
        exception_handlers={Exception: web.on_error},
        before_send=[web.set_headers],
        request_max_body_size=limits.max_content_length,
        debug=False,
        logging_config=None,
    )
    litestar.state.node = node
    litestar.state.authentication = authentication
    return AuthenticationMiddleware(CsrfMiddleware(litestar, limits=limits), authentication=authentication)
