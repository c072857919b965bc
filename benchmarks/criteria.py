"""Posts a CPU second against many topics: our matcher and brute force, in one run, on one core.

    python -m benchmarks.criteria [--topics 1 10000 100000] [--posts N] [FILE.jsonl ...]

Posts are made up here, or read from files of JSON lines with a `text`. Brute force answers fewer
posts, and its answers are compared with the matcher's.
"""

import argparse
import gc
import json
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from benchmarks import topics as made
from connectors.post import Post
from streams.criteria.brute import match_brute
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic

_ROUNDS = 3
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--topics", nargs="+", type=int, default=[1, 10_000, 100_000])
    parser.add_argument("--posts", type=int, default=20_000)
    options = parser.parse_args(arguments)
    posts = list(_read(options.files))[: options.posts] or made.posts(options.posts)
    length = statistics.mean(len(post.text) for post in posts)
    print(f"{len(posts):,} posts of {length:.0f} characters on average")
    print(
        f"{'topics':>8}{'compiled s':>12}{'posts/s':>10}{'brute/s':>9}{'matches':>9}"
        f"{'candidates':>12}{'p99 µs':>8}{'add+remove µs':>15}{'MB':>6}"
    )
    everything = made.topics(max(options.topics))
    for count in options.topics:
        print(_line(everything[:count], posts), flush=True)
    print(_hostile(compile_topics(everything)))


def _line(topics: list[Topic], posts: list[Post]) -> str:
    matcher, compiled = _timed(lambda: compile_topics(topics))
    gc.collect()
    rounds = [_timed(lambda: _count(matcher, posts)) for _ in range(_ROUNDS)]
    rate = len(posts) / min(seconds for _, seconds in rounds)
    sample = posts[:: max(1, len(posts) * len(topics) // 200_000)][: len(posts)]
    brute, brute_seconds = _timed(lambda: [match_brute(topics, p, p.lang) for p in sample[:5]])
    assert brute == [matcher.match(p, p.lang) for p in sample[:5]]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{len(topics):>8,}{compiled:>12.1f}{rate:>10,.0f}{len(brute) / brute_seconds:>9,.1f}"
        f"{rounds[0][0]:>9,}{_candidates(matcher, posts):>12.2f}{_p99(matcher, posts):>8.0f}"
        f"{_change(matcher, topics):>15.0f}{memory:>6}"
    )


def _count(matcher: Matcher, posts: list[Post]) -> int:
    match = matcher.match
    return sum(len(match(post, post.lang)) for post in posts)


def _candidates(matcher: Matcher, posts: list[Post]) -> float:
    return statistics.mean(matcher.candidates(post) for post in posts)


def _p99(matcher: Matcher, posts: list[Post]) -> float:
    times = sorted(_timed(partial(matcher.match, post, post.lang))[1] for post in posts)
    return times[len(times) * 99 // 100] * 1e6


def _change(matcher: Matcher, topics: list[Topic]) -> float:
    """Microseconds to remove a topic and add it again, the median."""
    times = []
    for topic in topics[:: max(1, len(topics) // 500)]:
        start = time.process_time()
        matcher.remove(topic.id)
        matcher.add(topic)
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e6


def _hostile(matcher: Matcher) -> str:
    """The slowest of some 64 KiB posts made to hurt."""
    texts = {
        "one word": "a" * 65536,
        "a a a": "a " * 32768,
        "underscores": "_" * 65536,
        "joiners": "a.a'" * 16384,
        "marks": "e\u0301" * 21845,
        "ideographs": "".join(chr(0x4E00 + n % 20000) for n in range(21845)),
        "new words": " ".join(f"ж{n:x}" for n in range(9000)),
        "hashtags": "#a" * 32768,
        "emoji": "😀\u200d" * 9362,
    }
    now = datetime.now(UTC)
    slowest = []
    for name, text in texts.items():
        post = Post(id="x:1", source="x", created_at=now, collected_at=now, text=text)
        slowest.append((_timed(partial(matcher.match, post, ""))[1] * 1000, name))
    shown = ", ".join(f"{name} {ms:.0f} ms" for ms, name in sorted(slowest, reverse=True))
    return f"64 KiB posts: {shown}"


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def _read(files: list[Path]) -> Iterator[Post]:
    now = datetime.now(UTC)
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
            text = json.loads(line)["text"]
            yield Post(
                id=f"file:{number}", source="file", created_at=now, collected_at=now, text=text
            )


if __name__ == "__main__":
    main()
