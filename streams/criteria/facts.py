"""Facts of a post that are no words: numbers, times, where it comes from, what it has."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, get_args

from connectors.post import Kind, Post
from streams.criteria import links, tokens
from streams.criteria.languages import primary
from streams.criteria.syntax import EqualField, Equals, Fact, Flag, MeasureField, Range, Site

KINDS: Final[tuple[str, ...]] = get_args(Kind)
SCALE: Final = 5.0
"""Ratings are compared as if the best were five."""


def _rating(post: Post) -> float | None:
    if post.rating is None or post.rating.best <= 0:
        return None
    return post.rating.value / post.rating.best * SCALE


MEASURES: Final[Mapping[MeasureField, Callable[[Post], float | None]]] = {
    "rating": _rating,
    "followers": lambda post: post.author.followers,
    "likes": lambda post: post.engagement.likes,
    "reposts": lambda post: post.engagement.reposts,
    "replies": lambda post: post.engagement.replies,
    "views": lambda post: post.engagement.views,
    "created": lambda post: post.created_at.timestamp(),
}

FLAGS: Final[Mapping[str, Callable[[Post], bool]]] = {
    "has:media": lambda post: bool(post.media),
    "has:link": lambda post: bool(next(_links(post), "")),
    "has:hashtag": lambda post: bool(post.hashtags) or any(map(_any_hashtag, _texts(post))),
    "has:mention": lambda post: any(next(links.mentions(text), None) for text in _texts(post)),
    "has:title": lambda post: bool(post.title),
    "has:rating": lambda post: post.rating is not None,
    "has:place": lambda post: post.place is not None or bool(post.author.location),
    "is:reply": lambda post: bool(post.parent_id),
    "is:repost": lambda post: bool(post.repost_of),
    "is:verified": lambda post: post.author.verified is True,
    "is:edited": lambda post: post.state == "edited",
}

EQUALS: Final[Mapping[EqualField, Callable[[Post, str], str]]] = {
    "lang": lambda _, language: language,
    "source": lambda post, _: post.source.lower(),
    "kind": lambda post, _: post.kind,
    "country": lambda post, _: post.place.country.lower() if post.place else "",
}


def holds(fact: Fact, post: Post, language: str) -> bool:
    """Whether it is so of a post in `language` (`primary`). What is not told is not so."""
    match fact:
        case Range(field, low, high):
            value = MEASURES[field](post)
            return value is not None and low <= value <= high
        case Flag(name):
            return FLAGS[name](post)
        case Equals(field, value):
            return EQUALS[field](post, language) == value
        case Site(host):
            return host in links.sites(post)


def field_texts(field: str, post: Post) -> list[str]:
    """The texts that a text field stands for; each is read for itself."""
    match field:
        case "author":
            return [post.author.handle, post.author.name, post.author.bio]
        case "bio":
            return [post.author.bio]
        case "place":
            return [post.author.location, post.place.name if post.place else ""]
        case "link":
            return links.post_links(post)
        case _:
            return [post.title, post.text]


def normalised(field: EqualField, value: str) -> str:
    """A value as `Equals` holds it."""
    return primary(value) if field == "lang" else value.strip().lower()


def _texts(post: Post) -> tuple[str, str]:
    return post.title, post.text


def _links(post: Post) -> Iterator[str]:
    return (link for text in _texts(post) for link, _, _ in links.links(text))


def _any_hashtag(text: str) -> bool:
    return next(tokens.hashtags(text), None) is not None
