"""Mastodon (and what speaks its API): public, local and hashtag timelines of one instance.

Pages are asked forward with `min_id`, which leaves no gap however many posts came in between.
Polled timelines tell of no deletion, and of an edit only while the post is new.
See docs/connectors/mastodon.md.
"""

import dataclasses
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

import msgspec

from connectors import http, times
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, Refused, Retriable, SkipItem
from connectors.fields import count, mapping, mappings
from connectors.options import BASE_URL, CONTACT, TIMEOUT, Options
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_PAGE: Final = 40
_MOST_PAGES: Final = 100
_MEMORY: Final = 20_000
_LOCAL: Final = "public?local=true"


class Mastodon:
    """Cursor: `{timeline: id of its last post}`, a timeline being `public`, `local`, `tag:name`."""

    spec: ClassVar[Spec] = Spec(
        name="mastodon",
        door="REST timelines",
        sees="public posts that the instance knows: all, its own, or under hashtags",
        needs="an instance; a token where it closes its timelines to strangers",
        limits="300 requests in 5 minutes",
        group="networks",
        options=(
            Option("instance", "The server, such as mastodon.social.", "mastodon.social"),
            Option("timeline", "public, local or hashtag.", "public"),
            Option("hashtags", "Hashtags to follow, with timeline: hashtag.", ()),
            Option("token", "Access token, where the instance asks for one.", "", secret=True),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=30.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._token = options.header("token")
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)
        instance = options.text("instance")
        whole = instance if "://" in instance else f"https://{instance}"
        self._instance = options.check_url("instance", whole).rstrip("/")
        self._host = urlsplit(self._instance).hostname or ""
        self._base = options.url("base_url") or self._instance
        self._timelines = _timelines(options)
        self._uris: OrderedDict[str, str] = OrderedDict()

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every timeline, oldest post first."""
        state = {str(k): str(v) for k, v in mapping(cursor).items()}
        private = {"authorization": f"Bearer {self._token}"} if self._token else {}
        async with http.Client(
            self._context,
            contact=self._contact,
            private=private,
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            for name, path in self._timelines.items():
                async for step, last in self._timeline(client, path, state.get(name, "")):
                    state = {**state, name: last}
                    yield dataclasses.replace(step, cursor=state)

    async def _timeline(
        self, client: http.Client, path: str, last: str
    ) -> AsyncIterator[tuple[Step, str]]:
        """Steps with the id that the timeline is then read up to.

        A server that refuses the saved id is read anew, with a gap on record.
        """
        try:
            page = await self._page(client, path, last)
        except Refused as error:
            if not last:
                raise
            page = await self._page(client, path, "")
            yield Step(gap=self._forgotten(last, error)), last
            last = ""
        first = not last
        for _ in range(_MOST_PAGES):
            if not page and first:
                self._context.on_note(
                    f"{self._host} answered an empty timeline; it may have this feed switched off"
                )
            fresh = [entry for entry in page if _later(_id(entry), last)]
            for entry in sorted(fresh, key=lambda entry: _order(_id(entry))):
                last = _id(entry) or last
                yield self._step(entry), last
            if first or not any(_id(entry) for entry in fresh):
                return
            page = await self._page(client, path, last)
        self._context.on_note(f"{self._host} is ahead by more than {_MOST_PAGES} pages")

    def _forgotten(self, last: str, error: Refused) -> Gap:
        now = http.current_time(self._context).isoformat()
        reason = f"the server no longer knows the post read last: {error}"
        return Gap(since=last, until=now, reason=reason)

    async def _page(self, client: http.Client, path: str, last: str) -> list[Any]:
        params = {"limit": str(_PAGE)}
        if path == _LOCAL:
            path = "public"
            params["local"] = "true"
        if last:
            params["min_id"] = last
        page = await client.json(f"{self._base}/api/v1/timelines/{path}", params=params)
        if not isinstance(page, list):
            said = line(mapping(page).get("error"), limit=200) or "no list of posts"
            raise Retriable(f"{self._host} answered {said}")
        return page

    def _step(self, entry: object) -> Step:
        place = f"{self._host} status {_id(entry) or '(without id)'}"
        now = http.current_time(self._context)
        try:
            return Step(post=self._post(mapping(entry), now))
        except ValueError as error:
            raw = msgspec.json.encode(entry)
            return Step(dead=SkipItem(f"{place}: {line(str(error))}", place=place, raw=raw))

    def reread(self, raw: bytes) -> Post:
        """The post of a status that could not be read before. Raises `ValueError`."""
        return self._post(mapping(msgspec.json.decode(raw)), http.current_time(self._context))

    def _post(self, status: dict[str, Any], now: datetime) -> Post:
        uri = self._uri(status)
        created = times.parse(status.get("created_at"), now=now)
        reblog = mapping(status.get("reblog"))
        content = reblog or status
        text, truncated = _text(content)
        edited = status.get("edited_at")
        parent = self._parent(status.get("in_reply_to_id"))
        return Post(
            id=f"mastodon:{uri}",
            source="mastodon",
            kind="comment" if parent else "post",
            state="edited" if edited else "live",
            created_at=created,
            collected_at=now,
            updated_at=times.parse_or(edited, now, now=now) if edited else None,
            url=link(status.get("url")) or link(uri),
            text=text,
            truncated=truncated,
            lang=line(content.get("language"), limit=35),
            author=self._author(mapping(status.get("account"))),
            engagement=Engagement(
                likes=count(status.get("favourites_count")),
                reposts=count(status.get("reblogs_count")),
                replies=count(status.get("replies_count")),
            ),
            parent_id=parent,
            repost_of=f"mastodon:{self._uri(reblog)}" if reblog else "",
            hashtags=_unique(tag(each.get("name")) for each in mappings(content.get("tags"))),
            media=_unique(_media(each) for each in mappings(content.get("media_attachments"))),
        )

    def _uri(self, status: dict[str, Any]) -> str:
        """The post's name everywhere; remembered by its local id, which replies refer to."""
        uri = line(status.get("uri"))
        if not uri or uri.endswith("…"):
            raise ValueError(f"the status has no usable uri but {status.get('uri')!r:.80}")
        local = line(status.get("id"))
        if local:
            self._uris[local] = uri
            if len(self._uris) > _MEMORY:
                self._uris.popitem(last=False)
        return uri

    def _parent(self, local: object) -> str:
        """The post replied to; by its local name where its own was not seen."""
        number = line(local)
        if not number:
            return ""
        return f"mastodon:{self._uris.get(number, f'{self._host}/statuses/{number}')}"

    def _author(self, account: dict[str, Any]) -> Author:
        handle = line(account.get("acct"))
        if handle and "@" not in handle:
            handle = f"{handle}@{self._host}"
        bio = account.get("note")
        return Author(
            id=line(account.get("uri")) or handle,
            handle=handle,
            name=line(account.get("display_name")) or line(account.get("username")),
            bio=line(bio, html=True) if isinstance(bio, str) else "",
            followers=count(account.get("followers_count")),
            url=link(account.get("url")),
            verified=_verified(account),
        )


def _timelines(options: Options) -> dict[str, str]:
    kind = options.choice("timeline", ("public", "local", "hashtag"))
    tags = [tag(name) for name in options.many("hashtags")]
    if kind != "hashtag" and tags:
        raise BadSettings(
            f"mastodon: 'hashtags' is {', '.join(tags)!r:.120}; set 'timeline' to hashtag as well"
        )
    if kind == "hashtag" and not tags:
        raise BadSettings("mastodon: 'timeline' is 'hashtag'; name them in 'hashtags'")
    if kind == "hashtag":
        return {f"tag:{name}": f"tag/{quote(name, safe='')}" for name in tags}
    return {"public": "public"} if kind == "public" else {"local": _LOCAL}


def _id(entry: object) -> str:
    return line(mapping(entry).get("id"), limit=64)


def _order(number: str) -> tuple[int, str]:
    """Ids are decimal numbers as text: the longer is the larger."""
    return len(number), number


def _later(number: str, last: str) -> bool:
    """A page that repeats itself must not keep us; what has no id is read once, for the record."""
    return not last or not number or _order(number) > _order(last)


def _text(status: dict[str, Any]) -> tuple[str, bool]:
    """The warning, then the text."""
    content = status.get("content")
    if not isinstance(content, str):
        raise ValueError("the status has no content")  # noqa: TRY004 - unreadable is one error
    warning = status.get("spoiler_text")
    if isinstance(warning, str) and warning.strip():
        text, truncated = plain(content, html=True)
        head, _ = plain(warning, html=False)
        joined, cut = plain(f"{head}\n\n{text}", html=False)
        return joined, truncated or cut
    return plain(content, html=True)


def _media(attachment: dict[str, Any]) -> str:
    return link(attachment.get("url")) or link(attachment.get("remote_url"))


def _verified(account: dict[str, Any]) -> bool | None:
    """Whether a link in the profile is proven to be the author's; unknown without fields."""
    fields = account.get("fields")
    if not isinstance(fields, list):
        return None
    return any(field.get("verified_at") for field in mappings(fields))


def _unique(values: Any) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
