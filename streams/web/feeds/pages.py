"""`/mentions.atom` and `/mentions.rss`: the newest mentions, by the filters of the page."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI, Request
from starlette.responses import Response

from connectors.post import utc_now
from streams.store.port import Filter, Store
from streams.web import filters
from streams.web.api import bad, limit_of
from streams.web.feeds.document import FORMS, Feed, entry, name
from streams.web.filters import Pair
from streams.web.i18n import _
from streams.web.users.ways import FEEDS, IN_ADDRESS
from streams.web.visitor import visitor_of

LIMIT: Final = 50


class FeedPages:
    """The routes over one store. `names` are the topics'; `public_url` is where people reach the
    pages, where that is set."""

    def __init__(self, store: Store, names: Mapping[str, str], *, public_url: str = "") -> None:
        self._store = store
        self._names = names
        self._public_url = public_url.rstrip("/")

    def add_to(self, app: FastAPI) -> None:
        for path in FEEDS:
            app.add_api_route(path, self.show, include_in_schema=False, response_class=Response)

    async def show(self, request: Request) -> Response:
        """The newest 50, or as many as `limit` says."""
        given = request.query_params
        pairs = given.multi_items()
        query = filters.read(pairs, also=("limit", IN_ADDRESS), zone=visitor_of(request).tz)
        if query.cursor:
            raise bad("cursor", query.cursor, "a feed has no pages", "Leave it out.")
        path, here = request.scope["path"], self._here(request)
        feed = await read(
            self._store,
            query.at(utc_now()),
            limit=limit_of(given) if "limit" in given else LIMIT,
            key=filters.link(query.pairs),
            title=titled(query.pairs, self._names),
            link=here + filters.link(query.pairs),
            own=here + filters.link(query.pairs, path),
            page=f"{here}{filters.PATH}/",
        )
        return answer(request, feed, path.rpartition(".")[2])

    def _here(self, request: Request) -> str:
        return self._public_url or str(request.base_url).rstrip("/")


async def read(
    store: Store,
    where: Filter,
    *,
    limit: int,
    key: str,
    title: str,
    link: str = "",
    own: str = "",
    page: str = "",
) -> Feed:
    """`key` names the view, for its id; `page` is what a mention's page begins with. Raises
    `StoreError`."""
    found = await store.search(where, limit=limit)
    entries = [entry(one, page and page + quote(one.id)) for one in found.mentions]
    return Feed(id=name(key), title=title, link=link, own=own, entries=entries)


def titled(pairs: Iterable[Pair], names: Mapping[str, str]) -> str:
    """What the feed is called in a reader: the view's filters."""
    said = [names.get(value, value) if key == "topic" else value for key, value in pairs]
    return " · ".join(["Veille", _("Mentions"), *said])


def answer(request: Request, feed: Feed, form: str, **headers: str) -> Response:
    """The feed as `atom` or `rss`, or 304 for who has it already."""
    write, kind = FORMS[form]
    body = write(feed)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    told = {
        "ETag": tag,
        "Last-Modified": format_datetime(feed.updated.astimezone(UTC), usegmt=True),
        "Cache-Control": "private, no-cache",
        **headers,
    }
    if _known(request, tag, feed.updated):
        return Response(status_code=304, headers=told)
    return Response(body, headers=told, media_type=kind)


def _known(request: Request, tag: str, updated: datetime) -> bool:
    """By the tag alone where one is given (RFC 9110): a time says nothing of what was deleted."""
    if given := request.headers.get("if-none-match"):
        tags = {one.strip().removeprefix("W/") for one in given.split(",")}
        return bool(tags & {tag, "*"})
    try:
        since = parsedate_to_datetime(request.headers.get("if-modified-since", ""))
    except ValueError:
        return False
    aware = since if since.tzinfo else since.replace(tzinfo=UTC)
    return updated.replace(microsecond=0) <= aware
