"""X (Twitter): what is searched for in the last seven days, or as it is written, by API v2.

Every post read is paid for: budgets a day and a month are kept before anything is asked.
See docs/connectors/x.md.
"""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.fields import mapping
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import Packed, Search, spaced_or, turn
from connectors.text import line
from connectors.x_api import Api, Budget, Prices
from connectors.x_posts import Included, read
from connectors.x_recheck import Again
from connectors.x_search import Place
from connectors.x_search import Search as Recent
from connectors.x_stream import streamed, sync_rules

_API: Final = "https://api.x.com"
_LONGEST: Final = 512
_SETTLED: Final = 60.0
"""Seconds after which recent search surely knows what was written before the stream opened."""


class X:
    """Cursor: `{"queries": {query: where it was left, see connectors.x_search}, "last": the query
    asked last, "budget": what was used of the day and the month, "recheck": what is asked for
    again}`."""

    spec: ClassVar[Spec] = Spec(
        name="x",
        door="API v2: recent search, filtered stream",
        sees="public posts, replies, reposts and edits that match a query, seven days back",
        needs="a developer account with an approved use and credits; an app's Bearer token",
        limits="450 searches in 15 minutes; a budget of posts a day and dollars a month",
        options=(
            Option("token", "The app's Bearer token.", "", required=True, secret=True),
            QUERIES,
            Option("mode", "search (polls), or stream (as posts are written).", "search"),
            Option("retweets", "Read reposts too: yes or no. They are billed as posts.", "yes"),
            Option("backfill_hours", "How far back a query begins, 0-167 hours.", 1),
            Option("posts_a_day", "Posts read a day at most (UTC).", 2_000),
            Option("dollars_a_month", "US dollars spent a month at most (UTC).", 50),
            Option("recheck", "Pay again to learn of deletions: yes or no.", "no"),
            Option("post_price", "US dollars that a post read costs.", 0.005),
            Option("user_price", "US dollars that an author read costs.", 0.010),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="networks",
        access="paid",
        poll_seconds=60.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._token = options.header("token")
        self._mode = options.choice("mode", ("search", "stream"))
        self._retweets = options.switch("retweets")
        self._recheck = options.switch("recheck")
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._most = options.whole("posts_a_day", 1, 10_000_000)
        self._dollars = options.whole("dollars_a_month", 1, 1_000_000)
        self._prices = Prices(
            options.number("post_price", 0, 100), options.number("user_price", 0, 100)
        )
        hours = options.whole("backfill_hours", 0, 167)
        self._recent = Recent(context, timedelta(hours=hours))

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every query; with `mode: stream`, then what comes until it is cut."""
        packed = searched(self._options, self._context, self._render, _LONGEST)
        state = _State(
            mapping(cursor), packed, Again(mapping(cursor).get("recheck"), self._context)
        )
        budget = Budget(
            self._context,
            state.budget,
            posts=self._most,
            dollars=self._dollars,
            prices=self._prices,
        )
        async with http.Client(
            self._context,
            contact=self._contact,
            private={"authorization": f"Bearer {self._token}"},
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            api = Api(client, self._base, budget, self._context)
            async for step in self._search(api, packed, state):
                yield step
            if self._recheck:
                async for step in state.again.posts(api, self._recent):
                    done = not (step.post or step.dead)
                    yield Step(cursor=state.saved(budget)) if done else step
            if self._mode == "stream":
                async for step in self._stream(api, packed, state):
                    yield step

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        page = mapping(msgspec.json.decode(raw))
        now = http.current_time(self._context)
        return read(mapping(page.get("data")), Included(page), now)

    def _render(self, searches: Sequence[Search]) -> str | None:
        asked = spaced_or(searches)
        if asked is None or self._retweets:
            return asked
        return f"({asked}) -is:retweet"

    async def _search(
        self, api: Api, packed: Sequence[Packed], state: "_State"
    ) -> AsyncIterator[Step]:
        for one in turn(packed, state.last):
            query = one.query
            async for step, place in self._recent.posts(api, query, state.queries.get(query, {})):
                if self._recheck and step.post:
                    state.again.add(step.post)
                if place != state.queries.get(query, {}) or not (step.post or step.dead):
                    state.queries[query] = place
                    state.last = query
                    yield dataclasses.replace(step, cursor=state.saved(api.budget))
                else:
                    yield step

    async def _stream(
        self, api: Api, packed: Sequence[Packed], state: "_State"
    ) -> AsyncIterator[Step]:
        """What was written while the stream opened is not in recent search yet: it is searched for
        a minute later, and only then does a post of the stream stand for all before it."""
        await sync_rules(api, [one.query for one in packed], self._context)
        opened = http.current_time(self._context)
        whole = False
        async for step in streamed(api, self._recent, self._context):
            waited = (http.current_time(self._context) - opened).total_seconds()
            if not whole and waited >= _SETTLED:
                async for late in self._search(api, packed, state):
                    yield late
                whole = True
            if step is None:
                continue
            if self._recheck and step.post:
                state.again.add(step.post)
            number = line(step.post.url).rpartition("/")[2] if step.post else ""
            if whole and number:
                state.reached(number)
            yield dataclasses.replace(step, cursor=state.saved(api.budget))


class _State:
    """The cursor, opened."""

    def __init__(self, cursor: dict[str, Any], packed: Sequence[Packed], again: Again) -> None:
        self.again = again
        known = mapping(cursor.get("queries"))
        self.queries: dict[str, Place] = {
            one.query: {k: v for k, v in place.items() if isinstance(v, str)}
            for one in packed
            if (place := mapping(known.get(one.query)))
        }
        last = cursor.get("last")
        self.last = last if isinstance(last, str) else ""
        self.budget = mapping(cursor.get("budget"))

    def reached(self, number: str) -> None:
        """Everything up to this post is read, for every query."""
        for query, place in self.queries.items():
            since = place.get("since", "0")
            if "until" in place:
                continue
            self.queries[query] = {"since": max(since, number, key=int)}

    def saved(self, budget: Budget) -> dict[str, Any]:
        """For a step. Queries no longer asked are let go."""
        saved = {"queries": dict(self.queries), "last": self.last, "budget": budget.state}
        return {**saved, "recheck": self.again.state} if self.again.state else saved
