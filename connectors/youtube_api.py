"""The YouTube Data API: its calls within their budgets, and what its refusals mean."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context
from connectors.errors import Fatal, Refused, Retriable, WaitUntil
from connectors.fields import mapping, mappings
from connectors.quota import Quota
from connectors.text import line

ZONE: Final = "America/Los_Angeles"
SEARCHES: Final = 100
UNITS: Final = 10_000
IDS: Final = 50
_SPENT: Final = frozenset({"quotaExceeded", "dailyLimitExceeded", "dailyLimitExceededUnreg"})
_HASTY: Final = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "backendError", "processingFailure"}
)
_KEY: Final = frozenset(
    {
        "keyInvalid",
        "API_KEY_INVALID",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "API_KEY_SERVICE_BLOCKED",
        "ipRefererBlocked",
        "accessNotConfigured",
        "SERVICE_DISABLED",
    }
)
_OF_OTHERS: Final = ("commentThreads", "comments", "playlistItems")
"""Lists that one video or channel may close to all, which says nothing of the key."""
_NOT_THERE: Final = frozenset(
    {
        "commentsDisabled",
        "videoNotFound",
        "channelNotFound",
        "playlistNotFound",
        "playlistItemsNotAccessible",
        "parentCommentNotFound",
        "commentThreadNotFound",
        "commentNotFound",
    }
)


class Calls:
    """Calls with a key. `searches` and `units` are the two budgets of a day in California."""

    def __init__(
        self, context: Context, client: http.Client, base: str, known: Any, limits: tuple[int, int]
    ) -> None:
        fields = mapping(known)
        self._context, self._client, self._base = context, client, base
        self.searches = self._quota(fields.get("searches"), "searches", limits[0])
        self.units = self._quota(fields.get("units"), "units", limits[1])

    def _quota(self, known: Any, what: str, limit: int) -> Quota:
        return Quota(self._context, known, what=what, limit=limit, period="day", zone=ZONE)

    @property
    def state(self) -> dict[str, Any]:
        """For the cursor."""
        return {"searches": self.searches.state, "units": self.units.state}

    def ahead(self, quota: Quota, burst: float = 0.0) -> bool:
        """Whether less of a day's budget is used than of the day, and a part of it (`burst`)."""
        rest = (quota.ends - http.current_time(self._context)) / timedelta(days=1)
        return quota.left > quota.limit * (min(1.0, rest) - burst)

    async def search(self, params: Mapping[str, str]) -> dict[str, Any]:
        """One page of `search.list`. Raises `WaitUntil` where the day's searches are used up."""
        return await self._call("search", params, self.searches)

    async def listed(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """One page of any other list. Raises `Refused` for comments that are switched off and for
        what is not there."""
        return await self._call(path, params, self.units)

    async def pages(
        self, path: str, params: Mapping[str, str], most: int
    ) -> AsyncIterator[list[Any]]:
        """The items of at most `most` pages, page by page, until one brings nothing new."""
        asked, known = dict(params), set[str]()
        for _ in range(most):
            page = await self.listed(path, asked)
            items = entries(page)
            ids = {msgspec.json.encode(mapping(item).get("id")).decode() for item in items}
            if items and ids <= known:
                return
            known |= ids
            yield items
            token = line(page.get("nextPageToken"))
            if not token:
                return
            asked["pageToken"] = token

    async def videos(self, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Videos by their id, with text and counts; those that are gone or private are missing."""
        found = {}
        for start in range(0, len(ids), IDS):
            params = {"part": "snippet,statistics", "id": ",".join(ids[start : start + IDS])}
            for item in mappings(entries(await self.listed("videos", params))):
                if name := line(item.get("id")):
                    found[name] = item
        return found

    async def _call(self, path: str, params: Mapping[str, str], quota: Quota) -> dict[str, Any]:
        quota.spend()
        url = f"{self._base}/youtube/v3/{path}"
        reply = await self._client.get(url, params=params, accept=(200, 400, 403, 404, 429))
        if reply.status != 200:
            self._refuse(reply, path, quota)
        page = http.decode(reply)
        if not isinstance(page, dict) or not isinstance(
            page.get("items", [] if page.get("kind") else None), list
        ):
            raise Retriable(f"youtube: {path} answered no list of items")
        return page

    def _refuse(self, reply: http.Reply, path: str, quota: Quota) -> None:
        """Raise what the body's own reason means, whatever the status."""
        reasons = _reasons(reply.body)
        error = self._client.refusal(reply)
        if reasons & _SPENT or (reply.status == 429 and b"PerDay" in reply.body):
            ends = quota.used_up()
            raise WaitUntil(f"youtube: the day's quota for {path} is used up", ends)
        if reasons & _HASTY:
            raise Retriable(f"{error}")
        if reasons & _NOT_THERE:
            raise Refused(f"{error} ({', '.join(sorted(reasons))})")
        if reasons & _KEY:
            raise Fatal(
                f"{error}. Remedy: in the Google Cloud console enable 'YouTube Data API v3' and "
                "set one of that project's keys as 'key'"
            )
        if path in _OF_OTHERS and reply.status in (403, 404):
            raise Refused(f"{error}")
        raise error


def entries(page: Mapping[str, Any]) -> list[Any]:
    """The items of a page."""
    items = page.get("items")
    return items if isinstance(items, list) else []


def _reasons(body: bytes) -> set[str]:
    """The reasons of an error in its older (`errors`) and newer (`details`) shape."""
    try:
        error = mapping(mapping(msgspec.json.decode(body)).get("error"))
    except (ValueError, RecursionError):
        return set()
    told = [*mappings(error.get("errors")), *mappings(error.get("details"))]
    return {line(one.get("reason"), limit=80) for one in told} - {""}
