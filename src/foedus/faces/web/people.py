"""What the pages need from authentication: the Subject of a request and the token against forged forms."""

from __future__ import annotations

from typing import Any

from litestar import Request

from foedus.node.access import Subject


def subject_of(request: Request[Any, Any, Any]) -> Subject | None:
    """Whoever the authentication middleware found, None where nobody is signed in."""
    found = request.scope.get("state", {}).get("subject")
    return found if isinstance(found, Subject) else None


def csrf_token(request: Request[Any, Any, Any]) -> str:
    """The token of this session that every form sends back; "" before there is a session."""
    return str(request.scope.get("state", {}).get("csrf") or "")
