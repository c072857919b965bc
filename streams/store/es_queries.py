"""Questions to Elasticsearch, as its query language; and its answers, as our records."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from streams.records import LABELS, Mention
from streams.store import paging, text
from streams.store.port import NOBODY, Bucket, Count, Dimension, Filter, Order, Page
from streams.store.rules import handle_key, millis, tag_key, url_hash, url_key

Body = dict[str, Any]

FIELDS: Final[dict[Dimension, str]] = {
    "topic": "topic",
    "source": "post.source",
    "lang": "lang",
    "author": "author",
    "hashtag": "hashtags",
    "sentiment": "tone",
    "country": "country",
    "kind": "kind",
}
_TONES: Final[Body] = {"terms": {"field": "tone", "size": len(LABELS)}}
_DELETED: Final[list[Body]] = [{"term": {"deleted": True}}]
_DONE: Final[Body] = {"term": {"label.done": True}}
_HIDDEN: Final[list[Body]] = [
    {"term": {"hidden": True}},
    {"term": {"label.relevant": False}},
    {"term": {"label.spam": True}},
]
_JUDGED: Final[list[Body]] = [
    {"exists": {"field": "label.relevant"}},
    {"exists": {"field": "label.sentiment"}},
]
_ORDERS: Final[dict[Order, list[Body]]] = {
    "newest": [{"event_at": "desc"}, {"id": "desc"}],
    "oldest": [{"event_at": "asc"}, {"id": "asc"}],
    # What was written before there was a worth comes last, until it is written again.
    "worth": [{"worth": {"order": "desc", "missing": 0}}, {"id": "desc"}],
    "sample": [{"id": "asc"}],
}
_NEAR: Final = 2 * 86_400_000
"""Milliseconds in which a page of newest mentions is looked for first."""
_MARGIN: Final = 100
"""Values told beyond those asked for."""
_MOST_CHARS: Final = 8_000
_THREAD: Final = ("post.id", "post.thread_id", "post.parent_id", "post.repost_of")
_MOST_EXPANSIONS: Final = 10_000


def query(where: Filter, *more: Body) -> Body:
    """The filter as a query that scores nothing."""
    filters = [*_lists(where), *_texts(where), *_flags(where), *more]
    times: Body = {}
    if where.since:
        times["gte"] = iso(where.since)
    if where.until:
        times["lt"] = iso(where.until)
    if times:
        filters.append({"range": {"event_at": times}})
    return {"bool": {"filter": filters, "must_not": [*_DELETED, *_refused(where)]}}


def arrived(where: Filter, end: datetime, *, deleted: bool) -> Body:
    """What fits and was stored by then; with `deleted` also what is deleted, which keeps no more
    than topic and source to be found by."""
    by_then: Body = {"range": {"stored_at": {"lte": iso(end)}}}
    if not deleted:
        return query(where, by_then)
    kept = Filter(topics=where.topics, sources=where.sources)
    gone = [*_lists(kept), *_DELETED, by_then]
    return any_of(query(where, by_then), {"bool": {"filter": gone}})


def any_of(*queries: Body) -> Body:
    """Matches what one of them does."""
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _flags(where: Filter) -> list[Body]:
    filters: list[Body] = []
    if where.hidden == "only":
        filters.append(any_of(*_HIDDEN))
    if where.work == "done":
        filters.append(_DONE)
    if where.judged:
        filters.append(any_of(*_JUDGED))
    if where.assigned not in ("", NOBODY):
        filters.append({"term": {"label.assigned": clean(where.assigned)}})
    if where.tag:
        filters.append({"term": {"tags": clean(tag_key(where.tag))}})
    if where.least_followers > 0:
        least = min(where.least_followers, 2**62)
        filters.append({"range": {"post.author.followers": {"gte": least}}})
    return filters


def _refused(where: Filter) -> list[Body]:
    """What absent fields mean: visible, open, not judged, nobody's."""
    refused: list[Body] = []
    if where.hidden == "no":
        refused += _HIDDEN
    if where.work == "open":
        refused.append(_DONE)
    if where.judged is False:
        refused += _JUDGED
    if where.assigned == NOBODY:
        refused.append({"exists": {"field": "label.assigned"}})
    return refused


def iso(moment: datetime) -> str:
    """A time to the millisecond, rounded down, as dates are kept."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    found = aware.astimezone(UTC).isoformat(timespec="milliseconds")
    return found.replace("+00:00", "Z")


def clean(value: str) -> str:
    """Without lone surrogates, which JSON can't carry; no stored text has any."""
    return value.encode("utf-8", "replace").decode()


def _lists(where: Filter) -> list[Body]:
    lists = {
        "topic": where.topics,
        "tone": where.sentiments,
        "lang": where.langs,
        "post.source": where.sources,
        "country": where.countries,
        "kind": where.kinds,
    }
    return [{"terms": {f: [clean(v) for v in wanted]}} for f, wanted in lists.items() if wanted]


def _texts(where: Filter) -> list[Body]:
    filters: list[Body] = []
    if where.post_id:
        filters.append({"term": {"post.id": clean(where.post_id)}})
    if where.author:
        name = clean(where.author)
        names = {"handle": handle_key(name), "post.author.id": name, "author": name}
        filters.append(any_of(*({"term": {field: value}} for field, value in names.items())))
    if where.hashtag:
        filters.append({"term": {"hashtags": clean(tag_key(where.hashtag))}})
    if where.story:
        filters.append({"term": {"story": clean(where.story)}})
    if where.thread:
        post_id = clean(where.thread)
        filters.append(any_of(*({"term": {field: post_id}} for field in _THREAD)))
    if where.url:
        filters.append(_url(where.url))
    return filters + [_term(term) for term in text.parse(where.text)]


def _url(url: str) -> Body:
    """By its hash; what was written before there was one, by the ways it is usually written."""
    bare = clean(url_key(url))
    spelt = [
        f"{scheme}://{www}{bare}{slash}"
        for scheme in ("https", "http")
        for www in ("", "www.")
        for slash in ("", "/")
    ]
    old = [value for value in spelt if len(value) <= _MOST_CHARS]
    return any_of({"term": {"url_key": url_hash(url)}}, {"terms": {"post.url": old}})


def _term(term: text.Term) -> Body:
    phrase = " ".join(term.words)
    if term.prefix and len(term.words) == 1:
        return {"prefix": {"fold": phrase}}
    if term.prefix:
        asked = {"query": phrase, "max_expansions": _MOST_EXPANSIONS}
        return {"match_phrase_prefix": {"fold": asked}}
    if len(term.words) == 1:
        return {"term": {"fold": phrase}}
    return {"match_phrase": {"fold": phrase}}


def search(where: Filter, *, limit: int, cursor: str, order: Order) -> Body:
    """One more than the page, to know whether another follows."""
    body: Body = {
        "query": query(where),
        "size": paging.page_size(limit) + 1,
        "sort": _ORDERS[order],
        "track_total_hits": False,
    }
    if cursor:
        place = paging.decode_cursor(cursor, search_owner(where, order))
        body["search_after"] = [place.time, place.id][-len(_ORDERS[order]) :]
    return body


def topics() -> Body:
    """All that is kept, hidden or not."""
    ids = {"field": "topic", "size": paging.MAX_PAGE, "order": {"_key": "asc"}}
    live = {"bool": {"must_not": _DELETED}}
    return {"size": 0, "track_total_hits": False, "query": live, "aggs": {"topics": {"terms": ids}}}


def of_authors(where: Filter, authors: Sequence[str], order: Order) -> Body:
    """One mention of each, the first in that order."""
    wanted = [clean(one) for one in authors[: paging.MAX_PAGE]]
    return {
        "query": query(where, {"terms": {"author": wanted}}),
        "size": len(wanted),
        "sort": _ORDERS[order],
        "collapse": {"field": "author"},
        "track_total_hits": False,
    }


def nearest(where: Filter, body: Body, now: datetime) -> Body | None:
    """The same page looked for in the last two days alone, which spares an order of all others
    where it is full. `None` where the filter is about as short, or leaves too little."""
    rare = (where.author, where.story, where.thread, where.url, where.post_id, where.tag)
    if any(rare) or where.assigned or where.hidden == "only" or where.judged:
        return None
    ends = [millis(now), *body.get("search_after", [])[:1]]
    ends += [millis(where.until)] if where.until else []
    since = min(ends) - _NEAR
    if since < 0 or (where.since and since - millis(where.since) < _NEAR):
        return None
    begin = datetime.fromtimestamp(since / 1000, UTC)
    return {**body, "query": query(msgspec.structs.replace(where, since=begin))}


def search_owner(where: Filter, order: Order) -> str:
    """The question a search's cursor belongs to."""
    return paging.question(where, f"search {order}")


def page(answer: Body, *, limit: int, owner: str) -> Page:
    """The page, with a cursor when more follows."""
    hits, size = answer["hits"]["hits"], paging.page_size(limit)
    found = [mention(hit) for hit in hits[:size]]
    if len(hits) <= size:
        return Page(found)
    *at, last = hits[size - 1]["sort"]
    return Page(found, paging.encode_cursor(paging.Place(owner, at[0] if at else 0, last)))


def mention(hit: Body) -> Mention:
    """The record inside a document; the helper fields beside it are left."""
    return msgspec.convert(hit["_source"], Mention)


def counting(where: Filter, *more: Body) -> Body:
    """How many, split by sentiment."""
    return {
        "query": query(where, *more),
        "size": 0,
        "track_total_hits": True,
        "aggs": {"tones": _TONES},
    }


def edges(where: Filter) -> Body:
    """The first and the last time."""
    aggs = {name: {name: {"field": "event_at"}} for name in ("min", "max")}
    return {"query": query(where), "size": 0, "track_total_hits": False, "aggs": aggs}


def histogram(where: Filter, step: int) -> Body:
    """Buckets of `step` milliseconds that hold something."""
    return _counted(where, {"times": _times(step)})


def facets(
    where: Filter, step: int, by: Sequence[Dimension], *, limit: int, shard_size: int
) -> Body:
    """`histogram` and `values` of several dimensions in one question."""
    tops: Body = {each: values(each, limit=limit, shard_size=shard_size) for each in by}
    return _counted(where, {"times": _times(step), **tops})


def _times(step: int) -> Body:
    asked = {"field": "event_at", "fixed_interval": f"{step}ms", "min_doc_count": 1}
    return {"date_histogram": asked, "aggs": {"tones": _TONES}}


def _counted(where: Filter, aggs: Body) -> Body:
    return {"query": query(where), "size": 0, "track_total_hits": False, "aggs": aggs}


def top(where: Filter, by: Dimension, *, limit: int, shard_size: int) -> Body:
    """The most frequent values of one dimension."""
    return _counted(where, {by: values(by, limit=limit, shard_size=shard_size)})


def values(by: Dimension, *, limit: int, shard_size: int) -> Body:
    """The most frequent values; the larger `shard_size`, the surer over several indices. More than
    `limit` are told, for `rest` to judge."""
    asked = {
        "field": FIELDS[by],
        "size": limit + _MARGIN,
        "shard_size": max(shard_size, limit + _MARGIN),
        "order": [{"_count": "desc"}, {"_key": "asc"}],
        "exclude": [""],
    }
    return {"terms": asked, "aggs": {"tones": _TONES}}


def named(where: Filter, by: Dimension, answer: Body) -> Body:
    """Of an answer to `values` these alone: every index tells all that it has of them."""
    names = [bucket["key"] for bucket in answer["buckets"]]
    found = values(by, limit=len(names), shard_size=len(names) + _MARGIN)
    found["terms"]["include"] = names
    return _counted(where, {by: found})


def rest(answer: Body) -> int:
    """The most that a value which an answer to `values` leaves out may have: an index tells only
    its own most frequent ones, and how many of any other it may have."""
    unseen, buckets = answer.get("doc_count_error_upper_bound", 0), answer.get("buckets", [])
    return int(unseen + buckets[-1]["doc_count"]) if unseen and buckets else 0


def first(answer: Body, limit: int) -> list[Count]:
    """The values of an answer to `values`."""
    return [count(bucket) for bucket in answer.get("buckets", [])[:limit]]


def timeline(answer: Body, starts: range) -> list[Bucket]:
    """The buckets of an answer to `histogram` or `facets`, empty ones between them."""
    found = answer.get("times", {}).get("buckets", [])
    return paging.fill(starts, {bucket["key"]: split(bucket) for bucket in found})


def split(bucket: Body) -> paging.Split:
    """The numbers by sentiment of a bucket."""
    return {tone["key"]: tone["doc_count"] for tone in bucket["tones"]["buckets"]}


def count(bucket: Body) -> Count:
    """A bucket of `top` as a count."""
    return Count(value=bucket["key"], total=bucket["doc_count"], **split(bucket))
