"""YouTube: videos that a search finds or a channel uploads, and the comments under them.

Searches have a budget of their own, a hundred a day; everything else shares another. Both end at
midnight in California. Each search is asked in its turn, as often as the budget lasts the day.
See docs/connectors/youtube.md.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import ClassVar, Final

import msgspec

from connectors import http
from connectors import youtube_posts as posts_of
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, WaitUntil
from connectors.fields import mapping
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import Search, fair, spaced_or
from connectors.youtube_api import SEARCHES, UNITS, Calls
from connectors.youtube_pass import Pass

_API: Final = "https://www.googleapis.com"
_LONGEST_QUERY: Final = 500
_MOST_TERMS: Final = 20


class YouTube:
    """Cursor: `{"searched": {query: [time asked, time it is read up to]}, "uploads": {channel:
    [playlist, time it is read up to]}, "recheck", "follow", "replies", "dead",
    "budgets"}`."""

    spec: ClassVar[Spec] = Spec(
        name="youtube",
        door="Data API v3",
        sees="videos found or uploaded, their comments, replies and counts; deleted videos",
        needs="a free API key",
        limits="100 searches and 10,000 other calls a day",
        options=(
            Option("key", "API key of a Google Cloud project.", required=True, secret=True),
            QUERIES,
            Option("search", "Search for what queries or topics ask: yes or no.", "yes"),
            Option("channels", "Channels whose uploads are read: ids (UC…) or @handles.", ()),
            Option("videos", "Videos whose comments are followed: ids.", ()),
            Option("comments", "Follow comments of videos that were found: yes or no.", "yes"),
            Option("backfill", "Hours that the first search of each query goes back.", 24),
            Option("region", "Country (ISO 3166-1) in which videos must be viewable.", ""),
            Option("language", "Language (ISO 639-1) that results should lean to.", ""),
            Option("searches_a_day", "Searches that the project may make a day.", SEARCHES),
            Option("units_a_day", "Other calls that the project may make a day.", UNITS),
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
        self._search = options.switch("search")
        self._channels = options.many("channels")
        self._videos = options.many("videos")
        self._comments = options.switch("comments")
        self._backfill = timedelta(hours=options.whole("backfill", 0, 24 * 365))
        wanted = {
            "regionCode": options.text("region"),
            "relevanceLanguage": options.text("language"),
        }
        self._leaning = {name: value for name, value in wanted.items() if value}
        self._limits = (
            options.whole("searches_a_day", 1, 10_000_000),
            options.whole("units_a_day", 1, 1_000_000_000),
        )
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        if not self._search and not self._channels and not self._videos:
            raise BadSettings("youtube: 'search' is no; name 'channels' or 'videos' to read")

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: uploads of channels, searches that are due, videos to ask again, comments.
        Raises `WaitUntil` where a budget is used up and nothing else is left to do."""
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"x-goog-api-key": self._key},
            secrets=[self._key],
            seconds=self._timeout,
        ) as client:
            budgets = mapping(cursor).get("budgets")
            calls = Calls(self._context, client, self._base, budgets, self._limits)
            one = Pass(self._context, calls, mapping(cursor), comments=self._comments)
            try:
                async for step in self._steps(one):
                    if step.dead is None or one.unreadable.is_new(step.dead):
                        yield step
            except WaitUntil:
                yield Step(cursor=one.state)  # what was spent stands in it
                raise

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        item, now = msgspec.json.decode(raw), http.current_time(self._context)
        kind = mapping(item).get("kind")
        if kind == "youtube#comment":
            return posts_of.comment(item, "", now)
        return posts_of.video(item, now, escaped=kind == "youtube#searchResult")

    async def _steps(self, one: Pass) -> AsyncIterator[Step]:
        async for step in self._watched(one):
            yield step
        async for step in one.uploads(self._channels):
            yield step
        waiting: WaitUntil | None = None
        if self._search:
            try:
                async for step in self._searches(one):
                    yield step
            except WaitUntil as error:
                waiting = error
        async for step in one.again():
            yield step
        async for step in one.comments.steps():
            yield step
        yield Step(cursor=one.state)
        if waiting is not None and not one.busy(self._channels):
            raise waiting
        if waiting is not None:
            self._context.on_note(str(waiting))

    async def _watched(self, one: "Pass") -> AsyncIterator[Step]:
        """The videos that the settings name, at their first sight."""
        followed = one.comments.follow.state
        new = [name for name in self._videos if name not in followed]
        if new:
            async for step in one.new(new, {}, always=True):
                yield step

    async def _searches(self, one: "Pass") -> AsyncIterator[Step]:
        packed = fair(
            searched(self._options, self._context, _render, _LONGEST_QUERY, most_terms=_MOST_TERMS)
        )
        for query in one.in_turn(packed):
            async for step in one.search(query, self._backfill, self._leaning):
                yield step


def _render(searches: Sequence[Search]) -> str | None:
    """`|` is OR. How it binds beside a blank is not documented: only single words and phrases
    share a request."""
    if len(searches) > 1 and any(len(one.words) > 1 for one in searches):
        return None
    written = [spaced_or([one]) for one in searches]
    known = [one for one in written if one]
    return "|".join(known) if len(known) == len(written) else None
