"""GDELT: the world's online news, searched by the DOC 2 API.

It has no pages and no ids, answers at most 250 articles, says its errors in prose with status 200
and asks for one request in five seconds. See docs/connectors/gdelt.md.
"""

import asyncio
import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import Refused, Retriable, SkipItem, WaitUntil
from connectors.fields import mapping, mappings
from connectors.languages import country_code, language_code
from connectors.limits import wait_asked
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Author, Place, Post
from connectors.searches import Packed, Search, spaced_or, turn
from connectors.slices import Found, sliced
from connectors.text import line, link, plain

_API: Final = "https://api.gdeltproject.org"
_MOST: Final = 250
_LONGEST_QUERY: Final = 240
_MOST_TERMS: Final = 20
_SHORTEST_WORD: Final = 3
_GRAIN: Final = timedelta(minutes=15)
_OVERLAP: Final = timedelta(hours=1)
_CALM: Final = timedelta(minutes=20)
"""A rest after too many requests: asked sooner, the server stays closed for longer."""
_MEMORY: Final = 20_000
_TOO_FAST = re.compile(r"limit requests|too many requests|rate limit", re.IGNORECASE)
_REFUSED = re.compile(
    r"quer(?:y|ies)\b|keyword|phrase|parenthes|operator|unsupported|timespan|maximum of",
    re.IGNORECASE,
)
_BAD_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)')


class Gdelt:
    """Cursor: `{until: {digest of a query: time it is read up to}, last: the query asked last}`."""

    spec: ClassVar[Spec] = Spec(
        name="gdelt",
        door="DOC 2 API",
        sees="titles and addresses of news articles of the world that match the queries",
        needs="nothing",
        limits="a request in 5 seconds; 250 articles a quarter of an hour and query",
        options=(
            QUERIES,
            Option("filter", "Operators added to each query, such as sourcelang:french.", ""),
            Option("backfill_hours", "Hours back that a query begins with.", 24),
            Option("pause", "Seconds between two requests.", 5),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="news",
        poll_seconds=900.0,
    )

    def __init__(self, context: Context) -> None:
        self._options = options = Options(self.spec, context.options)
        self._context = context
        options.many("queries")
        self._filter = options.text("filter")
        self._backfill = timedelta(hours=options.whole("backfill_hours", 1, 24 * 80))
        self._pause = options.seconds("pause", 0, 3600)
        self._base = options.url("base_url") or _API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._asked_at = -self._pause
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """Each query from where it was read to until now, oldest first. A query that the server
        refuses is noted; where all are, `Refused` is raised."""
        known = mapping(cursor)
        marks = {k: v for k, v in mapping(known.get("until")).items() if isinstance(v, str)}
        packed = searched(
            self._options, self._context, render, _LONGEST_QUERY, most_terms=_MOST_TERMS
        )
        marks = {key: marks[key] for key in map(_digest, packed) if key in marks}
        refusals: list[Refused] = []
        async with http.Client(
            self._context, contact=self._contact, seconds=self._timeout
        ) as client:
            for one in turn(packed, str(known.get("last", ""))):
                key = _digest(one)
                try:
                    async for step, until in self._search(client, one.query, marks.get(key)):
                        yield step
                        if until is not None:
                            marks = {**marks, key: until.isoformat()}
                            yield Step(cursor={"until": marks, "last": one.query})
                except Refused as error:
                    refusals.append(error)
                    self._context.on_note(str(error))
        if refusals and len(refusals) == len(packed):
            raise refusals[0]

    async def _search(
        self, client: http.Client, query: str, mark: str | None
    ) -> AsyncIterator[tuple[Step, datetime | None]]:
        now = http.current_time(self._context)
        start = now - self._backfill
        since = times.parse_or(mark, start + _OVERLAP, now=now) - _OVERLAP

        async def find(begin: datetime, end: datetime) -> Found[Any]:
            articles = await self._ask(client, query, begin, end)
            return Found(articles, whole=len(articles) < _MOST)

        async for part in sliced(since, now, find, shortest=_GRAIN):
            known = 0
            for step in self._steps(part.items):
                known += step.duplicates
                if step.duplicates == 0:
                    yield step, None
            if part.lost:
                yield Step(gap=_overflow(part.since, part.until, query)), None
            yield Step(duplicates=known), part.until

    def _steps(self, articles: Sequence[Any]) -> list[Step]:
        now = http.current_time(self._context)
        steps: list[Step] = []
        for article in articles:
            try:
                post = _post(mapping(article), now)
            except ValueError as error:
                place = f"gdelt article {link(mapping(article).get('url')) or '(no address)'}"
                raw = json.dumps(article).encode()
                said = f"{place}: {line(str(error), limit=200)}"
                steps.append(Step(dead=SkipItem(said, place=place, raw=raw)))
                continue
            steps.append(Step(duplicates=1) if post.id in self._seen else Step(post=post))
            self._seen[post.id] = None
            if len(self._seen) > _MEMORY:
                self._seen.popitem(last=False)
        return sorted(steps, key=lambda step: step.post.created_at if step.post else now)

    def reread(self, raw: bytes) -> Post:
        """The post of an article that could not be read before. Raises `ValueError`."""
        return _post(mapping(msgspec.json.decode(raw)), http.current_time(self._context))

    async def _ask(
        self, client: http.Client, query: str, begin: datetime, end: datetime
    ) -> list[Any]:
        rest = self._asked_at + self._pause - time.monotonic()
        if rest > 0:
            await asyncio.sleep(rest)
        self._asked_at = time.monotonic()
        params = {
            "query": f"{query} {self._filter}".strip(),
            "mode": "artlist",
            "format": "json",
            "maxrecords": str(_MOST),
            "sort": "datedesc",
            "startdatetime": f"{begin:%Y%m%d%H%M%S}",
            "enddatetime": f"{end:%Y%m%d%H%M%S}",
        }
        url = f"{self._base}/api/v2/doc/doc"
        reply = await client.get(url, params=params, accept=(200, 429))
        now = http.current_time(self._context)
        place = http.shown(url)
        if reply.status == 429:
            if wait_asked(reply.headers, now) is not None:
                raise client.refusal(reply)
            raise WaitUntil(f"{place} answered 429: too many requests", now + _CALM)
        return _articles(reply.body, f"{place} on {query!r:.120}", now)


def render(searches: Sequence[Search]) -> str | None:
    """Words or phrases of which one must occur, in parentheses; a search of several words only
    alone, for these do not nest. A word of under three letters is refused by the server."""
    words = [word for search in searches for word in search.words]
    if any(len(word.strip()) < _SHORTEST_WORD for word in words):
        return None
    if len(searches) > 1 and len(words) > len(searches):
        return None
    query = spaced_or(searches)
    return f"({query})" if query and len(searches) > 1 else query


def _articles(body: bytes, place: str, now: datetime) -> list[Any]:
    """The articles in an answer with status 200. `{}` holds none; prose is an error."""
    text = body.decode("utf-8-sig", "replace").strip()
    if not text.startswith("{"):
        raise _told(text, place, now)
    answer = mapping(_lenient(text, place))
    articles = answer.get("articles")
    if isinstance(articles, list):
        return articles
    if answer and articles is None:
        raise Retriable(f"{place} answered JSON without articles")
    return mappings(articles)


def _told(text: str, place: str, now: datetime) -> Retriable | Refused:
    said = line(text, limit=200)
    if _TOO_FAST.search(said):
        return WaitUntil(f"{place} answered: {said}", now + _CALM)
    if text.startswith("<"):
        return Retriable(f"{place} answered a web page where JSON was expected")
    if _REFUSED.search(said):
        return Refused(f"{place} refuses the query: {said} Remedy: change 'queries' or 'filter'")
    return Retriable(f"{place} answered what is no JSON: {said or '(nothing)'}")


def _lenient(text: str, place: str) -> Any:
    """JSON with escapes that do not exist and with control characters, as GDELT sends it."""
    mended = _BAD_ESCAPE.sub(lambda found: found.group() if found.group(1) else r"\\", text)
    try:
        return json.loads(mended, strict=False)
    except (ValueError, RecursionError) as error:
        said = line(str(error), limit=120)
        raise Retriable(f"{place} answered JSON that can't be read: {said}") from None


def _post(article: dict[str, Any], now: datetime) -> Post:
    url = link(article.get("url"))
    if not url:
        raise ValueError(f"its address is {article.get('url')!r:.80}")
    told = article.get("seendate")
    title = article.get("title")
    text, truncated = plain(title if isinstance(title, str) else "", html=True)
    domain = line(article.get("domain"))
    country = line(article.get("sourcecountry"))
    image = link(article.get("socialimage"))
    return Post(
        id=f"gdelt:{url}",
        source="gdelt",
        kind="article",
        created_at=now if told in (None, "") else times.parse(told, now=now),
        collected_at=now,
        url=url,
        title=line(text),
        text=text,
        truncated=truncated,
        lang=language_code(line(article.get("language"))),
        author=Author(id=domain, name=domain, url=link(f"https://{domain}") if domain else ""),
        media=[image] if image else [],
        place=Place(name=country, country=country_code(country)) if country else None,
    )


def _overflow(since: datetime, until: datetime, query: str) -> Gap:
    reason = f"more than {_MOST} articles match {query!r:.120}. Remedy: narrower 'queries'"
    return Gap(since=since.isoformat(), until=until.isoformat(), reason=reason)


def _digest(packed: Packed) -> str:
    return hashlib.blake2b(packed.query.encode("utf-8", "replace"), digest_size=8).hexdigest()
