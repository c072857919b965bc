"""Vimeo: videos that a search finds or a member uploads, and the comments under them.

Lists run from the newest video back. See docs/connectors/vimeo.md.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

from connectors import http, times
from connectors.archive import Archive, still
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, Retriable
from connectors.fields import count, mapping, mappings
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.paged import Page, back, moments
from connectors.post import Author, Engagement, Kind, Post
from connectors.searches import fair, single
from connectors.slices import Slice
from connectors.text import line, link, plain, tag
from connectors.tokens import Grant, Tokens

_API: Final = "https://api.vimeo.com"
_SITE: Final = "https://vimeo.com"
_ACCEPT: Final = "application/vnd.vimeo.*+json;version=3.4"
_FIELDS: Final = (
    "uri,name,description,link,language,created_time,release_time,tags,stats,pictures,"
    "user.uri,user.name,user.link,user.bio,user.location,user.metadata.connections.followers.total,"
    "metadata.connections.comments.total,metadata.connections.likes.total"
)
_PAGE: Final = 100
_COMMENT_PAGES: Final = 5
_REMEDY: Final = "set 'token', or 'client_id' and 'client_secret', of an app of developer.vimeo.com"
_USERS: Final = "user:"


class Vimeo:
    """Cursor: that of `connectors.archive`; its lists are queries, and members as `user:name`."""

    spec: ClassVar[Spec] = Spec(
        name="vimeo",
        door="REST API",
        sees="public videos found or uploaded, their comments and counts; deleted videos",
        needs="a free app's token, or its id and secret",
        limits="as each answer says; obeyed before the limit is hit",
        options=(
            Option("token", "Access token with the scope public.", "", secret=True),
            Option("client_id", "The app's client identifier, to get tokens with.", ""),
            Option("client_secret", "The app's client secret.", "", secret=True),
            QUERIES,
            Option("search", "Search for what queries or topics ask: yes or no.", "yes"),
            Option("users", "Members whose uploads are read, by number or name.", ()),
            Option("comments", "Follow the comments of videos: yes or no.", "yes"),
            Option("backfill", "Hours that the first reading of each list goes back.", 24),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="video",
        access="key",
        poll_seconds=300.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._token = options.header("token")
        self._app = options.text("client_id"), options.text("client_secret")
        if not self._token and not all(self._app):
            raise BadSettings(f"vimeo: 'token' is not set. Remedy: {_REMEDY}")
        self._search = options.switch("search")
        self._users = options.many("users")
        if not self._search and not self._users:
            raise BadSettings("vimeo: 'search' is no; name 'users' to read")
        self._comments = options.switch("comments")
        self._backfill = timedelta(hours=options.whole("backfill", 0, 24 * 365))
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over all queries and members, oldest video first."""
        async with http.Client(
            self._context,
            contact=self._contact,
            headers={"accept": _ACCEPT},
            secrets=[self._token, self._app[1]],
            seconds=self._timeout,
        ) as client:
            site = _Site(self._context, client, self._base, self._tokens())
            archive = Archive(
                self._context, site, cursor, backfill=self._backfill, comments=self._comments
            )
            queries = (
                fair(searched(self._options, self._context, single, 200)) if self._search else []
            )
            users = [f"{_USERS}{name}" for name in self._users]
            async for step in archive.steps([*users, *(one.query for one in queries)]):
                yield step

    def _tokens(self) -> Tokens:
        grant = Grant(
            f"{self._base}/oauth/authorize/client",
            {"grant_type": "client_credentials", "scope": "public"},
            _REMEDY,
            basic=(self._app[0], self._app[1]),
        )
        return Tokens(self._context, fixed=self._token, grant=None if self._token else grant)


class _Site:
    """Vimeo's own ways, for `connectors.archive`."""

    name = "vimeo"
    kind: Kind = "video"
    state = None

    def __init__(self, context: Context, client: http.Client, base: str, tokens: Tokens) -> None:
        self._context, self._client, self._base, self._tokens = context, client, base, tokens

    async def find(self, key: str, since: datetime, until: datetime) -> AsyncIterator[Slice[Any]]:
        params = {"sort": "date", "direction": "desc", "per_page": str(_PAGE), "fields": _FIELDS}
        path = "/videos"
        if key.startswith(_USERS):
            path = f"/users/{quote(key.removeprefix(_USERS), safe='')}/videos"
        else:
            params["query"] = key

        async def fetch(number: str) -> Page:
            return await self._page(path, params, number)

        yield await back(fetch, since, until, moments(self.read, until))

    async def _page(self, path: str, params: Mapping[str, str], number: str) -> Page:
        said = await self._get(path, {**params, "page": number or "1"})
        listed = said.get("data")
        if not isinstance(listed, list):
            raise Retriable(f"vimeo: {path} answered no list")
        more = mapping(said.get("paging")).get("next")
        return listed, str(int(number or 1) + 1) if more else ""

    async def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        headers = await self._tokens.bearer(self._client)
        reply = await self._client.get(f"{self._base}{path}", params=params, headers=headers)
        return mapping(http.decode(reply))

    def read(self, item: Any, now: datetime) -> Post:
        fields = mapping(item)
        name = _last(fields.get("uri"))
        if not name:
            raise ValueError(f"the video has no uri but {fields.get('uri')!r:.80}")
        text, truncated = _text(fields.get("description"))
        links = mapping(mapping(fields.get("metadata")).get("connections"))
        tags = (tag(one.get("name") or one.get("tag")) for one in mappings(fields.get("tags")))
        return Post(
            id=f"vimeo:{name}",
            source="vimeo",
            kind="video",
            created_at=times.parse(
                fields.get("created_time") or fields.get("release_time") or now, now=now
            ),
            collected_at=now,
            url=link(fields.get("link")) or f"{_SITE}/{name}",
            title=line(fields.get("name")),
            text=text,
            truncated=truncated,
            lang=line(fields.get("language"), limit=35),
            author=_author(mapping(fields.get("user"))),
            engagement=Engagement(
                likes=count(mapping(links.get("likes")).get("total")),
                replies=count(mapping(links.get("comments")).get("total")),
                views=count(mapping(fields.get("stats")).get("plays")),
            ),
            hashtags=[one for one in dict.fromkeys(tags) if one],
            media=[one for one in [_picture(fields.get("pictures"))] if one],
        )

    async def again(self, native: str) -> Any | None:
        headers = await self._tokens.bearer(self._client)
        url = f"{self._base}/videos/{native}"
        return await still(self._client, url, params={"fields": _FIELDS}, headers=headers)

    async def comments(self, native: str) -> Sequence[Any]:
        """Comments, and the replies under those that have some."""
        found: list[Any] = []
        path = f"/videos/{native}/comments"
        for one in await self._all(path):
            found.append(one)
            links = mapping(mapping(mapping(one).get("metadata")).get("connections"))
            if count(mapping(links.get("replies")).get("total")):
                under = f"{path}/{_last(mapping(one).get('uri'))}/replies"
                parent = _last(mapping(one).get("uri"))
                found += [{**reply, "parent": parent} for reply in mappings(await self._all(under))]
        return found

    async def _all(self, path: str) -> list[Any]:
        found: list[Any] = []
        params = {"per_page": str(_PAGE), "direction": "desc"}
        number = "1"
        for _ in range(_COMMENT_PAGES):
            page, number = await self._page(path, params, number)
            found += page
            if not page or not number:
                break
        return found

    def comment(self, native: str, item: Any, now: datetime) -> Post:
        fields = mapping(item)
        name = _last(fields.get("uri"))
        if not name:
            raise ValueError(f"the comment has no uri but {fields.get('uri')!r:.80}")
        text, truncated = _text(fields.get("text"))
        parent = line(fields.get("parent"), limit=64)
        return Post(
            id=f"vimeo:{native}/comments/{name}",
            source="vimeo",
            kind="comment",
            created_at=times.parse(fields.get("created_on"), now=now),
            collected_at=now,
            url=link(fields.get("link")) or f"{_SITE}/{native}",
            text=text,
            truncated=truncated,
            author=_author(mapping(fields.get("user"))),
            parent_id=f"vimeo:{native}/comments/{parent}" if parent else f"vimeo:{native}",
            thread_id=f"vimeo:{native}",
        )


def _last(uri: Any) -> str:
    """`123` of `/videos/123`, and of `/videos/123:hash`, whose link is not public."""
    found = line(uri, limit=200).rstrip("/").rpartition("/")[2].partition(":")[0]
    return found if found.isascii() and found.isalnum() else ""


def _text(value: Any) -> tuple[str, bool]:
    return plain(value, html=False) if isinstance(value, str) else ("", False)


def _author(user: Mapping[str, Any]) -> Author:
    links = mapping(mapping(user.get("metadata")).get("connections"))
    page = link(user.get("link"))
    return Author(
        id=_last(user.get("uri")),
        handle=page.rpartition("/")[2],
        name=line(user.get("name")),
        bio=line(user.get("bio")),
        followers=count(mapping(links.get("followers")).get("total")),
        location=line(user.get("location")),
        url=page,
    )


def _picture(pictures: Any) -> str:
    """The largest size; older versions give a list of pictures."""
    newest = mappings(pictures)[:1]
    told = mapping(newest[0]) if newest else {}
    sizes = mappings(told.get("sizes"))
    return link(sizes[-1].get("link")) if sizes else link(told.get("base_link"))
