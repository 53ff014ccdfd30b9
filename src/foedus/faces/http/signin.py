"""Signing in and out in a browser: by one-time link, by name and password. OpenID Connect stands in `oidc.py`.

The pages are rendered by whoever wires this: `render(template, context)` answers a Litestar response for
`signin.html` (context: request, next, error, providers) and `signin-link.html` (request, valid, error). `error` is None
or {"code", "en", "fr"}. The application's state holds `authentication`.

Opening a link shows a page with a button, and only the button uses the link up: programs that scan mail open links too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from litestar import Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Response

from foedus.faces.http.authentication import Authentication, client_address
from foedus.faces.http.cookies import cookie, is_secure, read_cookie
from foedus.kernel.errors import FoedusError, NotAuthenticated, TooMany
from foedus.node.access import SignedIn

Render = Callable[[str, Mapping[str, Any]], Response[Any]]
AnyRequest = Request[Any, Any, Any]

_MAX_FORM = 32 * 1024
_SAID = {
    "failed": {
        "en": "Name or password is wrong, or the account cannot sign in this way.",
        "fr": "Le nom ou le mot de passe est erroné, ou le compte ne permet pas cette connexion.",
    },
    "link": {
        "en": "This sign-in link is unknown, used or expired. Ask an administrator for a new one.",
        "fr": "Ce lien de connexion est inconnu, déjà utilisé ou expiré. Demandez-en un autre à un administrateur.",
    },
    "wait": {
        "en": "Too many attempts. Try again later.",
        "fr": "Trop de tentatives. Réessayez plus tard.",
    },
    "provider": {
        "en": "The identity provider did not confirm who you are, or no account is bound to you here.",
        "fr": "Le fournisseur d’identité n’a pas confirmé qui vous êtes, ou aucun compte ne vous est associé ici.",
    },
}


def safe_target(text: str) -> str:
    """Where to go after signing in: a path of this node, "/" for anything else."""
    plain = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if plain and len(text) <= 2048 and not text.startswith("/signin") else "/"


def signed_in(request: AnyRequest, session: SignedIn, target: str = "/") -> Response[Any]:
    """The answer that starts the session: the cookie, and on to the target."""
    age = max(1, (session.expires - _authentication(request).now()) // 1_000_000)
    start = cookie(session.session, is_secure(request.scope), max_age=age)
    return private(Redirect(safe_target(target), status_code=303, cookies=[start]))


def previous_session(request: AnyRequest) -> str:
    """The session that the browser shows; it ends when another begins, so that nobody can plant one."""
    return read_cookie(request.scope["headers"], is_secure(request.scope))


def refused(
    render: Render, request: AnyRequest, template: str, error: FoedusError, code: str, **more: Any
) -> Response[Any]:
    """A sign-in page that says what went wrong, with the error's status and headers."""
    code = "wait" if isinstance(error, TooMany) else code
    page = render(template, {"request": request, "error": {"code": code, **_SAID[code]}, **more})
    page.status_code = error.status
    if isinstance(error, TooMany):
        page.headers["Retry-After"] = str(error.retry_after)
    else:  # without Basic: browsers would ask for a password in a window of their own
        page.headers["WWW-Authenticate"] = 'Bearer realm="foedus"'
    return private(page)


def signin_routes(render: Render, providers: Sequence[str] = ()) -> list[HTTPRouteHandler]:
    """The handlers of /signin, /signin/link/{secret} and /signout. `providers`: names of OpenID providers to offer."""

    @get("/signin", name="signin", include_in_schema=False)
    async def show(request: AnyRequest) -> Response[Any]:
        target = safe_target(request.query_params.get("next", "/"))
        return private(render("signin.html", _context(request, providers, target)))

    @post("/signin", name="signin-submit", include_in_schema=False, request_max_body_size=_MAX_FORM)
    async def submit(request: AnyRequest) -> Response[Any]:
        form = await request.form()
        name, password = _text(form.get("name")), _text(form.get("password"))
        target = safe_target(_text(form.get("next")))
        try:
            session = await _authentication(request).sign_in_by_password(
                name, password, client_address(request.scope), replaces=previous_session(request)
            )
        except (NotAuthenticated, TooMany) as error:
            return refused(render, request, "signin.html", error, "failed", next=target, providers=providers)
        return signed_in(request, session, target)

    @get("/signin/link/{secret:str}", name="signin-link", include_in_schema=False)
    async def show_link(request: AnyRequest) -> Response[Any]:
        authentication = _authentication(request)
        try:
            authentication.check_link(request.path_params["secret"], client_address(request.scope))
        except (NotAuthenticated, TooMany) as error:
            return refused(render, request, "signin-link.html", error, "link", valid=False)
        return private(render("signin-link.html", {"request": request, "valid": True, "error": None}))

    @post("/signin/link/{secret:str}", name="signin-link-submit", include_in_schema=False)
    async def use_link(request: AnyRequest) -> Response[Any]:
        try:
            session = _authentication(request).sign_in_by_link(
                request.path_params["secret"], client_address(request.scope), replaces=previous_session(request)
            )
        except (NotAuthenticated, TooMany) as error:
            return refused(render, request, "signin-link.html", error, "link", valid=False)
        return signed_in(request, session)

    @post("/signout", name="signout", include_in_schema=False)
    async def sign_out(request: AnyRequest) -> Response[Any]:
        _authentication(request).access.sign_out(previous_session(request))
        gone = cookie("", is_secure(request.scope), max_age=0)
        return private(Redirect("/signin", status_code=303, cookies=[gone]))

    return [show, submit, show_link, use_link, sign_out]


def _context(request: AnyRequest, providers: Sequence[str], target: str) -> dict[str, Any]:
    return {"request": request, "next": target, "error": None, "providers": providers}


def _authentication(request: AnyRequest) -> Authentication:
    authentication = request.app.state.authentication
    assert isinstance(authentication, Authentication)
    return authentication


def private(response: Response[Any]) -> Response[Any]:
    """Kept by no cache; the address, which may hold a secret, is told to no other site."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
