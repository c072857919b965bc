"""What Google's APIs have in common: access by a refresh token, and errors that name a reason."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Option
from connectors.errors import BadSettings, ConnectorError, Fatal, Retriable, WaitUntil
from connectors.fields import mapping, mappings
from connectors.limits import status_error, wait_asked
from connectors.options import Options
from connectors.text import line
from connectors.tokens import Grant, Tokens

_TOKENS: Final = "https://oauth2.googleapis.com"
_DAILY: Final = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_BRIEF: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RESOURCE_EXHAUSTED"})
_AFTER: Final = timedelta(hours=1)
ACCESS: Final = (
    Option("client_id", "Id of an OAuth client, with refresh_token.", ""),
    Option("client_secret", "Secret of that client.", "", secret=True),
    Option("refresh_token", "Refresh token of the account that may read.", "", secret=True),
    Option(
        "token", "An access token, instead of the three above; it lasts an hour.", "", secret=True
    ),
)


class Google:
    """One account's way to an API. Raises `BadSettings` where it is given neither token."""

    def __init__(self, context: Context, options: Options, remedy: str) -> None:
        self._context, self._remedy = context, remedy
        fixed, refresh = options.header("token"), options.text("refresh_token")
        client, secret = options.text("client_id"), options.text("client_secret")
        if not fixed and not (refresh and client):
            raise BadSettings(
                f"{options.source}: set 'refresh_token' and 'client_id' (or 'token'): {remedy}"
            )
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "client_id": client,
            "client_secret": secret,
        }
        url = f"{options.url('base_url') or _TOKENS}/token"
        self._grant = None if fixed else Grant(url, form, remedy)
        self._tokens = Tokens(context, fixed=fixed, grant=self._grant)
        self.secrets = [one for one in (fixed, refresh, secret) if one]

    async def json(
        self, client: http.Client, url: str, params: Mapping[str, str]
    ) -> dict[str, Any]:
        """The object that a GET gives; Google leaves out fields that are empty.

        Raises `WaitUntil` for a quota, `Fatal` with the remedy for a closed door, and as
        `Client.get`.
        """
        reply = await self._get(client, url, params)
        if reply.status == 401 and self._grant is not None:
            await self._tokens.renew(client)
            reply = await self._get(client, url, params)
        if reply.status != 200:
            raise self._error(reply)
        said = http.decode(reply)
        if not isinstance(said, dict):
            raise Retriable(f"{http.shown(reply.url)} answered no object")
        return said

    async def _get(self, client: http.Client, url: str, params: Mapping[str, str]) -> http.Reply:
        bearer = await self._tokens.bearer(client)
        return await client.get(url, params=params, headers=bearer, accept=(200, 401, 403))

    def _error(self, reply: http.Reply) -> ConnectorError:
        now = http.current_time(self._context)
        place = http.shown(reply.url)
        error = status_error(reply.status, reply.headers, reply.body, place, now)
        said = f"{error}"
        for secret in self.secrets:
            said = said.replace(secret, "***")
        reasons = _reasons(reply.body)
        if reasons & (_DAILY | _BRIEF):
            short = timedelta(minutes=1) if reasons & _BRIEF else _AFTER
            return WaitUntil(said, wait_asked(reply.headers, now) or now + short)
        if isinstance(error, Retriable):
            return Retriable(said)
        return Fatal(f"{said}. Remedy: {self._remedy}")


def _reasons(body: bytes) -> frozenset[str]:
    """The codes that an error gives, in its older form (`errors[].reason`) and its newer one."""
    try:
        error = mapping(mapping(msgspec.json.decode(body)).get("error"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    listed = [*mappings(error.get("errors")), *mappings(error.get("details"))]
    return frozenset(line(one) for one in [error.get("status"), *(e.get("reason") for e in listed)])
