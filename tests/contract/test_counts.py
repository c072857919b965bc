"""What every store promises of counts by topic and bucket."""

from collections import Counter
from datetime import timedelta
from random import Random

import msgspec
import pytest

from connectors.post import Author, Rating
from streams.records import Label, Mention, Retraction, Sentiment, SentimentLabel
from streams.store import es_counts
from streams.store.port import Counts, Filter, TopicCounts
from tests.support.mentions import Case, at, mention

TONES: tuple[SentimentLabel, ...] = ("pos", "neg", "neu", "unscored")


async def test_counts_by_topic_and_bucket(case: Case) -> None:
    await case.store.write(
        [
            mention(1, tone="neg", author=Author(handle="ada", followers=7)),
            mention(2, tone="neg", author=Author(handle="@ada", followers=9)),
            mention(3, tone="pos", author=Author(id="bob", followers=4)),
            mention(4, tone="unscored"),
            mention(301, tone="neu", author=Author(handle="ada")),
            mention(5, topic="rival", tone="pos"),
            mention(6, topic="other"),
            mention(7, created=at(-3600)),
        ]
    )
    store = await case.seen()
    found = await store.counts(["rival", "brand", "none"], at(0), at(600))
    start = int(at(0).timestamp() * 1000)
    ada_and_bob = Counts(
        4, pos=1, neg=2, unscored=1, authors=2, reach=13, loudest="test:ada", followers=9
    )
    assert found == [
        TopicCounts("brand", start, ada_and_bob),
        TopicCounts("brand", start + 300_000, Counts(1, neu=1, authors=1)),
        TopicCounts("rival", start, Counts(1, pos=1)),
    ]
    bare = await store.counts(["brand"], at(0), at(600), people=False)
    assert bare == [
        TopicCounts("brand", start, Counts(4, pos=1, neg=2, unscored=1)),
        TopicCounts("brand", start + 300_000, Counts(1, neu=1)),
    ]
    assert await store.counts([], at(0), at(600)) == []
    hourly = await store.counts(["brand"], at(-7200), at(600), step=timedelta(hours=1))
    assert [(one.start, one.counts.total) for one in hourly] == [(start - 3_600_000, 1), (start, 5)]


async def test_ratings_of_any_scale_come_to_one(case: Case) -> None:
    grades = [Rating(4, 5), Rating(5), Rating(3, 10), None]
    await case.store.write([mention(n, post={"rating": one}) for n, one in enumerate(grades)])
    (found,) = await (await case.seen()).counts(["brand"], at(0), at(300))
    assert (found.counts.total, found.counts.rated) == (4, 3)
    assert found.counts.rating_sum == pytest.approx(0.8 + 1.0 + 0.3, abs=1e-6)


async def test_labels_edits_and_deletions_count_once(case: Case) -> None:
    stamp = Label(mention_id=mention(1).id, labeled_at=at(60), sentiment="pos")
    await case.store.write(
        [mention(1, tone="neg", label=stamp), mention(2, tone="neg", version=3), mention(3)]
    )
    await case.store.write([mention(2, tone="pos", version=5), mention(2, tone="neg", version=4)])
    await case.store.write([Retraction(post_id="test:3", version=9)])
    (found,) = await (await case.seen()).counts(["brand"], at(0), at(300))
    assert found.counts == Counts(2, pos=2)


async def test_counts_are_those_of_a_plain_loop(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(es_counts, "AT_ONCE", 7)  # many pages
    rng = Random(5)
    made = [
        mention(
            n,
            topic=rng.choice(["a", "b", "c"]),
            tone=rng.choice(TONES),
            created=at(rng.randrange(3600)),
            author=Author(handle=rng.choice(["", "x", "y", "z"]), followers=rng.choice([None, 5])),
        )
        for n in range(200)
    ]
    await case.store.write(made)
    found = await (await case.seen()).counts(["a", "b"], at(300), at(3000))
    assert [_told(one) for one in found] == [
        _plain(topic, start, made)
        for topic in ("a", "b")
        for start in range(300, 3000, 300)
        if any(_in(topic, start, one) for one in made)
    ]


async def test_one_topic_without_people_counts_the_same(case: Case) -> None:
    rng = Random(6)
    made = [
        mention(n, topic=rng.choice(["a", "b"]), tone=rng.choice(TONES), created=at(seconds))
        for n in range(150)
        for seconds in (rng.choice([rng.randrange(3000), 9000 + rng.randrange(60)]),)
    ]
    await case.store.write(made)
    store = await case.seen()
    for step in (timedelta(minutes=5), timedelta(minutes=15)):
        every = await store.counts(["a", "b"], at(100), at(9030), step=step, people=False)
        for topic in ("a", "b"):
            alone = await store.counts([topic], at(100), at(9030), step=step, people=False)
            assert alone == [one for one in every if one.topic == topic] != []


def _told(one: TopicCounts) -> tuple[str, int, int, int, int, int]:
    seen = one.counts
    return one.topic, one.start, seen.total, seen.neg, seen.authors, seen.reach


def _in(topic: str, start: int, one: Mention) -> bool:
    return one.topic == topic and at(start) <= one.post.created_at < at(start + 300)


def _plain(topic: str, start: int, made: list[Mention]) -> tuple[str, int, int, int, int, int]:
    mine = [one for one in made if _in(topic, start, one)]
    authors: dict[str, int] = {}
    for one in mine:
        if name := one.post.author.handle:
            authors[name] = max(authors.get(name, 0), one.post.author.followers or 0)
    negative = sum(one.sentiment.label == "neg" for one in mine)
    reach = sum(authors.values())
    millis = int(at(start).timestamp() * 1000)
    return topic, millis, len(mine), negative, len(authors), reach


async def test_stories_told_by_many(case: Case) -> None:
    made = [mention(n, tone="neg", story="late") for n in range(4)]
    made += [mention(n, tone="pos", story="late") for n in range(4, 9)]
    made += [mention(n, tone="neg", story="lost") for n in range(9, 11)]
    made += [mention(n, tone="neg") for n in range(11, 20)]
    await case.store.write(made)
    store = await case.seen()
    found = await store.stories(["brand"], at(0), at(600), least=2)
    assert [(one.topic, one.story, one.total) for one in found] == [
        ("brand", "late", 4),
        ("brand", "lost", 2),
    ]
    assert [one.story for one in await store.stories(["brand"], at(0), at(600), least=3)] == [
        "late"
    ]
    good = await store.stories(["brand"], at(0), at(600), least=2, sentiment="pos")
    assert [(one.story, one.total) for one in good] == [("late", 5)]
    assert await store.stories([], at(0), at(600), least=1) == []
    assert (await store.count(Filter(topics=("brand",)))).total == 20


STEPS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)]


async def test_finer_counts_add_up_to_coarser_ones(case: Case) -> None:
    """Through late posts, edits, repeats, corrections and deletions."""
    stays = await _three_days(case)
    store, since, until = await case.seen(), at(-36 * 3600), at(36 * 3600)
    found = [
        await store.counts(["brand", "rival"], since, until, step=step, people=people)
        for people in (True, False)
        for step in STEPS
    ]
    for finer, coarser, step in zip(found[:3], found[1:4], STEPS[1:], strict=True):
        within = _within(finer, step)
        assert list(within) == [(one.topic, one.start) for one in coarser]
        for one in coarser:
            parts = within[one.topic, one.start]
            _adds_up(one.counts, parts)
            assert max(part.authors for part in parts) <= one.counts.authors
            assert one.counts.authors <= sum(part.authors for part in parts)
            assert one.counts.followers == max(part.followers for part in parts)
    for told, bare in zip(found[:4], found[4:], strict=True):
        assert [_tones(one.counts) for one in told] == [_tones(one.counts) for one in bare]
    in_all = sum((Counter(_tones(one.counts)) for one in found[0]), Counter())
    assert in_all == Counter({tone: stays[tone] for tone in TONES})
    assert sum(one.counts.total for one in found[0]) == stays.total()


async def _three_days(case: Case) -> Counter[str]:
    """Three days of two topics, in no order; how many of each tone are to be seen in the end."""
    rng, tone_of = Random(8), dict[str, SentimentLabel]()
    made = [
        mention(
            n,
            topic=rng.choice(["brand", "rival"]),
            tone=rng.choice(TONES),
            created=at(rng.uniform(-36 * 3600, 36 * 3600 - 1)),
            author=Author(handle=rng.choice("vwxyz"), followers=rng.randrange(90)),
            post={"rating": Rating(rng.randrange(6), 5) if n % 3 else None},
        )
        for n in range(400)
    ]
    await case.store.write(made)
    tone_of |= {one.id: one.sentiment.label for one in made}
    for one in made[:60]:
        edited = msgspec.structs.replace(one, sentiment=Sentiment(label="neg"), version=5)
        stale = msgspec.structs.replace(one, sentiment=Sentiment(label="pos"), version=4)
        await case.store.write([edited, one, stale])
        tone_of[one.id] = "neg"
    corrected = made[40:100]
    await case.store.add_labels(
        [Label(mention_id=one.id, labeled_at=at(0), sentiment="pos") for one in corrected]
    )
    tone_of |= dict.fromkeys((one.id for one in corrected), "pos")
    gone = made[80:140]
    await case.store.write([Retraction(post_id=one.post.id, version=9) for one in gone])
    for one in gone:
        del tone_of[one.id]
    return Counter(tone_of.values())


def _within(finer: list[TopicCounts], step: timedelta) -> dict[tuple[str, int], list[Counts]]:
    """The finer buckets of each coarser one."""
    width, found = int(step.total_seconds() * 1000), dict[tuple[str, int], list[Counts]]()
    for one in finer:
        found.setdefault((one.topic, one.start // width * width), []).append(one.counts)
    return found


def _adds_up(whole: Counts, parts: list[Counts]) -> None:
    for name in ("total", *TONES, "rated"):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts), name
    assert whole.rating_sum == pytest.approx(sum(part.rating_sum for part in parts), abs=1e-6)


def _tones(counts: Counts) -> dict[str, int]:
    return {tone: getattr(counts, tone) for tone in TONES}
