"""An OpenID provider for tests: discovery, keys, authorize, token and user information over HTTP,
as OpenID Connect Core 1.0 and RFC 7636 have them. It lets everyone in as `user`, unless told to
err."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import uvicorn
from fastapi import FastAPI, Request
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.responses import JSONResponse, RedirectResponse, Response

CLIENT = "veille"
SECRET = "a secret of the client"


@dataclass
class Provider:
    """`claims` change what the ID token says, `sign` how it is signed, `metadata` what is
    discovered. What was asked is in `asked`."""

    user: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": "u-1",
            "preferred_username": "Carla",
            "email": "carla@example.org",
            "email_verified": True,
        }
    )
    issuer: str = ""
    claims: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
    sign: "Callable[[Provider, dict[str, Any]], str] | None" = None
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    authorize_error: str = ""
    token_status: int = 200
    asked: list[str] = field(default_factory=list)
    keys: list[RSAKey | ECKey] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys.append(_rsa())

    def rotate(self) -> None:
        """Sign with a new key, and publish no other."""
        self.keys[:] = [ECKey.generate_key("P-256", {"kid": "k2", "use": "sig"}, private=True)]

    def signed(self, claims: dict[str, Any]) -> str:
        key = self.keys[0]
        alg = "RS256" if isinstance(key, RSAKey) else "ES256"
        return jwt.encode({"alg": alg, "kid": key.kid}, claims, key, algorithms=[alg])

    def app(self) -> FastAPI:
        app = FastAPI()
        for path, endpoint, method in (
            ("/.well-known/openid-configuration", self.discovery, "GET"),
            ("/jwks", self.jwks, "GET"),
            ("/authorize", self.authorize, "GET"),
            ("/token", self.token, "POST"),
            ("/userinfo", self.information, "GET"),
        ):
            app.add_api_route(path, endpoint, methods=[method], response_class=Response)
        return app

    async def discovery(self, request: Request) -> Response:
        self.asked.append("discovery")
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "response_types_supported": ["code"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                **self.metadata,
            }
        )

    async def jwks(self, request: Request) -> Response:
        self.asked.append("jwks")
        odd = {"kty": "oct", "kid": "k1", "k": "c2VjcmV0"}
        return JSONResponse({"keys": [odd, *(key.as_dict(private=False) for key in self.keys)]})

    async def authorize(self, request: Request) -> Response:
        """The user agrees at once."""
        given = dict(request.query_params)
        assert given["response_type"] == "code"
        assert given["client_id"] == CLIENT
        assert "openid" in given["scope"].split()
        assert given["code_challenge_method"] == "S256"
        assert given["nonce"]
        answer = {"state": given["state"]}
        if self.authorize_error:
            answer["error"] = self.authorize_error
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self._codes[answer["code"]] = given
        return RedirectResponse(f"{given['redirect_uri']}?{urlencode(answer)}", 302)

    async def token(self, request: Request) -> Response:
        """A code is good once, for its own client, redirection and verifier."""
        given = dict(parse_qsl((await request.body()).decode()))
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return JSONResponse({"error": "invalid_client"}, 401)
        began = self._codes.pop(given["code"], None)
        if began is None or began["redirect_uri"] != given["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        if _base64(digest) != began["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = self.claims(
            {
                "iss": self.issuer,
                "aud": CLIENT,
                "iat": now,
                "exp": now + 300,
                "nonce": began["nonce"],
                **self.user,
            }
        )
        token = (self.sign or Provider.signed)(self, claims)
        body = {"access_token": "access", "token_type": "Bearer", "id_token": token}
        return JSONResponse(body, self.token_status)

    async def information(self, request: Request) -> Response:
        self.asked.append("userinfo")
        assert request.headers["authorization"] == "Bearer access"
        return JSONResponse({"sub": self.user["sub"], **self.userinfo})


def by_another_key(provider: Provider, claims: dict[str, Any]) -> str:
    """Signed by somebody who claims to be the issuer."""
    key = RSAKey.generate_key(2048, private=True)
    return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key, algorithms=["RS256"])


def by_nobody(provider: Provider, claims: dict[str, Any]) -> str:
    """The algorithm `none`."""
    return f"{_unsigned('none', claims)}."


def by_public_key(provider: Provider, claims: dict[str, Any]) -> str:
    """HMAC with the public key as its secret: the confusion of algorithms."""
    unsigned = _unsigned("HS256", claims)
    public = provider.keys[0].as_pem(private=False)
    return f"{unsigned}.{_base64(hmac.digest(public, unsigned.encode(), 'sha256'))}"


def _unsigned(algorithm: str, claims: dict[str, Any]) -> str:
    head = {"alg": algorithm, "kid": "k1", "typ": "JWT"}
    return ".".join(_base64(json.dumps(part).encode()) for part in (head, claims))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@cache
def _rsa() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}, private=True)


@asynccontextmanager
async def running(provider: Provider) -> AsyncIterator[Provider]:
    """On a free port of this machine."""
    config = uvicorn.Config(provider.app(), port=0, log_level="error")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    provider.issuer = f"http://127.0.0.1:{port}"
    try:
        yield provider
    finally:
        server.should_exit = True
        await serving
