"""Dailymotion: public videos that a search finds or a member uploads.

A list reaches its first 1,000 entries, so time is cut into slices that hold fewer.
See docs/connectors/dailymotion.md.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

import msgspec

from connectors import http, times
from connectors.archive import Archive
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, Refused, Retriable
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Author, Engagement, Kind, Place, Post
from connectors.searches import fair, single
from connectors.slices import Found, Slice, sliced
from connectors.text import line, link, plain, tag

_API: Final = "https://api.dailymotion.com"
_SITE: Final = "https://www.dailymotion.com"
_FIELDS: Final = (
    "id,title,description,created_time,url,language,country,tags,thumbnail_url,views_total,"
    "likes_total,owner.id,owner.username,owner.screenname,owner.url"
)
_PAGE: Final = 100
_PAGES: Final = 10
_SHORTEST: Final = timedelta(minutes=1)
_GONE: Final = frozenset({"not_found", "deleted", "gone", "video_not_found"})
_USERS: Final = "user:"


class Dailymotion:
    """Cursor: that of `connectors.archive`; its lists are queries, and members as `user:name`."""

    spec: ClassVar[Spec] = Spec(
        name="dailymotion",
        door="Data API",
        sees="public videos found or uploaded, and their counts; deleted videos; no comments",
        needs="nothing",
        limits="time is sliced where a list has over 1,000 entries",
        options=(
            QUERIES,
            Option("search", "Search for what queries or topics ask: yes or no.", "yes"),
            Option("users", "Members whose uploads are read, by id or name.", ()),
            Option("backfill", "Hours that the first reading of each list goes back.", 24),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="video",
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._search = options.switch("search")
        self._users = options.many("users")
        if not self._search and not self._users:
            raise BadSettings("dailymotion: 'search' is no; name 'users' to read")
        self._backfill = timedelta(hours=options.whole("backfill", 0, 24 * 365))
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over all queries and members, oldest video first."""
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            site = _Site(client, self._base)
            archive = Archive(self._context, site, cursor, backfill=self._backfill)
            queries = (
                fair(searched(self._options, self._context, single, 150)) if self._search else []
            )
            users = [f"{_USERS}{name}" for name in self._users]
            async for step in archive.steps([*users, *(one.query for one in queries)]):
                yield step


class _Site:
    """Dailymotion's own ways, for `connectors.archive`."""

    name = "dailymotion"
    kind: Kind = "video"
    state = None

    def __init__(self, client: http.Client, base: str) -> None:
        self._client, self._base = client, base

    async def find(self, key: str, since: datetime, until: datetime) -> AsyncIterator[Slice[Any]]:
        async def search(begin: datetime, end: datetime) -> Found[Any]:
            return await self._search(key, begin, end if end < until else None)

        async for part in sliced(since, until, search, shortest=_SHORTEST):
            yield part

    async def _search(self, key: str, begin: datetime, end: datetime | None) -> Found[Any]:
        params = {
            "fields": _FIELDS,
            "sort": "recent",
            "created_after": str(int(begin.timestamp())),
            "limit": str(_PAGE),
        }
        if end is not None:
            params["created_before"] = str(int(end.timestamp()))
        path = "/videos"
        if key.startswith(_USERS):
            path = f"/user/{quote(key.removeprefix(_USERS), safe='')}/videos"
        else:
            params["search"] = key
        found: dict[str, Any] = {}
        for number in range(1, _PAGES + 1):
            said = await self._get(path, {**params, "page": str(number)})
            listed = said.get("list")
            if not isinstance(listed, list):
                raise Retriable(f"dailymotion: {path} answered no list")
            before = len(found)
            for at, item in enumerate(listed):
                name = line(mapping(item).get("id"), limit=64) or f"{number}:{at}"
                found.setdefault(name, item)
            if said.get("has_more") is not True or len(found) == before:
                return Found([*found.values()][::-1])
        return Found([*found.values()][::-1], whole=False)

    async def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """The object at a path. Errors tell their type in the body, whatever the status."""
        reply = await self._client.get(
            f"{self._base}{path}", params=params, accept=(200, 400, 403, 404, 410)
        )
        if reply.status == 200:
            said = mapping(http.decode(reply))
            error = mapping(said.get("error"))
        else:
            error = _error(reply.body)
            said = {}
        if not error and reply.status == 200:
            return said
        kind = line(error.get("type"), limit=80)
        why = line(error.get("message"), limit=200)
        told = f"dailymotion: {path} answered {reply.status} {kind}: {why}"
        if "rate_limit" in kind or count(error.get("code")) in (429, 500, 502, 503):
            raise Retriable(told)
        if reply.status in (404, 410) or kind in _GONE or count(error.get("code")) in (404, 410):
            raise _Missing(told)
        if reply.status == 200:
            raise Refused(told)
        raise self._client.refusal(reply)

    def read(self, item: Any, now: datetime) -> Post:
        fields = mapping(item)
        name = line(fields.get("id"), limit=64)
        if not name:
            raise ValueError(f"the video has no id but {fields.get('id')!r:.80}")
        raw = fields.get("description")
        # Line ends come as `<br />`.
        text, truncated = plain(raw, html=True) if isinstance(raw, str) else ("", False)
        tags = fields.get("tags")
        picture = link(fields.get("thumbnail_url"))
        country = line(fields.get("country"), limit=8).upper()
        return Post(
            id=f"dailymotion:{name}",
            source="dailymotion",
            kind="video",
            created_at=times.parse(fields.get("created_time") or now, now=now),
            collected_at=now,
            url=link(fields.get("url")) or f"{_SITE}/video/{name}",
            title=line(fields.get("title")),
            text=text,
            truncated=truncated,
            lang=line(fields.get("language"), limit=35),
            author=_author(fields),
            engagement=Engagement(
                likes=count(fields.get("likes_total")), views=count(fields.get("views_total"))
            ),
            hashtags=_unique(tag(one) for one in (tags if isinstance(tags, list) else [])),
            media=[picture] if picture else [],
            place=Place(country=country) if len(country) == 2 else None,
        )

    async def again(self, native: str) -> Any | None:
        try:
            return await self._get(f"/video/{quote(native, safe='')}", {"fields": _FIELDS})
        except _Missing:
            return None

    async def comments(self, native: str) -> Sequence[Any]:
        return ()

    def comment(self, native: str, item: Any, now: datetime) -> Post:
        raise ValueError("Dailymotion has no comments")


class _Missing(Refused):
    """It is not there."""


def _error(body: bytes) -> dict[str, Any]:
    try:
        return mapping(mapping(msgspec.json.decode(body)).get("error"))
    except (ValueError, RecursionError):
        return {}


def _author(fields: Mapping[str, Any]) -> Author:
    """The owner, as fields of their own (`owner.username`), as an object, or as an id."""
    owner = mapping(fields.get("owner"))

    def told(name: str) -> Any:
        return fields.get(f"owner.{name}") or owner.get(name)

    handle = line(told("username"), limit=100)
    return Author(
        id=line(told("id") or fields.get("owner"), limit=64),
        handle=handle,
        name=line(told("screenname")),
        url=link(told("url")) or (f"{_SITE}/{handle}" if handle else ""),
    )


def _unique(values: Any) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
