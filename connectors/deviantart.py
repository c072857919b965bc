"""DeviantArt: deviations that a search or a tag finds, with their descriptions and comments.

Pages are offsets that shift as deviations come. See docs/connectors/deviantart.md.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

from connectors import deviantart_posts, http
from connectors.archive import Archive, still
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, ConnectorError, Fatal, Refused, Retriable
from connectors.fields import count, mapping, mappings
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.paged import Page, back, moments
from connectors.post import Kind, Post
from connectors.searches import fair, single
from connectors.slices import Slice
from connectors.text import line, tag
from connectors.tokens import Grant, Tokens

_API: Final = "https://www.deviantart.com"
_PAGE: Final = 120
_TAG_PAGE: Final = 50
_DETAILS: Final = 50
_COMMENT_PAGES: Final = 10
_TAG: Final = "tag:"
_REMEDY: Final = (
    "set 'client_id' and 'client_secret' of an application of deviantart.com/developers"
)


class DeviantArt:
    """Cursor: that of `connectors.archive`; its lists are queries, and tags as `tag:name`."""

    spec: ClassVar[Spec] = Spec(
        name="deviantart",
        door="OAuth API",
        sees="deviations found or under tags, descriptions, comments, counts; deletions",
        needs="a free application's id and secret",
        limits="not stated; it slows down when told to",
        options=(
            Option("client_id", "The application's client_id.", required=True),
            Option("client_secret", "The application's secret.", required=True, secret=True),
            QUERIES,
            Option("search", "Search for what queries or topics ask: yes or no.", "yes"),
            Option("tags", "Tags whose deviations are read.", ()),
            Option("mature", "Include what is marked as mature: yes or no.", "no"),
            Option("comments", "Follow the comments of deviations: yes or no.", "yes"),
            Option("backfill", "Hours that the first reading of each list goes back.", 24),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="video",
        access="key",
        poll_seconds=600.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._app = options.text("client_id"), options.text("client_secret")
        self._search = options.switch("search")
        self._tags = [tag(name) for name in options.many("tags")]
        if not self._search and not self._tags:
            raise BadSettings("deviantart: 'search' is no; name 'tags' to read")
        self._mature = options.switch("mature")
        self._comments = options.switch("comments")
        self._backfill = timedelta(hours=options.whole("backfill", 0, 24 * 365))
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over all queries and tags, oldest deviation first."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._app[0],
            "client_secret": self._app[1],
        }
        tokens = Tokens(self._context, grant=Grant(f"{self._base}/oauth2/token", form, _REMEDY))
        async with http.Client(
            self._context, contact=self._contact, secrets=[self._app[1]], seconds=self._timeout
        ) as client:
            site = _Site(self._context, client, self._base, tokens, mature=self._mature)
            archive = Archive(
                self._context, site, cursor, backfill=self._backfill, comments=self._comments
            )
            queries = (
                fair(searched(self._options, self._context, single, 200)) if self._search else []
            )
            tags = [f"{_TAG}{name}" for name in self._tags]
            async for step in archive.steps([*tags, *(one.query for one in queries)]):
                yield step


class _Site:
    """DeviantArt's own ways, for `connectors.archive`."""

    name = "deviantart"
    kind: Kind = "post"
    state = None

    def __init__(
        self, context: Context, client: http.Client, base: str, tokens: Tokens, *, mature: bool
    ) -> None:
        self._context, self._client, self._tokens = context, client, tokens
        self._base = f"{base}/api/v1/oauth2"
        self._mature = {"mature_content": "true" if mature else "false"}

    async def find(self, key: str, since: datetime, until: datetime) -> AsyncIterator[Slice[Any]]:
        """The list's deviations, with their descriptions and tags."""
        named = key.startswith(_TAG)

        async def fetch(place: str) -> Page:
            if named:
                params = {"tag": key.removeprefix(_TAG), "limit": str(_TAG_PAGE)}
                return await self._page("/browse/tags", params, place)
            return await self._page("/browse/newest", {"q": key, "limit": str(_PAGE)}, place)

        found = await back(fetch, since, until, moments(self.read, until))
        items = await self._detailed(found.items)
        yield Slice(found.since, found.until, items, lost=found.lost)

    async def _page(self, path: str, params: Mapping[str, str], place: str) -> Page:
        """A page, and where the next one is: `offset=…` or `cursor=…`."""
        name, _, value = place.partition("=")
        asked = {**params, **self._mature, **({name: value} if place else {})}
        said = await self._get(path, urlencode(asked))
        listed = said.get("results")
        if not isinstance(listed, list):
            raise Retriable(f"deviantart: {path} answered no results")
        following = line(said.get("next_cursor"), limit=2_000)
        offset = count(said.get("next_offset"))
        if said.get("has_more") is not True:
            return listed, ""
        if following:
            return listed, f"cursor={following}"
        return listed, f"offset={offset}" if offset is not None else ""

    async def _detailed(self, items: Sequence[Any]) -> list[Any]:
        """The items with what `metadata` tells of them, where it tells."""
        names = [line(mapping(item).get("deviationid"), limit=64) for item in items]
        told: dict[str, Any] = {}
        wanted = [name for name in names if name]
        for start in range(0, len(wanted), _DETAILS):
            pairs = [("deviationids[]", name) for name in wanted[start : start + _DETAILS]]
            query = urlencode([*pairs, ("ext_stats", "true"), *self._mature.items()])
            try:
                said = await self._get("/deviation/metadata", query)
            except Fatal as error:
                self._context.on_note(f"descriptions can't be had: {error}")
                break
            for one in mappings(said.get("metadata")):
                told[line(one.get("deviationid"), limit=64)] = one
        return [
            {**item, "metadata": told[name]} if name in told else item
            for name, item in zip(names, items, strict=True)
        ]

    async def _get(self, path: str, query: str) -> dict[str, Any]:
        """What a path gives. A token that was refused is renewed once."""
        url = f"{self._base}{path}?{query}"
        reply = await self._client.get(
            url, headers=await self._tokens.bearer(self._client), accept=(200, 401)
        )
        if reply.status == 401:
            refusal = self._client.refusal(reply)
            if "invalid_token" not in reply.body.decode("utf-8", "replace"):
                raise refusal
            await self._tokens.renew(self._client)
            reply = await self._client.get(url, headers=await self._tokens.bearer(self._client))
        said = mapping(http.decode(reply))
        if said.get("status") == "error":
            raise self._failed(path, said)
        return said

    def _failed(self, path: str, said: Mapping[str, Any]) -> ConnectorError:
        why = line(said.get("error_description") or said.get("error"), limit=200)
        told = f"deviantart: {path} failed: {why}"
        return Retriable(told) if said.get("error") == "server_error" else Refused(told)

    def read(self, item: Any, now: datetime) -> Post:
        return deviantart_posts.deviation(item, now)

    async def again(self, native: str) -> Any | None:
        url = f"{self._base}/deviation/{native}"
        headers = await self._tokens.bearer(self._client)
        found = await still(self._client, url, headers=headers)
        if found is None or mapping(found).get("is_deleted") is True:
            return None
        return (await self._detailed([found]))[0]

    async def comments(self, native: str) -> Sequence[Any]:
        found: list[Any] = []
        offset = 0
        for _ in range(_COMMENT_PAGES):
            query = urlencode({"limit": "50", "offset": str(offset), "maxdepth": "5"})
            said = await self._get(f"/comments/deviation/{native}", f"{query}&{self._query}")
            listed = said.get("thread")
            found += listed if isinstance(listed, list) else []
            following = count(said.get("next_offset"))
            if said.get("has_more") is not True or following is None or following <= offset:
                break
            offset = following
        return found

    @property
    def _query(self) -> str:
        return urlencode(self._mature)

    def comment(self, native: str, item: Any, now: datetime) -> Post:
        return deviantart_posts.comment(item, native, now)
