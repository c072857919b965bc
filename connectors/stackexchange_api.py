"""Calls of the Stack Exchange API: a daily quota, waits asked for inside a 200, errors in JSON."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors import http
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.quota import Quota
from connectors.text import line

API: Final = "https://api.stackexchange.com"
PAGE: Final = 100
_LONGEST_WAIT: Final = timedelta(days=1)
_SECONDS: Final = re.compile(r"(\d{1,9}) second")
_THROTTLED: Final = (502,)
_PASSING: Final = (500, 503)
_CREDENTIALS: Final = (401, 402, 403, 405, 406)


class Api:
    """One pass's calls. `state` goes into the cursor and back in as `known`."""

    def __init__(
        self, context: Context, client: http.Client, known: Any, *, base: str, key: str, calls: int
    ) -> None:
        fields = mapping(known)
        self._context, self._client, self._base, self._key = context, client, base, key
        self.quota = Quota(
            context, fields.get("quota"), what="calls", limit=float(calls), period="day"
        )
        now = http.current_time(context).timestamp()
        waits = mapping(fields.get("waits")).items()
        self._waits = {k: float(v) for k, v in waits if isinstance(v, int | float) and v > now}

    @property
    def state(self) -> dict[str, Any]:
        return {"quota": self.quota.state, "waits": dict(self._waits)}

    async def items(
        self, method: str, path: str, params: Mapping[str, str]
    ) -> tuple[list[Any], bool]:
        """A page's items, and whether there are more. `method` is what a wait applies to.

        Raises `WaitUntil` before a call that would come too early, and as `Client.get`.
        """
        now = http.current_time(self._context)
        until = self._waits.get(method, 0.0)
        if now.timestamp() < until:
            moment = datetime.fromtimestamp(until, UTC)
            raise WaitUntil(f"the API asks to leave {method} alone until {moment:%H:%M:%S}", moment)
        self.quota.spend()
        whole = {"pagesize": str(PAGE), "filter": "withbody", **params}
        if self._key:
            whole["key"] = self._key
        reply = await self._client.get(f"{self._base}/2.3/{path}", params=whole, accept=(200, 400))
        said = http.decode(reply)
        if not isinstance(said, dict):
            raise Retriable(f"{http.shown(reply.url)} answered no object")
        self._obey(method, said, now)
        if "error_id" in said or reply.status != 200:
            raise self._error(http.shown(reply.url), said, now)
        found = said.get("items")
        if not isinstance(found, list):
            raise Retriable(f"{http.shown(reply.url)} answered no list of items")
        return found, said.get("has_more") is True

    def _obey(self, method: str, said: Mapping[str, Any], now: datetime) -> None:
        if wait := count(said.get("backoff")):
            seconds = min(float(wait), _LONGEST_WAIT.total_seconds())
            self._waits[method] = now.timestamp() + seconds
            self._context.on_note(f"the API asks to leave {method} alone for {seconds:g} seconds")
        if count(said.get("quota_remaining")) == 0:
            self.quota.used_up()

    def _error(self, place: str, said: Mapping[str, Any], now: datetime) -> ConnectorError:
        number, why = count(said.get("error_id")), line(said.get("error_message"), limit=200)
        why = why.replace(self._key, "***") if self._key else why
        message = f"{place} answered error {number}: {why or 'no reason given'}"
        if number in _THROTTLED:
            found = _SECONDS.search(why)
            asked = timedelta(seconds=int(found[1])) if found else timedelta(minutes=10)
            return WaitUntil(message, now + min(asked, _LONGEST_WAIT))
        if number in _PASSING:
            return Retriable(message)
        if number in _CREDENTIALS:
            return Fatal(f"{message}. Remedy: set 'key' to an application's key from stackapps.com")
        return Refused(message)
