"""The `sample` source: repeatable, plausible, with a crisis that comes and goes."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors import post as posts
from connectors.base import Context, Cursor
from connectors.errors import BadSettings
from connectors.post import Post
from connectors.sample import Sample, severity
from connectors.sample_texts import BRAND, CITIES, PHRASES, RIVAL
from connectors.sample_world import rhythm

START = 1_780_000_000.0


async def no_sleep(_: float) -> None:
    await asyncio.sleep(0)


def source(clock: Callable[[], float] = lambda: START, **options: Any) -> Sample:
    return Sample(Context(options=options, clock=clock), sleep=no_sleep)


async def history(cursor: Cursor = None, **options: Any) -> tuple[list[Post], Cursor]:
    found, last = [], cursor
    async for step in source(live="no", **options).posts(cursor):
        if step.post:
            found.append(step.post)
        last = step.cursor if step.cursor is not None else last
    return found, last


async def live(seconds: int, **options: Any) -> list[Post]:
    """What is written in the first seconds, the clock running fast."""
    ticks = itertools.count()
    sample = source(lambda: START + next(ticks) * 10, history_hours=0, **options)
    found: list[Post] = []
    async for step in sample.posts(None):
        if step.post:
            found.append(step.post)
        elif step.cursor and step.cursor["second"] >= START + seconds:
            return found
    raise AssertionError("the sample ended")


def test_the_words_speak_of_the_invented_names_alone() -> None:
    for words in PHRASES.values():
        assert any(BRAND in name for name in words.brand)
        assert any(RIVAL in name for name in words.rival)
        for body in (*words.praise, *words.complaints, *words.neutral, *words.crisis):
            assert "{b}" in body
        for body in words.noise:
            assert "{b}" not in body
        for body in (*words.praise, *words.complaints, *words.neutral, *words.noise, *words.crisis):
            assert body.format(b="b", p="p", c="c")


def test_there_are_several_hundred_fragments() -> None:
    fields = ("parts", "openers", "praise", "complaints", "neutral", "noise", "crisis", "tags")
    assert sum(len(getattr(words, f)) for words in PHRASES.values() for f in fields) >= 200


async def test_the_past_is_plausible_and_quick() -> None:
    found, _ = await history()
    assert 2000 < len(found) < 12_000
    assert len({post.id for post in found}) == len(found)
    assert len({post.text for post in found}) > len(found) / 2
    assert {post.lang for post in found} == {"fr", "en", "ru"}
    assert all(START - 48 * 3600 <= p.created_at.timestamp() < START for p in found)
    assert any(BRAND in p.text for p in found)
    assert any(RIVAL in p.text for p in found)
    assert any(p.hashtags for p in found)
    followers = sorted((p.author.followers or 0 for p in found), reverse=True)
    assert followers[0] > 20 * max(1, followers[len(followers) // 2])


async def test_posts_are_whole_records_of_invented_people() -> None:
    cities = {city.name: city for city in CITIES}
    for post in (await history(history_hours=3))[0]:
        assert posts.decode(posts.encode(post)) == post
        assert post.source == "sample"
        assert post.id.startswith("sample:")
        assert post.url.startswith("https://sample.invalid/")
        assert post.author.handle.startswith("demo.")
        assert post.place is not None
        assert cities[post.place.name].lang == post.lang


async def test_the_same_seed_and_clock_give_the_same_posts() -> None:
    assert await history(history_hours=2) == await history(history_hours=2)
    assert (await history(history_hours=2))[0] != (await history(history_hours=2, seed=2))[0]
    assert await live(60) == await live(60)


async def test_nothing_is_written_twice_after_a_restart() -> None:
    _, cursor = await history(history_hours=2)
    again, _ = await history(cursor, history_hours=2)
    assert again == []


async def test_a_foreign_cursor_is_a_first_start() -> None:
    found, _ = await history({"some": "thing"}, history_hours=1)
    assert found


async def test_the_crisis_breaks_out_and_ebbs() -> None:
    found = await live(2400, rate=3)
    minutes = Counter(int(p.created_at.timestamp() - START) // 60 for p in found if "-c" in p.id)
    assert minutes[0] == 0
    assert minutes[5] > 100
    assert minutes[35] < minutes[5] / 5
    loud = [p for p in found if (p.author.followers or 0) > 400_000]
    assert {p.lang for p in loud} == {"fr", "en", "ru"}
    shared = [p for p in found if p.repost_of]
    assert shared
    assert {p.repost_of for p in shared} <= {p.id for p in loud}


async def test_no_crisis_when_none_is_wanted() -> None:
    found = await live(600, crisis_after=0)
    assert found
    assert not any("-c" in post.id for post in found)


async def test_edits_and_deletions_follow_what_was_written() -> None:
    found = await live(900)
    states = Counter(post.state for post in found)
    assert states["edited"] > 3
    assert states["deleted"] > 1
    first = {post.id: post for post in found if post.state == "live"}
    for post in found:
        if post.state != "live":
            assert post.version > first[post.id].version
            assert post.created_at == first[post.id].created_at
        if post.state == "deleted":
            assert post.text == ""
            assert post.author == posts.Author()


async def test_answers_name_what_they_answer() -> None:
    assert any(post.parent_id and post.kind == "comment" for post in await live(120))


def test_the_day_has_a_rhythm() -> None:
    hours = [rhythm(START + hour * 3600) for hour in range(24)]
    assert max(hours) > 1.5 * min(hours)


@pytest.mark.parametrize("since", [0, 1, 60, 479, 480, 1000, 10_000])
def test_severity_is_a_share(since: float) -> None:
    assert 0 <= severity(since) <= 1


@pytest.mark.parametrize("options", [{"rate": 0}, {"seed": "x"}, {"live": "perhaps"}, {"nope": 1}])
def test_bad_options_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=next(iter(options))):
        source(**options)


def test_the_shipped_topics_watch_the_sample_brand() -> None:
    config = Path(__file__).parents[2] / "config"
    topics = yaml.safe_load((config / "topics.yaml").read_text(encoding="utf-8"))["topics"]
    queries = " ".join(topic["query"] for topic in topics)
    assert BRAND in queries
    assert RIVAL in queries
    sources = yaml.safe_load((config / "veille.yaml").read_text(encoding="utf-8"))["sources"]
    options = next(dict(s) for s in sources if s["connector"] == "sample")
    for name in ("id", "connector"):
        options.pop(name)
    assert isinstance(source(**options), Sample)
