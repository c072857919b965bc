"""Who writes: the list, and one author's page."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from connectors.post import Author
from streams.criteria.topics import Topic
from streams.records import Mention
from streams.store.journal import EntryFilter
from streams.store.port import Bucket, Filter
from streams.store.sqlite import SqliteStore
from streams.web.app import create_app
from streams.web.authors import view
from streams.web.authors.charts import reach
from streams.web.authors.sums import Reach, by_day, week
from tests.browser.site import hostile, mention

NOW = datetime.now(UTC)
TOPICS = [Topic(id="kestrel", name="Kestrel Air", query="kestrel")]


class Desk:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder / "veille.db")
        self.app = create_app(self.store, topics=TOPICS)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://localhost"
        )

    @property
    def token(self) -> str:
        return str(self.app.state.pages.forms.token)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await made.store.open()
    yield made
    await made.client.aclose()
    await made.app.state.posts.aclose()
    await made.store.close()


def by(handle: str, number: int, *, hours: float = 1, followers: int | None = None) -> Mention:
    return mention(
        number,
        sentiment="neg" if number % 2 else "pos",
        ago=timedelta(hours=hours),
        author=Author(
            id=f"id-{handle}", handle=f"@{handle}", name=handle.title(), followers=followers
        ),
    )


async def filled(desk: Desk) -> None:
    await desk.store.write(
        [
            *(by("ada", n, hours=n, followers=100 + n) for n in range(1, 9)),
            *(by("bob", 20 + 2 * n, hours=n, followers=90_000) for n in range(1, 5)),
            *(by("cleo", 41 + 2 * n, hours=n) for n in range(3)),
            by("old", 60, hours=24 * 30, followers=2_000_000),
        ]
    )


async def order(desk: Desk, **asked: str) -> list[str]:
    answer = await desk.client.get("/api/v1/authors", params=asked)
    assert answer.status_code == 200
    return [row["handle"] for row in answer.json()["rows"]]


async def test_authors_of_a_period_in_three_orders(desk: Desk) -> None:
    await filled(desk)
    assert await order(desk) == ["ada", "bob", "cleo"]
    assert await order(desk, sort="negative") == ["ada", "cleo", "bob"]
    assert await order(desk, sort="reach") == ["bob", "ada", "cleo"]
    assert await order(desk, sort="reach", range="all") == ["old", "bob", "ada", "cleo"]
    assert await order(desk, sort="nonsense", sentiment="pos") == ["ada", "bob"]
    assert await order(desk, topic="nothing") == []
    wrong = await desk.client.get("/api/v1/authors", params={"lang": "??"})
    assert wrong.status_code == 400
    page = (await desk.client.get("/authors?sort=reach")).text
    assert page.index('data-author="rss:bob"') < page.index('data-author="rss:ada"')
    assert 'aria-current="page"' in page
    assert "/authors/export.csv" in page
    empty = (await desk.client.get("/authors?q=nobodysaidthis")).text
    assert "Nobody wrote anything that fits." in empty


async def test_one_author_with_all_figures(desk: Desk) -> None:
    await filled(desk)
    told = (await desk.client.get("/api/v1/authors/rss/Ada")).json()
    assert (told["count"]["total"], told["count"]["neg"]) == (8, 4)
    assert sum(bucket["total"] for bucket in told["hours"]) == 8
    assert [one["followers"] for one in told["reach"]] == [108 - n for n in range(8)]
    assert [one["value"] for one in told["topics"]] == ["kestrel"]
    page = (await desk.client.get("/authors/rss/ada")).text
    assert page.count('<article class="card') == 8
    assert "veille erase --author rss:id-ada --dry-run" in page
    for which in ("time", "hours", "reach"):
        drawn = await desk.client.get(f"/authors/chart/{which}/rss/ada")
        assert drawn.headers["content-type"].startswith("image/svg+xml"), which
    assert (await desk.client.get("/authors/chart/none/rss/ada")).status_code == 404
    assert (await desk.client.get("/authors/rss/nobody")).status_code == 404
    assert (await desk.client.get("/api/v1/authors/rss/nobody")).status_code == 404


async def test_who_wrote_long_ago_is_shown_as_of_then(desk: Desk) -> None:
    await filled(desk)
    old = by("gone", 70, hours=24 * 400)
    await desk.store.write([old])
    told = (await desk.client.get("/api/v1/authors/rss/gone")).json()
    assert sum(bucket["total"] for bucket in told["hours"]) == 1


async def test_hiding_an_author_is_journalled_and_can_be_taken_back(desk: Desk) -> None:
    await filled(desk)
    fields = {"token": desk.token, "source": "rss", "handle": "ada", "note": "a robot"}
    answer = await desk.client.post("/authors/hide", data={**fields, "act": "hide"})
    assert answer.headers["location"] == "/authors/rss/ada?told=hidden"
    assert await order(desk, q="Kestrel") == ["bob", "cleo"]
    page = (await desk.client.get("/authors/rss/ada")).text
    assert "Show them again" in page
    assert "a robot" in page
    assert page.count('<article class="card') == 8, "their page shows them all the same"
    await desk.client.post("/authors/hide", data={**fields, "act": "show"})
    assert (await desk.store.count(Filter(author="ada"))).total == 8
    entries = (await desk.store.entries(EntryFilter(actions=("author.",)))).entries
    assert [one.action for one in entries] == ["author.show", "author.hide"]
    forged = await desk.client.post("/authors/hide", data={**fields, "token": "x"})
    assert forged.status_code == 403


async def test_hostile_names_do_no_harm(desk: Desk) -> None:
    odd = hostile(1)
    await desk.store.write([odd])
    page = (await desk.client.get("/authors?range=all")).text
    assert "<script>alert" not in page
    answer = await desk.client.get(f"/authors/rss/{odd.post.author.handle.replace('/', '%2F')}")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    long = await desk.client.get("/authors/rss/" + "x" * 5_000)
    assert long.status_code == 404
    broken = await desk.client.get("/authors/rss/writer1", params={"cursor": "no cursor"})
    assert broken.status_code in (400, 404)


def test_hours_are_put_together_by_day_and_by_the_readers_week() -> None:
    start = datetime(2026, 3, 2, 23, tzinfo=UTC)  # a Monday, Tuesday in Moscow
    hours = [Bucket(start=start + timedelta(hours=n), total=n % 2, neg=n % 2) for n in range(168)]
    days = by_day(hours)
    assert [one.start.hour for one in days] == [0] * len(days)
    assert sum(one.total for one in days) == sum(one.neg for one in days) == 84
    heat = week(hours[:2], ZoneInfo("Europe/Moscow"), timedelta(hours=2))
    assert heat[1][3] == 1, "one at 00:00 UTC on Tuesday is 3 in the morning there"
    assert sum(map(sum, heat)) == 1


def test_a_line_of_followers_needs_two_points() -> None:
    one = Reach(at=NOW, followers=5)
    assert reach([one]) is None
    assert reach([one, Reach(at=NOW + timedelta(days=1), followers=9)]) is not None


async def test_who_writes_much_is_shown_by_the_newest_of_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "READ", 40)
    monkeypatch.setattr(view, "COUNTED", 48)
    many = [by("much", n, hours=n * 2, followers=n) for n in range(1, 200)]
    await desk.store.write([*many, by("less", 300)])
    told = (await desk.client.get("/api/v1/authors/rss/much")).json()
    assert (told["count"]["total"], told["read"]) == (199, 40)
    assert told["days"] in (3, 4), "48 mentions at twelve a day"
    assert sum(bucket["total"] for bucket in told["hours"]) in range(35, 49)
    assert sum(one["total"] for one in told["topics"]) == 40
    page = (await desk.client.get("/authors/rss/much")).text
    assert "Of their newest 40 mentions:" in page
    less = (await desk.client.get("/api/v1/authors/rss/less")).json()
    assert (less["read"], less["days"]) == (1, 90)
