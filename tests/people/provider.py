"""A small OpenID provider in a process of its own: discovery, authorization code with PKCE, RS256 ID tokens, JWKS.

It signs everybody in at once, as whoever `POST /control` said last, and it can be told to misbehave. Run as
`python provider.py CLIENT_ID CLIENT_SECRET REDIRECT_URI`; the first line it prints is its issuer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET, REDIRECT_URI = sys.argv[1:4]


class State:
    """What the provider knows. `control` holds: sub, claims (added or replaced; null removes), now, sign, misbehave."""

    def __init__(self) -> None:
        self.issuer = ""
        self.control: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.key = RSAKey.generate_key(2048, {"use": "sig", "kid": "key-1"}, private=True)
        self.published = [self.key]
        self.served: list[str] = []
        self.rotations = 0

    def rotate(self) -> None:
        self.rotations += 1
        kid = f"key-{self.rotations + 1}"
        self.key = RSAKey.generate_key(2048, {"use": "sig", "kid": kid}, private=True)
        self.published = [self.key]


STATE = State()


def half_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def id_token(nonce: str, access_token: str) -> str:
    now = int(STATE.control.get("now") or time.time())
    claims: dict[str, Any] = {
        "iss": STATE.issuer,
        "sub": STATE.control.get("sub", "248289761001"),
        "aud": CLIENT_ID,
        "exp": now + 300,
        "iat": now,
        "nonce": nonce,
        "at_hash": half_hash(access_token),
    }
    claims |= STATE.control.get("claims", {})
    claims = {name: value for name, value in claims.items() if value is not None}
    how = STATE.control.get("sign", "RS256")
    if how == "none":
        head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        return f"{head}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}."
    if how == "HS256":  # the published public key taken for a shared secret
        secret = STATE.key.as_pem(private=False)
        head = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": STATE.key.kid}).encode()).rstrip(b"=")
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        mac = hmac.new(secret, head + b"." + body, "sha256").digest()
        return b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
    if how == "stranger":  # a key that is not published, under the name of one that is
        stranger = RSAKey.generate_key(2048, {"kid": STATE.key.kid}, private=True)
        return jwt.encode({"alg": "RS256", "kid": STATE.key.kid}, claims, stranger)
    token = jwt.encode({"alg": "RS256", "kid": STATE.key.kid}, claims, STATE.key)
    if how == "altered":
        head, _, signature = token.split(".")
        body = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "somebody-else"}).encode()).rstrip(b"=")
        return ".".join([head, body.decode(), signature])
    assert jws.extract_compact(token.encode()).headers()["alg"] == "RS256"
    return token


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        query = dict(parse_qsl(urlsplit(self.path).query))
        STATE.served.append(path)
        if path == "/.well-known/openid-configuration":
            self.answer(self.metadata())
        elif path == "/jwks":
            self.answer({"keys": [key.as_dict(private=False) for key in STATE.published]})
        elif path == "/authorize":
            self.authorize(query)
        elif path == "/served":
            self.answer({"paths": STATE.served})
        else:
            self.answer({"error": "not_found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path == "/token":
            self.token(dict(parse_qsl(body)))
        elif self.path == "/control":
            STATE.control = json.loads(body)
            if STATE.control.get("rotate"):
                STATE.rotate()
            self.answer({})
        else:
            self.answer({"error": "not_found"}, 404)

    def metadata(self) -> dict[str, Any]:
        metadata = {
            "issuer": STATE.issuer,
            "authorization_endpoint": f"{STATE.issuer}/authorize",
            "token_endpoint": f"{STATE.issuer}/token",
            "jwks_uri": f"{STATE.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }
        return metadata | STATE.control.get("metadata", {})

    def authorize(self, query: dict[str, str]) -> None:
        proper = (
            query.get("response_type") == "code"
            and query.get("client_id") == CLIENT_ID
            and query.get("redirect_uri") == REDIRECT_URI
            and "openid" in query.get("scope", "").split()
            and query.get("code_challenge_method") == "S256"
            and len(query.get("code_challenge", "")) == 43
            and query.get("state")
            and query.get("nonce")
        )
        if not proper:
            self.answer({"error": "invalid_request"}, 400)
            return
        code = secrets.token_urlsafe(16)
        STATE.codes[code] = query
        self.send_response(302)
        self.send_header("Location", REDIRECT_URI + "?" + urlencode({"code": code, "state": query["state"]}))
        self.end_headers()

    def token(self, form: dict[str, str]) -> None:
        begun = STATE.codes.pop(form.get("code", ""), None)  # once
        scheme, _, credential = self.headers.get("Authorization", "").partition(" ")
        shown = base64.b64decode(credential).decode().split(":", 1) if scheme == "Basic" else ["", ""]
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if [unquote(part) for part in shown] != [CLIENT_ID, CLIENT_SECRET]:
            self.answer({"error": "invalid_client"}, 401)
        elif (
            begun is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != begun["redirect_uri"]
            or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != begun["code_challenge"]
        ):
            self.answer({"error": "invalid_grant"}, 400)
        elif STATE.control.get("answer") == "huge":
            self.answer({"id_token": "x" * 3_000_000})
        elif STATE.control.get("answer") == "garbage":
            self.answer(["not", "an", "object"])
        else:
            access_token = secrets.token_urlsafe(16)
            shown_token = id_token(begun["nonce"], access_token)
            self.answer({"access_token": access_token, "token_type": "Bearer", "id_token": shown_token})

    def answer(self, content: Any, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        return


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    STATE.issuer = f"http://127.0.0.1:{server.server_port}"
    print(STATE.issuer, flush=True)
    server.serve_forever()
