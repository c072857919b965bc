"""OpenID Connect: the code flow with PKCE, state and nonce, and an ID token that is verified.

The issuer is the installation's own choice: its addresses may be private, its certificate must be
good. What it says is bounded in size and time, and believed only where it is signed.
"""

import asyncio
import hmac
import logging
import secrets
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet, import_key

from streams.errors import ConfigError
from streams.settings import Oidc
from streams.users.records import UserError

ALGORITHMS: Final = tuple(
    f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)
)
"""Signatures by a key that only the issuer has: neither `none` nor a shared secret."""
SECONDS: Final = 10.0
LEEWAY: Final = 60
"""Seconds by which clocks may differ."""
KNOWN_SECONDS: Final = 3600.0
LEAST_SECONDS: Final = 60.0
"""Between two readings of the keys, however many tokens name an unknown one."""
MOST_BYTES: Final = 1024 * 1024

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Flow(msgspec.Struct, frozen=True):
    """One login under way, kept by the browser that began it."""

    state: str
    nonce: str
    verifier: str
    back: str = "/"


class _Metadata(msgspec.Struct, frozen=True):
    """What is used of OpenID Connect Discovery 1.0, section 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""


class Issuer:
    """The issuer that the settings name. Nothing is asked before the first login."""

    def __init__(self, settings: Oidc) -> None:
        self._settings = settings
        self._turn = asyncio.Lock()
        self._metadata: tuple[float, _Metadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    async def start(self, redirect_uri: str, back: str) -> tuple[str, Flow]:
        """Where the browser goes, and what it keeps meanwhile. Raises `UserError`."""
        known = await self._discovered()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        flow = Flow(state, nonce, verifier, back)
        address: str = prepare_grant_uri(
            known.authorization_endpoint,
            self._settings.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=self._settings.scopes,
            state=flow.state,
            nonce=flow.nonce,
            code_challenge=create_s256_code_challenge(flow.verifier),
            code_challenge_method="S256",
        )
        return address, flow

    async def finish(
        self, flow: Flow, given: Mapping[str, str], redirect_uri: str
    ) -> dict[str, Any]:
        """The claims of who logged in, of what the issuer sent the browser back with. Raises
        `UserError`."""
        state = given.get("state", "").encode()
        if not flow.state or not hmac.compare_digest(state, flow.state.encode()):
            raise _refused("state", "the answer belongs to no login that was begun here")
        known = await self._discovered()
        if given.get("iss", known.issuer) != known.issuer:  # RFC 9207
            raise _refused("state", f"the answer is of another issuer: {given['iss'][:200]!r}")
        if "code" not in given:
            said = (
                f"{given.get('error', 'no code')[:80]} {given.get('error_description', '')[:200]}"
            )
            raise _refused("denied", f"the issuer says: {said!r}")
        tokens = await self._tokens(known, flow, given["code"], redirect_uri)
        claims = await self._verified(known, flow, tokens)
        return claims | await self._more(known, tokens, claims)

    async def _tokens(self, known: _Metadata, flow: Flow, code: str, redirect_uri: str) -> _Tokens:
        body = prepare_token_request(
            "authorization_code", "", redirect_uri, code=code, code_verifier=flow.verifier
        )
        secret = secret_of(self._settings)
        ways = known.token_endpoint_auth_methods_supported
        by_post = "client_secret_basic" not in ways and "client_secret_post" in ways
        way = ("client_secret_post" if by_post else "client_secret_basic") if secret else "none"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        auth = ClientAuth(self._settings.client_id, secret, way)
        address, headers, body = auth.prepare("POST", known.token_endpoint, headers, body)
        answer = await self._ask("POST", address, headers=headers, content=body)
        return _shaped(answer, _Tokens, address)

    async def _verified(self, known: _Metadata, flow: Flow, tokens: _Tokens) -> dict[str, Any]:
        """Signature, algorithm, issuer, audience, times and nonce: OpenID Connect Core 3.1.3.7."""
        try:
            token = await self._decoded(known, tokens.id_token)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": known.issuer},
                    "aud": {"essential": True, "value": self._settings.client_id},
                },
                {
                    "nonce": flow.nonce,
                    "client_id": self._settings.client_id,
                    "access_token": tokens.access_token,
                },
            )
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise _refused("token", f"the ID token is not good: {error}") from None
        return dict(claims)

    async def _decoded(self, known: _Metadata, token: str) -> jwt.Token:
        """A key that is not known may be new."""
        keys = await self._known_keys(known, KNOWN_SECONDS)
        try:
            return jwt.decode(token, keys, algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            keys = await self._known_keys(known, LEAST_SECONDS)
            return jwt.decode(token, keys, algorithms=ALGORITHMS)

    async def _more(
        self, known: _Metadata, tokens: _Tokens, claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What the issuer tells only when asked: e-mail and groups, often."""
        wanted = {"email", self._settings.role_claim.partition(".")[0] or "email"}
        if wanted <= claims.keys() or not known.userinfo_endpoint or not tokens.access_token:
            return {}
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        answer = await self._ask("GET", known.userinfo_endpoint, headers=headers)
        told = _shaped(answer, dict[str, Any], known.userinfo_endpoint)
        if told.get("sub") != claims["sub"]:
            raise _refused("token", "the user information is of another user")
        return {name: value for name, value in told.items() if name not in claims}

    async def _discovered(self) -> _Metadata:
        async with self._turn:
            if self._metadata and time.monotonic() - self._metadata[0] < KNOWN_SECONDS:
                return self._metadata[1]
            issuer = self._settings.issuer
            address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            found = _shaped(await self._ask("GET", address), _Metadata, address)
            if found.issuer != issuer:
                raise _refused(
                    "away",
                    f"{address} is of the issuer {found.issuer[:200]!r}. Remedy: set "
                    "web.oidc.issuer to exactly that, if it is the right one",
                )
            for one in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
                _refuse_plain(one, issuer)
            self._metadata = (time.monotonic(), found)
            return found

    async def _known_keys(self, known: _Metadata, seconds: float) -> KeySet:
        """Not older than that."""
        async with self._turn:
            if self._keys and time.monotonic() - self._keys[0] < seconds:
                return self._keys[1]
            answer = await self._ask("GET", known.jwks_uri)
            told = _shaped(answer, dict[str, Any], known.jwks_uri).get("keys")
            keys = KeySet([key for one in told or [] if (key := _key(one)) is not None])
            self._keys = (time.monotonic(), keys)
            return keys

    async def _ask(self, method: str, address: str, **given: Any) -> bytes:
        """The body of a good answer. Raises `UserError`."""
        verify = ssl.create_default_context(cafile=self._settings.ca_file)
        body = b""
        try:
            async with (
                httpx.AsyncClient(timeout=SECONDS, verify=verify, trust_env=False) as client,
                asyncio.timeout(2 * SECONDS),
                client.stream(method, address, **given) as answer,
            ):
                async for piece in answer.aiter_bytes():
                    body += piece
                    if len(body) > MOST_BYTES:
                        raise _refused("away", f"{_bare(address)} answers with too much")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
            raise _refused("away", f"{_bare(address)} does not answer: {error!r}") from None
        if answer.status_code != 200:
            said = body[:200].decode("utf-8", "replace")
            raise _refused("away", f"{_bare(address)} answers {answer.status_code}: {said!r}")
        return body


def secret_of(settings: Oidc) -> str:
    """Raises `ConfigError` for a file that can't be read."""
    if settings.client_secret_file is None:
        return settings.client_secret.get_secret_value()
    try:
        return settings.client_secret_file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"web.oidc.client_secret_file: {settings.client_secret_file}: {error}. Remedy: a file "
            "that Veille may read"
        ) from None


def _refused(code: str, said: str) -> UserError:
    """The log says why; who logs in is told one word."""
    _log.warning("OpenID Connect: %s", said)
    return UserError(code, said)


def _shaped(body: bytes, shape: type[T], address: str) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise _refused("away", f"{_bare(address)} answers what can't be used: {error}") from None


def _key(told: object) -> Any:
    """A public key for signatures; `None` for what is none."""
    if not isinstance(told, dict) or told.get("kty") not in ("RSA", "EC"):
        return None
    if told.get("use", "sig") != "sig":
        return None
    try:
        return import_key(told)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _refuse_plain(address: str, issuer: str) -> None:
    """As the issuer itself: https, or this machine."""
    if urlsplit(address).scheme != "https" and not issuer.startswith("http:"):
        raise _refused("away", f"{_bare(address)} is no https address")


def _bare(address: str) -> str:
    return address.partition("?")[0][:200]
