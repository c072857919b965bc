"""What an import would do: everything read and matched, nothing kept."""

import asyncio
from collections.abc import AsyncIterable, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from connectors.post import Post
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.importing.job import Item, Summary
from streams.sentiment.language import identify


class Tried(msgspec.Struct, kw_only=True):
    """`fields` of posts by the columns that feed them, `extra` the columns kept beside, `topics`
    how many posts meet each; `first` are some posts as they would be kept."""

    summary: Summary
    fields: dict[str, list[str]] = {}
    extra: list[str] = []
    topics: dict[str, int] = {}
    first: list[Post] = []


async def try_out(
    items: AsyncIterable[Sequence[Item]],
    topics: Sequence[Topic],
    tried: Tried,
    tell: Callable[[Summary, Any], None],
) -> None:
    """Raises what reading raises."""
    matcher = await asyncio.to_thread(compile_topics, topics)
    async for some in items:
        tried.summary.count(some)
        posts = [one.post for one in some if one.post]
        tried.first += posts[: 3 - len(tried.first)]
        await asyncio.to_thread(_match, matcher, posts, tried.topics)
        tell(tried.summary, some[-1].position)


def _match(matcher: Matcher, posts: Sequence[Post], counts: dict[str, int]) -> None:
    for post in posts:
        for match in matcher.match(post, partial(_language, post)):
            counts[match.topic] = counts.get(match.topic, 0) + 1


def _language(post: Post) -> str:
    return identify(post.text or post.title, post.lang).code
