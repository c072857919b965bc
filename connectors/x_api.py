"""Asking X within a budget, and what its refusals mean.

A read is paid by what comes back: the most that a page can cost is set aside before it is asked
for, and what it did not cost is given back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.fields import mapping, mappings
from connectors.quota import Quota
from connectors.text import line

MOST: Final = 100
"""Posts on a page."""
LEAST: Final = 10
_REMEDY: Final = "Remedy: look at the project's plan and credits in the developer console"


class TooOld(Refused):
    """The id to go on from lies before the seven days that recent search knows."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for each post and each author that an answer holds."""

    post: float
    user: float


@dataclass(slots=True)
class Page:
    """One answer: `data` as it came, and what it came with."""

    items: list[Any]
    whole: dict[str, Any] = field(default_factory=dict)

    @property
    def next_token(self) -> str:
        """Leads to the page before; empty on the last."""
        return line(mapping(self.whole.get("meta")).get("next_token"))


class Budget:
    """So many posts a day and so much money a month, by X's own clock (UTC)."""

    def __init__(
        self, context: Context, known: Any, *, posts: int, dollars: float, prices: Prices
    ) -> None:
        saved = mapping(known)
        self._prices, self._capped = prices, False
        self._posts = Quota(context, saved.get("posts"), what="posts", limit=posts, period="day")
        self._money = Quota(
            context, saved.get("money"), what="US dollars", limit=dollars, period="month"
        )

    @property
    def state(self) -> dict[str, Any]:
        return {"posts": self._posts.state, "money": self._money.state}

    def page(self) -> int:
        """How many posts may be asked for now, and sets aside what they cost at most. Raises
        `WaitUntil` the end of the day or month where a smallest page would be too much."""
        each = self._prices.post + self._prices.user
        afford = self._money.left / each if each else MOST
        many = int(min(MOST, max(LEAST, min(afford, self._posts.left))))
        self._money.spend(many * each)
        try:
            self._posts.spend(many)
        except WaitUntil:
            self._money.spend(-many * each)
            raise
        return many

    def came(self, reserved: int, posts: int, users: int) -> None:
        """A page of `reserved` posts at most came with so many: the rest is given back."""
        if self._capped:
            return
        each = self._prices.post + self._prices.user
        cost = posts * self._prices.post + users * self._prices.user
        self._money.spend(min(0.0, cost - reserved * each))
        self._posts.spend(min(0, posts - reserved))

    def one(self) -> None:
        """A post is about to come by the stream. Raises `WaitUntil`."""
        cost = self._prices.post + self._prices.user
        self._money.spend(cost)
        try:
            self._posts.spend(1)
        except WaitUntil:
            self._money.spend(-cost)
            raise

    def capped(self, period: str) -> datetime:
        """X says that its own cap is reached; nothing is asked for until then."""
        self._capped = True
        return self._posts.used_up() if period == "daily" else self._money.used_up()


class Api:
    """The requests of one source. Raises the errors of `connectors.http`, and what is said here."""

    def __init__(self, client: http.Client, base: str, budget: Budget, context: Context) -> None:
        self.client, self.base, self.budget = client, base, budget
        self._context = context

    async def search(self, params: Mapping[str, str]) -> Page:
        """One page of recent search, paid. Raises `TooOld` for an id to go on from that it no
        longer knows."""
        many = self.budget.page()
        try:
            asked = {**params, "max_results": str(many)}
            page = await self._page(f"{self.base}/2/tweets/search/recent", asked)
        except ConnectorError:
            self.budget.came(many, 0, 0)
            raise
        self.budget.came(many, len(page.items), _users(page))
        for problem in mappings(page.whole.get("errors"))[:1]:
            said = _detail(problem)
            self._context.on_note(f"x: some of what was asked for is missing: {said}")
        return page

    async def lookup(self, numbers: Sequence[str], fields: Mapping[str, str]) -> Page:
        """Posts by their ids, `MOST` at most and as many as the budget allows, paid. Its `errors`
        name those that are not there any more."""
        many = self.budget.page()
        ids = ",".join(numbers[:many])
        try:
            page = await self._page(f"{self.base}/2/tweets", {**fields, "ids": ids})
        except ConnectorError:
            self.budget.came(many, 0, 0)
            raise
        self.budget.came(many, len(page.items), _users(page))
        return page

    async def _page(self, url: str, params: Mapping[str, str]) -> Page:
        reply = await self.client.get(url, params=params, accept=(200, 400, 402, 403, 429))
        if reply.status != 200:
            raise self.refusal(reply)
        value = http.decode(reply)
        whole = mapping(value)
        items = whole.get("data", [])
        missing = any(
            "resource_id" in one or "value" in one for one in mappings(whole.get("errors"))
        )
        if not isinstance(items, list) or not ("data" in whole or "meta" in whole or missing):
            raise Retriable(f"{http.shown(url)} answered {_said(whole) or 'neither data nor meta'}")
        return Page(items, whole)

    def refusal(self, reply: http.Reply) -> ConnectorError:
        """The error that an answer other than success means, by its own `type` and `errors`."""
        error = self.client.refusal(reply)
        problem = _problem(reply.body)
        kind = line(problem.get("type")).rsplit("/", 1)[-1]
        if kind == "usage-capped":
            until = self.budget.capped(line(problem.get("period")).lower())
            return WaitUntil(f"{error}: the project's own cap; asked again then", until)
        if reply.status == 402 or kind == "credits-depleted":
            return Fatal(f"{error}. {_REMEDY}")
        if reply.status == 400:
            if "since_id" in (said := _said(problem)) or "until_id" in said:
                return TooOld(str(error))
            return Refused(f"{error}: {said}")
        if reply.status == 403 and kind in ("client-forbidden", "unsupported-authentication"):
            return Fatal(f"{error}. Remedy: use the Bearer token of an app within a project")
        return error


def raise_in_stream(value: dict[str, Any], now: datetime) -> None:
    """A line of the stream that says why it ends. Raises `WaitUntil` or `Retriable`."""
    problems = mappings(value.get("errors")) or ([value] if "connection_issue" in value else [])
    if "data" in value or not problems:
        return
    said = _detail(problems[0])
    if "TooManyConnections" in msgspec.json.encode(problems).decode():
        until = datetime.fromtimestamp(now.timestamp() + 60, UTC)
        raise WaitUntil(f"x: the stream is open elsewhere: {said}", until)
    raise Retriable(f"x: the stream was closed: {said}")


def _users(page: Page) -> int:
    return len(mappings(mapping(page.whole.get("includes")).get("users"), 1000))


def _problem(body: bytes) -> dict[str, Any]:
    try:
        return mapping(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _said(problem: dict[str, Any]) -> str:
    """Everything that the answer says went wrong."""
    return "; ".join(_detail(one) for one in [*mappings(problem.get("errors"))[:3], problem])[:400]


def _detail(problem: dict[str, Any]) -> str:
    found = (line(problem.get(name), limit=160) for name in ("detail", "message", "title"))
    return next((said for said in found if said), "no reason given")
