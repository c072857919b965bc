"""Posts a CPU second against many topics: our matcher, brute force and Lucene's Monitor, in one
run, on one core.

    python -m benchmarks.criteria [--topics 1 10000 100000] [--posts N] [--lucene] [--file FILE ...]

Posts are made up here, or read from files of JSON lines with a `text`. The matcher first learns
from other posts of the same kind how common words are, as it does when it runs. Brute force
answers fewer posts, and its answers are compared with the matcher's.
"""

import argparse
import gc
import json
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks import lucene
from benchmarks import topics as made
from connectors.post import Post
from streams.criteria.brute import match_brute
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic

_ROUNDS = 3
_WARM = 2000
_LETTER = re.compile(r"[^\W\x00-\x7f]")
T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--file", nargs="+", type=Path, default=[])
    parser.add_argument("--topics", nargs="+", type=int, default=[1, 10_000, 100_000])
    parser.add_argument("--posts", type=int, default=20_000)
    parser.add_argument("--lucene", action="store_true", help="run Lucene's Monitor too")
    options = parser.parse_args(arguments)
    read = list(_read(options.file))
    posts = read[-options.posts :] or made.posts(options.posts)
    others = read[: -options.posts] or made.posts(options.posts, seed=3)
    length = statistics.mean(len(post.text) for post in posts)
    print(f"{len(posts):,} posts of {length:.0f} characters on average")
    everything = made.topics(max(options.topics))
    for count in options.topics:
        matcher, rate = _report(everything[:count], posts, others)
        if options.lucene:
            _report_lucene(everything[:count], posts, matcher, rate)
    print(_hostile(matcher))


def _report(topics: list[Topic], posts: list[Post], others: list[Post]) -> tuple[Matcher, float]:
    """Prints what was measured; the matcher, and how many posts a second it answered."""
    before = _memory()
    matcher, compiled = _timed(lambda: compile_topics(topics, on_progress=_progress))
    gc.collect()
    memory = _memory() - before
    _, learning = _timed(lambda: matcher.learn(others))
    _count(matcher, others[:_WARM])  # the tables for rare scripts are built once
    unseen, seconds = _timed(lambda: _count(matcher, posts))
    rounds = [_timed(lambda: _count(matcher, posts)) for _ in range(_ROUNDS)]
    assert {unseen} == {matches for matches, _ in rounds}
    rate = len(posts) / min(seconds for _, seconds in rounds)
    brute = _brute(matcher, topics, posts)
    print(
        f"{len(topics):>8,} topics: {rate:,.0f} posts/s ({len(posts) / seconds:,.0f} when they are "
        f"seen for the first time), brute force {brute:,.1f}; {unseen:,} matches, "
        f"{_candidates(matcher, posts):.2f} candidates a post\n{'':>8} p50, p99 "
        f"{_percentiles(matcher, posts)}; compiled in {compiled:.1f} s, learned in "
        f"{learning:.1f} s, {memory:.0f} MB; change {_change(matcher, topics)}",
        flush=True,
    )
    return matcher, rate


def _report_lucene(topics: list[Topic], posts: list[Post], matcher: Matcher, rate: float) -> None:
    if why := lucene.missing():
        print(f"{'':>8} Lucene did not run: {why}")
        return
    run = lucene.best([t.query for t in topics], [p.text for p in posts])
    print(
        f"{'':>8} Lucene {run.rate:,.0f} posts/s ({run.setting}), {run.matches:,} matches: ours is "
        f"{rate / run.rate:.1f} times as fast"
    )
    place = {topic.id: number for number, topic in enumerate(topics)}
    ours = {
        (number, place[match.topic])
        for number, post in enumerate(posts)
        for match in matcher.match(post, post.lang)
    }
    print(f"{'':>8} {_difference(topics, posts, ours, run.pairs)}")


def _difference(
    topics: list[Topic],
    posts: list[Post],
    ours: set[tuple[int, int]],
    theirs: set[tuple[int, int]],
) -> str:
    """What one finds alone, and whether the two rules of Lucene's analyzer explain all of it."""
    odd = [pair for pair in ours ^ theirs if _as_there(topics, posts, pair) != (pair in theirs)]
    return (
        f"Lucene alone finds {len(theirs - ours)}, ours alone {len(ours - theirs)}; {len(odd)} of "
        "them for another reason than that Lucene drops the # of a tag and keeps accents apart"
    )


def _as_there(topics: list[Topic], posts: list[Post], pair: tuple[int, int]) -> bool:
    """Our own answer when # counts for nothing and every letter with an accent is one of its own.

    Letters that are not ASCII are spelled by number, in the query and in the post, so that there
    is nothing to fold.
    """
    post, topic = posts[pair[0]], topics[pair[1]]
    query = _LETTER.sub(_spelled, topic.query.replace("#", ""))
    text = _LETTER.sub(_spelled, post.text.lower())
    spelled = msgspec.structs.replace(post, text=text)
    return bool(match_brute([msgspec.structs.replace(topic, query=query)], spelled, post.lang))


def _spelled(letter: re.Match[str]) -> str:
    return f"q{ord(letter[0]):x}q"


def _brute(matcher: Matcher, topics: list[Topic], posts: list[Post]) -> float:
    """Posts a second by brute force, on a few posts, whose answers are compared."""
    few = posts[: min(5, 1 + 100_000 // len(topics))]
    brute, seconds = _timed(lambda: [match_brute(topics, p, p.lang) for p in few])
    assert brute == [matcher.match(p, p.lang) for p in few]
    return len(few) / seconds


def _progress(done: int, total: int) -> None:
    if total > 1000 and sys.stderr.isatty():
        print(f"\r{done:,} of {total:,}", end="", file=sys.stderr)


def _memory() -> float:
    """Megabytes of this process now, not at its peak; Linux only, elsewhere the peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return pages * resource.getpagesize() / 2**20


def _count(matcher: Matcher, posts: list[Post]) -> int:
    match = matcher.match
    return sum(len(match(post, post.lang)) for post in posts)


def _candidates(matcher: Matcher, posts: list[Post]) -> float:
    return statistics.mean(matcher.candidates(post) for post in posts)


def _percentiles(matcher: Matcher, posts: list[Post]) -> str:
    times = sorted(_timed(partial(matcher.match, post, post.lang))[1] for post in posts)
    half, most = (times[len(times) * share // 100] * 1e6 for share in (50, 99))
    return f"{half:.0f}, {most:.0f} µs"


def _change(matcher: Matcher, topics: list[Topic]) -> str:
    """To remove a topic and to add it again, the medians."""
    removing, adding = [], []
    for topic in topics[:: max(1, len(topics) // 500)]:
        removing.append(_timed(partial(matcher.remove, topic.id))[1])
        adding.append(_timed(partial(matcher.add, topic))[1])
    return f"-{statistics.median(removing) * 1e6:.0f} +{statistics.median(adding) * 1e6:.0f} µs"


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
        "joined emoji": "😀\u200d" * 9362,
        "emoji": "😀" * 16384,
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
