"""The page of mentions as a person uses it, in a headless Chromium over the real app and SQLite."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

from connectors.letters import DeadLetter
from streams.records import Retraction
from tests.browser.site import Site, hostile, mention

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
SPLIT = {"neg": 4, "neu": 3, "pos": 2, "unscored": 1}


@pytest.fixture
def filled(site: Site) -> Site:
    labels = [label for label, n in SPLIT.items() for _ in range(n)]
    site.write(
        *(
            mention(
                n,
                sentiment=label,  # type: ignore[arg-type]  # the keys of SPLIT
                ago=timedelta(minutes=5 * n + 1),
                text=f"Number {n}: Kestrel again",
                topic="rival" if n % 5 == 0 else "kestrel",
                source="sample" if n == 9 else "rss",
                lang="fr" if n in {0, 1} else "en",
                reason="no scorer for xx" if label == "unscored" else "",
                url=f"https://example.org/{n}",
                hashtags=["delay"] if n < 3 else [],
            )
            for n, label in enumerate(labels)
        )
    )
    return site


def figure(page: Page, name: str) -> Locator:
    return page.locator(f'[data-figure="{name}"]')


def drawn(page: Page) -> None:
    """The chart is there, and has marks of more than one colour."""
    expect(page.locator("#plot[data-drawn] canvas")).to_be_visible()
    colours = page.evaluate(
        """() => { const c = document.querySelector('#plot canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const seen = new Set();
        for (let i = 0; i < d.length; i += 4)
            if (d[i + 3] > 250) seen.add(d.slice(i, i + 3).join());
        return seen.size; }"""
    )
    assert colours >= 4


def test_shows_true_figures_and_a_chart(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    expect(figure(page, "total")).to_have_text("10")
    for label, n in SPLIT.items():
        expect(figure(page, label)).to_have_text(str(n))
    expect(page.locator("article.card")).to_have_count(10)
    expect(page.locator("article.card").first.locator("mark")).to_have_text("Kestrel")
    expect(page.locator(".card.unscored .note")).to_have_text("Not scored: no scorer for xx")
    expect(page.locator("#panel-topic + table tbody th")).to_have_text(["Kestrel Air", "The rival"])
    drawn(page)
    expect(page).to_have_title("10 mentions · Veille")


def test_a_new_mention_appears_within_two_seconds(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    began = time.monotonic()
    filled.write(mention(50, sentiment="neg", ago=timedelta(0), text="Breaking: Kestrel stops"))
    first = page.locator("article.card").first
    expect(first).to_contain_text("Breaking: Kestrel stops", timeout=2_000)
    expect(figure(page, "total")).to_have_text("11", timeout=3_000)
    assert time.monotonic() - began < 3.5
    expect(figure(page, "neg")).to_have_text("5")
    expect(page).to_have_title("11 mentions · Veille")


def test_an_edit_replaces_and_a_deletion_deletes_without_a_reload(
    filled: Site, open_page: Open
) -> None:
    page = open_page("/mentions")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    now = datetime.now(UTC)
    old = mention(60, ago=timedelta(minutes=2), text="First words on Kestrel")
    card = page.locator(f'[data-id="{old.id}"]')
    filled.write(old)
    expect(card).to_contain_text("First words")
    edited = mention(
        60, at=old.post.created_at, text="Second words on Kestrel", updated_at=now, state="edited"
    )
    filled.write(edited)
    expect(card).to_contain_text("Second words")
    expect(card).to_contain_text("edited")
    gone = Retraction(post_id=old.post.id, version=edited.version + 1)
    filled.run(lambda: filled.store.write([gone]))
    expect(card).to_have_count(0, timeout=12_000)
    expect(figure(page, "total")).to_have_text("10")


def test_only_mentions_that_fit_the_filters_arrive(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions?sentiment=neg")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    filled.write(
        mention(70, sentiment="pos", ago=timedelta(0), text="Kestrel: a kind word"),
        mention(71, sentiment="neg", ago=timedelta(0), text="Kestrel: a hard word"),
    )
    expect(page.locator("article.card").first).to_contain_text("a hard word")
    expect(page.get_by_text("a kind word")).to_have_count(0)
    expect(figure(page, "total")).to_have_text("5")


def test_filters_by_clicking_stand_in_the_url_and_survive_a_reload(
    filled: Site, open_page: Open
) -> None:
    page = open_page("/mentions")
    page.locator(".totals .neg a").click()
    expect(page).to_have_url(re.compile(r"\?sentiment=neg$"))
    expect(page.locator("article.card")).to_have_count(4)
    page.locator("summary", has_text="Language").click()
    page.get_by_label("French").check()
    page.locator("details[open] button").click()
    expect(page).to_have_url(re.compile(r"sentiment=neg&lang=fr$"))
    expect(page.locator("article.card")).to_have_count(2)
    page.reload()
    expect(page.locator("article.card")).to_have_count(2)
    expect(page.locator(".chips")).to_contain_text("negative")
    page.locator(".chips a", has_text="negative").click()
    expect(page).to_have_url(re.compile(r"/mentions\?lang=fr$"))
    page.go_back()
    expect(page).to_have_url(re.compile(r"sentiment=neg&lang=fr$"))


def test_search_and_filters_by_hand(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions?hashtag=delay&range=all")
    expect(figure(page, "total")).to_have_text("3")
    page.get_by_label("Words in the text").fill('"number 2"')
    page.keyboard.press("Enter")
    expect(figure(page, "total")).to_have_text("1")
    expect(page).to_have_url(re.compile(r"hashtag=delay"))


def test_times_are_the_readers_own_with_utc_beside(filled: Site, open_page: Open) -> None:
    at = datetime(2025, 7, 1, 10, 0, tzinfo=UTC)
    filled.write(mention(80, at=at))
    page = open_page("/mentions?since=2025-07-01&until=2025-07-02")
    time_ = page.locator("article.card time")
    expect(time_).to_have_attribute("title", "2025-07-01 10:00:00 UTC")
    expect(time_).to_contain_text("1 Jul 2025, 12:00")  # Paris, in summer


def test_older_pages_lead_back_and_forth(site: Site, open_page: Open) -> None:
    site.write(*(mention(n, ago=timedelta(minutes=n)) for n in range(60)))
    page = open_page("/mentions")
    expect(page.locator("article.card")).to_have_count(50)
    page.get_by_role("link", name="Older mentions").click()
    expect(page.locator("article.card")).to_have_count(10)
    expect(figure(page, "total")).to_have_text("60")
    page.get_by_role("link", name="Back to the newest").click()
    expect(page.locator("article.card")).to_have_count(50)


def test_works_without_javascript(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions", java_script_enabled=False)
    expect(figure(page, "total")).to_have_text("10")
    image = page.locator("img.drawn")
    expect(image).to_be_visible()
    box = image.bounding_box()
    assert box is not None
    assert box["height"] > 100
    page.locator("summary", has_text="Sentiment").click()
    page.locator("details[open] label", has_text="positive").click()
    page.locator("details[open] button").click()
    expect(page.locator("article.card")).to_have_count(2)


def test_a_hostile_post_is_inert(site: Site, open_page: Open) -> None:
    site.write(hostile(1))
    page = open_page("/mentions")
    drawn(page)
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    site.write(hostile(2))  # once more, by way of the live feed
    expect(page.locator("article.card")).to_have_count(2)
    card = page.locator("article.card").first
    expect(card.locator("script, img, svg, b, iframe")).to_have_count(0)
    expect(card.locator("a.original")).to_have_count(0)
    expect(page).to_have_title(re.compile("mentions"))
    width = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert width <= 0
    height = card.bounding_box()
    assert height is not None
    assert height["height"] < 400
    assert dialogs == []


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_never_scrolls_sideways(filled: Site, open_page: Open, width: int) -> None:
    filled.write(hostile(1))
    page = open_page(
        "/mentions?sentiment=neg&sentiment=neu", viewport={"width": width, "height": 800}
    )
    drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.locator("summary", has_text="More").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_sources_workers_and_dead_letters_are_told(site: Site, open_page: Open) -> None:
    now = datetime.now(UTC)
    letter = DeadLetter(
        id="l", stage="collect", reason="line 7 is no JSON", place="a:7", raw=b"x", at=now
    )

    async def tell() -> None:
        failing = {"state": "failing", "reason": "503 from <b>there</b>", "posts": 3, "dead": 1}
        await site.store.put_state("source", "news", failing)
        await site.store.put_state("worker", "w0", {"seen_at": now.isoformat(), "lag": {"p": 7}})
        await site.store.add_dead_letters([letter])

    site.run(tell)
    page = open_page("/mentions")
    expect(page.locator('[data-source="news"]')).to_contain_text("503 from <b>there</b>")
    expect(page.locator(".pulse")).to_contain_text("1 failing")
    expect(page.locator("#health")).to_contain_text("7 behind")
    expect(page.locator(".empty")).to_contain_text("1 of 1 source fails")
    page.locator("#health summary").click()
    expect(page.locator("#health")).to_contain_text("line 7 is no JSON")


def test_the_first_mention_replaces_the_empty_state(site: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    expect(page.locator(".empty h3")).to_have_text("Nothing yet")
    site.write(mention(1, ago=timedelta(0)))
    expect(page.locator("article.card")).to_have_count(1, timeout=2_500)
    expect(page.locator(".empty")).to_have_count(0)


def test_sample_data_is_marked(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    expect(page.locator(".banner")).to_contain_text("sample")
    expect(page.locator("article.card .badge.sample")).to_have_count(1)
    page.goto(f"{filled.url}/mentions?source=rss")
    expect(page.locator("article.card .badge.sample")).to_have_count(0)


def test_works_by_keyboard(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    summary = page.locator("summary", has_text="Sentiment")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(summary).to_be_focused()
    page.locator("#q").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?sentiment=pos|\?sentiment=neg"))


def test_says_when_the_connection_is_lost(filled: Site, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{filled.url}/mentions")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    filled.stop()  # with the stream open: it must not hold up the stop
    expect(page.locator("#live")).to_have_attribute("data-state", "lost")
    expect(page.locator("article.card")).to_have_count(10)  # what was read stays
