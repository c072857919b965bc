"""Google Business Profile: the reviews of one's own places on Google Maps and Search.

Listed by the time of their last change, so edits show. Google puts its translation beside the
original; the original is kept. See docs/connectors/googlebusiness.md.
"""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar, Final

from connectors import http, listings, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings
from connectors.fields import count, mapping
from connectors.google_api import ACCESS, Google
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Post, Rating
from connectors.text import line, plain

_API: Final = "https://mybusiness.googleapis.com"
_OVERLAP: Final = timedelta(days=1)
_PLACE: Final = re.compile(r"accounts/[\w-]+/locations/[\w-]+", re.ASCII)
_STARS: Final = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
_TRANSLATED: Final = "(Translated by Google)"
_ORIGINAL: Final = "(Original)"
_REMEDY: Final = (
    "have the project approved for the Business Profile APIs, enable the Google My Business API,"
    " and authorise the client anew with the scope business.manage"
)


class GoogleBusiness:
    """Cursor: `{location: state of connectors.listings}`."""

    spec: ClassVar[Spec] = Spec(
        name="googlebusiness",
        door="Business Profile API v4",
        sees="reviews of one's own verified places, with stars; edits",
        needs="a project that Google approved; an account that manages the places",
        limits="300 requests a minute once approved, none before",
        options=(
            Option("locations", "Places: accounts/1/locations/2.", (), required=True),
            *ACCESS,
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="reviews",
        access="owner",
        poll_seconds=900.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._places = options.many("locations")
        for place in self._places:
            if not _PLACE.fullmatch(place):
                raise BadSettings(
                    f"googlebusiness: 'locations' has {place!r:.120}; give accounts/1/locations/2"
                )
        self._google = Google(context, options, _REMEDY)
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over the reviews of each place, oldest change first."""
        async with http.Client(
            self._context,
            contact=self._contact,
            secrets=self._google.secrets,
            seconds=self._timeout,
        ) as client:
            steps = listings.read_lists(
                self._context,
                cursor,
                self._places,
                lambda name: self._pages(client, name),
                self._post,
                backfill=self._backfill,
                overlap=_OVERLAP,
            )
            async for step in steps:
                yield step

    def reread(self, raw: bytes) -> Post:
        """The post of a review that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    async def _pages(self, client: http.Client, place: str) -> listings.Pages:
        params = {"pageSize": "50", "orderBy": "updateTime desc"}
        while True:
            said = await self._google.json(client, f"{self._base}/v4/{place}/reviews", params)
            found = said.get("reviews")
            yield found if isinstance(found, list) else []
            following = line(said.get("nextPageToken"), limit=2_000)
            if not following or following == params.get("pageToken"):
                return
            params["pageToken"] = following

    def _post(self, place: str, item: Any) -> Post:
        now = http.current_time(self._context)
        review = mapping(item)
        number = line(review.get("reviewId")) or line(review.get("name")).rpartition("/")[2]
        if not number:
            raise ValueError("the review has no reviewId")
        words = review.get("comment")
        text, truncated = plain(_original(words) if isinstance(words, str) else "", html=False)
        stars = _stars(review.get("starRating"))
        if stars is None and not text:
            raise ValueError("the review has neither stars nor a comment")
        created = times.parse(review.get("createTime"), now=now)
        changed = times.parse_or(review.get("updateTime"), created, now=now)
        person = mapping(review.get("reviewer"))
        hidden = person.get("isAnonymous") is True
        return Post(
            id=f"googlebusiness:{number}",
            source="googlebusiness",
            kind="review",
            state="edited" if changed > created else "live",
            created_at=created,
            collected_at=now,
            updated_at=changed if changed > created else None,
            text=text,
            truncated=truncated,
            author=Author(name="" if hidden else line(person.get("displayName"))),
            engagement=Engagement(replies=1 if mapping(review.get("reviewReply")) else 0),
            rating=stars,
            thread_id=f"googlebusiness:{place}",
        )


def _stars(value: object) -> Rating | None:
    """`FIVE` is 5 of 5; `STAR_RATING_UNSPECIFIED` is none."""
    number = _STARS.get(value) if isinstance(value, str) else count(value)
    return Rating(float(number)) if number else None


def _original(words: str) -> str:
    """What the person wrote, of a comment that holds Google's translation before or after it."""
    if _TRANSLATED not in words:
        return words
    if _ORIGINAL in words:
        return words.partition(_ORIGINAL)[2].strip()
    before, _, after = words.partition(_TRANSLATED)
    return before.strip() or after.strip()
