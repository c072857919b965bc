"""Google Play: the reviews of one's own apps, from the Android Publisher API.

The API gives reviews that were written or changed in the last seven days, and only those with
words: a longer silence of ours is a gap. See docs/connectors/googleplay.md.
"""

import dataclasses
import functools
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import quote

from connectors import http, listings, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings
from connectors.fields import count, mapping, mappings
from connectors.google_api import ACCESS, Google
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Post, Rating
from connectors.quota import Quota
from connectors.text import line, plain

_API: Final = "https://androidpublisher.googleapis.com"
_WINDOW: Final = timedelta(days=7)
_OVERLAP: Final = timedelta(days=1)
_PER_HOUR: Final = 200.0
_PACKAGE: Final = re.compile(r"[A-Za-z]\w*(\.\w+)+", re.ASCII)
_REMEDY: Final = (
    "give the account the permission to see app information and reply to reviews in the Play"
    " Console, and authorise the client anew with the scope androidpublisher"
)


class GooglePlay:
    """Cursor: `{"lists": {app: state of connectors.listings}, "asked": {app: seconds since 1970 of
    the last pass}, "quota": {app: state}}`."""

    spec: ClassVar[Spec] = Spec(
        name="googleplay",
        door="Android Publisher API v3",
        sees="reviews of one's own apps of the last seven days, with words and stars; edits",
        needs="an account that the app's owner lets in; an OAuth client",
        limits="200 requests an hour and app",
        options=(
            Option("apps", "Packages of one's own apps: org.example.app.", (), required=True),
            *ACCESS,
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="reviews",
        access="owner",
        poll_seconds=1_800.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._apps = options.many("apps")
        for app in self._apps:
            if not _PACKAGE.fullmatch(app):
                raise BadSettings(f"googleplay: 'apps' has {app!r:.80}; give org.example.app")
        self._google = Google(context, options, _REMEDY)
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over the reviews of each app, oldest first."""
        known = mapping(cursor)
        lists, asked = dict(mapping(known.get("lists"))), dict(mapping(known.get("asked")))
        quotas = dict(mapping(known.get("quota")))
        now = http.current_time(self._context)
        async with http.Client(
            self._context,
            contact=self._contact,
            secrets=self._google.secrets,
            seconds=self._timeout,
        ) as client:
            for app in self._apps:
                quota = Quota(
                    self._context,
                    quotas.get(app),
                    what=f"requests for {app}",
                    limit=_PER_HOUR,
                    period="hour",
                )
                steps = listings.read_lists(
                    self._context,
                    lists,
                    [app],
                    functools.partial(self._pages, client, quota),
                    self._post,
                    backfill=self._backfill,
                    overlap=_OVERLAP,
                )
                if gap := _gap(app, asked.get(app), now):
                    yield Step(gap=gap)
                async for step in steps:
                    if step.cursor is None:
                        yield step
                        continue
                    lists, quotas[app] = step.cursor, quota.state
                    asked[app] = now.timestamp()
                    state = {"lists": lists, "asked": dict(asked), "quota": dict(quotas)}
                    yield dataclasses.replace(step, cursor=state)

    def reread(self, raw: bytes) -> Post:
        """The post of a review that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    async def _pages(self, client: http.Client, quota: Quota, app: str) -> listings.Pages:
        url = f"{self._base}/androidpublisher/v3/applications/{quote(app)}/reviews"
        params = {"maxResults": "100"}
        while True:
            quota.spend()
            said = await self._google.json(client, url, params)
            found = said.get("reviews")
            yield found if isinstance(found, list) else []
            following = line(mapping(said.get("tokenPagination")).get("nextPageToken"), limit=2_000)
            if not following or following == params.get("token"):
                return
            params["token"] = following

    def _post(self, app: str, item: Any) -> Post:
        now = http.current_time(self._context)
        review = mapping(item)
        number = line(review.get("reviewId"))
        comments = mappings(review.get("comments"))
        said = next((one for c in comments if (one := mapping(c.get("userComment")))), {})
        words = said.get("originalText") or said.get("text")
        if not number or not isinstance(words, str):
            raise ValueError("the review has no reviewId or no text")
        title, tab, body = words.partition("\t")
        text, truncated = plain(body if tab else words, html=False)
        stars = count(said.get("starRating"))
        return Post(
            id=f"googleplay:{number}",
            source="googleplay",
            kind="review",
            created_at=times.parse(mapping(said.get("lastModified")).get("seconds"), now=now),
            collected_at=now,
            url=f"https://play.google.com/store/apps/details?id={app}&reviewId={quote(number)}",
            title=line(title) if tab else "",
            text=text,
            truncated=truncated,
            lang=line(said.get("reviewerLanguage"), limit=35).replace("_", "-"),
            author=Author(name=line(review.get("authorName"))),
            engagement=Engagement(
                likes=count(said.get("thumbsUpCount")),
                replies=sum("developerComment" in one for one in comments),
            ),
            rating=Rating(float(stars)) if stars else None,
            thread_id=f"googleplay:app/{app}",
        )


def _gap(app: str, asked: object, now: datetime) -> Gap | None:
    """What was written while nobody asked for more than seven days."""
    if not isinstance(asked, int | float):
        return None
    last = datetime.fromtimestamp(asked, UTC)
    if now - last <= _WINDOW:
        return None
    reason = f"{app}: the API gives the reviews of seven days, and was last asked before that"
    return Gap(since=last.isoformat(), until=(now - _WINDOW).isoformat(), reason=reason)
