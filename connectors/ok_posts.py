"""Odnoklassniki's topics, discussions and comments as `Post`s, joined with what came beside."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.post import Author, Engagement, Post
from connectors.text import line, link, plain, tag

SITE: Final = "https://ok.ru"
_MOSCOW: Final = ZoneInfo("Europe/Moscow")
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
# {group:47}Name{group}, {media_topic:6}words{media_topic}
_MARKUP = re.compile(
    r"\{(?:group|user|media_topic|theme|topic|photo|group_photo|album|movie|video|link|app|place)"
    r"(?::[^{}\s]*)?\}"
)
_HASHTAG = re.compile(r"(?<![\w&/#])#(\w{1,100})")
_REF = re.compile(r"(?:media_topic|group_topic|topic|theme)s?:(\d{1,20})")
_SIZES: Final = ("pic_max", "pic1024x768", "pic640x480", "pic_base", "pic240min", "pic128x128")
_GONE: Final = ("REMOVED", "DELETED", "REMOVED_MESSAGE", "DELETED_MESSAGE")

Entities = Mapping[str, dict[str, Any]]
"""What came beside the items, by `kind:number`, as they refer to it."""


def entities(response: object) -> Entities:
    """The side tables of a response as one."""
    found: dict[str, dict[str, Any]] = {}
    for kind, rows in mapping(mapping(response).get("entities")).items():
        for row in mappings(rows, 1000):
            number = str(row.get("uid") or row.get("id") or "")
            singular = kind.removesuffix("s")
            found[str(row.get("ref") or f"{singular}:{number}")] = row
            found[f"{singular}:{number}"] = row
    return found


def referred(feed: Mapping[str, Any]) -> list[str]:
    """The numbers of the topics that an entry of a stream is about."""
    refs = [ref for name in ("target_refs", "topic_refs") for ref in _list(feed.get(name))]
    texts = [feed.get("message"), feed.get("title"), *refs]
    numbers = (found for text in texts if isinstance(text, str) for found in _REF.findall(text))
    return list(dict.fromkeys(numbers))


def topic(
    item: object,
    known: Entities,
    now: datetime,
    *,
    group: str = "",
    feed: Mapping[str, Any] | None = None,
) -> Post:
    """A media topic; `feed` is the entry of the stream that led to it. Raises `ValueError`."""
    fields = mapping(item)
    number = _id(fields)
    owner = str(fields.get("owner_ref") or (f"group:{group}" if group else ""))
    beside = mapping(feed)
    parts, media, origin = _content(fields, known)
    if not parts and isinstance(beside.get("message"), str):
        parts = [beside["message"]]
    text, cut = _plain("\n\n".join(parts))
    return Post(
        id=f"ok:{number}",
        source="ok",
        created_at=_moment(
            (fields.get("created_ms"), beside.get("date_ms"), beside.get("date")), now
        ),
        collected_at=now,
        url=_page(owner, number),
        text=text,
        truncated=cut or fields.get("has_more") is True,
        author=_author(str(fields.get("author_ref") or owner), known),
        engagement=Engagement(
            likes=_count(fields, "like_summary", "count"),
            reposts=_count(fields, "reshare_summary", "count"),
            replies=_count(fields, "discussion_summary", "comments_count"),
            views=count(fields.get("views_count")),
        ),
        repost_of=f"ok:{origin}" if origin else "",
        hashtags=_hashtags(text),
        media=media,
    )


def discussion(item: object, known: Entities, now: datetime) -> Post:
    """A discussion as `discussions.get` and `getList` give it. Raises `ValueError`."""
    fields = mapping(item)
    number = _id(fields, "object_id", "id")
    kind = line(fields.get("object_type"), limit=60) or "GROUP_TOPIC"
    refs = [f"{str(ref.get('type')).lower()}:{ref.get('id')}" for ref in refs_of(fields)]
    home = next((ref for ref in refs if ref.startswith("group:")), "")
    theme = known.get(f"media_topic:{number}") or known.get(f"theme:{number}") or {}
    titles = (fields.get("title"), theme.get("title"))
    said = _content(theme, known)[0] or [one for one in titles if isinstance(one, str) and one][:1]
    text, cut = _plain("\n\n".join(said))
    writer = str(fields.get("owner_uid") or "")
    by = next((ref for ref in (f"user:{writer}", f"group:{writer}") if ref in known), "")
    return Post(
        id=name_of(number, kind),
        source="ok",
        created_at=_moment(
            (fields.get("creation_date_ms"), fields.get("created_ms"), fields.get("creation_date")),
            now,
        ),
        collected_at=now,
        url=_page(home, number),
        text=text,
        truncated=cut,
        author=_author(by or (f"user:{writer}" if writer else home), known),
        engagement=Engagement(
            likes=_count(fields, "like_summary", "count", "like_count"),
            replies=_count(fields, "discussion_summary", "comments_count", "total_comments_count"),
        ),
        hashtags=_hashtags(text),
    )


def comment(item: object, known: Entities, now: datetime, *, under: str, url: str = "") -> Post:
    """A comment of the discussion `under`. Raises `ValueError`."""
    fields = mapping(item)
    number = line(fields.get("id"), limit=200)
    if not number:
        raise ValueError(f"the comment has the id {fields.get('id')!r:.40}")
    thread = f"ok:{under}"
    parent = line(fields.get("reply_to_comment_id"), limit=200)
    created = _moment((fields.get("date_ms"), fields.get("date")), now)
    gone = fields.get("type") in _GONE or fields.get("removed") is True
    said = fields.get("text")
    if not gone and said is not None and not isinstance(said, str):
        raise ValueError(f"the text is {said!r:.60}")
    text, cut = ("", False) if gone else _plain(said or "")
    writer = str(fields.get("author_ref") or "")
    number_of = str(fields.get("author_id") or "")
    if not writer and number_of:
        writer = f"group:{number_of}" if f"group:{number_of}" in known else f"user:{number_of}"
    author = Author() if gone else _author(writer, known)
    if not gone and not author.name and line(fields.get("author_name")):
        author = Author(id=author.id, name=line(fields["author_name"]), url=author.url)
    return Post(
        id=f"ok:{number}",
        source="ok",
        kind="comment",
        state="deleted" if gone else "live",
        created_at=created,
        collected_at=now,
        updated_at=now if gone else None,
        url=url,
        text=text,
        truncated=cut,
        author=author,
        engagement=Engagement()
        if gone
        else Engagement(likes=_count(fields, "like_summary", "count", "like_count")),
        parent_id=f"ok:{parent}" if parent else thread,
        thread_id=thread,
        hashtags=_hashtags(text),
    )


def message(item: object, now: datetime) -> Post:
    """A message that a person wrote to a group, from its webhook. Raises `ValueError`."""
    fields = mapping(item)
    said, sender = mapping(fields.get("message")), mapping(fields.get("sender"))
    number = line(said.get("mid"), limit=200)
    if not number:
        raise ValueError(f"the message has the id {said.get('mid')!r:.40}")
    written = said.get("text")
    if written is not None and not isinstance(written, str):
        raise ValueError(f"the text is {written!r:.60}")
    text, cut = _plain(written or "")
    payloads = (mapping(one.get("payload")) for one in mappings(said.get("attachments")))
    media = [link(one.get("url")) for one in payloads]
    author = _author(str(sender.get("user_id") or ""), {})
    return Post(
        id=f"ok:message/{number}",
        source="ok",
        kind="message",
        created_at=_moment((fields.get("timestamp"),), now),
        collected_at=now,
        text=text,
        truncated=cut,
        author=Author(id=author.id, name=line(sender.get("name")), url=author.url),
        thread_id=f"ok:{line(mapping(fields.get('recipient')).get('chat_id')) or 'chat'}",
        media=[address for address in media if address],
    )


def name_of(number: str, kind: str = "GROUP_TOPIC") -> str:
    """Topics have numbers of their own among each other; photos and films may have the same."""
    return f"ok:{number}" if kind == "GROUP_TOPIC" else f"ok:{kind.lower()}/{number}"


def refs_of(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a discussion refers to, such as its group."""
    return mappings(fields.get("ref_objects"))


def moment_of(item: object, now: datetime) -> datetime:
    """When a comment was written. Raises `ValueError`."""
    fields = mapping(item)
    return _moment((fields.get("date_ms"), fields.get("date")), now)


def _content(fields: Mapping[str, Any], known: Entities) -> tuple[list[str], list[str], str]:
    """Texts, addresses, and the number of the topic that is passed on."""
    texts: list[str] = []
    media: list[str] = []
    origin = ""
    for block in mappings(fields.get("media")):
        texts += _texts(block, known)
        media += _addresses(block, known)
        for ref in _list(block.get("media_topic_refs")):
            shared = known.get(str(ref), {})
            origin = origin or (_REF.findall(str(ref)) or [""])[0]
            for inner in mappings(shared.get("media")):
                texts += _texts(inner, known)
                media += _addresses(inner, known)
    return texts, [one for one in dict.fromkeys(media) if one], origin


def _texts(block: Mapping[str, Any], known: Entities) -> Iterator[str]:
    said = block.get("text")
    if said is not None and not isinstance(said, str):
        raise ValueError(f"the text is {said!r:.60}")
    if not said:
        tokens = (token.get("text") for token in mappings(block.get("text_tokens")))
        said = "".join(text for text in tokens if isinstance(text, str))
    if said:
        yield said
    if block.get("type") == "link":
        parts = (block.get("title"), block.get("description"))
        shown = "\n".join(part for part in parts if isinstance(part, str) and part)
        if shown:
            yield shown
    refs = (known.get(str(ref), {}) for ref in _list(block.get("poll_refs")))
    for poll in [*refs, *mappings(block.get("polls")), block]:
        question = poll.get("question")
        if isinstance(question, str) and question:
            answers = (answer.get("text") for answer in mappings(poll.get("answers")))
            yield "\n".join([question, *(text for text in answers if isinstance(text, str))])


def _addresses(block: Mapping[str, Any], known: Entities) -> Iterator[str]:
    yield link(block.get("url"))
    photos = [known.get(str(ref), {}) for ref in _list(block.get("photo_refs"))]
    for photo in [*photos, *mappings(block.get("photos"))]:
        yield next((link(photo.get(size)) for size in _SIZES if link(photo.get(size))), "")
    for ref in _list(block.get("movie_refs")):
        number = str(ref).rpartition(":")[2]
        yield f"{SITE}/video/{number}" if number.isdigit() else ""


def _author(ref: str, known: Entities) -> Author:
    kind, _, number = line(ref, limit=100).partition(":")
    if not number:
        return Author()
    fields = known.get(ref, {})
    page = "group" if kind == "group" else "profile"
    names = (line(fields.get("first_name")), line(fields.get("last_name")))
    return Author(
        id=number,
        handle=line(fields.get("shortname")),
        name=line(fields.get("name")) or " ".join(name for name in names if name),
        bio=line(fields.get("description") or fields.get("bio")),
        followers=count(fields.get("members_count")),
        location=line(mapping(fields.get("location")).get("city")),
        url=f"{SITE}/{page}/{number}",
    )


def _page(owner: str, number: str) -> str:
    kind, _, home = line(owner, limit=100).partition(":")
    if kind == "group" and home:
        return f"{SITE}/group/{home}/topic/{number}"
    return f"{SITE}/profile/{home}/statuses/{number}" if home else f"{SITE}/topic/{number}"


def _moment(values: tuple[object, ...], now: datetime) -> datetime:
    """The first of these that is a time; one that names no zone is Moscow's."""
    told = next((value for value in values if value not in (None, "", 0)), None)
    if isinstance(told, str) and _NAIVE.fullmatch(told.strip()):
        told = datetime.fromisoformat(told.strip()).replace(tzinfo=_MOSCOW)
    return times.parse(told, now=now)


def _plain(text: str) -> tuple[str, bool]:
    return plain(_MARKUP.sub("", text), html=False)


def _hashtags(text: str) -> list[str]:
    return list(dict.fromkeys(tag(found) for found in _HASHTAG.findall(text)))


def _count(fields: Mapping[str, Any], table: str, name: str, flat: str = "") -> int | None:
    found = count(mapping(fields.get(table)).get(name))
    return count(fields.get(flat)) if found is None and flat else found


def _id(fields: Mapping[str, Any], *names: str) -> str:
    for name in names or ("id",):
        number = str(fields.get(name) or "")
        if number.isascii() and number.isdigit() and len(number) <= 20:
            return number
    raise ValueError(f"the item has the id {fields.get('id')!r:.40}")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
