"""What the overview and the page of sources ask, against both stores."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from connectors.post import Author
from streams.alerts import book
from streams.alerts.records import Incident
from streams.criteria.topics import Topic
from streams.store.journal import Entry
from streams.web.incident_spread import spreading
from streams.web.overview.asked import Asked
from streams.web.overview.past import WEEK, read_past
from streams.web.overview.view import Overviews
from streams.web.sources.view import Observer
from tests.browser.site import mention
from tests.support import outcry
from tests.support.mentions import Case

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
UTC_ZONE = ZoneInfo("UTC")
TOPICS = [Topic(id="kestrel", name="Kestrel Air", query="kestrel"), Topic(id="rival", query="x")]


async def filled(case: Case) -> Incident:
    """Ten mentions of the last day, five in each of the same days of four weeks before."""
    known = Author(id="k", handle="known", followers=5_000)
    fresh = Author(id="f", handle="fresh", followers=9_000)
    mentions = [
        mention(n, at=NOW - timedelta(hours=n + 1), sentiment="neg", author=fresh if n else known)
        for n in range(10)
    ]
    for week in range(1, 5):
        mentions += [
            mention(100 * week + n, at=NOW - week * WEEK - timedelta(hours=n + 1), author=known)
            for n in range(5)
        ]
    await case.store.write(mentions)
    one = outcry.incident(NOW)
    await outcry.tell(case.store, one, outcry.incident(NOW - 3 * DAY, id="old", status="resolved"))
    edit = Entry(id="e", at=NOW - timedelta(hours=2), by="Ada", action="topic.edit",
                 subject="kestrel", topic="kestrel")  # fmt: skip
    await case.store.add_entries([edit])
    await case.seen()
    return one


async def test_an_overview_tells_the_same_of_both(case: Case) -> None:
    one = await filled(case)
    overviews = Overviews(case.store, TOPICS)
    past = await read_past(case.store, ["kestrel", "rival"], NOW)
    assert sum(past["kestrel"].totals) >= 20
    shown = await overviews.of(Asked(), now=NOW, zone=UTC_ZONE)
    kestrel, rival = shown.tiles
    assert (kestrel.topic, kestrel.counts.total, kestrel.counts.neg) == ("kestrel", 10, 10)
    assert rival.counts.total == 0
    assert [each.id for each in shown.incidents] == [one.id]
    assert [mark.kind for mark in shown.marks] == ["incident", "edit"]
    week = await overviews.of(Asked(preset="7d", topics=("kestrel",)), now=NOW, zone=UTC_ZONE)
    assert (week.tiles[0].counts.total, week.tiles[0].day) == (10, 10)
    await overviews.aclose()


async def test_those_that_opened_lately_and_those_not_over(case: Case) -> None:
    one = await filled(case)
    assert [each.id for each in await book.lately(case.store, NOW - DAY)] == [one.id]
    assert [each.id for each in await book.lately(case.store, NOW - 9 * DAY)] == ["old", one.id]


async def test_how_an_incident_spread(case: Case) -> None:
    one = await filled(case)
    found = await spreading(case.store, one)
    assert found.whole
    assert (found.read, found.reach) == (2, 14_000)


async def test_sources_and_health(case: Case) -> None:
    await filled(case)
    await case.store.put_state("source", "news", {"state": "failing", "connector": "rss"})
    observer = Observer(case.store, None, lambda: None)
    found = await observer.look(NOW)
    assert [row.source.id for row in found.sources] == ["news"]
    assert found.sources[0].mentions == 10
    assert found.failing == 1
    await observer.aclose()
