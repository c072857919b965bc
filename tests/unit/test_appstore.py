"""What Apple's feeds do that others don't: shapes that vary, empty feeds, 500 reviews."""

import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.appstore import AppStore
from connectors.errors import BadSettings, Refused, WaitUntil
from tests.contract.connectors.fixtures.appstore import AppStoreFixture
from tests.contract.connectors.fixtures.shared import moment
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, World, collect, context

FIXTURE = AppStoreFixture()
APP = {"im:name": {"label": "The App"}, "id": {"label": "https://itunes.apple.com/us/app/id1234"}}
XML = b"""<?xml version="1.0" encoding="utf-8"?>
<feed xmlns:im="http://itunes.apple.com/rss" xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
<id>x</id><title>iTunes Store</title><updated>2026-06-01T05:00:00-07:00</updated>
<entry><updated>2026-06-01T04:30:00-07:00</updated><id>77</id><title>Good &amp; fast</title>
<content type="text">Line one
Line &lt;two&gt;</content><link rel="related" href="https://itunes.apple.com/fr/review?id=1234"/>
<im:voteSum>3</im:voteSum><im:voteCount>4</im:voteCount><im:rating>2</im:rating>
<im:version>1.0</im:version>
<author><name>Ana</name><uri>https://itunes.apple.com/fr/reviews/id55</uri></author>
<content type="html">&lt;b&gt;markup&lt;/b&gt;</content></entry></feed>"""


def feed(entry: Any) -> bytes:
    return json.dumps({"feed": {"entry": entry}}).encode()


async def test_fields() -> None:
    async with FIXTURE.serve(World([FIXTURE.item(1)])) as server:
        result = await collect(AppStore(context({**FIXTURE.options(server.url)})))
    post = result.steps[0].post
    assert post is not None
    assert (post.id, post.kind, post.title, post.text) == (
        "appstore:9001",
        "review",
        "title 1",
        "note 1",
    )
    assert post.rating is not None
    assert (post.rating.value, post.rating.best) == (4, 5)
    assert post.place is not None
    assert (post.place.country, post.author.id, post.thread_id) == ("US", "1", "appstore:app/1234")
    assert post.created_at == moment(1)


@pytest.mark.parametrize(
    "entry",
    [
        FIXTURE.item(1),
        [APP, FIXTURE.item(1)],
        [{**FIXTURE.item(1), "updated": None}],
        [{**FIXTURE.item(1), "content": [{"label": "note 1", "attributes": {"type": "text"}}]}],
        [{**FIXTURE.item(1), "link": None, "author": None, "im:rating": {"label": ""}}],
    ],
)
async def test_shapes_that_vary(entry: Any) -> None:
    def answer(request: Request) -> Answer:
        return Answer(body=feed(entry) if "page=1/" in request.path else b'{"feed": {}}')

    async with running(answer) as server:
        result = await collect(AppStore(context(FIXTURE.options(server.url))))
    assert result.error is None
    assert result.ids == ["appstore:9001"]
    assert not [step for step in result.steps if step.dead]


async def test_an_empty_feed_is_noted_and_deletes_nothing() -> None:
    world, notes = World([FIXTURE.item(1)]), list[str]()
    async with FIXTURE.serve(world) as server:
        source = AppStore(context(FIXTURE.options(server.url), on_note=notes.append))
        first = await collect(source)
        world.items = []
        second = await collect(source, first.cursor)
        world.items = [FIXTURE.item(1)]
        third = await collect(source, second.cursor)
    assert second.error is None
    assert "empty" in notes[0]
    assert second.ids == third.ids == []


async def test_the_xml_feed_gives_the_same() -> None:
    def answer(request: Request) -> Answer:
        assert request.path.endswith("/xml")
        entries = XML if "page=1/" in request.path else XML.partition(b"<entry>")[0] + b"</feed>"
        return Answer(body=entries, headers={"content-type": "text/xml"})

    async with running(answer) as server:
        options = {"apps": "id1234", "countries": "FR", "format": "xml", "base_url": server.url}
        result = await collect(AppStore(context(options)))
    assert result.error is None
    post = result.steps[0].post
    assert post is not None
    assert (post.id, post.title, post.text) == (
        "appstore:77",
        "Good & fast",
        "Line one\nLine <two>",
    )
    assert post.rating is not None
    assert (post.rating.value, post.engagement.likes) == (2, 3)
    assert (post.author.id, post.author.name) == ("55", "Ana")
    assert post.created_at == NOW - timedelta(minutes=30)


async def test_500_reviews_are_the_end_and_a_gap_says_so() -> None:
    world = World([FIXTURE.item(1)])
    async with FIXTURE.serve(world) as server:
        source = AppStore(context(FIXTURE.options(server.url)))
        first = await collect(source)
        world.items = [
            FIXTURE.item(n, at=moment(2) + timedelta(seconds=n)) for n in range(1000, 1700)
        ]
        second = await collect(source, first.cursor)
    assert len(second.ids) == 500
    (gap,) = [step.gap for step in second.steps if step.gap]
    assert gap.since == moment(1).isoformat()
    assert "us/1234" in gap.reason


async def test_a_quiet_feed_costs_one_request_and_several_countries_are_read() -> None:
    old = [FIXTURE.item(n, at=NOW - timedelta(days=20 + n)) for n in range(60)]
    async with FIXTURE.serve(World([*old, FIXTURE.item(70)])) as server:
        options = {**FIXTURE.options(server.url), "countries": "us, fr"}
        source = AppStore(context(options))
        first = await collect(source)
        asked = len(server.requests)
        second = await collect(source, first.cursor)
        paths = [request.path for request in server.requests[asked:]]
    assert second.ids == []
    assert [path.split("/")[1] for path in paths] == ["us", "fr"]


async def test_a_403_without_a_reason_is_waited_for() -> None:
    async with running(lambda _: Answer(403, b"<html>Forbidden")) as server:
        error = (await collect(AppStore(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, WaitUntil)
    assert error.moment == NOW + timedelta(minutes=15)


async def test_a_country_without_the_app_holds_no_other_back() -> None:
    notes: list[str] = []

    def answer(request: Request) -> Answer:
        if request.path.startswith("/fr/"):
            return Answer(404)
        return Answer(body=feed(FIXTURE.item(1)) if "page=1/" in request.path else b'{"feed": {}}')

    async with running(answer) as server:
        options = {**FIXTURE.options(server.url), "countries": "fr, us"}
        result = await collect(AppStore(context(options, on_note=notes.append)))
        alone = {**FIXTURE.options(server.url), "countries": "fr"}
        refused = (await collect(AppStore(context(alone)))).error
    assert result.error is None
    assert result.ids == ["appstore:9001"]
    assert "fr/1234" in notes[0]
    assert isinstance(refused, Refused)


def test_bad_settings_are_named() -> None:
    for bad in ({"countries": "usa"}, {"countries": ","}, {"format": "csv"}):
        with pytest.raises(BadSettings, match=next(iter(bad))):
            AppStore(context({"apps": "1", **bad}))
