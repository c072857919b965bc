"""Files, the report of a week and shared links as a person uses them, in a headless Chromium."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from streams.web.reports import paper
from tests.browser.accessible import violations
from tests.browser.site import Site, hostile, mention
from tests.support import outcry

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
MONDAY = TODAY - timedelta(days=TODAY.weekday() + 7)
"""The last full week's."""


@pytest.fixture
def filled(site: Site) -> Site:
    moods = ("neg", "neu", "pos", "neu", "unscored")
    site.write(
        *(
            mention(
                n,
                at=MONDAY + timedelta(hours=n / 2),
                sentiment=moods[n % 5],  # type: ignore[arg-type]  # labels
                topic=("kestrel", "rival")[n % 3 == 0],
            )
            for n in range(300)
        ),
        *(mention(1000 + n, at=MONDAY - timedelta(hours=1 + n)) for n in range(100)),
        hostile(2000, at=MONDAY + timedelta(days=2)),
    )
    site.run(lambda: outcry.tell(site.store, outcry.incident(MONDAY + timedelta(hours=80))))
    return site


def test_a_week_is_chosen_read_and_printed(filled: Site, open_page: Open) -> None:
    page = open_page("/reports?tz=UTC")
    expect(page.locator(".sheet")).to_contain_text("301 mentions")
    assert violations(page) == []
    page.get_by_label("The rival").check()
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".sheet")).to_contain_text("100 mentions")
    page.reload()
    expect(page.get_by_label("The rival")).to_be_checked()
    page.get_by_label("The rival").uncheck()
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Open the whole report").click()
    expect(page.locator('[data-figure="total"]')).to_have_text("301")
    expect(page.get_by_role("heading", name="Share of voice")).to_be_visible()
    assert violations(page) == []
    page.evaluate("() => { window.print = () => { document.title = 'printed'; }; }")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_title("printed")
    page.emulate_media(media="print")
    expect(page.get_by_role("button")).to_have_count(0)


def test_a_phone_shows_the_report_whole(filled: Site, open_page: Open) -> None:
    for path in ("/reports", "/reports/weekly?ui=fr"):
        page = open_page(path, viewport={"width": 390, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, path


def test_a_link_is_made_read_by_another_and_revoked(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions?topic=kestrel&range=30d")
    page.get_by_role("link", name="Share a link").click()
    expect(page.get_by_label("Address of the view")).to_have_value(
        "/mentions?topic=kestrel&range=30d"
    )
    page.get_by_label("Title").fill("For the client")
    page.get_by_label("with CSV, XLSX and PNG").check()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link", exact=True).input_value()
    assert violations(page) == []

    other = open_page(link.removeprefix(filled.url))
    expect(other.get_by_role("heading", name="For the client")).to_be_visible()
    expect(other.locator('[data-figure="total"]')).to_have_text("301")
    assert violations(other) == []
    other.get_by_role("link", name="Older mentions").click()
    expect(other.get_by_role("heading", name="Older mentions")).to_be_visible()
    other.go_back()
    with other.expect_download() as download:
        other.get_by_role("link", name="CSV").click()
    assert download.value.path().read_bytes().startswith(b"id,topic,")

    page.goto(f"{filled.url}/reports")
    expect(page.locator('[data-figure="opened"]')).to_contain_text("2")
    page.get_by_role("button", name="Revoke For the client").click()
    expect(page.get_by_role("status")).to_contain_text("Revoked")
    expect(page.get_by_text("There is no link yet")).to_be_visible()


def test_what_was_typed_is_kept_when_no_link_is_made(filled: Site, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{filled.url}/reports")
    page.get_by_label("Address of the view").fill("/mentions?since=2020-01-01&until=2019-01-01")
    page.get_by_label("Title").fill("Kept")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("alert")).to_contain_text("not after since")
    expect(page.get_by_label("Title")).to_have_value("Kept")
    assert violations(page) == []


def test_a_report_becomes_a_pdf(filled: Site, open_page: Open, tmp_path: Path) -> None:
    del open_page  # it is Chromium that is needed
    page = "<!doctype html><title>x</title><style>@page { size: A4 }</style><p>hello"
    paper.write_pdf(page, tmp_path / "out.pdf")
    made = (tmp_path / "out.pdf").read_bytes()
    assert made.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", made)) == 1
