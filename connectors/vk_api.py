"""Calls of VKontakte's API, whose errors come with status 200 and are told by a number."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from connectors import http
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.quota import Quota
from connectors.text import line
from connectors.throttle import Throttle

API: Final = "https://api.vk.com"
VERSION: Final = "5.199"
FIELDS: Final = "screen_name,followers_count,members_count,verified,city,status,description"
"""Asked for of authors, people and communities alike."""
_TRIES: Final = 4
_TOO_FAST: Final = 6
_CAPTCHA: Final = 14
_DAY_IS_OVER: Final = 29
_TOKEN: Final = frozenset({4, 5, 17, 24, 27, 28, 1114, 1116, 1117, 3609, 3610})
_CLOSED: Final = frozenset(
    {7, 13, 15, 18, 19, 30, 100, 113, 125, 200, 201, 203, 204, 210, 211, 212, 213, 260}
)
_DOOR: Final = frozenset({2, 8, 16, 20, 21, 23})
_UNKNOWN_METHOD: Final = 3
_RENEW: Final = (
    "Remedy: set a valid 'token' (the application's service token, dev.vk.com > My apps > Settings)"
)


class Closed(Fatal):
    """One wall, post or profile is private, deleted or forbidden; others may be open."""


class Spent(WaitUntil):
    """The day's calls of one method are used up; other methods go on."""


class Api:
    """The way to `https://api.vk.com/method/…` with one token."""

    def __init__(
        self,
        context: Context,
        client: http.Client,
        throttle: Throttle,
        *,
        base: str,
        token: str,
        quotas: Mapping[str, Quota],
    ) -> None:
        self._context, self._client, self._throttle = context, client, throttle
        self._base = f"{base.removesuffix('/method')}/method"
        self._token = token
        self._quotas = quotas

    async def call(self, method: str, params: Mapping[str, str]) -> Any:
        """What `response` holds. A call too fast for the source is tried again.

        Raises `Closed` for what this token may not see, `Spent` where the day's calls are used
        up, `Fatal` for a refused token and for a captcha, else what `Client.get` raises.
        """
        quota = self._quotas.get(method)
        for left in range(_TRIES - 1, -1, -1):
            if quota is not None:
                self._spend(quota)
            await self._throttle.turn()
            asked = {**params, "v": VERSION}
            said = await self._client.json(f"{self._base}/{method}", params=asked)
            fields = mapping(said)
            if fields.get("response") is not None:
                return fields["response"]
            error = mapping(fields.get("error"))
            if not error:
                why = line(fields.get("error_description") or fields.get("error"), limit=200)
                raise Retriable(f"vk: {method} answered {why or 'neither a response nor an error'}")
            if count(error.get("error_code")) != _TOO_FAST or not left:
                raise self._error(method, error, quota)
        raise AssertionError("the last try raises")

    def _spend(self, quota: Quota) -> None:
        try:
            quota.spend()
        except WaitUntil as error:
            raise Spent(f"vk: {error}", error.moment) from None

    def _error(self, method: str, error: Mapping[str, Any], quota: Quota | None) -> ConnectorError:
        code = count(error.get("error_code"))
        reason = line(error.get("error_msg"), limit=200) or "no reason given"
        if self._token:
            reason = reason.replace(self._token, "***")
        said = f"vk: {method} answered error {code}: {reason}"
        if code == _DAY_IS_OVER:
            an_hour = http.current_time(self._context) + timedelta(hours=1)
            return Spent(said, quota.used_up() if quota is not None else an_hour)
        if code == _CAPTCHA:
            return Fatal(
                f"{said}. Veille solves no captcha. Remedy: ask less often, or a new token"
            )
        if code in _TOKEN:
            return Fatal(f"{said}. {_RENEW}")
        if code in _CLOSED:
            return Closed(said)
        if code in _DOOR:
            return Fatal(f"{said}. Remedy: see whether the application is on and may call {method}")
        passing = code is not None and 0 < code < 100 and code != _UNKNOWN_METHOD
        return Retriable(said) if passing else Refused(said)


def entries(response: object) -> list[Any]:
    """The items of a response: under `items`, or a list that older versions begin with a number."""
    listed = mapping(response).get("items") if isinstance(response, dict) else response
    if not isinstance(listed, list):
        return []
    return [one for one in listed if not isinstance(one, int) or isinstance(one, bool)]
