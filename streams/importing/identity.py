"""What a post's address tells of it: the platform, as its connector calls it, and the id there.

The same as the connectors give, so that a post that was imported and one that is collected are one.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit


class Identity(NamedTuple):
    """A platform's source and the post's own id; whether it is a comment."""

    source: str
    native: str
    comment: bool = False

    @property
    def id(self) -> str:
        return f"{self.source}:{self.native}"


_HOSTS: Final = {
    "twitter.com": "x", "x.com": "x", "youtube.com": "youtube", "youtu.be": "youtu.be",
    "reddit.com": "reddit", "vk.com": "vk", "vk.ru": "vk", "vkontakte.ru": "vk", "t.me": "telegram",
    "telegram.me": "telegram", "instagram.com": "instagram", "facebook.com": "facebook",
    "tiktok.com": "tiktok", "ok.ru": "ok", "odnoklassniki.ru": "ok", "bsky.app": "bluesky",
    "news.ycombinator.com": "hackernews", "threads.net": "threads", "threads.com": "threads",
}  # fmt: skip
_HOST = re.compile(r"https?://(?:www\.|m\.|mobile\.|old\.|new\.)?([\w.-]{4,40})", re.IGNORECASE)
_STATUS = re.compile(r"/(?:i/web|\w+)/status(?:es)?/(\d{1,20})")
_VIDEO = re.compile(r"/(?:shorts|live|embed|v)/([\w-]{11})(?![\w-])")
_VIDEO_ID = re.compile(r"[\w-]{11}")
_COMMENT_ID = re.compile(r"[\w.-]{20,80}")
_REDDIT = re.compile(r"/(?:r|user)/[\w-]+/comments/(\w{1,12})(?:/[^/]*(?:/(\w{1,12}))?)?/?")
_WALL = re.compile(r"wall(-?\d{1,15})_(\d{1,12})")
_CHANNEL = re.compile(r"/(?:s/)?([A-Za-z]\w{3,31})/(\d{1,12})/?")
_TOPIC = re.compile(r"/(?:group/\d+|profile/\d+|\w+)/(?:topic|statuses)/(\d{1,20})")
_CODE = re.compile(r"/(?:[\w.]+/)?(?:p|reel|reels|tv)/([\w-]{5,40})")
_PAGE_POST = re.compile(r"/(?:groups/)?(\d{5,20})/(?:posts|permalink)/(\d{5,20})")
_TIKTOK = re.compile(r"/@[\w.-]+/(?:video|photo)/(\d{10,25})")
_BLUESKY = re.compile(r"/profile/(did:[a-z]+:[\w.:%-]{5,100})/post/(\w{5,30})")
_AT_URI = re.compile(r"at://did:[a-z]+:[\w.:%-]{5,100}/[\w.]{5,80}/\w{5,30}")
_THREAD = re.compile(r"/@[\w.]+/post/([\w-]{5,30})")


def identity_of(url: str) -> Identity | None:
    """What the address of a post names; `None` where it names no post of a platform that is known
    here. Some microseconds."""
    if url.startswith("at://"):
        return Identity("bluesky", url) if _AT_URI.fullmatch(url) else None
    found = _HOST.match(url)
    name = _HOSTS.get(found.group(1).lower()) if found else None
    if name is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return _READERS[name](parts.path, parts.query)


def _first(pattern: re.Pattern[str], source: str, path: str) -> Identity | None:
    found = pattern.match(path)
    return Identity(source, found.group(1)) if found else None


def _youtube(path: str, query: str) -> Identity | None:
    asked = parse_qs(query)
    comment = asked.get("lc", [""])[0]
    if _COMMENT_ID.fullmatch(comment):
        return Identity("youtube", comment, comment=True)
    name = asked.get("v", [""])[0]
    if _VIDEO_ID.fullmatch(name):
        return Identity("youtube", name)
    return _first(_VIDEO, "youtube", path)


def _short_youtube(path: str, query: str) -> Identity | None:
    return _youtube("", f"v={path.strip('/')}&{query}")


def _reddit(path: str, _query: str) -> Identity | None:
    found = _REDDIT.fullmatch(path)
    if found is None:
        return None
    if comment := found.group(2):
        return Identity("reddit", f"t1_{comment.lower()}", comment=True)
    return Identity("reddit", f"t3_{found.group(1).lower()}")


def _vk(path: str, query: str) -> Identity | None:
    asked = parse_qs(query)
    found = _WALL.match(path.lstrip("/")) or _WALL.match(asked.get("w", [""])[0])
    if found is None:
        return None
    reply = asked.get("reply", [""])[0]
    if reply.isascii() and reply.isdigit():
        return Identity("vk", f"{found.group(1)}_{reply}", comment=True)
    return Identity("vk", f"{found.group(1)}_{found.group(2)}")


def _telegram(path: str, query: str) -> Identity | None:
    found = _CHANNEL.fullmatch(path)
    if found is None or "comment" in parse_qs(query):
        return None
    return Identity("telegram", f"{found.group(1).lower()}/{found.group(2)}")


def _facebook(path: str, query: str) -> Identity | None:
    found = _PAGE_POST.match(path)
    if found is None or "comment_id" in query:
        return None
    return Identity("facebook", f"{found.group(1)}_{found.group(2)}")


def _bluesky(path: str, _query: str) -> Identity | None:
    found = _BLUESKY.match(path)
    if found is None:
        return None
    return Identity("bluesky", f"at://{found.group(1)}/app.bsky.feed.post/{found.group(2)}")


def _hackernews(path: str, query: str) -> Identity | None:
    number = parse_qs(query).get("id", [""])[0] if path == "/item" else ""
    return Identity("hackernews", number) if number.isascii() and number.isdigit() else None


_READERS: Final[Mapping[str, Callable[[str, str], Identity | None]]] = {
    "x": lambda path, _: _first(_STATUS, "x", path),
    "youtube": _youtube,
    "youtu.be": _short_youtube,
    "reddit": _reddit,
    "vk": _vk,
    "telegram": _telegram,
    "ok": lambda path, _: _first(_TOPIC, "ok", path),
    "instagram": lambda path, _: _first(_CODE, "instagram", path),
    "facebook": _facebook,
    "tiktok": lambda path, _: _first(_TIKTOK, "tiktok", path),
    "bluesky": _bluesky,
    "hackernews": _hackernews,
    "threads": lambda path, _: _first(_THREAD, "threads", path),
}
