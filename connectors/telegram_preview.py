"""Telegram's web preview of public channels, `t.me/s/name`: the newest messages, as HTML.

Not an API: nothing of it is promised. Asked seldom, and only for channels that are named.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from connectors import http, times
from connectors.anchors import with_addresses
from connectors.base import Context, Step
from connectors.errors import Refused, SkipItem
from connectors.fields import mapping
from connectors.markup import decode_entities
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_MESSAGE: Final = re.compile(r'<div class="tgme_widget_message[ "][^>]*\bdata-post="([^"/]+/\d+)"')
_TEXT: Final = re.compile(r'<div class="(tgme_widget_message_text[^"]*)"[^>]*>')
_DIV: Final = re.compile(r"<(/?)div\b", re.IGNORECASE)
_DATE: Final = re.compile(
    r'class="tgme_widget_message_date[^"]*"[^>]*>\s*<time[^>]*\bdatetime="([^"]+)"'
)
_VIEWS: Final = re.compile(r'class="tgme_widget_message_views"[^>]*>([^<]*)<')
_NAME: Final = re.compile(r'class="tgme_widget_message_owner_name"[^>]*>(.*?)</a>', re.DOTALL)
_FORWARDED: Final = re.compile(
    r'class="tgme_widget_message_forwarded_from_name"[^>]*href="https://t\.me/([^"/]+/\d+)'
)
_REPLY: Final = re.compile(
    r'class="tgme_widget_message_reply[ "][^>]*href="https://t\.me/([^"/]+/\d+)'
)
_PHOTO: Final = re.compile(
    r"tgme_widget_message_photo_wrap[^>]*background-image:\s*url\((?:'|&#39;|&quot;)?([^')&]+)"
)
_HASHTAG: Final = re.compile(r'<a href="\?q=%23[^"]*"[^>]*>(#[^<]+)</a>')
_COUNT: Final = re.compile(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*([KMB]?)\s*")
_FACTORS: Final = {"": 1, "K": 1_000, "M": 1_000_000, "B": 1_000_000_000}


_PAGES: Final = 5
"""At one look; the rest is read at the next."""


class Previews:
    """Named channels, each looked at once in `rest` seconds, forward from the last message."""

    def __init__(self, context: Context, base: str, channels: Sequence[str], rest: float) -> None:
        self._context, self._base, self._channels, self._rest = context, base, channels, rest

    async def posts(self, client: http.Client, state: dict[str, Any]) -> AsyncIterator[Step]:
        """Steps of the channels that are due; `state["previews"]` is kept up to each."""
        for channel in self._channels:
            now = http.current_time(self._context).timestamp()
            last, asked = _left(mapping(state.get("previews")).get(channel))
            if now - asked < self._rest:
                continue
            for _ in range(_PAGES):
                before = last
                for number, name, markup in await self._page(client, channel, last):
                    if number > last:
                        last = number
                        yield self._step(name, markup)
                previews = {**mapping(state.get("previews")), channel: [last, now]}
                state["previews"] = previews
                yield Step(cursor=dict(state))
                if last == before or not before:
                    break

    async def _page(
        self, client: http.Client, channel: str, last: int
    ) -> list[tuple[int, str, str]]:
        """A channel without a preview redirects to its own page: that is not an empty one."""
        params = {"after": str(last)} if last else None
        url = f"{self._base}/s/{channel}"
        try:
            reply = await client.get(
                url, params=params, accept=(200, 301, 302, 303, 307, 308), follow=False
            )
        except Refused as error:
            self._context.on_note(f"telegram: {channel} can't be previewed: {error}")
            return []
        page = reply.body.decode("utf-8", "replace")
        found = sorted(messages(page))
        if reply.status != 200 or (not found and "tgme_channel_info" not in page):
            self._context.on_note(
                f"telegram: {channel} has no web preview: it is private, restricted, a group, or"
                " has it switched off. Remedy: add the bot to the channel"
            )
            return []
        return found

    def _step(self, name: str, markup: str) -> Step:
        try:
            return Step(post=read(name, markup, http.current_time(self._context)))
        except ValueError as error:
            place = f"t.me/s/{name}"
            raw = markup.encode("utf-8", "replace")
            return Step(dead=SkipItem(f"{line(str(error))}", place=place, raw=raw))


def messages(page: str) -> Iterator[tuple[int, str, str]]:
    """Number, `channel/number` and HTML of each message, as they stand on the page."""
    found = list(_MESSAGE.finditer(page))
    ends = [one.start() for one in found[1:]] + [len(page)]
    for one, end in zip(found, ends, strict=False):
        name = one.group(1)
        yield int(name.partition("/")[2]), name, page[one.start() : end]


def read(name: str, markup: str, now: datetime) -> Post:
    """The post of one message. Raises `ValueError` where it has no date."""
    date = _DATE.search(markup)
    if date is None:
        raise ValueError(f"message {name} has no date")
    channel, _, number = name.partition("/")
    body = _body(markup)
    text, truncated = plain(with_addresses(body), html=True)
    forwarded, reply = _FORWARDED.search(markup), _REPLY.search(markup)
    owner, views = _NAME.search(markup), _VIEWS.search(markup)
    photos = (link(decode_entities(found)) for found in _PHOTO.findall(markup))
    tags = (tag(decode_entities(found)) for found in _HASHTAG.findall(body))
    return Post(
        id=f"telegram:{channel.lower()}/{number}",
        source="telegram",
        created_at=times.parse(date.group(1), now=now),
        collected_at=now,
        url=link(f"https://t.me/{name}"),
        text=text,
        truncated=truncated,
        author=Author(
            id=channel.lower(),
            handle=channel,
            name=line(owner.group(1), html=True) if owner else "",
            url=link(f"https://t.me/{channel}"),
        ),
        engagement=Engagement(views=short_count(views.group(1)) if views else None),
        parent_id=f"telegram:{reply.group(1).lower()}" if reply else "",
        repost_of=f"telegram:{forwarded.group(1).lower()}" if forwarded else "",
        hashtags=[one for one in dict.fromkeys(tags) if one],
        media=[one for one in dict.fromkeys(photos) if one],
    )


def _left(known: object) -> tuple[int, float]:
    """The last message's number and when the channel was looked at."""
    last, asked = known if isinstance(known, list) and len(known) == 2 else (0, 0.0)
    usable = isinstance(last, int) and isinstance(asked, int | float)
    return (last, float(asked)) if usable else (0, 0.0)


def short_count(text: str) -> int | None:
    """`12.5K` is 12500."""
    found = _COUNT.fullmatch(text)
    return round(float(found.group(1)) * _FACTORS[found.group(2)]) if found else None


def _body(markup: str) -> str:
    """The message's own words; those of the message it answers bear the same class."""
    for found in _TEXT.finditer(markup):
        if "js-message_reply_text" in found.group(1):
            continue
        depth = 1
        for each in _DIV.finditer(markup, found.end()):
            depth += -1 if each.group(1) else 1
            if depth == 0:
                return markup[found.end() : each.start()]
        return markup[found.end() :]
    return ""
