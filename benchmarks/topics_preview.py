"""Previews of queries on 10,000 posts, as the topics' editor asks for them:
python -m benchmarks.topics_preview [--posts 10000] [--queries 50]

Prints how long an answer takes (p50, p95, the longest), and how long queries that mean harm do.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from benchmarks.pages_data import mentions
from connectors.post import Post
from streams.criteria.topics import Topic
from streams.topics.previews import LIMIT_SECONDS, Previews, TooSlow, Where

HOSTILE: Final = {
    "6,000 words": " OR ".join(f"word{n}" for n in range(6_000)),
    "5,000 wildcards": " OR ".join(f"*a{n}b*" for n in range(5_000)),
    "200 regexes": " OR ".join(f"/a.{{0,{n}}}b.*c[a-z]+x/" for n in range(200)),
    "500 fuzzy words": " OR ".join(f"word{n}~2" for n in range(500)),
    "5,000 brackets": "(" * 5_000,
    "60,000 open quotes": "«" * 60_000,
    "200 common clauses": " AND ".join(["(the OR a OR to)"] * 200),
}


def queries(posts: Sequence[Post], count: int, chance: random.Random) -> list[str]:
    """Of the shapes that people write, made of words of the posts."""
    words = [word for post in posts[:2_000] for word in post.text.split() if word.isalpha()]
    found = []
    for _ in range(count):
        a, b, c = (chance.choice(words) for _ in range(3))
        shapes = (
            *(a, f"{a} AND {b}", f"{a} AND ({b} OR {c}*)", f'"{a} {b}" OR {c}'),
            *(f"({a} OR {b}) AND NOT {c}", f"{a} NEAR/5 {b}", f"{a} lang:en -{b}"),
            " OR ".join(chance.choice(words) for _ in range(20)),
        )
        found.append(chance.choice(shapes))
    return found


async def asked(previews: Previews, query: str, saved: str = "") -> float:
    """How long it took, in seconds, whatever came of it."""
    began = time.perf_counter()
    topic, old = Topic(id="t", query=query), Topic(id="t", query=saved) if saved else None
    try:
        await previews.ask(topic, old)
    except TooSlow:
        return time.perf_counter() - began
    return time.perf_counter() - began


async def measure(posts: list[Post], count: int) -> None:
    async def source() -> tuple[list[Post], Where]:
        return posts, "archive"

    previews = Previews(source)
    chance = random.Random(7)
    try:
        cold = await asked(previews, "acme")
        tried = queries(posts, count, chance)
        took = sorted([await asked(previews, query, tried[0]) for query in tried])
        print(f"{len(posts):,} posts, {count} queries: p50 {took[len(took) // 2] * 1000:.0f} ms, "
              f"p95 {took[int(len(took) * 0.95)] * 1000:.0f} ms, max {took[-1] * 1000:.0f} ms; "
              f"the first with its process {cold:.1f} s")  # fmt: skip
        for name, query in HOSTILE.items():
            print(f"{name}: {await asked(previews, query):.2f} s (limit {LIMIT_SECONDS:.0f} s)")
        print(f"afterwards: {await asked(previews, 'acme'):.2f} s")
    finally:
        await previews.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--queries", type=int, default=50)
    given = parser.parse_args()
    posts = [one.post for one in mentions(given.posts, datetime(2026, 5, 1, tzinfo=UTC))]
    asyncio.run(measure(posts, given.queries))


if __name__ == "__main__":
    main()
