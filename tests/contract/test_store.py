"""What every store promises, asserted against SQLite and against a real Elasticsearch."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

import pytest

from connectors.post import Author
from streams.errors import StoreError
from streams.records import LABELS, Label, Mention, Retraction, SentimentLabel
from streams.store import elasticsearch, es_queries, sqlite_where
from streams.store.paging import after
from streams.store.port import Dimension, Facets, Filter, Order, Replacement, Store
from tests.support.mentions import Case, at, mention

EVERYTHING = Filter()


async def texts(store: Store, where: Filter = EVERYTHING) -> list[str]:
    page = await store.search(where, limit=1000, order="oldest")
    return [found.post.text for found in page.mentions]


async def test_what_is_written_comes_back_whole(case: Case) -> None:
    written = mention(
        author=Author(id="7", handle="ada", followers=3),
        post={"title": "A title", "hashtags": ["One"], "lang": "en", "url": "https://example.org"},
        country="FR",
        story="s1",
    )
    report = await case.store.write([written])
    assert (report.stored, report.stale, report.retracted, report.rejected) == (1, 0, 0, [])
    store = await case.seen()
    assert await store.get(written.id) == written
    assert (await store.search(EVERYTHING)).mentions == [written]
    assert await store.get("no such id") is None


async def test_newer_wins_and_older_is_stale_whatever_the_order(case: Case) -> None:
    old, new = mention(version=5, post={"text": "old"}), mention(version=9, post={"text": "new"})
    assert (await case.store.write([new])).stored == 1
    assert (await case.store.write([old])).stale == 1
    assert (await case.store.write([new])).stored == 1
    assert await texts(await case.seen()) == ["new"]


async def test_of_two_written_at_once_with_one_version_the_later_stays(case: Case) -> None:
    long = [mention(n) for n in range(1, 7_001)]
    short = [mention(7_000, post={"text": "counted anew"})]
    await asyncio.gather(case.store.write(long), case.store.write(short))
    found = await (await case.seen()).get(short[0].id)
    assert found
    assert found.post.text == "counted anew"


async def test_replacements_are_seen_at_once_and_labels_and_newer_versions_stay(case: Case) -> None:
    stored = [mention(n, version=1 + 8 * (n == 4)) for n in range(1, 5)]
    await case.store.write(stored)
    label = Label(mention_id=stored[0].id, labeled_at=at(9), sentiment="pos")
    await case.store.add_labels([label])
    store, seen = await case.seen(), set[tuple[str, ...]]()

    async def look() -> None:
        while True:
            seen.add(tuple(await texts(store)))
            await asyncio.sleep(0.05)

    def text(number: int) -> Mention:
        return mention(number, post={"text": f"new {number}"})

    gone = mention(2, deleted=True)
    changes = [Replacement(one) for one in (text(1), gone, text(4))]
    changes += [Replacement(text(n), new=True) for n in (5, 6)]
    reader = asyncio.create_task(look())
    done = await store.replace(iter(changes), purpose="a test", note=lambda *_: None)
    await asyncio.sleep(0.1)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert (done.stored, done.retracted, done.steps) == (3, 1, 1)
    before = tuple(f"post {n}" for n in range(1, 5))
    after_ = ("new 1", "post 3", "post 4", "new 5", "new 6")
    assert tuple(await texts(await case.seen())) == after_
    assert seen <= {before, after_}
    first = await store.get(stored[0].id)
    assert first is not None
    assert first.label == label


async def test_versions_in_one_batch(case: Case) -> None:
    batch = [mention(version=v, post={"text": f"v{v}"}) for v in (3, 7, 5)]
    report = await case.store.write(batch)
    assert (report.stored, report.stale) == (2, 1)
    assert await texts(await case.seen()) == ["v7"]
    assert await texts(case.store, Filter(text="v3")) == []


async def test_deletion_blanks_and_hides(case: Case) -> None:
    await case.store.write([mention(version=5, post={"text": "regret"})])
    report = await case.store.write([Retraction(post_id="test:1", version=6)])
    assert report.retracted == 1
    store = await case.seen()
    assert await store.get(mention().id) is None
    assert (await store.count(EVERYTHING)).total == 0
    assert await texts(store, Filter(text="regret")) == []
    if case.client is not None:
        raw = await case.client.search(index=f"{case.prefix}-mentions-*")
        (hit,) = raw["hits"]["hits"]
        assert hit["_source"]["deleted"]
        assert "regret" not in str(hit)


async def test_deletion_before_creation(case: Case) -> None:
    assert (await case.store.write([Retraction(post_id="test:1", version=6)])).retracted == 0
    assert (await case.store.write([mention(version=5)])).stale == 1
    store = await case.seen()
    assert (await store.count(EVERYTHING)).total == 0
    assert (await case.store.write([mention(version=6)])).stored == 1, "a newer one may come back"
    assert (await (await case.seen()).count(EVERYTHING)).total == 1


async def test_retraction_and_its_victim_in_one_batch(case: Case) -> None:
    await case.store.write([mention(version=5), Retraction(post_id="test:1", version=6)])
    assert (await (await case.seen()).count(EVERYTHING)).total == 0


async def test_edit_leaves_a_topic(case: Case) -> None:
    await case.store.write([mention(topic=t, version=5) for t in ("brand", "rival")])
    edit = Retraction(post_id="test:1", version=6, topics=["rival"])
    report = await case.store.write([edit, mention(topic="rival", version=6)])
    assert (report.stored, report.retracted) == (1, 1)
    found = await (await case.seen()).search(EVERYTHING)
    assert [(m.topic, m.version) for m in found.mentions] == [("rival", 6)]


async def test_reading_again_after_a_deletion_brings_nothing_back(case: Case) -> None:
    post = [mention(version=5), mention(version=6, post={"text": "edited"})]
    await case.store.write([*post, Retraction(post_id="test:1", version=7)])
    for again in (post, post[:1], [Retraction(post_id="test:1", version=6, topics=["brand"])]):
        await case.store.write(again)
    assert (await (await case.seen()).count(EVERYTHING)).total == 0


async def test_a_labelled_mention_is_retracted_by_content_time(case: Case) -> None:
    content = int(at(1).timestamp() * 1000)
    stamp = Label(mention_id=mention().id, labeled_at=at(60), sentiment="pos")
    await case.store.write([mention(version=2 * content, label=stamp)])
    await case.store.write([Retraction(post_id="test:1", version=content + 1)])
    assert (await (await case.seen()).count(EVERYTHING)).total == 0


async def test_the_label_wins_in_filters_and_counts(case: Case) -> None:
    stamp = Label(mention_id=mention().id, labeled_at=at(60), sentiment="pos")
    await case.store.write([mention(tone="neg", label=stamp), mention(2, tone="neg")])
    store = await case.seen()
    total = await store.count(EVERYTHING)
    assert (total.total, total.pos, total.neg) == (2, 1, 1)
    assert await texts(store, Filter(sentiments=("pos",))) == ["post 1"]


async def test_counts_split_by_sentiment(case: Case) -> None:
    tones: tuple[SentimentLabel, ...] = ("pos", "neg", "neg", "neu", "unscored")
    await case.store.write([mention(n, tone=t) for n, t in enumerate(tones)])
    found = await (await case.seen()).count(EVERYTHING)
    assert (found.total, found.pos, found.neg, found.neu, found.unscored) == (5, 1, 2, 1, 1)
    assert (await case.store.count(Filter(topics=("none",)))).total == 0


async def test_filters(case: Case) -> None:
    await case.store.write(
        [
            mention(1, topic="a", lang="fr", country="FR", author=Author(id="7", handle="@Ada")),
            mention(2, topic="b", lang="ru", country="RU", author=Author(id="Bob")),
            mention(3, topic="c", post={"source": "other", "hashtags": ["#Été", "x"]}),
        ]
    )
    store = await case.seen()
    expected = {
        Filter(topics=("a", "b")): [1, 2],
        Filter(langs=("ru",)): [2],
        Filter(countries=("FR", "RU")): [1, 2],
        Filter(sources=("other",)): [3],
        Filter(author="ada"): [1],
        Filter(author="@ADA"): [1],
        Filter(author="7"): [1],
        Filter(author="test:Ada"): [1],
        Filter(author="Bob"): [2],
        Filter(hashtag="été"): [3],
        Filter(hashtag="#ÉTÉ"): [3],
        Filter(post_id="test:2"): [2],
        Filter(since=at(2)): [2, 3],
        Filter(until=at(2)): [1],
        Filter(since=at(2), until=at(3)): [2],
        Filter(topics=("\ud800",)): [],
        Filter(post_id="\0"): [],
    }
    got = {where: await texts(store, where) for where in expected}
    assert got == {where: [f"post {n}" for n in numbers] for where, numbers in expected.items()}


SEARCHES = [
    ("delayed", True),
    ("DÉLAYED", True),
    ("delay", False),
    ("delay*", True),
    ("d*", True),
    ("flight delayed", True),
    ("delayed flight", True),
    ('"flight delayed"', False),
    ('"flight was delayed"', True),
    ("“flight was”", True),
    ('"flight was del*"', False),
    ("flight missing", False),
    ("creme", True),
    ("crème", True),
    ("ещё", True),
    ("еще", True),
    ("мои", False),
    ("мой", True),
    ("don't", True),
    ("don t", True),
    ("#tag @user", True),
    ("😡", True),
    ("😀", False),
    ("京都", True),
    ("京東", False),
    ("!!! ...", True),
    ("", True),
    ('"', True),
    ("*", True),
    ("AND OR NOT NEAR", False),
    ("text:flight", False),
    ("title", True),
    ('"title the"', False),
    ("straße", True),
    ("strasse", True),
    ("e2e4*", False),
    ("\ud800", True),
    ("x\0y", False),
    ("a" * 300, True),
    ("a" * 64, True),
]


async def test_text_search(case: Case) -> None:
    text = (
        "The flight was DELAYED, crème brûlée… ещё мой don't (#tag) @user 😡 東京都 京都 Straße "
        + "a" * 300
    )
    await case.store.write([mention(post={"title": "A title", "text": text})])
    store = await case.seen()
    got = {query: bool(await texts(store, Filter(text=query))) for query, _ in SEARCHES}
    assert got == dict(SEARCHES)


async def test_a_search_without_measure_is_refused(case: Case) -> None:
    for query in ("x " * 500, "y" * 5000):
        with pytest.raises(StoreError, match="Remedy"):
            await case.store.search(Filter(text=query))


async def test_over_time(case: Case) -> None:
    written = [mention(n, tone="neg") for n in (0, 59, 60, 300)]
    await case.store.write(written)
    store, minute = await case.seen(), timedelta(minutes=1)
    found = await store.over_time(EVERYTHING, step=minute)
    assert [bucket.neg for bucket in found] == [2, 1, 0, 0, 0, 1]
    assert [bucket.start for bucket in found] == [at(60 * n) for n in range(6)]
    wide = Filter(since=at(-60), until=at(420))
    assert [b.total for b in await store.over_time(wide, step=minute)] == [0, 2, 1, 0, 0, 0, 1, 0]
    assert await store.over_time(Filter(topics=("none",)), step=minute) == []
    empty = Filter(topics=("none",), since=at(0), until=at(120))
    assert [bucket.total for bucket in await store.over_time(empty, step=minute)] == [0, 0]


async def test_over_time_is_bounded(case: Case) -> None:
    await case.store.write([mention(1), mention(2, created=at(86_400))])
    store = await case.seen()
    with pytest.raises(StoreError, match="longer step"):
        await store.over_time(EVERYTHING, step=timedelta(seconds=1))
    with pytest.raises(StoreError, match="longer step"):
        await store.over_time(EVERYTHING, step=timedelta(0))


async def test_old_and_far_dates(case: Case) -> None:
    dates = [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999000, UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ]
    report = await case.store.write([mention(n, created=d) for n, d in enumerate(dates)])
    assert report.stored == 3
    store = await case.seen()
    page = await store.search(EVERYTHING)
    assert [found.post.created_at for found in page.mentions] == dates[::-1]
    before = Filter(until=datetime(1970, 1, 1, tzinfo=UTC), since=dates[1])
    (bucket,) = await store.over_time(before, step=timedelta(days=1))
    assert (bucket.start, bucket.total) == (datetime(1969, 12, 31, tzinfo=UTC), 1)


async def test_top_of_each_dimension(case: Case) -> None:
    ada, bob = Author(id="1", handle="ada"), Author(id="2")
    tags = {"hashtags": ["#Big", "big", "small"]}
    await case.store.write(
        [
            mention(1, topic="b", tone="neg", author=ada, country="FR", post=tags),
            mention(2, topic="a", tone="neg", author=ada, post={"hashtags": ["big"]}),
            mention(3, topic="b", tone="pos", lang="fr", author=bob, post={"kind": "review"}),
            mention(4, topic="a", tone="neu", lang="", post={"source": "other"}),
        ]
    )
    store = await case.seen()
    expected = {
        "topic": [("a", 2), ("b", 2)],
        "source": [("test", 3), ("other", 1)],
        "lang": [("en", 2), ("fr", 1)],
        "author": [("test:ada", 2), ("test:2", 1)],
        "hashtag": [("big", 2), ("small", 1)],
        "sentiment": [("neg", 2), ("neu", 1), ("pos", 1)],
        "country": [("FR", 1)],
        "kind": [("post", 3), ("review", 1)],
    }
    got = {by: [(c.value, c.total) for c in await store.top(EVERYTHING, by)] for by in expected}  # type: ignore[arg-type]
    assert got == expected
    (first,) = await store.top(EVERYTHING, "author", limit=1)
    assert (first.neg, first.pos) == (2, 0)


async def test_top_over_several_months_is_exact(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few values each month's index tells at first."""
    monkeypatch.setattr(elasticsearch, "_shard_size", lambda _: 1)
    monkeypatch.setattr(es_queries, "_MARGIN", 1)
    written: list[Mention] = []
    for month in range(1, 5):
        created = datetime(2026, month, 3, tzinfo=UTC)
        authors = [f"m{month}-{n}" for n in range(30) for _ in range(2)] + ["steady", *["loud"] * 5]
        for handle in authors:
            topic, author = "loud" if handle == "loud" else "brand", Author(handle=handle)
            written.append(mention(len(written), created=created, author=author, topic=topic))
    await case.store.write(written)
    store = await case.seen()
    for where, expected in (
        (EVERYTHING, ("test:loud", 20)),
        (Filter(topics=("brand",)), ("test:steady", 4)),
    ):
        (first,) = await store.top(where, "author", limit=1)
        assert (first.value, first.total) == expected


BY: tuple[Dimension, ...] = ("topic", "source", "author", "hashtag", "sentiment", "lang", "kind")
FACETED = (
    EVERYTHING,
    Filter(since=at(40), until=at(1_000)),
    Filter(since=at(40)),
    Filter(until=at(2_000), topics=("a",)),
    Filter(text="late"),
    Filter(text="late", since=at(400), until=at(900)),
    Filter(author="x", sources=("test",)),
    Filter(hashtag="one", hidden="any"),
    Filter(hidden="only"),
    Filter(topics=("none",)),
    Filter(topics=("none",), since=at(0), until=at(600)),
)


async def test_facets_are_the_answers_to_each_question(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether SQLite reads rows or walks an index."""
    await case.store.write(_varied(Random(3)))
    store, step = await case.seen(), timedelta(minutes=5)
    for where in FACETED:
        buckets = await store.over_time(where, step=step)
        tops = {by: await store.top(where, by, limit=3) for by in BY}
        for some in (0, 10, 50_000):
            monkeypatch.setattr(sqlite_where, "SOME", some)
            found = await store.facets(where, step=step, by=BY, limit=3)
            assert found == Facets(buckets, tops), (some, where)
    with pytest.raises(StoreError, match="longer step"):
        await store.facets(EVERYTHING, step=timedelta(0), by=BY)


def _varied(rng: Random) -> list[Mention]:
    return [
        mention(
            n,
            topic=rng.choice("ab"),
            tone=rng.choice(LABELS),
            lang=rng.choice(["en", "fr", ""]),
            created=at(rng.randrange(3_600)),
            author=Author(handle=rng.choice(["", "v", "w", "x", "y", "z"])),
            label=Label(mention_id=mention(n).id, labeled_at=at(0), spam=True) if n < 9 else None,
            post={
                "hashtags": rng.sample(["One", "two", "Trois", "4"], rng.randrange(4)),
                "text": rng.choice(["late again", "on time"]),
            },
        )
        for n in range(120)
    ]


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_paging_neither_skips_nor_repeats_under_writes(case: Case, order: Order) -> None:
    tied = [mention(n, created=at(n // 7)) for n in range(70)]
    await case.store.write(tied)
    store, got, cursor = await case.seen(), list[str](), ""
    for turn in range(100):
        page = await store.search(EVERYTHING, limit=9, cursor=cursor, order=order)
        got += [found.id for found in page.mentions]
        outside = at(1000 + turn) if order == "newest" else at(-1000 - turn)
        await store.write([mention(1000 + turn, created=outside), *tied[:5]])
        await case.seen()
        if not (cursor := page.cursor):
            break
    key = sorted(tied, key=lambda m: (m.post.created_at, m.id), reverse=order == "newest")
    assert got == [m.id for m in key]


async def test_a_page_that_ends_with_the_data_has_no_cursor(case: Case) -> None:
    await case.store.write([mention(n) for n in range(4)])
    store = await case.seen()
    first = await store.search(EVERYTHING, limit=2)
    second = await store.search(EVERYTHING, limit=2, cursor=first.cursor)
    assert (len(second.mentions), second.cursor) == (2, "")


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_search_goes_on_after_any_mention(
    case: Case, order: Literal["newest", "oldest"]
) -> None:
    odd = [at(0), at(0.0004), at(0.0015), at(-2_000_000_000.0007), at(-2_000_000_000)]
    await case.store.write([mention(n, created=when) for n, when in enumerate(odd)])
    store = await case.seen()
    whole = (await store.search(EVERYTHING, order=order)).mentions
    for n, one in enumerate(whole):
        cursor = after(one, EVERYTHING, order)
        rest = await store.search(EVERYTHING, cursor=cursor, order=order)
        assert rest.mentions == whole[n + 1 :]


async def test_foreign_and_broken_cursors_are_refused(case: Case) -> None:
    await case.store.write([mention(n) for n in range(4)])
    cursor = (await (await case.seen()).search(EVERYTHING, limit=2)).cursor
    for bad in (cursor[:-3], "%%%", "é", "W10", "bnVsbA", cursor * 2):
        with pytest.raises(StoreError, match="Remedy"):
            await case.store.search(EVERYTHING, cursor=bad)
    with pytest.raises(StoreError, match="another search"):
        await case.store.search(Filter(topics=("other",)), cursor=cursor)
    with pytest.raises(StoreError, match="another search"):
        await case.store.arrivals(cursor, where=EVERYTHING)


async def test_arrivals_come_once_in_order_of_storing(case: Case) -> None:
    await case.store.write([mention(1)])
    await asyncio.sleep(0.05)  # the clock of `stored_at` must move on
    where = Filter(topics=("brand",))
    start = await case.store.arrivals("", where=where)
    assert start.mentions == []
    batches = [[mention(9, topic="other"), mention(8)], [mention(3), mention(2)]]
    for batch in batches:
        await case.store.write(batch)
        await asyncio.sleep(0.01)
    got, cursor, deadline = list[str](), start.cursor, time.monotonic() + 10
    while len(set(got) - {"post 1"}) < 3 and time.monotonic() < deadline:
        page = await case.store.arrivals(cursor, where=where, limit=2)
        got, cursor = got + [found.post.text for found in page.mentions], page.cursor
        await asyncio.sleep(0.02)
    recent = [text for text in got if text != "post 1"]
    assert recent[0] == "post 8"
    assert sorted(recent) == ["post 2", "post 3", "post 8"]


async def test_deletions_arrive_in_their_place_where_they_are_asked_for(case: Case) -> None:
    where = Filter(topics=("brand",))
    await case.store.write([mention(1), mention(2), mention(1, topic="other")])
    await asyncio.sleep(0.05)  # the clock of `stored_at` must move on
    start = await case.store.arrivals("", where=where, deleted=True)
    await case.store.write([Retraction(post_id="test:1", version=2)])
    await asyncio.sleep(0.01)
    await case.store.write([mention(3)])
    await asyncio.sleep(0.01)
    await case.store.write([mention(2, version=3, deleted=True)])
    await asyncio.sleep(0.01)
    await case.store.write([mention(4)])
    got, cursor, deadline = list[tuple[str, bool]](), start.cursor, time.monotonic() + 10
    while ("test:4", False) not in got and time.monotonic() < deadline:
        page = await case.store.arrivals(cursor, where=where, limit=1, deleted=True)
        got, cursor = got + [(one.post.id, one.deleted) for one in page.mentions], page.cursor
        await asyncio.sleep(0.02)
    assert [one for one in got if one[0] != "test:2" or one[1]][-4:] == [
        ("test:1", True),
        ("test:3", False),
        ("test:2", True),
        ("test:4", False),
    ]
    with pytest.raises(StoreError):
        await case.store.arrivals(cursor, where=where)


async def test_large_and_odd_texts(case: Case) -> None:
    big = "é" * (32 * 1024)
    long_id = "test:" + "x" * 2000
    batch = [
        mention(1, post={"text": big}),
        mention(2, post={"text": "nul \0 in it", "url": "https://example.org/" + "u" * 40_000}),
        mention(3, post={"id": long_id}),
        mention(4, lang="x" * 40_000, author=Author(handle="h" * 40_000)),
    ]
    report = await case.store.write(batch)
    assert (report.stored, report.rejected) == (4, [])
    store = await case.seen()
    for written in batch:
        assert await store.get(written.id) == written
    assert [m.id for m in (await store.search(Filter(post_id=long_id))).mentions] == [batch[2].id]
    report = await store.write([Retraction(post_id=long_id, version=2)])
    assert report.retracted == 1


async def test_what_can_never_be_stored_is_rejected_and_the_rest_is_written(case: Case) -> None:
    odd: list[Mention | Retraction] = [
        mention(1, post={"text": "lone \ud83d surrogate"}),
        mention(2, id="x" * 513),
        mention(3, version=-1),
        mention(4, version=2**63),
        mention(5, id=""),
        mention(6, topic="\udc00", id="f" * 32),
        Retraction(post_id="\ud800", version=1),
        Retraction(post_id="test:9", version=-1),
        Retraction(post_id="test:9", version=1, topics=["\ud800"]),
        mention(8, post={"id": "\udfff"}, id="e" * 32),
    ]
    batch = [*odd, mention(7)]
    random.shuffle(batch)
    report = await case.store.write(batch)
    assert report.stored == 1
    key = [repr(record) for record in odd]
    assert sorted(repr(found.record) for found in report.rejected) == sorted(key)
    assert all(found.reason for found in report.rejected)
    assert await texts(await case.seen()) == ["post 7"]


async def test_an_empty_batch(case: Case) -> None:
    report = await case.store.write([])
    assert (report.stored, report.stale, report.retracted) == (0, 0, 0)


async def test_states(case: Case) -> None:
    assert await case.store.states("source") == {}
    await case.store.put_state("source", "rss", {"state": "running", "deep": {"a.b": [1, None]}})
    await case.store.put_state("source", "rss", {"state": "waiting"})
    await case.store.put_state("source", "é:/\0", {"n": 2**70})
    await case.store.put_state("cursor", "rss", {"cursor": None})
    assert await case.store.states("source") == {"rss": {"state": "waiting"}, "é:/\0": {"n": 2**70}}
    assert await case.store.states("cursor") == {"rss": {"cursor": None}}


async def test_a_state_of_a_lower_version_replaces_none_of_a_higher(case: Case) -> None:
    for version, number in ((5, 1), (4, 2), (5, 3), (7, 4), (6, 5)):
        await case.store.put_state("tally", "p", {"n": number}, version=version)
    assert await case.store.states("tally") == {"p": {"n": 4}}


async def test_what_is_kept_takes_room(case: Case) -> None:
    await case.store.write([mention(n) for n in range(20)])
    assert await case.store.size() > 1_000


async def test_topics_that_mentions_are_kept_of(case: Case) -> None:
    assert await case.store.topics() == []
    await case.store.write(
        [mention(1, topic="rival"), mention(2), mention(3), mention(4, topic="a")]
    )
    store = await case.seen()
    assert await store.topics() == ["a", "brand", "rival"]


async def test_the_first_mention_of_each_author(case: Case) -> None:
    ada, bob, eve = (Author(handle=name) for name in ("ada", "bob", "eve"))
    await case.store.write(
        [
            mention(1, author=ada, post={"text": "blue kettle"}),
            mention(2, author=bob),
            mention(3, author=ada),
            mention(4, author=bob, topic="rival"),
            mention(5, author=eve),
            mention(6, author=ada, label=Label(mention_id="", labeled_at=at(9), relevant=False)),
        ]
    )
    store = await case.seen()
    names = ["test:ada", "test:bob", "test:none"]

    async def posts(where: Filter, order: Literal["newest", "oldest"]) -> dict[str, str]:
        found = await store.of_authors(where, names, order=order)
        return {name: one.post.id for name, one in found.items()}

    assert await posts(Filter(), "newest") == {"test:ada": "test:3", "test:bob": "test:4"}
    assert await posts(Filter(), "oldest") == {"test:ada": "test:1", "test:bob": "test:2"}
    assert await posts(Filter(topics=("brand",)), "newest") == {
        "test:ada": "test:3",
        "test:bob": "test:2",
    }
    assert await posts(Filter(text="kettle"), "newest") == {"test:ada": "test:1"}
    assert await posts(Filter(since=at(5)), "oldest") == {}
    assert await store.of_authors(Filter(), [], order="newest") == {}


async def test_many_at_once(case: Case) -> None:
    hidden = Label(mention_id="", labeled_at=at(9), relevant=False)
    written = [mention(1), mention(2, topic="rival"), mention(3, label=hidden), mention(4)]
    await case.store.write([*written, Retraction(post_id="test:4", version=10**15)])
    store = await case.seen()
    found = await store.many([*(one.id for one in written), "no such id"])
    assert found == {one.id: one for one in written[:3]}
    assert await store.many([]) == {}
