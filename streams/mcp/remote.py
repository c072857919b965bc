"""The questions of an assistant, asked of a running Veille by its REST API, with a token."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.mcp.answers import Counted, Course, Explained, Found, Incidents, Ranked, Topics
from streams.mcp.questions import (
    MOST,
    MOST_BUCKETS,
    MOST_VALUES,
    Given,
    Unanswerable,
    counted,
    explained,
    pairs,
    refuse_unknown,
    too_many_steps,
    watched,
)
from streams.mcp.telling import TEXT, Story, happened, storied, told, valued
from streams.store.port import Count, Dimension, Order, Page
from streams.web.api import OverTime, Refusal, Top
from streams.web.api_incidents import IncidentList, IncidentStory
from streams.web.posts.matches import TopicVerdict
from streams.web.posts.pages import Explained as Whole
from streams.web.topics.api import TopicList

SECONDS: Final = 30.0
_PLAIN: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MANY: Final = "200"
T = TypeVar("T", bound=msgspec.Struct)


class Remote:
    """The same as `Questions`, over one installation. What made a mention's sentiment is told by
    the engine's name and score alone."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def search(
        self, given: Given, *, limit: int, order: Order = "newest", cursor: str = ""
    ) -> Found:
        await self._check(given)
        asked = {**given, "cursor": cursor, "order": order, "limit": min(limit, MOST)}
        page = await self._get("mentions", asked, Page)
        return Found(mentions=[told(one, TEXT) for one in page.mentions], cursor=page.cursor)

    async def count(self, given: Given) -> Counted:
        await self._check(given)
        return counted(await self._get("counts", given, Count))

    async def over_time(self, given: Given, *, step: str = "") -> Course:
        await self._check(given)
        found = await self._get("over-time", {**given, "step": step}, OverTime)
        if (found.until - found.since).total_seconds() / found.step_seconds > MOST_BUCKETS:
            raise too_many_steps(step)
        return Course(
            since=found.since,
            until=found.until,
            step_seconds=found.step_seconds,
            buckets=[one for one in found.buckets if one.total],
        )

    async def top(self, given: Given, by: Dimension, *, limit: int) -> Ranked:
        await self._check(given)
        asked = {**given, "by": by, "limit": min(limit, MOST_VALUES)}
        return Ranked(by=by, values=valued((await self._get("top", asked, Top)).values, by))

    async def incidents(self, given: Given, *, limit: int) -> Incidents:
        await self._check(given)
        found = await self._get("incidents", {**given, "limit": min(limit, MOST)}, IncidentList)
        return Incidents(total=found.total, incidents=[happened(one) for one in found.incidents])

    async def incident(self, incident_id: str) -> Story:
        path = f"incidents/{quote(incident_id[:200], safe='')}"
        found = await self._get(path, {}, IncidentStory)
        return storied(found.incident, found.deeds, found.notes)

    async def topics(self) -> Topics:
        known, lately, ever = await asyncio.gather(
            self._topics(), self._counts({"range": "7d"}), self._counts({})
        )
        return watched(known, [one.value for one in ever], lately)

    async def explain(self, mention_id: str) -> Explained:
        found = await self._get(f"mentions/{quote(mention_id[:200], safe='')}", {}, Whole)
        mention = found.mention
        tried = next(
            (one for one in found.topics if one.topic == mention.topic),
            TopicVerdict(topic=mention.topic, error="the topic is watched no more"),
        )
        return explained(mention, tried, mention.sentiment, ())

    async def check(self) -> None:
        """Whether it is there and lets us read. Raises `VeilleError`."""
        await self._topics()

    async def _topics(self) -> list[Topic]:
        return [row.topic for row in (await self._get("topics", {}, TopicList)).topics]

    async def _counts(self, given: Given) -> list[Count]:
        return (await self._get("top", {**given, "by": "topic", "limit": _MANY}, Top)).values

    async def _check(self, given: Given) -> None:
        """A topic that nobody knows is told, rather than counted as nothing."""
        asked = [value for name, value in pairs(given) if name == "topic"]
        known = {topic.id for topic in await self._topics()} if asked else set()
        if not known.issuperset(asked):
            known |= {one.value for one in await self._counts({})}
            refuse_unknown(asked, known)

    async def _get(self, path: str, given: Given, answer: type[T]) -> T:
        try:
            response = await self._http.get(f"api/v1/{path}?{urlencode(pairs(given))}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = str(error) or type(error).__name__
            raise Unanswerable(
                f"{self._http.base_url} does not answer: {why}. Remedy: is Veille up there?"
            ) from None
        if response.status_code != 200:
            raise Unanswerable(self._refusal(response))
        try:
            return msgspec.json.decode(response.content, type=answer)
        except msgspec.DecodeError as error:
            raise Unanswerable(
                f"{self._http.base_url}: not an answer of this Veille's API ({error}). "
                "Remedy: give the address of the pages, and the same version on both sides"
            ) from None

    def _refusal(self, response: httpx.Response) -> str:
        try:
            found = msgspec.json.decode(response.content, type=Refusal)
        except msgspec.DecodeError:
            found = Refusal(error=response.reason_phrase)
        if found.problems:
            return "\n".join(
                f"{one.parameter} {one.value!r}: {one.problem}. Remedy: {one.remedy}"
                for one in found.problems
            )
        remedy = _REMEDIES.get(response.status_code, "look at it there")
        said = f"{self._http.base_url} answers {response.status_code}: {found.error}"
        return f"{said.rstrip('.')}. Remedy: {remedy}"


_REMEDIES: Final = {
    401: "veille tokens add there, and its token in VEILLE_TOKEN, or the file VEILLE_TOKEN_FILE",
    403: "a token of somebody who may read",
    404: "an id that another tool told, and the address of the pages",
    429: "ask more slowly",
    503: "its store is away: try again later",
}


@asynccontextmanager
async def opened(url: str, token: str, ca_file: Path | None = None) -> AsyncIterator[Remote]:
    """Over the network. Raises `ConfigError` for an address or a certificate that can't be used,
    `VeilleError` where it does not let us read."""
    address = _address(url, token)
    try:
        trust = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an SSLError is one
        raise ConfigError(
            f"--ca-file {ca_file}: {error}. Remedy: give a PEM file of certificates"
        ) from None
    async with httpx.AsyncClient(
        base_url=address,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        verify=trust,
        timeout=SECONDS,
        trust_env=False,
    ) as http:
        remote = Remote(http)
        await remote.check()
        yield remote


def _address(url: str, token: str) -> httpx.URL:
    try:
        address = httpx.URL(url.rstrip("/") + "/")
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise ConfigError(f"--url {url!r}: not an address. Remedy: https://veille.example.org")
    if token and address.scheme == "http" and address.host not in _PLAIN:
        raise ConfigError(
            f"--url {url!r}: the token would go over the network for all to read. Remedy: https://"
        )
    return address
