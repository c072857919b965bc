"""Mastodon's statuses as posts."""

from collections import OrderedDict
from datetime import datetime
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_MEMORY: Final = 20_000


class Reader:
    """Reads the statuses of one instance. It remembers by their local ids what they are called
    everywhere, and when they were written: replies and deletions name local ids alone."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._uris: OrderedDict[str, str] = OrderedDict()
        self._created: OrderedDict[str, datetime] = OrderedDict()

    def deletion(self, local: str, now: datetime) -> Post | None:
        """The tombstone of a status that passed here; `None` for any other."""
        uri = self._uris.get(local)
        if uri is None:
            return None
        return Post(
            id=f"mastodon:{uri}",
            source="mastodon",
            state="deleted",
            created_at=min(self._created.get(local, now), now),
            collected_at=now,
            updated_at=now,
            url=link(uri),
        )

    def post(self, status: dict[str, Any], now: datetime) -> Post:
        uri = self._uri(status)
        created = times.parse(status.get("created_at"), now=now)
        if local := line(status.get("id")):
            self._created[local] = created
            if len(self._created) > _MEMORY:
                self._created.popitem(last=False)
        reblog = mapping(status.get("reblog"))
        content = reblog or status
        text, truncated = _text(content)
        edited = status.get("edited_at")
        parent = self._parent_of(status.get("in_reply_to_id"))
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

    def _parent_of(self, local: object) -> str:
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
