"""Pinterest: the pins of one's own account and of boards that it shares.

The API searches no pins of others and gives no comments. See docs/connectors/pinterest.md.
"""

import dataclasses
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, ClassVar, Final

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Option, Spec, Step, unreadable
from connectors.errors import BadSettings, Refused, Retriable
from connectors.fields import count, mapping, mappings
from connectors.follow import Recheck
from connectors.mapping import hashtags_in
from connectors.marks import Mark, read_since
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Post, tombstone
from connectors.text import line, link, plain
from connectors.tokens import Grant, Tokens

_API: Final = "https://api.pinterest.com/v5"
_SITE: Final = "https://www.pinterest.com"
_PAGE: Final = "250"
_MOST: Final = 5_000
_MOST_PAGES: Final = 100
_RECHECKS: Final = 50
_REMEDY: Final = "sign in again, and set the new 'refresh_token'"


class Pinterest:
    """Cursor: `{"lists": {list: mark}, "rechecks": as in `connectors.follow`}`, a list being `pins`
    or `boards/ID/pins`."""

    spec: ClassVar[Spec] = Spec(
        name="pinterest",
        door="REST API v5",
        sees="pins of your own account and of boards it shares, with their figures",
        needs="a token of the account",
        limits="told with each answer, and obeyed before they are reached",
        options=(
            Option("token", "Access token.", "", secret=True),
            Option("client_id", "The app's id, to get tokens with.", ""),
            Option("client_secret", "The app's secret, to get tokens with.", "", secret=True),
            Option("refresh_token", "Renews the access token.", "", secret=True),
            Option("boards", "Ids of boards to read as well, such as shared ones.", ()),
            Option("backfill", "Pins that the first start reads of each list.", 500),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        keyless=False,
        group="video",
        access="owner",
        poll_seconds=600.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        boards = options.many("boards")
        if other := next((board for board in boards if not board.isdigit()), None):
            raise BadSettings(
                f"pinterest: 'boards' names {other!r:.60}; give ids, which are digits"
            )
        self._lists = ["pins", *(f"boards/{board}/pins" for board in boards)]
        self._backfill = options.whole("backfill", 1, 100_000)
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._base = options.url("base_url") or _API
        token = options.header("token")
        ident, secret = options.text("client_id"), options.text("client_secret")
        refresh = options.text("refresh_token")
        self._secrets = [token, secret, refresh]
        grant = _grant(f"{self._base}/oauth/token", ident, secret, refresh)
        self._tokens = Tokens(context, fixed=token, grant=grant) if token or grant else None
        self._renews = grant is not None

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: what is new, then what is asked for again, for its figures."""
        state = mapping(cursor)
        marks = {str(name): str(mark) for name, mark in mapping(state.get("lists")).items()}
        again = Recheck(state.get("rechecks"))
        now = http.current_time(self._context)
        seen: set[str] = set()
        async with http.Client(
            self._context, contact=self._contact, secrets=self._secrets, seconds=self._timeout
        ) as client:
            for path in self._lists:
                async for step in self._list(client, path, marks, again, seen):
                    yield step
            for number in again.due(now, _RECHECKS):
                published = times.parse_or(again.published(number), now, now=now)
                step = await self._asked_again(client, number, published)
                again.asked(number, now)
                yield dataclasses.replace(step, cursor=_cursor(marks, again))

    async def _list(
        self,
        client: http.Client,
        path: str,
        marks: dict[str, str],
        again: Recheck,
        seen: set[str],
    ) -> AsyncIterator[Step]:
        now = http.current_time(self._context)
        mark = Mark.of(marks.get(path))
        most = _MOST if mark.at else self._backfill
        fresh = await read_since(self._pages(client, path), mark, lambda pin: _at(pin, now), most)
        if gap := fresh.gap(path, mark):
            yield Step(gap=gap)
        for pin, _ in fresh.entries:
            at = _at(pin, now)
            if at is not None and (number := line(mapping(pin).get("id"))):
                again.add(number, times.parse(at, now=now), now)
        cursor = _cursor(marks, again)
        for pin, after in fresh.entries:
            marks[path] = str(after)
            number = line(mapping(pin).get("id"))
            step = Step() if number and number in seen else self._step(pin)
            seen.add(number)
            yield dataclasses.replace(step, cursor={**cursor, "lists": {**marks}})

    async def _pages(self, client: http.Client, path: str) -> AsyncIterator[list[Any]]:
        """A list's pages, newest pin first, until there is no `bookmark` of a next one."""
        params = {"page_size": _PAGE, "pin_metrics": "true"}
        for _ in range(_MOST_PAGES):
            page = mapping(await self._get(client, path, params))
            items = page.get("items")
            if not isinstance(items, list):
                said = line(page.get("message"), limit=200) or "no list 'items'"
                raise Retriable(f"pinterest: {path} answered {said}")
            yield items
            bookmark = page.get("bookmark")
            if not isinstance(bookmark, str) or not bookmark or bookmark == params.get("bookmark"):
                return
            params = {**params, "bookmark": bookmark}

    async def _get(self, client: http.Client, path: str, params: dict[str, str]) -> Any:
        """The value at `path`. A token that is refused is renewed, where it can be, once."""
        url = f"{self._base}/{path}"
        accept = (200, 401) if self._renews else (200,)
        headers = await self._bearer(client)
        reply = await client.get(url, params=params, headers=headers, accept=accept)
        if reply.status == 401:
            headers = await self._bearer(client, renewed=True)
            reply = await client.get(url, params=params, headers=headers)
        return http.decode(reply)

    async def _bearer(self, client: http.Client, *, renewed: bool = False) -> dict[str, str]:
        if self._tokens is None:
            raise BadSettings("pinterest: set 'token', or 'client_id' and 'client_secret'")
        if renewed:
            await self._tokens.renew(client)
        return await self._tokens.bearer(client)

    async def _asked_again(self, client: http.Client, number: str, published: datetime) -> Step:
        """The pin with its figures of now, or its deletion."""
        try:
            pin = await self._get(client, f"pins/{number}", {"pin_metrics": "true"})
        except Refused as error:
            if " 404" not in str(error):
                self._context.on_note(f"pin {number} is left as it was: {error}")
                return Step()
            now = http.current_time(self._context)
            return Step(post=tombstone("pinterest", number, published, now))
        return self._step(pin)

    def _step(self, pin: object) -> Step:
        place = f"pinterest pin {line(mapping(pin).get('id')) or '(without id)'}"
        try:
            return Step(post=post_of(mapping(pin), http.current_time(self._context)))
        except ValueError as error:
            raw = msgspec.json.encode(pin)
            return unreadable(place, error, raw)

    def reread(self, raw: bytes) -> Post:
        """The post of a pin that could not be read before. Raises `ValueError`."""
        return post_of(mapping(msgspec.json.decode(raw)), http.current_time(self._context))


def post_of(pin: dict[str, Any], now: datetime) -> Post:
    """A pin. Raises `ValueError`."""
    number = line(pin.get("id"))
    if not number:
        raise ValueError(f"the pin has no id, but {pin.get('id')!r:.60}")
    said = next((one for one in (pin.get("description"), pin.get("alt_text")) if one), "")
    text, truncated = plain(said, html=False) if isinstance(said, str) else ("", False)
    parent = line(pin.get("parent_pin_id"))
    owner = line(mapping(pin.get("board_owner")).get("username"))
    return Post(
        id=f"pinterest:{number}",
        source="pinterest",
        created_at=times.parse(pin.get("created_at"), now=now),
        collected_at=now,
        url=f"{_SITE}/pin/{number}/",
        title=line(pin.get("title")),
        text=text,
        truncated=truncated,
        author=Author(
            id=owner, handle=owner, name=owner, url=link(f"{_SITE}/{owner}/") if owner else ""
        ),
        engagement=_figures(mapping(pin.get("pin_metrics"))),
        repost_of=f"pinterest:{parent}" if parent and parent != number else "",
        hashtags=hashtags_in(text),
        media=_media(mapping(pin.get("media"))),
    )


def _figures(metrics: dict[str, Any]) -> Engagement:
    """All that was counted since the pin was made, else in the last 90 days."""
    found = {**mapping(metrics.get("90d")), **mapping(metrics.get("lifetime_metrics"))}
    return Engagement(
        likes=count(found.get("reaction")),
        reposts=count(found.get("save")),
        replies=count(found.get("comment")),
        views=count(found.get("impression")),
    )


def _media(media: dict[str, Any]) -> list[str]:
    """The largest picture of each: a pin may be a carousel or mix pictures and videos."""
    found = []
    for each in (media, *mappings(media.get("items"))):
        sizes = mappings(list(mapping(each.get("images")).values()))
        largest = max(sizes, key=lambda size: count(size.get("width")) or 0, default={})
        found += [link(largest.get("url")), link(each.get("video_url")), link(each.get("url"))]
    return [one for one in dict.fromkeys(found) if one]


def _at(pin: object, now: datetime) -> float | None:
    try:
        return times.parse(mapping(pin).get("created_at"), now=now).timestamp()
    except ValueError:
        return None


def _cursor(marks: dict[str, str], again: Recheck) -> dict[str, Any]:
    return {"lists": {**marks}, "rechecks": again.state}


def _grant(url: str, ident: str, secret: str, refresh: str) -> Grant | None:
    if not ident or not secret:
        return None
    form = {"grant_type": "client_credentials", "scope": "boards:read,pins:read"}
    if refresh:
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
    return Grant(url, form, _REMEDY, basic=(ident, secret))
