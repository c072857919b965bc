"""RuTube: the videos of named authors, and, where it is asked for, of a search.

Times come without a zone, and are those of Moscow. See docs/connectors/rutube.md.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from connectors import http, times
from connectors.archive import Archive, still
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, Retriable
from connectors.fields import count, mapping
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.paged import Page, back, moments
from connectors.post import Author, Engagement, Kind, Post
from connectors.searches import fair, single
from connectors.slices import Slice
from connectors.text import line, link, plain, tag

_API: Final = "https://rutube.ru"
_MOSCOW: Final = ZoneInfo("Europe/Moscow")
_PERSON: Final = "person:"
_SEARCH_PAGES: Final = 3


class Rutube:
    """Cursor: that of `connectors.archive`; its lists are authors as `person:number`, queries."""

    spec: ClassVar[Spec] = Spec(
        name="rutube",
        door="JSON API",
        sees="videos of named authors, their views, deleted videos; a search where asked for",
        needs="the authors' numbers",
        limits="none stated; one request at a time",
        options=(
            Option("persons", "Authors whose videos are read: numbers in their addresses.", ()),
            Option("search", "Search as the site does, which is not documented: yes or no.", "no"),
            QUERIES,
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
        self._persons = [_number(one) for one in options.many("persons")]
        self._search = options.switch("search")
        if not self._persons and not self._search:
            raise BadSettings(
                "rutube: set 'persons' to authors' numbers, such as 23456 of "
                "rutube.ru/channel/23456, or 'search' to yes"
            )
        self._backfill = timedelta(hours=options.whole("backfill", 0, 24 * 365))
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over all authors and queries, oldest video first."""
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            site = _Site(client, self._base)
            archive = Archive(self._context, site, cursor, backfill=self._backfill)
            queries = (
                fair(searched(self._options, self._context, single, 200)) if self._search else []
            )
            persons = [f"{_PERSON}{one}" for one in self._persons]
            async for step in archive.steps([*persons, *(one.query for one in queries)]):
                yield step


class _Site:
    """RuTube's own ways, for `connectors.archive`."""

    name = "rutube"
    kind: Kind = "video"
    state = None

    def __init__(self, client: http.Client, base: str) -> None:
        self._client, self._base = client, base

    async def find(self, key: str, since: datetime, until: datetime) -> AsyncIterator[Slice[Any]]:
        person = key.removeprefix(_PERSON) if key.startswith(_PERSON) else ""
        path = f"/api/video/person/{person}/" if person else "/api/search/video/"
        params = {"format": "json"} if person else {"format": "json", "query": key}

        async def fetch(number: str) -> Page:
            said = mapping(await self._get(path, {**params, "page": number or "1"}))
            listed = said.get("results")
            if not isinstance(listed, list):
                raise Retriable(f"rutube: {path} answered no list")
            more = said.get("has_next") is True or bool(line(said.get("next")))
            return listed, str(int(number or 1) + 1) if more else ""

        if person:
            yield await back(fetch, since, until, moments(self.read, until))
            return
        # The order of a search is the site's own: its first pages are all that is read.
        found = await back(fetch, since, until, lambda _: None, most=_SEARCH_PAGES)
        yield Slice(since, until, found.items)

    async def _get(self, path: str, params: Mapping[str, str]) -> Any:
        return await self._client.json(f"{self._base}{path}", params=params)

    def read(self, item: Any, now: datetime) -> Post:
        fields = mapping(item)
        name = line(fields.get("id"), limit=64)
        if not name:
            raise ValueError(f"the video has no id but {fields.get('id')!r:.80}")
        raw = fields.get("description")
        text, truncated = plain(raw, html=False) if isinstance(raw, str) else ("", False)
        author = mapping(fields.get("author"))
        number = count(author.get("id"))
        picture = link(fields.get("thumbnail_url"))
        tags = fields.get("hashtags") or fields.get("tags")
        published = fields.get("publication_ts") or fields.get("created_ts")
        return Post(
            id=f"rutube:{name}",
            source="rutube",
            kind="video",
            created_at=times.parse(in_moscow(published or now), now=now),
            collected_at=now,
            url=link(fields.get("video_url"), self._base) or f"{_API}/video/{name}/",
            title=line(fields.get("title")),
            text=text,
            truncated=truncated,
            author=Author(
                id=str(number) if number is not None else "",
                name=line(author.get("name")),
                url=link(author.get("site_url"))
                or (f"{_API}/channel/{number}/" if number is not None else ""),
            ),
            engagement=Engagement(
                replies=count(fields.get("comments_count")), views=count(fields.get("hits"))
            ),
            hashtags=_tags(tags),
            media=[picture] if picture else [],
        )

    async def again(self, native: str) -> Any | None:
        url = f"{self._base}/api/video/{native}/"
        found = await still(self._client, url, params={"format": "json"})
        return None if mapping(found).get("is_deleted") is True else found

    async def comments(self, native: str) -> Sequence[Any]:
        return ()

    def comment(self, native: str, item: Any, now: datetime) -> Post:
        raise ValueError("RuTube's comments have no documented door")


def in_moscow(told: Any) -> Any:
    """A time without a zone as one of Moscow's; anything else as it is."""
    if not isinstance(told, str):
        return told
    try:
        moment = datetime.fromisoformat(told.strip())
    except ValueError:
        return told
    return moment.replace(tzinfo=_MOSCOW) if moment.tzinfo is None else moment


def _number(told: str) -> str:
    """Of 23456, or of an address that holds it."""
    parts = [
        one for one in told.split("?", maxsplit=1)[0].split("/") if one.isascii() and one.isdigit()
    ]
    if len(parts) != 1:
        raise BadSettings(f"rutube: 'persons' has {told!r:.80}; give the number in its address")
    return parts[0]


def _tags(told: Any) -> list[str]:
    listed = told if isinstance(told, list) else []
    names = [tag(mapping(one).get("name") or one) for one in listed]
    return [name for name in dict.fromkeys(names) if name]
