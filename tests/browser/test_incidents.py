"""A made-up crisis as a person on call meets it: overview, story, acts by keyboard, back-test."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from streams.alerts import book
from streams.alerts.records import Evidence, KeyPost, Term
from tests.browser.accessible import violations
from tests.browser.site import HOSTILE, Site
from tests.support import outcry

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
KIT = outcry.incident(NOW)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}


@pytest.fixture
def crisis(site: Site) -> Site:
    made = outcry.mentions(NOW, days=9)
    for first in range(0, len(made), 500):
        site.write(*made[first : first + 500])
    site.run(lambda: outcry.tell(site.store, KIT))
    return site


def status(site: Site) -> str:
    return site.run(lambda: book.changes(site.store))[KIT.id].incident.status


def drawn(page: Page, where: str = ".plot") -> None:
    """The chart is there, in more than one colour."""
    expect(page.locator(f"{where}[data-drawn] canvas")).to_be_visible()
    colours = page.evaluate(
        """(where) => { const c = document.querySelector(`${where}[data-drawn] canvas`);
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const seen = new Set();
        for (let i = 0; i < d.length; i += 4)
            if (d[i + 3] > 250) seen.add(d.slice(i, i + 3).join());
        return seen.size; }""",
        where,
    )
    assert colours >= 4


def test_the_overview_leads_to_the_story(crisis: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    strip = page.locator('[data-part="incidents"]')
    expect(strip).to_contain_text("high")
    strip.get_by_role("link").first.click()
    expect(page).to_have_url(f"{crisis.url}/incidents/{KIT.id}")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Kestrel Air: 82 negative mentions where 1.8 are usual"
    )
    for words in ("charged twice", "lucy_b", "41 new", "Timeline", "started it", "Reach"):
        expect(page.locator("main")).to_contain_text(words)
    drawn(page)
    page.get_by_role("link", name="the mentions it is about").click()
    expect(page.locator("article.card").first).to_contain_text("Kestrel")
    expect(page.locator("article.card.pos")).to_have_count(0)


def test_an_incident_appears_on_an_open_overview(site: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    strip = page.locator('[data-part="incidents"]')
    expect(strip).to_be_hidden()
    site.run(lambda: outcry.tell(site.store, KIT))
    expect(strip.locator(f'[data-incident="{KIT.id}"]')).to_be_visible(timeout=13_000)


def test_acknowledge_by_keyboard(crisis: Site, open_page: Open) -> None:
    page = open_page(f"/incidents/{KIT.id}")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "by":
            break
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Acknowledge"
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("Acknowledged: nobody else is called.")
    expect(page.locator(".title .state")).to_contain_text("acknowledged")
    expect(page.locator(".timeline")).to_contain_text("acknowledged by Ada")
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    assert status(crisis) == "acknowledged"


def test_snooze_and_resolve_from_the_list(crisis: Site, open_page: Open) -> None:
    page = open_page("/incidents")
    page.get_by_label("Snooze for").select_option("8h")
    page.get_by_role("button", name="Snooze").click()
    expect(page.locator(".incident .state")).to_contain_text("snoozed")
    assert status(crisis) == "snoozed"
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator(".incident .state")).to_contain_text("over")
    expect(page.locator(".acts")).to_have_count(0)
    assert status(crisis) == "resolved"


def test_the_filters_of_the_list(crisis: Site, open_page: Open) -> None:
    page = open_page("/incidents")
    page.get_by_label("Severity").select_option("low")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("main")).to_contain_text("No incident fits these filters")
    page.get_by_role("link", name="Clear all").click()
    expect(page.locator(".incident")).to_have_count(1)


def test_the_slider_changes_the_alarms_at_once(crisis: Site, open_page: Open) -> None:
    page = open_page("/backtest?topic=kestrel&days=30")
    slider = page.get_by_role("slider")
    shown = page.locator("[data-answer]:visible")
    expect(shown).to_have_attribute("data-answer", "normal")
    drawn(page, '[data-answer="normal"] .plot')
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    few = int(shown.locator('[data-figure="alarms"]').inner_text())
    assert few >= 1
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("data-answer", "high")
    drawn(page, '[data-answer="high"] .plot')
    assert int(shown.locator('[data-figure="alarms"]').inner_text()) >= few
    expect(shown).to_contain_text("a week at high")
    expect(page).to_have_url(f"{crisis.url}/backtest?topic=kestrel&days=30&sensitivity=high")
    page.keyboard.press("Home")
    expect(shown).to_have_attribute("data-answer", "low")
    assert [url for url in asked if "/static/icon" not in url] == []


def test_it_works_without_scripts(crisis: Site, open_page: Open) -> None:
    page = open_page(f"/incidents/{KIT.id}", java_script_enabled=False)
    expect(page.locator("img.drawn")).to_be_visible()
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".title .state")).to_contain_text("acknowledged")
    page.goto(f"{crisis.url}/backtest?topic=kestrel&days=30")
    page.locator("select[name=sensitivity]").select_option("high")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-answer]:visible")).to_have_attribute("data-answer", "high")
    expect(page.locator("img.drawn:visible")).to_have_count(1)
    expect(page.get_by_role("slider")).to_have_count(0)


def test_hostile_words_stay_words(site: Site, open_page: Open) -> None:
    post = KeyPost(
        mention_id="m", author=HOSTILE, text=f"{HOSTILE} {'W' * 5000}", created_at=NOW,
        url="javascript:alert(3)", source='"><script>alert(4)</script>', tone="neg",
    )  # fmt: skip
    told = Evidence(
        posts=[post], terms=[Term(text=HOSTILE, count=3, before=0, score=5)], sources=[(HOSTILE, 3)]
    )
    one = outcry.changed(
        KIT, topic=HOSTILE, kind="rule", rule=HOSTILE, resolved_by=HOSTILE, acknowledged_by=HOSTILE,
        evidence=told,
    )  # fmt: skip
    site.run(lambda: outcry.tell(site.store, one))
    page = open_page("/mentions")
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    for path in ("/mentions", "/incidents", f"/incidents/{KIT.id}"):
        page.goto(site.url + path)
        expect(page.locator("main")).to_be_visible()
        assert page.title() != "owned"
        assert page.locator("main script, main img[onerror]").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    expect(page.locator("a.original")).to_have_count(0)


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, PHONE], ids=str)
def test_nothing_overflows(crisis: Site, open_page: Open, options: dict[str, object]) -> None:
    page = open_page("/mentions", **options)
    for path in (
        "/mentions",
        "/incidents",
        f"/incidents/{KIT.id}",
        "/backtest?topic=kestrel&days=30",
    ):
        page.goto(crisis.url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate(
            """() => [...document.querySelectorAll('main button, main select')].every((one) =>
            !one.offsetParent || one.getBoundingClientRect().height >= 24)"""
        ), path


def test_a_note_is_written_by_keyboard_and_stays(crisis: Site, open_page: Open) -> None:
    page = open_page(f"/incidents/{KIT.id}")
    expect(page.locator("[aria-labelledby=spread]")).to_contain_text("reached")
    expect(page.locator("[aria-labelledby=notices]")).to_contain_text("Nothing yet")
    page.get_by_label("A note for the others").focus()
    page.keyboard.type("They refund by tonight")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("Noted.")
    page.reload()
    expect(page.locator(".notes")).to_contain_text("They refund by tonight")
    assert violations(page) == []
