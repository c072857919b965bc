"""The overview as a person uses it, and as it hangs on a wall, in a headless Chromium."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from connectors.base import Gap
from streams.source_gaps import note
from tests.browser.accessible import violations
from tests.browser.site import Site, hostile, mention
from tests.support import outcry

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
WALL = {"viewport": {"width": 1920, "height": 1080}}
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture
def filled(site: Site) -> Site:
    now = datetime.now(UTC)
    moods = ("neg", "neg", "neg", "pos", "neu")
    site.write(
        *(
            mention(n, sentiment=moods[n % 5], ago=timedelta(minutes=5 * n + 1))  # type: ignore[arg-type]  # moods
            for n in range(10)
        ),
        *(mention(100 + n, ago=timedelta(days=7 * n + 7, hours=1)) for n in range(5)),
        mention(50, topic="rival", sentiment="pos", ago=timedelta(hours=2)),
    )

    async def tell() -> None:
        await outcry.tell(site.store, outcry.incident(now))
        failing = {"state": "failing", "connector": "rss", "reason": "503 from there"}
        await site.store.put_state("source", "news", failing)
        hours = [(now - timedelta(hours=n)).isoformat() for n in (5, 4)]
        gap = Gap(since=hours[0], until=hours[1], reason="the buffer was too short")
        await note(site.store, "news", [gap], now)

    site.run(tell)
    return site


def tile(page: Page, topic: str) -> Locator:
    return page.locator(f'.tile[data-topic="{topic}"]')


def drawn(page: Page) -> None:
    """The first to ask waits until the script that draws is put together."""
    canvas = page.locator('[data-part="chart"] .plot[data-drawn] canvas')
    expect(canvas).to_be_visible(timeout=20_000)


def narrow(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_true_figures_incidents_gaps_and_what_is_new(filled: Site, open_page: Open) -> None:
    page = open_page("/")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator(".tile h3")).to_have_text(["Kestrel Air", "The rival"])
    kestrel = tile(page, "kestrel")
    expect(kestrel.locator('[data-figure="total"]')).to_have_text("10")
    expect(kestrel.locator('[data-figure="negative"]')).to_have_text("60 %")
    expect(kestrel.locator(".alarm")).to_contain_text("high")
    expect(kestrel.locator(".against")).to_contain_text(
        re.compile(r"usual \d+ to \d+ at this time")
    )
    expect(page.locator('[data-part="incidents"] [data-incident]')).to_have_count(1)
    expect(page.locator('[data-part="sources"] .failing')).to_contain_text("503 from there")
    expect(page.locator(".covered")).to_contain_text("% covered")
    page.locator(".gaps summary").click()
    expect(page.locator(".gaps")).to_contain_text("the buffer was too short")
    expect(page.locator('[data-part="news"]')).to_contain_text("11 mentions")
    drawn(page)
    assert violations(page) == []
    kestrel.locator("h3 a").click()
    expect(page).to_have_url(re.compile(r"/mentions\?topic=kestrel&range=24h$"))
    expect(page.locator("article.card")).to_have_count(10)


def test_a_new_mention_counts_within_two_seconds_without_a_reload(
    filled: Site, open_page: Open
) -> None:
    page = open_page("/")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.evaluate("window.kept = 1")
    link = tile(page, "kestrel").locator("h3 a")
    link.focus()
    began = time.monotonic()
    filled.write(mention(70, sentiment="neg", ago=timedelta(0)))
    expect(tile(page, "kestrel").locator('[data-figure="total"]')).to_have_text("11", timeout=2_000)
    assert time.monotonic() - began < 2
    assert page.evaluate("window.kept") == 1
    expect(link).to_be_focused()


def test_period_topics_and_order_stand_in_the_address(filled: Site, open_page: Open) -> None:
    page = open_page("/")
    page.get_by_role("link", name="7 days").click()
    expect(page).to_have_url(re.compile(r"/\?range=7d$"))
    expect(tile(page, "kestrel")).to_contain_text("10 in 24 hours")
    page.locator("summary", has_text="Topics").click()
    page.get_by_label("The rival").check()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?topic=rival&range=7d$"))
    expect(page.locator(".tile")).to_have_count(1)
    page.get_by_role("link", name="Name").click()
    page.reload()
    expect(page).to_have_url(re.compile("sort=name"))
    expect(page.locator(".tile h3")).to_have_text(["The rival"])
    page.locator(".chips a").click()
    expect(page.locator(".tile")).to_have_count(2)
    page.go_back()
    expect(page.locator(".tile")).to_have_count(1)


def test_the_wall_is_dark_large_and_fits_a_screen(filled: Site, open_page: Open) -> None:
    page = open_page("/?wall=1", **WALL)
    expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("#clock")).to_have_text(re.compile(r"^\d\d:\d\d$"))
    drawn(page)
    size = "one => parseFloat(getComputedStyle(one).fontSize)"
    for figure in page.locator('.tile [data-figure="total"]').all():
        assert figure.evaluate(size) >= 48
    assert page.locator("#clock").evaluate(size) >= 48
    words = page.locator(".tile h3, .tile .against, .tile .share, .panel .what").all()
    assert min(one.evaluate(size) for one in words) >= 24
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert ground == "rgb(15, 21, 29)"
    expect(tile(page, "kestrel").locator(".brief")).to_have_text(re.compile(r"usual: \d+–\d+"))
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    expect(page.locator("nav.site")).to_be_hidden()
    filled.write(mention(71, topic="rival", ago=timedelta(0)))
    expect(tile(page, "rival").locator('[data-figure="total"]')).to_have_text("2", timeout=2_000)
    page.get_by_role("link", name="Leave the wall").click()
    expect(page).to_have_url(f"{filled.url}/")


@pytest.mark.parametrize("path", ["/", "/?wall=1"])
def test_a_phone_never_scrolls_sideways(filled: Site, open_page: Open, path: str) -> None:
    filled.write(hostile(1), hostile(2), hostile(3))
    page = open_page(path, **PHONE)
    drawn(page)
    assert narrow(page)
    assert page.title() != "owned"


def test_it_reads_without_javascript(filled: Site, open_page: Open) -> None:
    page = open_page("/", java_script_enabled=False)
    expect(tile(page, "kestrel").locator('[data-figure="total"]')).to_have_text("10")
    expect(page.locator('[data-part="chart"] img.drawn')).to_be_visible()


def test_the_first_mention_replaces_the_empty_state(site: Site, open_page: Open) -> None:
    page = open_page("/")
    expect(page.locator(".empty")).to_contain_text("Nothing in the last 24 hours")
    expect(page.locator(".empty")).to_contain_text("veille up")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    site.write(mention(1, ago=timedelta(0)))
    expect(page.locator(".empty")).to_have_count(0, timeout=2_500)


def test_it_says_when_the_connection_is_lost(filled: Site, browser_page: Page) -> None:
    browser_page.goto(filled.url)
    live = browser_page.locator("#live")
    expect(live).to_have_attribute("data-state", "live")
    filled.stop()
    expect(live).to_have_text("Connection lost: trying again")
    expect(tile(browser_page, "kestrel")).to_contain_text("10")  # what was read stays
