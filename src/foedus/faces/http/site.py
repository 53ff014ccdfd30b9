"""The pages and the HTTP API as one Litestar application behind authentication and the check for forged forms."""

from __future__ import annotations

from typing import Any

import httpx
from litestar import Litestar, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig

from foedus.config import Limits
from foedus.faces.http import oidc_settings
from foedus.faces.http.api import api, on_api_error
from foedus.faces.http.authentication import Authentication, AuthenticationMiddleware
from foedus.faces.http.csrf import CsrfMiddleware
from foedus.faces.http.oidc import OidcSignIn, oidc_routes
from foedus.faces.http.openid import OidcSettings, OpenIdClient
from foedus.faces.web import app as web
from foedus.faces.web.pages import signin
from foedus.kernel.label import Clearance
from foedus.kernel.nativelabel import read_any_clearance
from foedus.node.node import Node


def _on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """A page for people; the API's own shape below its path, where no route was found, too."""
    if request.url.path.startswith("/api/"):
        return on_api_error(request, error)
    return web.on_error(request, error)


def site(node: Node, authentication: Authentication, limits: Limits) -> Any:
    """An ASGI application; `app.state.node` and `app.state.authentication` are what its handlers use."""
    provider = oidc_settings.load(node.settings.data)
    signing_in = _provider_routes(node, provider) if provider is not None else []
    titles = (provider.title,) if provider is not None else ()
    litestar = Litestar(
        route_handlers=[api(node.domains()), *web.routes(titles), *signing_in],
        openapi_config=OpenAPIConfig(title="Foedus", version="1", path="/api/schema"),
        exception_handlers={Exception: _on_error},
        before_send=[web.set_headers],
        request_max_body_size=limits.max_content_length,
        debug=False,
        logging_config=None,
    )
    litestar.state.node = node
    litestar.state.authentication = authentication
    return AuthenticationMiddleware(CsrfMiddleware(litestar, limits=limits), authentication=authentication)


def _provider_routes(node: Node, settings: OidcSettings) -> list[HTTPRouteHandler]:
    """Sign-in through the provider; its clearance claim is read under this node's policies."""

    def clearance(document: bytes) -> tuple[Clearance, ...]:
        return (read_any_clearance(document, node.registry.policies),)

    http = httpx.AsyncClient(timeout=10.0, follow_redirects=False, trust_env=False)
    client = OpenIdClient(settings, http, node.clock)
    return oidc_routes(OidcSignIn(node.access, client, node.clock, node.random, clearance), signin.render)
