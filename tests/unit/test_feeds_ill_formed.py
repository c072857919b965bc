"""Feeds as they are met, not as they should be."""

import time
from datetime import UTC, datetime

import pytest

from connectors import feeds
from connectors.post import Post
from connectors.rss import Rss
from connectors.sitemaps import parse_sitemap
from connectors.wikitext import added, summary
from tests.contract.connectors.server import Answer, running
from tests.contract.connectors.world import NOW, collect, context

PLACE = "https://news.example/dir/feed.xml"
TITLE = "Café — «Чай»"


def item(inner: str) -> str:
    return f"<item><title>T</title>{inner}</item>"


def rss(*items: str, head: str = '<?xml version="1.0"?>') -> str:
    return f'{head}<rss version="2.0"><channel>{"".join(items)}</channel></rss>'


def only(document: str | bytes, kind: str = "application/rss+xml") -> feeds.Entry:
    body = document.encode() if isinstance(document, str) else document
    [entry] = feeds.parse(body, kind, PLACE).entries
    return entry


@pytest.mark.parametrize("kind", ["", "text/xml", "text/xml; charset=iso-8859-1", "text/html"])
@pytest.mark.parametrize("prolog", ["", ' encoding="windows-1252"', ' encoding="us-ascii"'])
def test_what_is_utf8_is_read_so_whatever_is_said_of_it(kind: str, prolog: str) -> None:
    document = rss(f"<item><title>{TITLE}</title></item>", head=f'<?xml version="1.0"{prolog}?>')
    assert only(document, kind).title == TITLE


@pytest.mark.parametrize("codec", ["windows-1251", "koi8-r"])
@pytest.mark.parametrize("kind", ["text/xml; charset=utf-8", "", "application/xml"])
def test_russian_that_says_it_is_utf8(codec: str, kind: str) -> None:
    title = "Сегодня в городе открыли новую чайную"
    document = rss(f"<item><title>{title}</title></item>", head='<?xml version="1.0"?>')
    assert only(document.encode(codec), kind).title == title


@pytest.mark.parametrize(
    ("codec", "title"),
    [("windows-1251", "Чай"), ("iso-8859-1", "Café"), ("shift_jis", "お茶"), ("utf-16", TITLE)],
)
def test_an_encoding_that_the_prolog_tells_truly(codec: str, title: str) -> None:
    head = f'<?xml version="1.0" encoding="{codec}"?>'
    document = rss(f"<item><title>{title}</title></item>", head=head)
    assert only(document.encode(codec), "text/xml; charset=utf-8").title == title


def test_entities_of_html_in_xml() -> None:
    entry = only(rss(item("<description>a&nbsp;b &eacute;t&eacute; &mdash; c</description>")))
    assert entry.text == "a b été — c"
    assert only(rss(item("<description>fish &amp; chips & tea</description>"))).text == (
        "fish & chips & tea"
    )


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("&lt;b&gt;Tea&lt;/b&gt; &amp;amp; milk", "Tea & milk"),
        ("<![CDATA[<em>Tea</em> &amp; milk]]>", "Tea & milk"),
        ("<![CDATA[1 < 2 & 3]]>", "1 < 2 & 3"),
        ("Tea &#8217; milk", "Tea \u2019 milk"),
        ("  \n Tea \n ", "Tea"),
    ],
)
def test_html_in_titles(written: str, shown: str) -> None:
    assert only(rss(f"<item><title>{written}</title></item>")).title == shown


def test_blanks_and_marks_before_the_prolog() -> None:
    assert only("\n\n  " + rss(item(""))).title == "T"
    assert only("\ufeff" + rss(item(""))).title == "T"
    assert only(rss(item("<description>a\x08b\x0bc</description>"))).text == "abc"


def test_addresses_relative_to_the_document_and_to_xml_base() -> None:
    assert only(rss(item("<link>../a?b=1</link>"))).link == "https://news.example/a?b=1"
    atom = (
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example/x/"><entry '
        '{}><id>1</id><title>T</title><link href="y"/></entry></feed>'
    )
    assert only(atom.format("")).link == "https://other.example/x/y"
    assert only(atom.format('xml:base="z/"')).link == "https://other.example/x/z/y"


def test_a_link_with_blanks_inside() -> None:
    assert only(rss(item("<link>\n  https://n.example/1 \n</link>"))).link == "https://n.example/1"


def test_entries_without_id_link_or_date_are_told_apart() -> None:
    document = rss("<item><title>A</title></item>", "<item><title>B</title></item>")
    named = feeds.named(feeds.parse(document.encode(), "", PLACE).entries)
    assert len({name for name, _ in named}) == 2


def bomb(entity: str) -> bytes:
    return f"<!DOCTYPE r [{entity}]><rss><channel>{item('&b;')}</channel></rss>".encode()


@pytest.mark.parametrize(
    "body",
    [
        bomb('<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">'),
        bomb('<!ENTITY b SYSTEM "file:///etc/passwd">'),
        bomb('<!ENTITY % b PUBLIC "x" "http://169.254.169.254/">'),
        bomb('<!ENTITY b SYSTEM "file:///etc/passwd">').decode().encode("utf-16"),
        b"<!-- " + b"x" * 100_000 + b" --><rss/>",
    ],
)
def test_entities_that_expand_or_fetch_are_refused(body: bytes) -> None:
    with pytest.raises(feeds.NotAFeed):
        feeds.parse(body, "", PLACE)


async def dated(*dates: str) -> list[Post]:
    items = [
        f"<item><guid>{n}</guid><title>{n}</title><pubDate>{date}</pubDate></item>"
        for n, date in enumerate(dates)
    ]
    async with running(lambda _: Answer(body=rss(*items).encode())) as server:
        result = await collect(Rss(context({"urls": server.url})))
    assert result.error is None
    return [step.post for step in result.steps if step.post is not None]


async def test_dates_of_many_kinds_in_one_feed() -> None:
    found = await dated(
        "mar., 12 mai 2026 14:05:00 +0200",
        "12 мая 2026, 15:05 МСК",
        "May 12, 2026 12:05 PM",
        "Tue, 12 May 2026 08:05:00 EDT",
        "2026-05-12T12:05:00Z",
        "12.05.2026 12:05",
    )
    assert {post.created_at for post in found} == {datetime(2026, 5, 12, 12, 5, tzinfo=UTC)}


async def test_a_date_that_names_no_moment_is_the_first_sight() -> None:
    found = await dated("soon", "", "31 février 2026", "Tue, 12 May 2099 08:05:00 GMT")
    assert {post.created_at for post in found} == {NOW}


def test_comments_are_counted_where_told() -> None:
    slash = 'xmlns:slash="http://purl.org/rss/1.0/modules/slash/"'
    document = rss(item("<slash:comments>7</slash:comments>")).replace("<rss", f"<rss {slash}")
    assert only(document).replies == 7
    assert only(rss(item(""))).replies is None


def test_references_to_no_character() -> None:
    entry = only(rss(item("<description>a&#x110000;b&#55296;c&#99999999999;d</description>")))
    assert entry.text == "a\ufffdb\ufffdc\ufffdd"


@pytest.mark.parametrize(
    "body",
    [
        b"<urlset><url>" + b"<a><![CDATA[" * 100_000,
        b"<urlset>" + b"<url><loc>x" * 100_000,
        b"<sitemapindex>" + b"<sitemap><a" * 100_000,
    ],
)
def test_hostile_sitemaps_take_little_time(body: bytes) -> None:
    started = time.perf_counter()
    parse_sitemap(body, "", PLACE)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("text", ["[[a|" * 50_000, "/* " * 100_000, "<td " * 100_000])
def test_hostile_changes_of_wikis_take_little_time(text: str) -> None:
    started = time.perf_counter()
    summary(text)
    added(text)
    added("<td diff-addedline>" * 50_000)
    assert time.perf_counter() - started < 10
