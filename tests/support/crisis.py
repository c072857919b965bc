"""Invented counts and posts about a topic that a crisis comes over."""

import math
from datetime import UTC, datetime
from random import Random

from connectors.post import Author, Post
from streams.alerts.records import BUCKET_SECONDS, Counts

START = int(datetime(2026, 3, 2, tzinfo=UTC).timestamp())
DAY = 86_400


def counts(
    days: float = 6,
    *,
    rate: float = 6.0,
    share: float = 0.25,
    seed: int = 1,
    crisis: tuple[float, float, float] | None = None,
) -> dict[int, Counts]:
    """Buckets of a topic of so many mentions each, more by day than by night. A `crisis` begins
    after so many days, lasts so many hours, and brings so many negative mentions a bucket."""
    rng = Random(seed)
    found = {}
    for number in range(int(days * DAY / BUCKET_SECONDS)):
        start = START + number * BUCKET_SECONDS
        total = poisson(rng, rate * (1 + 0.5 * math.sin(2 * math.pi * (start % DAY) / DAY)))
        neg = sum(rng.random() < share for _ in range(total))
        pos = sum(rng.random() < 0.3 for _ in range(total - neg))
        if crisis and crisis[0] * DAY <= start - START < crisis[0] * DAY + crisis[1] * 3600:
            more = poisson(rng, crisis[2])
            total, neg = total + more, neg + more
        if total:
            found[start] = Counts(total=total, pos=pos, neg=neg, neu=total - neg - pos)
    return found


def poisson(rng: Random, mean: float) -> int:
    """A count of that law (Knuth's way)."""
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def posts(found: dict[int, Counts], name: str = "Acmeron", seed: int = 1) -> list[Post]:
    """Posts that come to these counts, in the order of their time."""
    rng = Random(seed)
    made: list[Post] = []
    for start, one in sorted(found.items()):
        moods = ["is awful, I hate it"] * one.neg + ["is lovely, I love it"] * one.pos
        moods += ["opens at nine"] * (one.total - one.neg - one.pos)
        for mood in moods:
            when = datetime.fromtimestamp(start + rng.randrange(BUCKET_SECONDS), UTC)
            number = len(made)
            made.append(
                Post(
                    id=f"file:{number}",
                    source="file",
                    created_at=when,
                    collected_at=when,
                    lang="en",
                    text=f"{name} {mood}, {_word(rng)} {_word(rng)}",
                    author=Author(handle=f"user{rng.randrange(500)}"),
                )
            )
    return sorted(made, key=lambda post: post.created_at)


def _word(rng: Random) -> str:
    return "".join(rng.choice("abcdefghij") for _ in range(6))
