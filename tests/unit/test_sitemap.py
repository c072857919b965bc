import gzip
from typing import Any

import pytest

from connectors.feeds import NotAFeed
from connectors.post import Post
from connectors.sitemap import Sitemap
from connectors.sitemaps import parse_sitemap
from tests.contract.connectors.fixtures.sitemap import SitemapFixture, index, sitemap
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import NOW, Pass, collect, context

ITEM = SitemapFixture().item
PLACE = "https://news.example/sitemap.xml"


def posts(result: Pass) -> list[Post]:
    return [step.post for step in result.steps if step.post is not None]


async def read(pages: dict[str, bytes], start: str) -> tuple[Pass, list[str]]:
    def answer(request: Request) -> Answer:
        body = pages.get(request.path)
        return Answer(404) if body is None else Answer(body=body)

    async with running(answer) as server:
        options = {"base_url": server.url, "urls": f"https://news.example{start}"}
        result = await collect(Sitemap(context(options)))
        return result, [request.path for request in server.requests]


def test_an_article_and_all_that_is_told_of_it() -> None:
    block = (
        '<url>\n<loc> https://news.example/a?b=1&amp;c=2 </loc><n:news xmlns:n="x"><n:publication>'
        "<n:name>The News</n:name><n:language>ru</n:language></n:publication>"
        "<n:publication_date>2026-06-01T10:00:00+02:00</n:publication_date>"
        "<n:title><![CDATA[Tea & milk]]></n:title><n:keywords>Tea, Milk,</n:keywords></n:news>"
        "<image:image><image:loc>/a.jpg</image:loc></image:image></url>"
    )
    [entry] = parse_sitemap(sitemap([block]), "", PLACE).entries
    assert entry.link == "https://news.example/a?b=1&c=2"
    assert (entry.title, entry.lang, entry.author) == ("Tea & milk", "ru", "The News")
    assert entry.categories == ["Tea", "Milk"]
    assert entry.media == ["https://news.example/a.jpg"]
    assert entry.published == "2026-06-01T10:00:00+02:00"


async def test_indexes_of_indexes_robots_and_gzip() -> None:
    pages = {
        "/robots.txt": b"User-agent: *\nDisallow: /x\nSitemap: https://news.example/index.xml\n",
        "/index.xml": index("https://news.example/deep.xml.gz", "https://news.example/index.xml"),
        "/deep.xml.gz": gzip.compress(index("https://news.example/news.xml.gz")),
        "/news.xml.gz": gzip.compress(sitemap([ITEM(1), ITEM(2)])),
    }
    result, asked = await read(pages, "/robots.txt")
    assert result.error is None
    assert len(posts(result)) == 2
    assert asked == list(pages)  # an index that names itself is asked once


async def test_sitemaps_of_other_days_are_not_asked() -> None:
    listed = index("https://news.example/new.xml", lastmod="2020-06-01").decode()
    old = "<sitemap><loc>https://news.example/old.xml</loc><lastmod>2020-05-29</lastmod></sitemap>"
    undated = "<sitemap><loc>https://news.example/any.xml</loc></sitemap>"
    whole = listed.replace("</sitemapindex>", f"{old}{undated}</sitemapindex>").encode()
    pages = {"/i.xml": whole, "/new.xml": sitemap([ITEM(1)]), "/any.xml": sitemap([])}
    result, asked = await read(pages, "/i.xml")
    assert asked[0] == "/i.xml"
    assert set(asked) == set(pages)
    assert len(posts(result)) == 1


async def test_a_sitemap_that_fails_stops_no_other() -> None:
    pages = {
        "/i.xml": index("https://news.example/lost.xml", "https://news.example/news.xml"),
        "/news.xml": sitemap([ITEM(1)]),
    }
    result, _ = await read(pages, "/i.xml")
    assert (result.error, len(posts(result))) == (None, 1)


def test_pages_that_are_no_news_are_left_out() -> None:
    page = "<url><loc>https://news.example/about</loc><lastmod>2026-01-01</lastmod></url>"
    feed = parse_sitemap(sitemap([page, ITEM(1)]), "", PLACE)
    assert [entry.link for entry in feed.entries] == ["https://news.example/1"]
    assert feed.unreadable == []


@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"User-agent: *\nDisallow:", b"\x00"])
def test_what_is_no_sitemap(body: bytes) -> None:
    with pytest.raises(NotAFeed):
        parse_sitemap(body, "", PLACE)


def test_a_cut_document_is_read_as_far_as_it_goes() -> None:
    body = sitemap([ITEM(1), ITEM(2)])[:-60]
    assert len(parse_sitemap(body, "", PLACE).entries) >= 1
    assert parse_sitemap(b"<urlset>" + b"<url>" * 100_000, "", PLACE).entries == []


async def test_what_an_index_names_is_kept_in_mind_while_the_index_rests() -> None:
    at = [NOW.timestamp()]
    pages = {"/i.xml": index("https://news.example/n.xml"), "/n.xml": sitemap([ITEM(1)])}

    def answer(request: Request) -> Answer:
        return Answer(body=pages[request.path])

    async with running(answer) as server:
        options = {"base_url": server.url, "urls": "https://news.example/i.xml"}
        source = Sitemap(context(options, clock=lambda: at[0]))
        cursor: Any = None
        found = []
        for _ in range(120):
            result = await collect(source, cursor)
            found += result.ids
            cursor = result.cursor
            at[0] += 60
        assert len(found) == 1
        assert 10 < len(server.requests) < 60
        assert len(cursor) == 2
        pages["/i.xml"] = index("https://news.example/other.xml")
        pages["/other.xml"] = sitemap([ITEM(2)])
        for _ in range(2):
            at[0] += 5 * 86_400
            cursor = (await collect(source, cursor)).cursor
        assert [url.rpartition("/")[2] for url in cursor] == ["i.xml", "other.xml"]
