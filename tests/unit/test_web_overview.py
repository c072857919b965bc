"""The overview's view models with plain values, and its page over a real SQLite store."""

import asyncio
import re
from array import array
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors.base import Gap
from connectors.post import Author
from streams.errors import StoreError, StoreUnavailable
from streams.records import Mention
from streams.source_gaps import Shade, note
from streams.store.journal import Entry
from streams.store.port import Bucket, Counts, TopicCounts
from streams.store.sqlite import SqliteStore
from streams.web import charts
from streams.web.app import create_app
from streams.web.coverage import coverage, overall, still_failing
from streams.web.filters import BadFilter
from streams.web.health import Source
from streams.web.overview import tiles
from streams.web.overview.asked import Asked, read
from streams.web.overview.news import News, news, told
from streams.web.overview.past import HOUR, WEEK, Series, before, read_past, week_of_hours
from streams.web.overview.sparkline import HEIGHT, sparkline
from streams.web.overview.usual import negative_share, usual
from streams.web.recent import Behind
from tests.browser.site import HOSTILE, TOPICS, hostile, mention
from tests.support import outcry
from tests.support.mentions import opened

NOW = datetime(2026, 3, 31, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(store, topics=TOPICS)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8420") as client:
        yield client
    await app.state.overview.aclose()


# What is usual


def test_as_many_as_in_the_weeks_before_is_usual() -> None:
    found = usual(50, [44, 51, 60, 48])
    assert found.verdict == "usual"
    assert found.low < 44
    assert found.high > 60
    assert found.weeks == [44, 51, 60, 48]


@pytest.mark.parametrize(
    ("count", "weeks", "verdict"),
    [
        (120, [44, 51, 60, 48], "more"),
        (9, [44, 51, 60, 48], "less"),
        (0, [3, 2, 4, 1], "usual"),
        (1, [0, 0, 0, 0], "usual"),
        (4, [0, 0, 1, 0], "more"),
        (30_000, [9_000, 10_000, 9_500, 9_900], "more"),
        (3_000, [9_000, 10_000, 9_500, 9_900], "less"),
        (9_000, [9_000, 10_000, 9_500, 9_900], "usual"),
    ],
)
def test_what_chance_does_not_give_is_more_or_less(
    count: int, weeks: list[float], verdict: str
) -> None:
    assert usual(count, weeks).verdict == verdict


def test_a_crisis_weeks_ago_does_not_make_crises_usual() -> None:
    assert usual(480, [44, 51, 60, 480]).verdict == "more"


def test_one_week_tells_nothing() -> None:
    assert usual(500, [10]).verdict == "unknown"
    assert usual(500, [10], least=1).verdict == "more"


def test_a_share_is_held_against_the_weeks_before() -> None:
    assert negative_share(60, 100, [10, 12], [100, 110]).verdict == "more"
    assert negative_share(11, 100, [10, 12], [100, 110]).verdict == "usual"
    assert negative_share(1, 1, [10, 12], [100, 110]).verdict == "usual"
    assert negative_share(0, 0, [], []).verdict == "unknown"


# The past


def hourly(first: datetime, totals: list[int]) -> Series:
    start = int(first.timestamp())
    starts = [start + n * HOUR for n in range(len(totals))]
    return Series(array("q", starts), array("q", totals), array("q", [n // 2 for n in totals]))


def test_the_same_time_of_the_weeks_before() -> None:
    first = NOW.replace(minute=0) - 3 * WEEK - 2 * DAY
    series = hourly(first, [1] * (24 * 23))
    found = before(series, "24h", NOW - DAY, NOW)
    assert found.totals == pytest.approx([24, 24, 24])  # the fourth week was before it was known


def test_of_an_hour_that_lies_in_it_partly_a_part_counts() -> None:
    series = hourly(NOW.replace(minute=0), [10])
    at = NOW.timestamp()
    assert series.sums(at, at + HOUR) == pytest.approx((5.0, 2.5))
    assert series.sums(at - HOUR, at) == pytest.approx((5.0, 2.5))
    assert series.sums(at + HOUR, at + 2 * HOUR) == (0, 0)


async def test_the_past_is_read_whole(store: SqliteStore) -> None:
    await store.write([mention(n, at=NOW - timedelta(hours=7 * n)) for n in range(150)])
    past = await read_past(store, ["kestrel", "rival"], NOW)
    assert set(past) == {"kestrel"}
    assert sum(past["kestrel"].totals) == 149  # the present hour is no past
    assert list(past["kestrel"].starts) == sorted(past["kestrel"].starts)


def test_hours_are_the_readers() -> None:
    from zoneinfo import ZoneInfo  # used here alone

    at = datetime(2026, 3, 24, 23, tzinfo=UTC)  # a Tuesday; Wednesday in Paris
    grid = week_of_hours({"k": hourly(at, [8])}, ["k"], ZoneInfo("Europe/Paris"), NOW)
    assert grid[2][0] == 2
    assert sum(map(sum, grid)) == 2


# Tiles


PERIOD = tiles.Period(
    since=NOW - DAY, now=NOW, until=NOW + timedelta(minutes=10), step=timedelta(minutes=15)
)


def counted(topic: str, ago: timedelta, total: int, neg: int = 0) -> TopicCounts:
    width = 900_000
    start = int((NOW - ago).timestamp() * 1000) // width * width
    return TopicCounts(topic, start, Counts(total=total, neg=neg, neu=total - neg))


def test_figures_are_sums_and_shares() -> None:
    known = tiles.Known(
        counts=[
            counted("a", timedelta(hours=1), 6, 3),
            counted("a", timedelta(hours=9), 2),
            counted("b", timedelta(hours=9), 8),
        ]
    )
    found = tiles.wall(("a", "b", "c"), Asked(sort="name"), PERIOD, known)
    a, b, c = found.tiles
    assert (a.counts.total, a.counts.neg, b.counts.total, c.counts.total) == (8, 3, 8, 0)
    assert (a.voice, b.voice, c.voice) == (0.5, 0.5, 0.0)
    assert (a.net, b.net, c.net) == (-38, 0, None)
    assert found.totals.total == sum(one.total for one in found.buckets) == 16
    assert c.spark.paths == []


def test_what_deserves_a_look_comes_first() -> None:
    usual_day = [1] * (24 * 30)
    past = {name: hourly(NOW.replace(minute=0) - 30 * DAY, usual_day) for name in "abcd"}
    known = tiles.Known(
        counts=[
            counted("a", timedelta(hours=1), 24, 8),
            counted("b", timedelta(hours=1), 300, 100),
            counted("c", timedelta(hours=1), 24, 23),
            counted("d", timedelta(hours=1), 24, 8),
        ],
        past=past,
        incidents=[outcry.incident(NOW, topic="d", severity="low")],
    )
    found = tiles.wall(tuple("abcd"), Asked(), PERIOD, known)
    assert [one.topic for one in found.tiles] == ["d", "b", "c", "a"]
    by_volume = tiles.ordered(found.tiles, "volume")
    assert by_volume[0].topic == "b"
    assert tiles.ordered(found.tiles, "negative")[0].topic == "c"


def test_bars_add_up_to_their_height() -> None:
    buckets = [Bucket(start=NOW, total=4, neg=1, pos=3), Bucket(start=NOW, total=2, neg=2)]
    spark = sparkline(buckets)
    assert spark.most == 4
    assert dict(spark.paths)["neg"].count("M") == 2
    high = sum(float(part) for _, d in spark.paths for part in re.findall(r"v([\d.]+)", d)[:1])
    assert high == pytest.approx(HEIGHT)
    assert len(sparkline(buckets * 100).paths[0][1].split("z")) <= 51


# Addresses


def test_an_address_is_read_and_written_back() -> None:
    asked = read([("topic", "a"), ("topic", "b"), ("range", "7d"), ("wall", "1"), ("sort", "")])
    assert asked == Asked(topics=("a", "b"), preset="7d", wall=True)
    assert read(asked.pairs) == asked
    assert Asked().pairs == []


@pytest.mark.parametrize(
    "pairs",
    [
        [("range", "2y")],
        [("sort", "worst")],
        [("wall", "yes")],
        [("nonsense", "1")],
        [("topic", "a\0b")],
        [("topic", "x" * 301)],
        [("topic", str(n)) for n in range(51)],
    ],
)
def test_a_wrong_address_is_explained(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(BadFilter) as caught:
        read(pairs)
    assert all(one.remedy for one in caught.value.problems)


# Coverage


def source(state: str = "running", **more: Any) -> Source:
    fields: dict[str, Any] = {
        "id": "s", "connector": "rss", "symbol": "", "tone": "", "reason": "", "until": None,
        "posts": 0, "dead": 0, "gaps": 0, "usage": [], "last_post_at": None,
    }  # fmt: skip
    return Source(state=state, **(fields | more))


def shade(begins: float, ends: float, name: str = "s") -> Shade:
    hours = [NOW - timedelta(hours=n) for n in (begins, ends)]
    return Shade(source=name, begins=hours[0], ends=hours[1], reason="cut")


def test_overlapping_gaps_count_once() -> None:
    gaps = [shade(30, 18), shade(20, 12), shade(6, 5), shade(9, 8, "other")]
    found = coverage([source()], gaps, NOW - DAY, NOW)
    assert found[0].share == pytest.approx(1 - 13 / 24)
    assert overall(found) == found[0].share
    assert coverage([source("disabled")], gaps, NOW - DAY, NOW) == []
    assert overall([]) is None


def test_a_source_that_fails_is_missing_since_it_last_gave_something() -> None:
    last = NOW - timedelta(hours=3)
    failing = source("failing", last_pass_at=last, last_post_at=last - DAY, reason="503")
    found = still_failing([failing, source(last_pass_at=last), source("failing")], NOW)
    assert found == [Shade(source="s", begins=last, ends=NOW, reason="503")]


# News


def story(n: int, name: str, **more: Any) -> Mention:
    return msgspec.structs.replace(mention(n, **more), story=name)


def test_what_many_tell_is_a_story_with_its_farthest_post() -> None:
    some = [
        story(
            n, "s", at=NOW, sentiment="neg", text=f"Kestrel fell ({n})", url=f"https://e.org/{n}",
            author=Author(id=f"a{n}", handle=f"h{n}", followers=1000 * n),
        )
        for n in range(5)
    ]  # fmt: skip
    also = msgspec.structs.replace(some[0], topic="rival", id="other")
    lone = [story(9, "t", at=NOW), story(10, "t", at=NOW)]
    found, loud = told([*some, also, *lone], [], frozenset())
    assert [(one.posts, one.authors, one.negative, one.reach) for one in found.stories] == [
        (5, 5, 5, 10_000)
    ]
    assert found.stories[0].text == "Kestrel fell (4)"
    assert [one.handle for one in loud] == ["h4", "h3", "h2", "h1"]
    assert told(some, some[:1], frozenset())[0].stories == []  # it was told before


async def test_who_wrote_in_the_weeks_before_is_not_new(store: SqliteStore) -> None:
    known = Author(id="k", handle="known", followers=90_000)
    fresh = Author(id="f", handle="fresh", followers=80_000)
    await store.write(
        [
            mention(1, at=NOW - timedelta(hours=1), author=known),
            mention(2, at=NOW - timedelta(hours=1), author=fresh, text="Kestrel refund refund"),
            mention(3, at=NOW - timedelta(days=20), author=known),
        ]
    )
    found = await news(store, ["kestrel"], NOW - DAY, NOW)
    assert [one.handle for one in found.authors] == ["fresh"]
    assert found.read == 2
    assert found.whole
    every = await news(store, ["kestrel", "rival"], NOW - DAY, NOW, every=True, look_up=False)
    assert [one.handle for one in every.authors] == ["fresh"]
    both = await news(store, ["kestrel", "rival"], NOW - DAY, NOW)
    assert (both.read, both.past) == (2, 1)
    assert await news(store, ["rival"], NOW - DAY, NOW) == News()


# Charts


def test_marks_point_at_moments_and_shades_lie_behind() -> None:
    bucket = Bucket(start=NOW, total=3, neg=3)
    marks = [
        charts.Mark(at=NOW, kind="incident", subject="a", text="b"),
        charts.Mark(at=NOW, kind="edit", subject="a", text="b"),
    ]
    spec = charts.over_time(
        [bucket], since=NOW - DAY, until=NOW, step=timedelta(hours=1), gaps=[shade(5, 4)],
        marks=marks,
    )  # fmt: skip
    styles = [layer["mark"].get("style", layer["mark"]["type"]) for layer in spec["layer"]]
    assert styles == ["rect", "rect", "incident", "incident-head", "edit", "edit-head"]
    for theme in charts.COLOURS:
        assert charts.svg(spec, theme=theme, width=300).startswith("<svg")


def test_hours_of_the_week_can_be_drawn() -> None:
    spec = charts.hours_of_week([[1.0] * 24] * 7, days=list("1234567"), measure="an hour")
    assert len(spec["data"]["values"]) == 168
    assert charts.svg(spec, theme="dark", width=300).startswith("<svg")


async def test_long_periods_are_whole_and_live(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([mention(n, ago=timedelta(days=n, minutes=3)) for n in range(40)])
    assert 'data-figure="total">30<' in (await client.get("/?range=30d")).text
    await store.write([mention(90, ago=timedelta(minutes=1))])
    async with asyncio.timeout(3):  # views of the same blink are shared
        while 'data-figure="total">31<' not in (await client.get("/?range=30d")).text:
            await asyncio.sleep(0.02)


# What takes long


async def test_an_older_answer_is_given_at_once_and_asked_anew_behind() -> None:
    now, made = [0.0], [0]
    kept: Behind[int] = Behind(10, clock=lambda: now[0])

    async def make() -> int:
        made[0] += 1
        return made[0]

    assert await kept.get("k", make, wait=1) == 1
    now[0] = 11
    assert await kept.get("k", make) == 1
    await kept.aclose()
    now[0] = 22
    assert await kept.get("k", make) in {1, 2}


async def test_an_answer_that_fails_is_asked_again() -> None:
    kept: Behind[int] = Behind(10)

    async def fail() -> int:
        raise StoreError("away")

    async def make() -> int:
        return 7

    assert await kept.get("k", fail, wait=1) is None
    assert await kept.get("k", make, wait=1) == 7


# The page


class Elements(HTMLParser):
    """Every element of a page with its attributes, as a browser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


async def test_the_page_shows_exact_figures(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await store.write([mention(n, sentiment="neg" if n < 3 else "pos") for n in range(10)])
    await store.write([mention(20, topic="rival")])
    page = (await client.get("/")).text
    assert re.findall(r'data-topic="(\w+)"', page) == ["kestrel", "rival"]
    assert re.findall(r'data-figure="total">(\d+)<', page) == ["10", "1"]
    assert re.findall(r'data-figure="negative">(\d+)\xa0%<', page) == ["30", "0"]
    assert "as usual" not in page  # nothing is known of the weeks before


async def test_it_can_be_taken_away_as_a_file(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([mention(n) for n in range(3)])
    page = (await client.get("/?topic=kestrel&range=7d")).text
    found = re.search(r'href="(/overview/export.csv[^"]+)"', page)
    assert found
    answer = await client.get(found[1].replace("&amp;", "&"))
    assert answer.status_code == 200
    assert "kestrel" in answer.text
    assert "rival" not in answer.text


async def test_old_links_lead_to_the_mentions(client: httpx.AsyncClient) -> None:
    for query in ("sentiment=neg", "range=all", "q=x&topic=kestrel"):
        answer = await client.get(f"/?{query}")
        assert answer.status_code == 302
        assert answer.headers["location"] == f"/mentions?{query}"


async def test_a_wrong_filter_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/?topic=kestrel&sort=oddly")
    assert answer.status_code == 400
    assert "sort=oddly" in answer.text


async def test_an_edge_of_nothing(client: httpx.AsyncClient) -> None:
    page = (await client.get("/")).text
    assert "Nothing in the last 24 hours" in page
    assert "No source has told of itself" in page


async def test_hostile_words_stay_words(store: SqliteStore, client: httpx.AsyncClient) -> None:
    now = datetime.now(UTC)
    await store.write([hostile(n, at=now - timedelta(minutes=n)) for n in range(5)])
    await outcry.tell(store, outcry.incident(now, topic="kestrel", rule=HOSTILE, kind="rule"))
    await store.put_state("source", HOSTILE, {"state": "failing", "reason": HOSTILE})
    await note(store, HOSTILE, [Gap(since=(now - DAY).isoformat(), until=now.isoformat(),
                                    reason=HOSTILE)], now)  # fmt: skip
    page = Elements()
    page.feed((await client.get("/")).text)
    scripts = [attributes for tag, attributes in page.found if tag == "script"]
    assert all(one.get("src", "").startswith("/static/") for one in scripts)
    assert not [tag for tag, _ in page.found if tag in {"iframe", "object"}]
    images = [attributes["src"] for tag, attributes in page.found if tag == "img"]
    assert all(one.startswith(("/static/", "/overview/")) for one in images)
    names = {name for _, attributes in page.found for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]


async def test_an_unknown_topic_has_no_mentions(client: httpx.AsyncClient) -> None:
    page = await client.get("/", params={"topic": HOSTILE[1:]})
    assert page.status_code == 200
    assert re.findall(r'data-figure="total">(\d+)<', page.text) == ["0"]


async def test_edits_of_topics_are_marked(store: SqliteStore, client: httpx.AsyncClient) -> None:
    at = datetime.now(UTC) - timedelta(hours=2)
    kept: dict[str, Any] = {"by": "Ada", "at": at}
    await store.add_entries(
        [
            Entry(id="1", action="topic.edit", subject="kestrel", topic="kestrel", **kept),
            Entry(id="2", action="topic.edit", subject="other", topic="other", **kept),
            Entry(id="3", action="label.set", subject="m", topic="kestrel", **kept),
        ]
    )
    page = (await client.get("/")).text
    assert "1 moment marked" in page
    assert "edited (Ada)" in page


async def test_the_charts_are_drawn_by_the_server(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([mention(n, ago=timedelta(hours=n)) for n in range(200)])
    for path in ("/overview/chart.svg?range=7d&theme=dark", "/overview/hours.svg?size=narrow"):
        answer = await client.get(path)
        assert answer.status_code == 200
        assert answer.text.startswith("<svg")


async def test_a_store_that_is_away_is_said(
    client: httpx.AsyncClient, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("the store is away")

    monkeypatch.setattr(store, "arrivals", away)
    answer = await client.get("/")
    assert answer.status_code == 503
    assert "the store is away" in answer.text
