"""What X's API v2 says of a post, as a `Post`.

A page holds posts in `data` and, once for all of them, their authors, originals, media and places
in `includes`. Text comes with HTML entities and with every link shortened. See
https://docs.x.com/x-api/fundamentals/data-dictionary.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors import times
from connectors.fields import count, mapping, mappings
from connectors.markup import decode_entities
from connectors.post import Author, Engagement, Place, Post
from connectors.text import line, link, plain, tag

FIELDS: Final = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_controls,entities,geo,"
    "in_reply_to_user_id,lang,note_tweet,possibly_sensitive,public_metrics,referenced_tweets",
    "expansions": "author_id,referenced_tweets.id,attachments.media_keys,geo.place_id",
    "user.fields": "description,location,name,public_metrics,url,username,verified,verified_type",
    "media.fields": "alt_text,media_key,preview_image_url,type,url",
    "place.fields": "country,country_code,full_name,geo",
}
"""What is asked of each post. The authors of originals are left out: each is billed."""

_EPOCH: Final = 1_288_834_974_657
"""Milliseconds since 1970 at which X's ids begin; an id is milliseconds since then, times 2**22."""
_FIRST_TIMED: Final = 1 << 40
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_INCLUDED: Final = 1_000


def time_of(number: str) -> datetime | None:
    """When the post with this id was made; None for ids older than those that tell (2010)."""
    if not number.isascii() or not number.isdigit() or not _FIRST_TIMED < int(number) < 1 << 63:
        return None
    return _FIRST + timedelta(milliseconds=(int(number) >> 22) + _EPOCH)


def earlier(number: str, seconds: int) -> str:
    """An id made so many seconds before this one."""
    return str(max(0, int(number) - (seconds * 1000 << 22)))


class Included:
    """The `includes` of one page, by id."""

    def __init__(self, page: dict[str, Any]) -> None:
        includes = mapping(page.get("includes"))
        self.users = _by(includes.get("users"), "id")
        self.posts = _by(includes.get("tweets"), "id")
        self.media = _by(includes.get("media"), "media_key")
        self.places = _by(includes.get("places"), "id")

    def needed(self, item: dict[str, Any]) -> dict[str, Any]:
        """The page with this one post: what a dead letter keeps."""
        referred = {line(ref.get("id")) for ref in mappings(item.get("referenced_tweets"))}
        posts = [post for name, post in self.posts.items() if name in referred]
        keys = {key for one in (item, *posts) for key in _keys(one)}
        place = line(mapping(item.get("geo")).get("place_id"))
        author = line(item.get("author_id"))
        includes = {
            "users": [self.users[author]] if author in self.users else [],
            "tweets": posts,
            "media": [self.media[key] for key in sorted(keys & self.media.keys())],
            "places": [self.places[place]] if place in self.places else [],
        }
        return {"data": item, "includes": includes}


def read(item: dict[str, Any], included: Included, now: datetime) -> Post:
    """The post. One that was edited has a new id each time: it is named by its first, and is
    `edited` from the second on. Raises `ValueError`."""
    number = line(item.get("id"))
    if not number.isascii() or not number.isdigit():
        raise ValueError(f"the post has the id {item.get('id')!r:.80}")
    if not isinstance(item.get("text"), str):
        raise ValueError(f"post {number} has no text")  # noqa: TRY004 - unreadable is one error
    first = _first(item)
    made = times.parse_or(item.get("created_at") or time_of(number), now, now=now)
    created = times.parse_or(time_of(first), made, now=now) if first != number else made
    refers = {
        line(r.get("type")): line(r.get("id")) for r in mappings(item.get("referenced_tweets"))
    }
    original = included.posts.get(refers.get("retweeted", ""), {})
    content = {**item, **_content(original)} if original else item
    text, truncated = _text(content)
    handle = line(mapping(included.users.get(line(item.get("author_id")))).get("username"))
    again = refers.get("retweeted") or refers.get("quoted") or ""
    parent = refers.get("replied_to", "")
    thread = line(item.get("conversation_id"))
    return Post(
        id=f"x:{first}",
        source="x",
        kind="comment" if parent else "post",
        state="edited" if first != number else "live",
        created_at=created,
        collected_at=now,
        updated_at=made if first != number else None,
        url=f"https://x.com/{handle or 'i'}/status/{number}",
        text=text,
        truncated=truncated,
        lang=_lang(content.get("lang")),
        author=_author(item, included),
        engagement=_engagement(mapping(item.get("public_metrics"))),
        parent_id=f"x:{parent}" if parent else "",
        thread_id=f"x:{thread}" if thread and thread != first else "",
        repost_of=f"x:{_first(included.posts.get(again, {'id': again}))}" if again else "",
        hashtags=_hashtags(content),
        media=_media(content, included),
        place=_place(mapping(item.get("geo")), included),
    )


def _first(item: dict[str, Any]) -> str:
    """The id of the first version."""
    history = item.get("edit_history_tweet_ids")
    first = line(history[0]) if isinstance(history, list) and history else ""
    return first if first.isdigit() else line(item.get("id"))


def _content(original: dict[str, Any]) -> dict[str, Any]:
    """What a repost takes from its original, whole where its own text is cut."""
    names = ("text", "note_tweet", "entities", "attachments", "lang")
    return {name: original.get(name) for name in names}


def _text(content: dict[str, Any]) -> tuple[str, bool]:
    """Long posts have their whole text in `note_tweet`."""
    note = mapping(content.get("note_tweet"))
    long = note.get("text")
    raw = content.get("text")
    text = decode_entities(long if isinstance(long, str) and long else str(raw or ""))
    links = [*mappings(mapping(note.get("entities")).get("urls"))]
    links += mappings(mapping(content.get("entities")).get("urls"))
    for each in links:
        short = each.get("url")
        whole = link(each.get("unwound_url")) or link(each.get("expanded_url"))
        if isinstance(short, str) and short and whole:
            text = text.replace(short, whole)
    return plain(text, html=False)


def _hashtags(content: dict[str, Any]) -> list[str]:
    note = mapping(mapping(content.get("note_tweet")).get("entities"))
    found = [*mappings(mapping(content.get("entities")).get("hashtags"))]
    found += mappings(note.get("hashtags"))
    tags = (tag(each.get("tag")) for each in found)
    return [one for one in dict.fromkeys(tags) if one]


def _lang(code: object) -> str:
    """Nothing for what X itself could not tell, and for its codes of posts without words."""
    lang = line(code, limit=35)
    return "" if lang in ("und", "zxx", "qme", "qst", "qht", "qam", "qct") else lang


def _author(item: dict[str, Any], included: Included) -> Author:
    number = line(item.get("author_id"))
    user = included.users.get(number, {})
    handle = line(user.get("username"))
    verified = user.get("verified")
    return Author(
        id=number,
        handle=handle,
        name=line(user.get("name")),
        bio=line(user.get("description")),
        followers=count(mapping(user.get("public_metrics")).get("followers_count")),
        location=line(user.get("location")),
        url=f"https://x.com/{handle}" if handle else "",
        verified=verified if isinstance(verified, bool) else None,
    )


def _engagement(metrics: dict[str, Any]) -> Engagement:
    shared = [count(metrics.get(name)) for name in ("retweet_count", "quote_count")]
    known = [number for number in shared if number is not None]
    return Engagement(
        likes=count(metrics.get("like_count")),
        reposts=sum(known) if known else None,
        replies=count(metrics.get("reply_count")),
        views=count(metrics.get("impression_count")),
    )


def _media(content: dict[str, Any], included: Included) -> list[str]:
    found = (included.media.get(key, {}) for key in _keys(content))
    links = (link(one.get("url")) or link(one.get("preview_image_url")) for one in found)
    return [one for one in dict.fromkeys(links) if one]


def _keys(item: dict[str, Any]) -> list[str]:
    keys = mapping(item.get("attachments")).get("media_keys")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []


def _place(geo: dict[str, Any], included: Included) -> Place | None:
    """The exact point where the author gave it, else the middle of the place's box."""
    place = included.places.get(line(geo.get("place_id")), {})
    point = _numbers(mapping(geo.get("coordinates")).get("coordinates"), 2)
    box = _numbers(mapping(place.get("geo")).get("bbox"), 4)  # west, south, east, north
    if point is None and box is not None:
        point = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    name = line(place.get("full_name"))
    if point is None and not name:
        return None
    country = line(place.get("country_code"), limit=2)
    lon, lat = point if point else (None, None)
    return Place(name=name, country=country.upper(), lat=lat, lon=lon)


def _numbers(value: object, many: int) -> list[float] | None:
    if not isinstance(value, list) or len(value) != many:
        return None
    if not all(isinstance(one, int | float) and -180 <= one <= 180 for one in value):
        return None
    return [float(one) for one in value]


def _by(items: object, key: str) -> dict[str, dict[str, Any]]:
    return {line(one.get(key)): one for one in mappings(items, _MOST_INCLUDED)}
