"""Flickr: photos whose title, description or tags hold what is searched for, and their comments.

A search reaches its first 4,000 results and then repeats them, so time is cut into slices that
hold fewer. Errors come with the status 200. See docs/connectors/flickr.md.
"""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from connectors import flickr_posts, http
from connectors.archive import Archive
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import Fatal, Refused, Retriable
from connectors.fields import count, mapping, mappings
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Kind, Post
from connectors.quota import Quota
from connectors.searches import fair, single
from connectors.slices import Found, Slice, sliced
from connectors.text import line

_API: Final = "https://api.flickr.com"
_REACH: Final = 4_000
_PAGE: Final = 500
_MOST_CUTS: Final = 14
"""Cuts after which a total that stays the same shows that time does not narrow the search."""
_AN_HOUR: Final = 3_500
_EXTRAS: Final = (
    "description,date_upload,date_taken,owner_name,path_alias,tags,geo,views,count_comments,"
    "count_faves,url_l,url_c,url_z"
)
_BUSY: Final = frozenset({0, 10, 105, 106, 201})
_NOT_FOUND: Final = 1
_KEY: Final = frozenset({95, 96, 97, 98, 99, 100, 116})


class Flickr:
    """Cursor: that of `connectors.archive`; its `site` is the hour's calls."""

    spec: ClassVar[Spec] = Spec(
        name="flickr",
        door="REST API",
        sees="photos that a search finds, their comments and counts; deleted photos",
        needs="an API key",
        limits="3,600 calls an hour; time is sliced where a search has over 4,000 results",
        options=(
            Option("key", "API key.", required=True, secret=True),
            QUERIES,
            Option("comments", "Follow the comments of photos: yes or no.", "yes"),
            Option("backfill", "Hours that the first search of each query goes back.", 24),
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
        self._key = options.header("key")
        self._comments = options.switch("comments")
        self._backfill = timedelta(hours=options.whole("backfill", 0, 24 * 365))
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over all queries, oldest photo first."""
        async with http.Client(
            self._context, contact=self._contact, secrets=[self._key], seconds=self._timeout
        ) as client:
            known = mapping(cursor).get("site")
            quota = Quota(self._context, known, what="calls", limit=_AN_HOUR, period="hour")
            site = _Site(self._context, client, f"{self._base}/services/rest/", self._key, quota)
            archive = Archive(
                self._context, site, cursor, backfill=self._backfill, comments=self._comments
            )
            packed = fair(searched(self._options, self._context, single, 500))
            async for step in archive.steps([one.query for one in packed]):
                yield step


class _Missing(Refused):
    """There is no such photo."""


class _Site:
    """Flickr's own ways, for `connectors.archive`."""

    name = "flickr"
    kind: Kind = "post"

    def __init__(
        self, context: Context, client: http.Client, url: str, key: str, quota: Quota
    ) -> None:
        self._context, self._client, self._url = context, client, url
        self._key, self._quota = key, quota

    @property
    def state(self) -> Any:
        return self._quota.state

    async def find(self, key: str, since: datetime, until: datetime) -> AsyncIterator[Slice[Any]]:
        totals = Counter[int]()

        async def search(begin: datetime, end: datetime) -> Found[Any]:
            return await self._search(key, begin, end if end < until else None, totals)

        async for part in sliced(since, until, search):
            hopeless = max(totals.values(), default=0) > _MOST_CUTS
            yield replace(part, lost=part.lost or hopeless)

    async def _search(
        self, text: str, begin: datetime, end: datetime | None, totals: Counter[int]
    ) -> Found[Any]:
        """The photos uploaded in a span; none of them where it holds more than can be reached and
        can be cut."""
        params = {
            "text": text,
            "sort": "date-posted-asc",
            "min_upload_date": str(int(begin.timestamp())),
            "extras": _EXTRAS,
            "per_page": str(_PAGE),
        }
        if end is not None:
            params["max_upload_date"] = str(int(end.timestamp()))
        found: dict[str, Any] = {}
        for number in range(1, _REACH // _PAGE + 1):
            said = await self._call("flickr.photos.search", {**params, "page": str(number)})
            photos = said.get("photos")
            if not isinstance(photos, dict):
                raise Retriable("flickr answered no photos")
            total = count(photos.get("total")) or 0
            if total > _REACH and number == 1:
                totals[total] += 1
                if totals[total] <= _MOST_CUTS and _can_be_cut(begin, end, self._context):
                    return Found((), whole=False)
            page = photos.get("photo")
            before = len(found)
            for at, item in enumerate(page if isinstance(page, list) else []):
                name = line(mapping(item).get("id"), limit=64) or f"{number}:{at}"
                found.setdefault(name, item)
            last = len(found) == before or number >= (count(photos.get("pages")) or 1)
            if last:
                break
        # Where cuts do not help any more, `find` says what is lost.
        return Found([*found.values()], whole=total <= _REACH or totals[total] > _MOST_CUTS)

    def read(self, item: Any, now: datetime) -> Post:
        return flickr_posts.photo(item, now)

    async def again(self, native: str) -> Any | None:
        try:
            said = await self._call("flickr.photos.getInfo", {"photo_id": native})
        except _Missing:
            return None
        return said.get("photo")

    async def comments(self, native: str) -> Sequence[Any]:
        said = await self._call("flickr.photos.comments.getList", {"photo_id": native})
        return mappings(mapping(said.get("comments")).get("comment"), limit=10_000)

    def comment(self, native: str, item: Any, now: datetime) -> Post:
        return flickr_posts.comment(item, native, now)

    async def _call(self, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        """What a method gives. Raises what its code means; `Refused` for what is not there."""
        self._quota.spend()
        asked = {
            "method": method,
            "api_key": self._key,
            **params,
            "format": "json",
            "nojsoncallback": "1",
        }
        reply = await self._client.get(self._url, params=asked)
        said = http.decode(reply)
        if not isinstance(said, dict):
            raise Retriable(f"flickr: {method} answered no object")
        if said.get("stat") == "fail" or "code" in said:
            code = count(said.get("code"))
            why = line(said.get("message"), limit=200).replace(self._key, "***")
            told = f"flickr: {method} failed with {code}: {why}"
            if code in _BUSY:
                raise Retriable(told)
            if code in _KEY:
                raise Fatal(f"{told}. Remedy: set a 'key' from flickr.com/services/apps")
            raise _Missing(told) if code == _NOT_FOUND else Refused(told)
        return said


def _can_be_cut(begin: datetime, end: datetime | None, context: Context) -> bool:
    until = end or http.current_time(context)
    return until - begin > timedelta(seconds=1)
