"""Yandex Market: what buyers write about the goods of one's own shop, from the Partner API.

See docs/connectors/yandexmarket.md.
"""

import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from connectors import http, listings, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import Retriable, WaitUntil
from connectors.fields import count, mapping, mappings
from connectors.limits import wait_asked
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Post, Rating
from connectors.quota import Quota
from connectors.text import line, link, plain

_API: Final = "https://api.partner.market.yandex.ru"
_PAGE: Final = 50
_PER_HOUR: Final = 1_000.0
_OVERLAP: Final = timedelta(days=2)  # reviews are looked at before they are published
_LIMITED: Final = 420
_PARTS: Final = (
    ("advantages", "Достоинства"),
    ("disadvantages", "Недостатки"),
    ("comment", "Комментарий"),
)


class YandexMarket:
    """Cursor: `{"lists": {business: state of connectors.listings}, "quota"}`."""

    spec: ClassVar[Spec] = Spec(
        name="yandexmarket",
        door="Partner API v2",
        sees="reviews of the goods of one's own shops, with stars and photos; edits",
        needs="an Api-Key of the shop",
        limits="1,000 requests an hour; the API reaches back six months",
        options=(
            Option("businesses", "Numbers of one's own businesses.", (), required=True),
            Option("key", "Api-Key with the scope communication.", "", required=True, secret=True),
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="reviews",
        access="owner",
        poll_seconds=600.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._businesses = options.numbers("businesses")
        self._key = options.header("key")
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over the reviews of each business, oldest first."""
        known = mapping(cursor)
        lists = mapping(known.get("lists"))
        quota = Quota(
            self._context, known.get("quota"), what="requests", limit=_PER_HOUR, period="hour"
        )
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"api-key": self._key},
            secrets=[self._key],
            seconds=self._timeout,
        ) as client:
            steps = listings.read_lists(
                self._context,
                lists,
                self._businesses,
                lambda name: self._pages(client, quota, name, lists.get(name)),
                self._post,
                backfill=self._backfill,
                overlap=_OVERLAP,
            )
            async for step in steps:
                if step.cursor is None:
                    yield step
                    continue
                state = {"lists": step.cursor, "quota": quota.state}
                yield dataclasses.replace(step, cursor=state)

    def reread(self, raw: bytes) -> Post:
        """The post of a review that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    async def _pages(
        self, client: http.Client, quota: Quota, business: str, known: Any
    ) -> listings.Pages:
        url = f"{self._base}/v2/businesses/{business}/goods-feedback"
        params = {"limit": str(_PAGE)}
        since = mapping(known).get("newest")
        body: dict[str, Any] = {}
        if isinstance(since, int | float):
            begin = datetime.fromtimestamp(since, UTC) - _OVERLAP
            body["dateTimeFrom"] = begin.isoformat(timespec="seconds")
        while True:
            quota.spend()
            reply = await client.post(url, json=body, params=params, accept=(200, _LIMITED))
            if reply.status == _LIMITED:
                now = http.current_time(self._context)
                until = wait_asked(reply.headers, now) or now + timedelta(minutes=10)
                raise WaitUntil(f"{http.shown(url)} answered 420: too many requests", until)
            result = mapping(mapping(http.decode(reply)).get("result"))
            found = result.get("feedbacks")
            if not isinstance(found, list):
                raise Retriable(f"{http.shown(url)} answered no list of feedbacks")
            yield found
            following = line(mapping(result.get("paging")).get("nextPageToken"), limit=2_000)
            if not following or following == params.get("page_token"):
                return
            params["page_token"] = following

    def _post(self, business: str, item: Any) -> Post:
        now = http.current_time(self._context)
        review = mapping(item)
        number = count(review.get("feedbackId"))
        if number is None:
            raise ValueError("the review has no feedbackId")
        names = mapping(review.get("identifiers"))
        figures = mapping(review.get("statistics"))
        stars = count(figures.get("rating"))
        text, truncated = plain(_words(mapping(review.get("description"))), html=False)
        if stars is None and not text:
            raise ValueError("the review has neither stars nor text")
        media = mapping(review.get("media"))
        offer = line(names.get("offerId")) or line(names.get("shopSku"))
        model = count(names.get("modelId"))
        return Post(
            id=f"yandexmarket:{number}",
            source="yandexmarket",
            kind="review",
            created_at=times.parse(review.get("createdAt"), now=now),
            collected_at=now,
            url=f"https://market.yandex.ru/product/{model}/reviews" if model else "",
            text=text,
            truncated=truncated,
            lang="ru",
            author=Author(name=_name(review.get("author"))),
            engagement=Engagement(replies=count(figures.get("commentsCount"))),
            rating=Rating(float(stars)) if stars else None,
            thread_id=f"yandexmarket:{business}/{offer}" if offer else "",
            media=[*_links(media.get("photos")), *_links(media.get("videos"))],
        )


def _words(said: dict[str, Any]) -> str:
    """Merits, faults and comment, named as on the page where there is more than a comment."""
    parts = [(label, said.get(key)) for key, label in _PARTS]
    written = [(label, text) for label, text in parts if isinstance(text, str) and text.strip()]
    if [label for label, _ in written] == [_PARTS[-1][1]]:
        return written[0][1]
    return "\n".join(f"{label}: {text}" for label, text in written)


def _name(author: object) -> str:
    return line(author) if isinstance(author, str) else line(mapping(author).get("name"))


def _links(value: object) -> list[str]:
    """Addresses, plain or in objects."""
    plain_ones = [link(one) for one in value] if isinstance(value, list) else []
    found = [*plain_ones, *(link(one.get("url")) for one in mappings(value))]
    return [one for one in dict.fromkeys(found) if one]
