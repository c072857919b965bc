"""Counts of many topics at once: composite aggregations, which page through any number of buckets
without a script (a server may have none)."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from streams.store.es_queries import Body, query
from streams.store.folding import Part
from streams.store.port import Filter, StoryCount

AT_ONCE: Final = 5_000
"""Buckets a page: a server answers 65,536 at most, those inside others included."""
_PLAIN: Final = 30_000
"""Where there are none inside; each page reads all that match anew."""
_TOPICS: Final = 10_000
"""Topics a question: a server takes 65,536 terms at most."""
_GRADE: Final = "post.rating.value"


def slices(topics: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """So many topics as one question may name."""
    for start in range(0, len(topics), _TOPICS):
        yield tuple(topics[start : start + _TOPICS])


def counting(where: Filter, width: int, *, people: bool) -> Body:
    """Buckets of `width` milliseconds by topic and tone; with `people` by author and best grade,
    too."""
    times: Body = {"field": "event_at", "fixed_interval": f"{width}ms"}
    sources: list[Body] = [
        _terms("topic", "topic"),
        {"start": {"date_histogram": times}},
        _terms("tone", "tone"),
    ]
    aggs: Body = {}
    if people:
        sources += [_terms("author", "author", missing=True)]
        sources += [_terms("best", "post.rating.best", missing=True)]
        aggs = {
            "followers": {"max": {"field": "post.author.followers"}},
            "rated": {"value_count": {"field": _GRADE}},
            "ratings": {"sum": {"field": _GRADE}},
        }
    return _composite(where, sources, aggs)


def telling(where: Filter) -> Body:
    """Mentions by topic and story."""
    return _composite(where, [_terms("topic", "topic"), _terms("story", "story")], {})


def parts(bucket: Body, *, people: bool) -> Iterator[Part]:
    """A bucket of `counting`. A grade without a best is one of five, as a post's is."""
    key = bucket["key"]
    part = Part(key["topic"], key["start"], key["tone"], bucket["doc_count"])
    if people:
        part.author = key["author"] or ""
        part.followers = int(bucket["followers"]["value"] or 0)
        part.rated = int(bucket["rated"]["value"])
        part.ratings = float(bucket["ratings"]["value"] or 0.0)
        part.best = 5.0 if key["best"] is None else float(key["best"])
    yield part


def story(bucket: Body) -> StoryCount:
    """A bucket of `telling`."""
    return StoryCount(bucket["key"]["topic"], bucket["key"]["story"], bucket["doc_count"])


def _terms(name: str, field: str, *, missing: bool = False) -> Body:
    return {name: {"terms": {"field": field, "missing_bucket": missing}}}


def _composite(where: Filter, sources: list[Body], aggs: Body) -> Body:
    size = AT_ONCE if aggs else _PLAIN
    asked: dict[str, Any] = {"composite": {"size": size, "sources": sources}}
    if aggs:
        asked["aggs"] = aggs
    return {
        "query": query(where),
        "size": 0,
        "track_total_hits": False,
        "aggs": {"parts": asked},
    }
