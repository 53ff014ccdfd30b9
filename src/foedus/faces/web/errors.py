"""Error pages. Absent and not permitted are one page, the same bytes for both: it echoes nothing of the request."""

from __future__ import annotations

import logging
import secrets
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from foedus.faces.web.visit import Visit, visit
from foedus.kernel.errors import FoedusError, NotAuthenticated, Refused, TooMany

_log = logging.getLogger("foedus.web")
_KNOWN = (400, 403, 404, 405, 413, 422, 429, 500, 503)


def error_page(v: Visit, status: int, *, faults: Refused | None = None, reference: str = "") -> Response[str]:
    """The page of one status; faults of the caller's input are shown one a row."""
    known = status if status in _KNOWN else (500 if status >= 500 else 400)
    context = {"status": known, "faults": faults.faults if faults else (), "reference": reference}
    return v.page("error.html", context, status=status, echo=False)


def _sign_in(request: Request[Any, Any, Any]) -> Response[Any]:
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = "/signin" if path == "/" or request.method != "GET" else f"/signin?next={quote(path, safe='')}"
    if request.headers.get("hx-request") == "true":
        return Response("", status_code=401, headers={"HX-Redirect": target})
    return Redirect(target, status_code=303)


def on_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Every error of a page, in words. Only the node's own faults are logged with their trace, under a reference."""
    if isinstance(error, NotAuthenticated) or (isinstance(error, HTTPException) and error.status_code == 401):
        return _sign_in(request)
    if isinstance(error, FoedusError):
        status = error.status
    else:
        status = error.status_code if isinstance(error, HTTPException) else 500
    reference = ""
    if status >= 500:
        reference = secrets.token_hex(4)
        _log.error("reference %s", reference, exc_info=error)
    response = error_page(
        visit(request), status, faults=error if isinstance(error, Refused) else None, reference=reference
    )
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    return response
