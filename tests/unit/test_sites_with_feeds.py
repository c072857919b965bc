"""What sites make of their feeds: Habr, LiveJournal, Medium, forums."""

from typing import Any

import pytest

from connectors.base import Connector
from connectors.errors import BadSettings
from connectors.forum import Forum
from connectors.habr import Habr
from connectors.livejournal import LiveJournal
from connectors.medium import Medium
from connectors.post import Post
from tests.contract.connectors.server import Answer, running
from tests.contract.connectors.world import collect, context


async def read(kind: type[Connector], body: str, **options: Any) -> tuple[list[Post], list[str]]:
    """The posts, and what was asked for."""
    async with running(lambda _: Answer(body=body.encode())) as server:
        result = await collect(kind(context({"base_url": server.url, **options})))
    assert result.error is None
    asked = [request.path for request in server.requests]
    return [step.post for step in result.steps if step.post is not None], asked


def rss(*items: str, mark: str = "") -> str:
    names = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lj="http://livejournal.example/"'
    names += ' xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:idx="urn:idx"'
    inner = "".join(f"<item>{item}</item>" for item in items)
    return (
        f'<?xml version="1.0"?><rss version="2.0" {names}><channel {mark}>{inner}</channel></rss>'
    )


HABR = (
    "<title><![CDATA[Чай для двоих]]></title>"
    '<guid isPermaLink="true">https://habr.com/ru/articles/7/</guid>'
    "<link>https://habr.com/ru/articles/7/?utm_campaign=7&amp;utm_source=habrahabr&amp;"
    "utm_medium=rss\n </link><description><![CDATA[<p>Об этом.</p> "
    '<a href="https://habr.com/ru/articles/7/#habracut">Читать далее</a>]]></description>'
    "<pubDate>Mon, 01 Jun 2026 10:00:00 GMT</pubDate><dc:creator>author7</dc:creator>"
    "<category>Чай</category><category>Чашки</category>"
)


async def test_habr_excerpts_and_clean_addresses() -> None:
    [post], _ = await read(Habr, rss(HABR))
    assert post.url == "https://habr.com/ru/articles/7/"
    assert post.id == f"habr:{post.url}"
    assert (post.title, post.text) == ("Чай для двоих", "Об этом.")
    assert (post.author.handle, post.hashtags) == ("author7", ["Чай", "Чашки"])


async def test_habr_feeds_by_hub_author_and_search() -> None:
    posts, asked = await read(Habr, rss(HABR), hubs="tea,cups", users="author7", queries="чай")
    assert sorted(asked) == [
        "/ru/rss/hubs/cups/articles/",
        "/ru/rss/hubs/tea/articles/",
        "/ru/rss/search/",
        "/ru/rss/users/author7/articles/",
    ]
    assert len({post.id for post in posts}) == 1  # the same article in all of them


LJ = (
    "<guid isPermaLink='true'>https://example-club.livejournal.com/5.html</guid>"
    "<pubDate>>Mon, 01 Jun 2026 10:00:00 GMT</pubDate>"
    "<description>&lt;b&gt;Tea&lt;/b&gt; at five</description>"
    "<lj:poster>someone</lj:poster><lj:reply-count>3</lj:reply-count>"
)


async def test_livejournal_untitled_entries_of_communities() -> None:
    [post], asked = await read(LiveJournal, rss(LJ), journals="example_club")
    assert asked == ["/data/rss"]
    assert (post.title, post.text, post.author.handle) == ("", "Tea at five", "someone")
    assert post.engagement.replies == 3
    assert post.created_at.day == 1


@pytest.mark.parametrize(
    "body",
    [
        rss(LJ, mark='idx:index="no"'),
        rss(LJ).replace("<channel >", '<channel><meta name="robots" content="noindex" />'),
        rss(LJ).replace("<item>", "<item idx:index='no'>"),
    ],
)
async def test_livejournal_who_asks_not_to_be_indexed(body: str) -> None:
    assert (await read(LiveJournal, body, journals="example"))[0] == []


async def test_livejournal_single_entries_of_atom() -> None:
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:idx="urn:idx" xmlns:lj="urn:lj">'
        '<entry idx:index="no"><id>urn:lj:livejournal.com:atom1:a:1</id><title>A</title></entry>'
        '<entry><id>urn:lj:livejournal.com:atom1:a:2</id><title>B</title><lj:poster user="b"/>'
        '<lj:reply-count count="4"/></entry></feed>'
    )
    [post], _ = await read(LiveJournal, atom, journals="a")
    assert (post.title, post.author.handle, post.engagement.replies) == ("B", "b", 4)


def test_livejournal_needs_a_contact() -> None:
    with pytest.raises(BadSettings, match="'contact'"):
        LiveJournal(context({"journals": "example"}))
    LiveJournal(context({"journals": "example", "contact": "ops@example.org"}))


async def test_medium_stories_by_author_publication_and_tag() -> None:
    item = (
        "<title>Tea</title><link>https://medium.com/@a/tea-1f?source=rss-7------2</link>"
        '<guid isPermaLink="false">https://medium.com/p/1f</guid><dc:creator>A</dc:creator>'
    )
    named = {"users": "@a", "publications": "weekly", "tags": "Green Tea"}
    posts, asked = await read(Medium, rss(item), **named)
    assert sorted(asked) == ["/feed/@a", "/feed/tag/green-tea", "/feed/weekly"]
    assert {post.id for post in posts} == {"medium:https://medium.com/p/1f"}
    assert posts[0].url == "https://medium.com/@a/tea-1f"


async def test_forum_of_phpbb() -> None:
    entry = (
        "<entry><author><name><![CDATA[Ann]]></name></author><updated>2026-06-01T10:00:00</updated>"
        "<id>https://b.example/viewtopic.php?p=77#p77</id>"
        '<link href="https://b.example/viewtopic.php?t=5&amp;p=77&amp;sid=a1b2#p77"/>'
        '<title type="html"><![CDATA[Kitchen • Re: Which kettle]]></title><content type="html">'
        "<![CDATA[The blue one.<p>Statistics: Posted by Ann — Mon Jun 01</p><hr />]]></content>"
        "</entry>"
    )
    atom = f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>'
    urls = "https://b.example/forum/"
    [post], asked = await read(Forum, atom, software="phpbb", urls=urls)
    assert asked == ["/forum/feed.php"]
    assert (post.id, post.kind) == ("forum:b.example:p77", "comment")
    assert post.thread_id == post.parent_id == "forum:b.example:t5"
    assert post.url == "https://b.example/viewtopic.php?t=5&p=77#p77"
    assert post.text == "The blue one."


async def test_forum_of_xenforo() -> None:
    item = (
        '<title>Which kettle</title><guid isPermaLink="false">12</guid>'
        "<link>https://x.example/threads/which-kettle.12/</link>"
        "<author>invalid@example.com (Ann)</author><dc:creator>Ann</dc:creator>"
        "<slash:comments>9</slash:comments><pubDate>Mon, 01 Jun 2026 10:00:00 +0000</pubDate>"
    )
    [post], asked = await read(Forum, rss(item), software="xenforo", urls="https://x.example")
    assert asked == ["/forums/-/index.rss"]
    assert (post.id, post.kind, post.thread_id) == ("forum:x.example:t12", "post", "")
    assert (post.author.handle, post.engagement.replies) == ("Ann", 9)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://v.example/showthread.php?t=5&amp;goto=newpost", "t5"),
        ("https://v.example/threads/5-which-kettle", "t5"),
        ("https://v.example/index.php?topic=5.msg60#msg60", "p60"),
        ("https://v.example/showthread.php?tid=5&amp;pid=60#pid60", "p60"),
    ],
)
async def test_forum_numbers_in_addresses(address: str, name: str) -> None:
    [post], _ = await read(Forum, rss(f"<title>T</title><link>{address}</link>"))
    assert post.id == f"forum:v.example:{name}"
