"""A page fetched because a person asked: what is read of it, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from connectors.article import Article, fetch, read
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, NotAllowed
from connectors.hosts import connector_of, covers, host_of
from streams.settings import Source

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PAGE = """<!doctype html><html lang="fr"><head><title>Le  titre | Site</title>
<meta property="og:title" content="Le titre"><meta name="author" content="Ada &amp; Bob">
<meta property="article:published_time" content="2026-03-01T10:00:00+01:00">
<meta property="og:url" content="https://elsewhere.example/x"></head>
<body><nav>Menu</nav><article><h1>Le titre</h1><p>Premier.</p><script>evil()</script>
<p>Second &lt;b&gt;.</p><time datetime="2020-01-01">x</time></article></body></html>"""


def site(answers: dict[str, httpx.Response]) -> Context:
    def answer(request: httpx.Request) -> httpx.Response:
        return answers.get(request.url.path, httpx.Response(404))

    return Context(transport=httpx.MockTransport(answer))


def html(body: str, status: int = 200) -> httpx.Response:
    return httpx.Response(status, html=body)


async def test_a_page_is_read_as_an_article() -> None:
    found = await fetch(site({"/a": html(PAGE)}), "https://site.example/a")
    assert found == Article(
        url="https://site.example/a",
        title="Le titre",
        text="Le titre\n\nPremier.\n\nSecond <b>.\n\nx",
        author="Ada & Bob",
        lang="fr",
        created=datetime(2026, 3, 1, 9, tzinfo=UTC),
    )


def test_pages_that_say_little_or_lie() -> None:
    bare = read(b"just text", "text/plain; charset=utf-8", "https://x.example/t", NOW)
    assert (bare.text, bare.title) == ("just text", "")
    empty = read(b"", "text/html", "https://x.example/", NOW)
    assert (empty.text, empty.created) == ("", None)
    odd = read(
        b"<title>a<title>b<time datetime='soon'>" * 50, "text/html", "https://x.example", NOW
    )
    assert odd.created is None
    deep = read(b"<div>" * 100_000 + b"deep", "text/html", "https://x.example", NOW)
    assert "deep" in deep.text


@pytest.mark.parametrize(
    ("url", "kind", "said"),
    [
        ("ftp://site.example/a", Fatal, "no web address"),
        ("javascript:alert(1)", Fatal, "no web address"),
        ("https://site.example/" + "a" * 3_000, Fatal, "no web address"),
        ("https://site.example/missing", Fatal, "404"),
        ("https://site.example/private/x", Fatal, "robots.txt"),
        ("https://site.example/picture", Fatal, "image/png"),
    ],
)
async def test_what_is_refused_says_why(url: str, kind: type[ConnectorError], said: str) -> None:
    answers = {
        "/robots.txt": httpx.Response(200, text="User-agent: *\nDisallow: /private"),
        "/private/x": html(PAGE),
        "/picture": httpx.Response(200, content=b"x", headers={"content-type": "image/png"}),
    }
    with pytest.raises(kind, match=said):
        await fetch(site(answers), url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://169.254.169.254/", "http://[::1]/"])
async def test_private_addresses_are_never_asked(url: str) -> None:
    with pytest.raises(NotAllowed):
        await fetch(Context(), url)


@pytest.mark.parametrize(
    ("url", "host", "connector"),
    [
        ("https://www.Reddit.com/r/a", "reddit.com", "reddit"),
        ("old.reddit.com/r/a", "old.reddit.com", "reddit"),
        ("https://notreddit.com", "notreddit.com", ""),
        ("https://ru.wikipedia.org/wiki/x", "ru.wikipedia.org", "wikipedia"),
        ("mailto:a@b.example", "", ""),
        ("http://[bad", "", ""),
    ],
)
def test_hosts_and_the_connectors_made_for_them(url: str, host: str, connector: str) -> None:
    assert host_of(url) == host
    assert connector_of(host) == connector


def test_a_source_covers_what_its_settings_name() -> None:
    covered: Callable[[str], bool] = lambda host: covers(  # noqa: E731
        Source(id="n", connector="rss", urls=["https://news.example.org/feed", "b.example"]), host
    )
    assert covered("news.example.org")
    assert covered("sub.b.example")
    assert not covered("example.org")
    assert not covered("reddit.com")
    assert covers(Source(id="r", connector="reddit"), "old.reddit.com")
