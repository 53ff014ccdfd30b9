"""The pages of signing in; what happens there stands in `faces.http.signin`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response

from foedus.faces.web.visit import visit


def render(template: str, context: Mapping[str, Any]) -> Response[Any]:
    """A sign-in page in the visitor's language. `context` has the request."""
    rest = {k: value for k, value in context.items() if k != "request"}
    return visit(context["request"]).page(template, {"next": "/", "providers": (), **rest}, echo=False)
