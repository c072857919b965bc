"""Trustpilot: the reviews of businesses, from its API for customers.

A review is asked for again an hour, a day and a week after it was written, which shows edits and
deletions. See docs/connectors/trustpilot.md.
"""

import dataclasses
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from connectors import http, listings, times
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import Fatal, Refused, Retriable
from connectors.fields import count, mapping
from connectors.follow import Recheck
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Post, Rating, tombstone
from connectors.quota import Quota
from connectors.text import line, plain

_API: Final = "https://api.trustpilot.com"
_PAGE: Final = 100
_PER_HOUR: Final = 10_000.0
_OVERLAP: Final = timedelta(days=1)
_UNIT: Final = re.compile(r"[0-9a-f]{24}")


class Trustpilot:
    """Cursor: `{"lists": {unit: state of connectors.listings}, "units": {domain: id}, "recheck",
    "quota"}`."""

    spec: ClassVar[Spec] = Spec(
        name="trustpilot",
        door="Business Units API",
        sees="reviews of the businesses named, with stars; edits and deletions",
        needs="an API key, which is an add-on to paid plans",
        limits="10,000 requests an hour",
        options=(
            Option("businesses", "Domains, or ids of business units.", (), required=True),
            Option("key", "API key.", "", required=True, secret=True),
            Option("languages", "Only reviews in these languages: en, fr.", ()),
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="reviews",
        access="paid",
        poll_seconds=600.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._businesses = [name.lower() for name in options.many("businesses")]
        self._languages = options.many("languages")
        self._key = options.header("key")
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over the reviews of each business, oldest first; then those that are due
        again."""
        known = mapping(cursor)
        state = {
            "lists": dict(mapping(known.get("lists"))),
            "units": dict(mapping(known.get("units"))),
        }
        recheck = Recheck(known.get("recheck"))
        quota = Quota(
            self._context, known.get("quota"), what="requests", limit=_PER_HOUR, period="hour"
        )
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"apikey": self._key},
            secrets=[self._key],
            seconds=self._timeout,
        ) as client:
            for name in self._businesses:
                if name not in state["units"]:
                    quota.spend()
                    state["units"][name] = await self._unit(client, name)
            units = [str(state["units"][name]) for name in self._businesses]
            steps = listings.read_lists(
                self._context,
                state["lists"],
                units,
                lambda unit: self._pages(client, quota, unit),
                self._post,
                backfill=self._backfill,
                overlap=_OVERLAP,
            )
            now = http.current_time(self._context)
            async for step in steps:
                if step.post is not None:
                    recheck.add(_number(step.post), step.post.created_at, now)
                if step.cursor is not None:
                    state["lists"] = step.cursor
                yield self._kept(step, state, recheck, quota)
            for number in recheck.due(now):
                quota.spend()
                yield self._kept(await self._again(client, number, recheck), state, recheck, quota)

    def reread(self, raw: bytes) -> Post:
        """The post of a review that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    def _kept(self, step: Step, state: dict[str, Any], recheck: Recheck, quota: Quota) -> Step:
        """The step, its cursor the whole state where it has one."""
        if step.cursor is None:
            return step
        whole = {key: dict(value) for key, value in state.items()}
        kept = {**whole, "recheck": recheck.state, "quota": quota.state}
        return dataclasses.replace(step, cursor=kept)

    async def _unit(self, client: http.Client, name: str) -> str:
        """The id of a business that may be named by its domain. Raises `Fatal` for one that
        Trustpilot does not know."""
        if _UNIT.fullmatch(name):
            return name
        try:
            said = await client.json(f"{self._base}/v1/business-units/find", params={"name": name})
        except Refused as error:
            raise Fatal(
                f"{error}. Remedy: name {name:.80} in 'businesses' as its page does"
            ) from None
        unit = line(mapping(said).get("id"))
        if not unit:
            raise Retriable(f"trustpilot gave no id for {name:.80}")
        return unit

    async def _pages(self, client: http.Client, quota: Quota, unit: str) -> listings.Pages:
        params = {"perPage": str(_PAGE), "orderBy": "createdat.desc"}
        if self._languages:
            params["language"] = ",".join(self._languages)
        url = f"{self._base}/v1/business-units/{unit}/reviews"
        number = 1
        while True:
            quota.spend()
            said = await client.json(url, params={**params, "page": str(number)})
            found = mapping(said).get("reviews")
            if not isinstance(found, list):
                raise Retriable(f"{http.shown(url)} answered no list of reviews")
            yield found
            if len(found) < _PAGE:
                return
            number += 1

    async def _again(self, client: http.Client, number: str, recheck: Recheck) -> Step:
        """The review as it is now, or its deletion."""
        now = http.current_time(self._context)
        born = datetime.fromtimestamp(recheck.state[number][1], UTC)
        reply = await client.get(f"{self._base}/v1/reviews/{number}", accept=(200, 404))
        recheck.asked(number, now)
        if reply.status == 404:
            gone = tombstone("trustpilot", number, born, now, kind="review")
            return Step(post=gone, cursor={})
        try:
            return Step(post=self._post("", http.decode(reply)), cursor={})
        except ValueError as error:
            self._context.on_note(f"review {number} can't be read any more: {error}")
            return Step(cursor={})

    def _post(self, unit: str, item: Any) -> Post:
        now = http.current_time(self._context)
        review = mapping(item)
        number = line(review.get("id"))
        if not number:
            raise ValueError("the review has no id")
        title, words = review.get("title"), review.get("text")
        stars = count(review.get("stars"))
        if not isinstance(words, str) and not line(title) and stars is None:
            raise ValueError("the review has neither title, text nor stars")
        text, truncated = plain(words if isinstance(words, str) else "", html=False)
        created = times.parse(review.get("createdAt"), now=now)
        changed = times.parse_or(review.get("updatedAt"), created, now=now)
        person = mapping(review.get("consumer"))
        unit = line(mapping(review.get("businessUnit")).get("id")) or unit
        return Post(
            id=f"trustpilot:{number}",
            source="trustpilot",
            kind="review",
            state="edited" if changed > created else "live",
            created_at=created,
            collected_at=now,
            updated_at=changed if changed > created else None,
            url=f"https://www.trustpilot.com/reviews/{number}",
            title=line(title),
            text=text,
            truncated=truncated,
            lang=line(review.get("language"), limit=35),
            author=Author(
                id=line(person.get("id")),
                name=line(person.get("displayName")),
                location=line(person.get("displayLocation")),
                url=_person(line(person.get("id"))),
            ),
            engagement=Engagement(
                likes=count(review.get("numberOfLikes")),
                replies=1 if mapping(review.get("companyReply")) else 0,
            ),
            rating=Rating(float(stars)) if stars else None,
            thread_id=f"trustpilot:unit/{unit}" if unit else "",
        )


def _number(post: Post) -> str:
    return post.id.removeprefix("trustpilot:")


def _person(number: str) -> str:
    return f"https://www.trustpilot.com/users/{number}" if number else ""
