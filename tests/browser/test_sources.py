"""The page of sources and health as a person uses it, in a headless Chromium."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from connectors.base import Gap
from connectors.letters import DeadLetter
from streams.settings import Settings, Source
from streams.source_gaps import note
from tests.browser.accessible import violations
from tests.browser.site import HOSTILE, Site, mention

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    sources = [Source(id="news", connector="rss"), Source(id="sky", connector="bluesky")]
    with Site(tmp_path / "veille.db", settings=Settings(sources=sources), login=False) as running:
        yield running


@pytest.fixture
def filled(site: Site) -> Site:
    now = datetime.now(UTC)
    since = (now - timedelta(hours=6)).isoformat()

    async def tell() -> None:
        failing = {"state": "failing", "connector": "rss", "reason": f"503 {HOSTILE}", "dead": 2}
        await site.store.put_state("source", "news", failing)
        await note(site.store, "news", [Gap(since=since, until=now.isoformat(), reason="cut")], now)
        await site.store.add_dead_letters(
            [
                DeadLetter(id=f"l{n}", stage="collect", source="news", reason=f"item {n} is odd",
                           place="p", raw=b"x", at=now)
                for n in range(3)
            ]
        )  # fmt: skip

    site.run(tell)
    site.write(mention(1), mention(2))
    return site


def test_what_is_wrong_stands_first_and_stays_fresh(filled: Site, open_page: Open) -> None:
    page = open_page("/sources")
    expect(page.locator("[data-source]")).to_have_count(2)
    news = page.locator('[data-source="news"]')
    expect(news).to_contain_text("failing")
    expect(news).to_contain_text("75 %")
    expect(page.locator('[data-source="sky"]')).to_contain_text("never heard of")
    expect(page.locator('[data-figure="dead"]')).to_have_text("3")
    expect(page.locator('[data-part="ledger"]')).to_contain_text("balance", timeout=6_000)
    assert violations(page) == []

    async def mend() -> None:
        running = {"state": "running", "connector": "bluesky"}
        await filled.store.put_state("source", "sky", running)

    filled.run(mend)
    expect(page.locator('[data-source="sky"]')).to_contain_text("running", timeout=7_000)
    expect(page.locator("#live")).to_have_text("Live")


def test_letters_of_one_reason_are_dropped_by_keyboard(filled: Site, open_page: Open) -> None:
    page = open_page("/sources?show=trouble")
    page.get_by_role("button", name="Drop for good").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("3 dropped for good")
    page.goto(f"{filled.url}/sources")
    expect(page.locator('[data-part="letters"]')).to_contain_text("None: all that came in")


def test_a_phone_reads_it_without_scrolling_sideways(filled: Site, open_page: Open) -> None:
    page = open_page("/sources", **PHONE)
    expect(page.locator('[data-source="news"]')).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="in trouble").click()
    page.reload()
    expect(page.locator("[data-source]")).to_have_count(2)
    assert page.title() != "owned"
