"""What YouTube sends, as posts: videos of `videos.list` and `search.list`, comments, replies."""

from datetime import datetime
from typing import Any

from connectors import times
from connectors.fields import count, mapping
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

_PAGE = "https://www.youtube.com"
_SIZES = ("maxres", "standard", "high", "medium", "default")


def video_id(item: Any) -> str:
    """The id of a search result, an upload or a video; empty for a channel or a playlist.

    `id` is text or an object; an upload names its video in `contentDetails` or `snippet`.
    """
    fields = mapping(item)
    own = fields.get("id")
    details, snippet = mapping(fields.get("contentDetails")), mapping(fields.get("snippet"))
    candidates = [
        details.get("videoId"),
        mapping(snippet.get("resourceId")).get("videoId"),
        mapping(own).get("videoId"),
        own if fields.get("kind") in (None, "youtube#video") else None,
    ]
    return next((name for name in (line(one, limit=64) for one in candidates) if name), "")


def is_other(item: Any) -> bool:
    """Whether a search result is a channel or a playlist."""
    name = mapping(mapping(item).get("id"))
    return not name.get("videoId") and bool(name.get("channelId") or name.get("playlistId"))


def video(item: Any, now: datetime, *, escaped: bool = False) -> Post:
    """A video. In search results title and description are `escaped` for HTML, and the
    description is cut. Raises `ValueError`."""
    fields = mapping(item)
    name = video_id(fields)
    if not name:
        raise ValueError(f"the video has no id but {fields.get('id')!r:.80}")
    snippet, counts = mapping(fields.get("snippet")), mapping(fields.get("statistics"))
    created = times.parse(snippet.get("publishedAt"), now=now)
    text, cut = _text(snippet.get("description"), html=escaped)
    channel = line(snippet.get("channelId"), limit=64)
    thumbnails = mapping(snippet.get("thumbnails"))
    pictures = (link(mapping(thumbnails.get(size)).get("url")) for size in _SIZES)
    tags = snippet.get("tags")
    return Post(
        id=f"youtube:{name}",
        source="youtube",
        kind="video",
        created_at=created,
        collected_at=now,
        url=f"{_PAGE}/watch?v={name}",
        title=line(snippet.get("title"), html=escaped),
        text=text,
        truncated=cut or (escaped and text.endswith("...")),
        lang=line(snippet.get("defaultAudioLanguage") or snippet.get("defaultLanguage"), limit=35),
        author=_author(channel, line(snippet.get("channelTitle"), html=escaped)),
        engagement=Engagement(
            likes=count(counts.get("likeCount")),
            replies=count(counts.get("commentCount")),
            views=count(counts.get("viewCount")),
        ),
        hashtags=_unique(tag(one) for one in (tags if isinstance(tags, list) else [])),
        media=[next((one for one in pictures if one), "")] if any(thumbnails) else [],
    )


def comment(item: Any, video: str, now: datetime) -> Post:
    """A comment, or a reply, under a video. Raises `ValueError`."""
    fields = mapping(item)
    snippet = mapping(fields.get("snippet"))
    name = line(fields.get("id"), limit=128)
    if not name:
        raise ValueError(f"the comment has no id but {fields.get('id')!r:.80}")
    raw = snippet.get("textOriginal")
    shown = snippet.get("textDisplay")
    if not isinstance(raw, str) and not isinstance(shown, str):
        raise ValueError("the comment has no text")  # noqa: TRY004 - unreadable is one error
    # Asked for as plain text, `textDisplay` holds none of HTML but in older recordings.
    text, cut = _text(raw, html=False) if isinstance(raw, str) else _text(shown, html=_html(shown))
    created = times.parse(snippet.get("publishedAt"), now=now)
    changed = times.parse_or(snippet.get("updatedAt"), created, now=now)
    under = line(snippet.get("videoId"), limit=64) or video
    if not under:
        raise ValueError("the comment names no video")
    parent = line(snippet.get("parentId"), limit=128) or name.partition(".")[0]
    is_reply = parent != name
    return Post(
        id=f"youtube:{name}",
        source="youtube",
        kind="comment",
        state="edited" if changed > created else "live",
        created_at=created,
        collected_at=now,
        updated_at=changed if changed > created else None,
        url=f"{_PAGE}/watch?v={under}&lc={name}",
        text=text,
        truncated=cut,
        author=_commenter(snippet),
        engagement=Engagement(likes=count(snippet.get("likeCount"))),
        parent_id=f"youtube:{parent if is_reply else under}",
        thread_id=f"youtube:{under}",
    )


def _html(text: object) -> bool:
    return isinstance(text, str) and any(sign in text for sign in ("<br", "</", "&#39;", "&quot;"))


def _text(value: object, *, html: bool) -> tuple[str, bool]:
    return plain(value, html=html) if isinstance(value, str) else ("", False)


def _author(channel: str, name: str) -> Author:
    return Author(id=channel, name=name, url=f"{_PAGE}/channel/{channel}" if channel else "")


def _commenter(snippet: dict[str, Any]) -> Author:
    """`authorChannelId` is an object, and missing for accounts that were closed."""
    told = snippet.get("authorChannelId")
    channel = line(mapping(told).get("value"), limit=64) or line(told, limit=64)
    shown = line(snippet.get("authorDisplayName"))
    return Author(
        id=channel,
        handle=shown.removeprefix("@") if shown.startswith("@") else "",
        name=shown,
        url=link(snippet.get("authorChannelUrl")),
    )


def _unique(values: Any) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
