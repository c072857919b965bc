"""Signed calls of Odnoklassniki's API, whose errors come with status 200 and a number."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from connectors import http
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.text import line
from connectors.throttle import Throttle
from connectors.tokens import Tokens

API: Final = "https://api.ok.ru"
_EXPIRED: Final = frozenset({102, 103})
_PASSING: Final = frozenset({1, 2, 8})
_LIMIT: Final = 11
_CLOSED: Final = frozenset({10, 160, 455, 456, 457, 458})
_MISSING: Final = frozenset({300, 700, 702})
_NEW: Final = "set a new 'access_token' (apiok.ru > your application)"
_KEYS: Final = "check 'application_key', 'application_secret' and 'access_token'"
_ASK: Final = "ask api-support@ok.ru to open the application"
_REMEDIES: Final = {7: _ASK, 9: _ASK, 101: _KEYS, 102: _NEW, 103: _NEW, 104: _KEYS, 453: _KEYS}


class Closed(Fatal):
    """One group or topic is gone, private or forbidden; others may be open."""


class Missing(Closed):
    """What was asked for is not there."""


def signature(params: Mapping[str, str], secret: str) -> str:
    """`sig` of a call: MD5 of `key=value` in the keys' order, not URL-encoded, and the secret.
    `access_token`, `session_key` and `sig` itself are left out."""
    left_out = ("access_token", "session_key", "sig")
    pairs = (f"{key}={params[key]}" for key in sorted(params) if key not in left_out)
    return _md5("".join(pairs) + secret)


def session_secret(token: str, application_secret: str) -> str:
    """The secret that signs the calls of a token."""
    return _md5(token + application_secret)


class Api:
    """The way to `https://api.ok.ru/fb.do`. `session` is the session's secret key where it is
    known; else it is made of the token and the application's secret key."""

    def __init__(
        self,
        context: Context,
        client: http.Client,
        throttle: Throttle,
        tokens: Tokens,
        *,
        base: str,
        application_key: str,
        application_secret: str,
        session: str,
        renewable: bool,
    ) -> None:
        self._context, self._client, self._throttle = context, client, throttle
        self._tokens, self._renewable = tokens, renewable
        self._url = f"{base}/fb.do"
        self._key, self._secret, self._session = application_key, application_secret, session

    async def call(self, method: str, params: Mapping[str, str]) -> Any:
        """What the method answers. A token that has ended is renewed once, where that is possible.

        Raises `Closed` for what this token may not see, `WaitUntil` for a limit, `Fatal` for
        refused keys, else what `Client.get` raises.
        """
        code, said = await self._asked(method, params)
        if code in _EXPIRED and self._renewable:
            await self._tokens.renew(self._client)
            code, said = await self._asked(method, params)
        if code is not None:
            raise self._error(method, code, line(mapping(said).get("error_msg"), limit=200))
        if said is None:
            raise Retriable(f"ok: {method} answered nothing")
        return said

    async def _asked(self, method: str, params: Mapping[str, str]) -> tuple[int | None, Any]:
        await self._throttle.turn()
        token = await self._tokens.get(self._client)
        asked = {**params, "application_key": self._key, "format": "json", "method": method}
        secret = self._session or session_secret(token, self._secret)
        asked |= {"access_token": token, "sig": signature(asked, secret)}
        said = await self._client.json(self._url, params=asked)
        code = mapping(said).get("error_code")
        return (count(code) or 1 if code is not None else None), said

    def _error(self, method: str, code: int, reason: str) -> ConnectorError:
        said = f"ok: {method} answered error {code}: {reason or 'no reason given'}"
        if code == _LIMIT:
            moment = http.current_time(self._context) + timedelta(hours=1)
            return WaitUntil(f"{said} (until {moment:%H:%M} UTC)", moment)
        if code in _PASSING:
            return Retriable(said)
        if code in _CLOSED or code in _MISSING:
            return Missing(said) if code in _MISSING else Closed(said)
        remedy = _REMEDIES.get(code)
        return Fatal(f"{said}. Remedy: {remedy}") if remedy else Refused(said)


def _md5(text: str) -> str:
    # The source's rule, not ours: what it keeps safe is in TLS.
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
