import time

import pytest

from connectors.errors import BadSettings, Fatal
from connectors.pace import Pace
from connectors.page import Page
from connectors.robots import Robots
from connectors.selectors import Selector
from connectors.tree import Page as Tree
from connectors.tree import decoded
from tests.contract.connectors.fixtures.page import PageFixture
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import World, collect, context

FIXTURE = PageFixture()

MARKUP = """
<div id=top class="a b"><ul><li data-n=1>one<li data-n="2" class=x>two <b>bold</b></ul>
<p>first<p>second <a href='/far' hreflang="en-GB">far</a></div><script>"<li>no</li>"</script>
<table><tr><td>1<td>2<tr><td>3</table>
"""


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("li", ["one", "two <b>bold</b>"]),
        ("#top > ul > li.x", ["two <b>bold</b>"]),
        ("div.a.b li:first-child, td:nth-child(2)", ["one", "2"]),
        ("[data-n='2'] b", ["bold"]),
        ("li + li", ["two <b>bold</b>"]),
        ("p ~ p a[href^='/'][hreflang|=en]", ["far"]),
        ("ul > b", []),
        ("li:not(.x)", ["one"]),
        ("tr:last-child td", ["3"]),
        ("DIV P:last-child a[href$=far]", ["far"]),
    ],
)
def test_selectors(selector: str, found: list[str]) -> None:
    page = Tree(MARKUP)
    inside = [page.inside(one).strip() for one in Selector(selector).select(page.root)]
    assert inside == found


@pytest.mark.parametrize("selector", ["", "a >", "a::before", "a:hover", ".", "[x", "a,,b", "a{}"])
def test_what_is_no_selector_is_shown(selector: str) -> None:
    with pytest.raises(ValueError, match="can't be read"):
        Selector(selector)


def test_hostile_pages_take_linear_time() -> None:
    started = time.monotonic()
    for unit in ("<div>", "<li>", "<a b='", "<p><b>", "</div>", "<x y=1 ", "<!--", "<td><table>"):
        Tree(unit * (1_000_000 // len(unit)))
    assert time.monotonic() - started < 30


@pytest.mark.parametrize(
    ("body", "kind", "setting"),
    [
        ("чай".encode("cp1251"), "text/html; charset=windows-1251", ""),
        (b"<meta charset='windows-1251'>" + "чай".encode("cp1251"), "text/html", ""),
        ("чай".encode("cp1251"), "text/html; charset=utf-8", "windows-1251"),
        ("чай".encode(), "text/html; charset=hex", ""),
        ("чай".encode("utf-8-sig"), "text/html; charset=windows-1251", ""),
        ("чай".encode("utf-16"), "", ""),
    ],
)
def test_encodings(body: bytes, kind: str, setting: str) -> None:
    assert decoded(body, kind, setting).endswith("чай")


@pytest.mark.parametrize(
    ("text", "path", "allowed"),
    [
        ("", "/x", True),
        ("User-agent: *\nDisallow: /x", "/x?y", False),
        ("User-agent: *\nDisallow: /x\n\nUser-agent: Veille\nDisallow:", "/x", True),
        ("User-agent: a\nUser-agent: veille/1\nDisallow: /", "/", False),
        ("User-agent: *\nDisallow: /a/\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /x\nDisallow: /x", "/x", True),
        ("User-agent: *\nDisallow: /*?sort=", "/list?sort=1", False),
        ("User-agent: *\nDisallow: /*.php$", "/a.php?x", True),
        ("User-agent: *\nDisallow: /*.php$", "/a.php", False),
        ("User-agent: *\nDisallow: /%D1%87", "/ч", False),
        ("user-agent:*\r\ndisallow:/ # all", "/x", False),
    ],
)
def test_robots(text: str, path: str, allowed: bool) -> None:
    assert Robots(text).allows(path) is allowed


def test_robots_ask_for_a_rest() -> None:
    assert Robots("User-agent: *\nCrawl-delay: 90\nDisallow: /a").delay == 90


async def test_a_host_is_asked_once_a_minute() -> None:
    now, slept = [1000.0], []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(60, lambda: now[0], {"known.example": 990.0}, sleep=sleep)
    for host in ("known.example", "new.example", "known.example"):
        await pace.turn(host)
    await pace.turn("known.example", 90)
    assert slept == [50.0, 60.0, 90.0]
    assert pace.asked == {"known.example": 1200.0, "new.example": 1050.0}


async def test_fields_as_the_page_writes_them() -> None:
    page = (
        "<html lang='ru'><base href='https://news.example/r/'><div class=n data-id='77'>"
        "<h2>О&nbsp;чае</h2><span>1 марта 2026 10:30</span><p>Пьём <b>чай</b><br>весь день</p>"
        "<a href='77.html#c'>далее</a></div>"
    ).encode("cp1251", "xmlcharrefreplace")

    def answer(request: Request) -> Answer:
        if request.path == "/robots.txt":
            return Answer(404)
        return Answer(body=page, headers={"content-type": "text/html; charset=windows-1251"})

    async with running(answer) as server:
        options = {
            "base_url": server.url,
            "urls": "https://news.example/list",
            "terms_accepted": True,
            "item": "div.n",
            "title": "h2",
            "text": "p",
            "date": "span",
            "date_format": "%d %m %Y %H:%M",
            "timezone": "Europe/Moscow",
            "id": "::attr(data-id)",
        }
        post = (await collect(Page(context(options)))).steps[0].post
    assert post is not None
    assert (post.id, post.url) == ("page:news.example:77", "https://news.example/r/77.html#c")
    assert (post.title, post.text, post.lang) == ("О чае", "Пьём чай\nвесь день", "ru")
    assert post.created_at.isoformat() == "2026-03-01T07:30:00+00:00"


async def test_robots_txt_is_obeyed() -> None:
    def answer(request: Request) -> Answer:
        assert request.path == "/robots.txt"
        return Answer(body=b"User-agent: *\nDisallow: /news")

    async with running(answer) as server:
        error = (await collect(Page(context(FIXTURE.options(server.url))))).error
    assert isinstance(error, Fatal)
    assert "robots.txt" in str(error)


async def test_nothing_is_asked_before_the_terms_are_accepted() -> None:
    options = {**FIXTURE.options("http://127.0.0.1:1"), "terms_accepted": "no"}
    with pytest.raises(
        BadSettings, match=r"'terms_accepted' is no; read the terms .* news.example"
    ):
        Page(context(options))


async def test_pages_are_followed_to_what_is_known_and_a_jump_is_a_gap() -> None:
    world = World([FIXTURE.item(number) for number in range(30)])
    async with FIXTURE.serve(world) as server:
        source = Page(context({**FIXTURE.options(server.url), "pages": 2}))
        first = await collect(source)
        world.items += [FIXTURE.item(number) for number in range(30, 35)]
        asked = len(server.requests)
        second = await collect(source, first.cursor)
        assert len(server.requests) == asked + 1
        world.items += [FIXTURE.item(number) for number in range(35, 55)]
        world.items += [FIXTURE.item(number) for number in range(60, 90)]
        third = await collect(source, second.cursor)
    assert (len(first.ids), len(second.ids), len(third.ids)) == (30, 5, 40)
    assert "all is new on 2 page(s)" in str(third.steps[0].gap)


async def test_a_page_without_items_is_an_error_and_other_lists_go_on() -> None:
    world = World([FIXTURE.item(1)])
    async with FIXTURE.serve(world) as server:
        options = FIXTURE.options(server.url)
        urls = ["https://news.example/news?page=9", options["urls"]]
        result = await collect(Page(context({**options, "urls": urls})))
        alone = await collect(Page(context({**options, "urls": urls[:1]})))
    assert result.error is None
    assert len(result.ids) == 1
    assert "nothing on the page matches 'item'" in str(alone.error)


async def test_items_that_share_a_link_are_kept_apart() -> None:
    def answer(request: Request) -> Answer:
        if request.path == "/robots.txt":
            return Answer(404)
        items = "".join(f"<li><a href='/topic{mark}'>say {n}</a></li>" for n, mark in marks)
        return Answer(body=f"<ul>{items}</ul>".encode(), headers={"content-type": "text/html"})

    notes: list[str] = []
    marks = [(1, "#c1"), (2, "#c2"), (2, "#c2")]
    async with running(answer) as server:
        options = {"base_url": server.url, "urls": "/list", "terms_accepted": "yes", "item": "li"}
        source = Page(context(options, on_note=notes.append))
        anchored = await collect(source)
        assert anchored.ids == [f"page:{server.url}/topic#c{n}" for n in (2, 1)]
        assert notes == []
        marks = [(1, ""), (2, "#"), (3, "")]
        shared = await collect(source)
        again = await collect(source, shared.cursor)
    assert len(set(shared.ids)) == 3
    assert again.ids == []
    assert all(step.gap is None for step in again.steps)
    assert "set 'id'" in notes[0]
