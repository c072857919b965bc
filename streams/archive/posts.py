"""Versions of posts put in order, the same for both archives; pure."""

from collections.abc import Iterable
from typing import Final

from connectors.post import Post

MOST_IN_THREAD: Final = 500


def history(versions: Iterable[Post]) -> list[Post]:
    """One post's versions, oldest first, each as seen last; of a deleted one the deletion alone."""
    newest = {post.version: post for post in versions}
    ordered = [newest[version] for version in sorted(newest)]
    return ordered[-1:] if ordered and ordered[-1].state == "deleted" else ordered


def latest_of(posts: Iterable[Post]) -> list[Post]:
    """Each post in its newest version, in the order they were met first."""
    found: dict[str, Post] = {}
    for post in posts:
        if post.id not in found or post.version >= found[post.id].version:
            found[post.id] = post
    return list(found.values())


def conversation(posts: Iterable[Post]) -> list[Post]:
    """What is left of a thread, oldest first."""
    living = [post for post in latest_of(posts) if post.state != "deleted"]
    return sorted(living, key=lambda post: (post.created_at, post.id))[:MOST_IN_THREAD]
