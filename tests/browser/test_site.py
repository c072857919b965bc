"""Every page of the site: accessible in both themes and each language; and what is the shell's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from connectors.letters import DeadLetter
from tests.browser.accessible import assert_accessible, problems
from tests.browser.site import Site, hostile, mention
from tests.support import outcry

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
KIT = outcry.incident(NOW)
MORE = ["/preferences", "/backtest?topic=kestrel&days=30", "/dead-letters", f"/incidents/{KIT.id}"]


@pytest.fixture
def filled(site: Site) -> Site:
    labels = ("neg", "neu", "pos", "unscored")
    site.write(
        *(
            mention(n, sentiment=labels[n % 4], ago=timedelta(minutes=7 * n + 1))  # type: ignore[arg-type]  # labels
            for n in range(60)
        ),
        hostile(99),
    )
    letter = DeadLetter(id="l", stage="collect", reason="bad", place="a:7", raw=b"x", at=NOW)

    async def tell() -> None:
        await outcry.tell(site.store, KIT)
        await site.store.put_state("source", "news", {"state": "failing", "reason": "503"})
        await site.store.add_dead_letters([letter])

    site.run(tell)
    return site


@pytest.mark.parametrize(
    ("languages", "options"),
    [
        (("fr", "ru", "en"), {}),
        (("ru", "en", "fr"), {"color_scheme": "dark"}),
    ],
    ids=["light", "dark"],
)
def test_every_page_is_accessible(
    filled: Site, open_page: Open, languages: tuple[str, ...], options: dict[str, object]
) -> None:
    page = open_page("/preferences", **options)
    links = page.locator(".site a")
    places = [urlsplit(one.get_attribute("href") or "").path for one in links.all()]
    assert {"/", "/mentions", "/incidents"} <= set(places)
    found: list[str] = []
    for n, path in enumerate([*places, *MORE]):
        sign = "&" if "?" in path else "?"
        page.goto(f"{filled.url}{path}{sign}ui={languages[n % 3]}")
        expect(page.locator("html")).to_have_attribute("lang", languages[n % 3])
        found += problems(page)
    assert not found, "\n".join(found)


def test_no_page_is_wider_than_a_phone(filled: Site, open_page: Open) -> None:
    page = open_page("/preferences", viewport={"width": 390, "height": 844})
    links = page.locator(".site a")
    places = [urlsplit(one.get_attribute("href") or "").path for one in links.all()]
    for n, path in enumerate([*places, *MORE]):
        sign = "&" if "?" in path else "?"
        page.goto(f"{filled.url}{path}{sign}ui={('ru', 'fr', 'en')[n % 3]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.url


def test_a_first_visit_tells_the_zone_of_the_browser_once(filled: Site, browser: Browser) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto(f"{filled.url}/mentions")
    expect(page.locator("html")).to_have_attribute("data-zone", "Asia/Tokyo")
    page.goto(f"{filled.url}/mentions?tz=Europe/Paris")
    expect(page.locator("html")).to_have_attribute("data-zone", "Europe/Paris")
    page.get_by_role("link", name="Incidents", exact=True).click()
    expect(page).to_have_url(f"{filled.url}/incidents?tz=Europe%2FParis")
    page.go_back()
    expect(page.locator("html")).to_have_attribute("data-zone", "Europe/Paris")
    context.close()


def test_language_and_zone_are_chosen_on_any_page(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions?q=kestrel")
    page.locator(".choices summary").click()
    page.get_by_label("Time zone", exact=True).fill("Asia/Kolkata")
    page.locator(".choices select[name=language]").select_option("ru")
    page.locator(".choices select[name=theme]").select_option("dark")
    page.locator(".choices button").click()
    expect(page).to_have_url(f"{filled.url}/mentions?q=kestrel")
    html = page.locator("html")
    for name, value in (("lang", "ru"), ("data-zone", "Asia/Kolkata"), ("data-theme", "dark")):
        expect(html).to_have_attribute(name, value)
    expect(page.locator("#live .word")).to_have_text("В эфире")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(228, 234, 242)"


def test_a_lost_connection_is_told_and_ends_by_itself(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions?ui=fr")
    say = """(is) => import(document.querySelector('script[src*="veille-core"]').src)
        .then((core) => core.lost(is))"""
    page.evaluate(say, True)
    expect(page.get_by_role("alert")).to_contain_text("La connexion à Veille est perdue")
    expect(page.get_by_role("alert")).to_have_count(0, timeout=6_000)


def test_toasts_and_dialogs_work_by_keyboard(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    page.evaluate(
        """async () => {
            const core = await import(document.querySelector('script[src*="veille-core"]').src);
            const run = async () => {
                window.said = await core.confirm('Sure?', 'It comes back.', 'Yes');
            };
            core.toast('Labelled', { action: { label: 'Undo', run }, seconds: 60 });
        }"""
    )
    assert_accessible(page)
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Sure?")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("window.said") is False
