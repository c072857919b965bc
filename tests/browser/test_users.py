"""Logging in as people do: by password, by a link, by OpenID Connect; what each role sees."""

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from streams.settings import Oidc, Settings, Web
from streams.store.journal import Entry
from tests.browser.site import HOSTILE, Site
from tests.support import outcry
from tests.support.oidc_server import CLIENT, SECRET, Provider, running
from tests.support.users import PASSWORD, WEAK, someone

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
NOW = datetime.now(UTC).replace(second=0, microsecond=0)
WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}}
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture
def provider() -> Iterator[Provider]:
    """An issuer on another site than the pages, as browsers see it."""
    provider, ready, stop = Provider(), threading.Event(), threading.Event()

    async def serve() -> None:
        async with running(provider):
            provider.issuer = provider.issuer.replace("127.0.0.1", "localhost")
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    yield provider
    stop.set()
    thread.join(10)


@pytest.fixture
def site(tmp_path: Path, provider: Provider) -> Iterator[Site]:
    oidc = Oidc(
        issuer=provider.issuer, client_id=CLIENT, client_secret=SecretStr(SECRET), label="Staff ID"
    )
    settings = Settings(web=Web(login="on", oidc=oidc))
    with Site(tmp_path / "veille.db", settings=settings) as running:
        running.app.state.users.desk.passwords.hasher = WEAK
        for name, role in (("ada", "admin"), ("vic", "viewer")):
            running.run(lambda name=name, role=role: someone(running.store, name, role))  # type: ignore[misc]  # bound now
        yield running


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def fine(page: Page) -> None:
    """Fit for all: by the automatic checker, and nothing wider than the screen."""
    found = Axe().run(page, options=WCAG).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_log_in_look_and_log_out(site: Site, open_page: Open) -> None:
    page = open_page("/mentions?range=7d", **PHONE)
    expect(page).to_have_url(f"{site.url}/login?next=%2Fmentions%3Frange%3D7d")
    expect(page.get_by_label("Name")).to_be_focused()
    fine(page)
    page.keyboard.type("Ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site.url}/mentions?range=7d")
    page.reload()
    expect(page).to_have_url(f"{site.url}/mentions?range=7d")
    page.get_by_role("link", name="ada").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ada")
    fine(page)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("status")).to_contain_text("You are logged out")
    page.go_back()
    page.reload()
    expect(page).to_have_url(re.compile("/login"))


def test_a_wrong_password_keeps_the_name(site: Site, browser_page: Page) -> None:
    browser_page.goto(f"{site.url}/incidents")
    log_in(browser_page, "ada", "wrong wrong wrong")
    expect(browser_page.get_by_role("alert")).to_contain_text("do not go together")
    expect(browser_page.get_by_label("Name")).to_have_value("ada")
    expect(browser_page.get_by_label("Password")).to_be_focused()
    fine(browser_page)
    browser_page.get_by_label("Password").fill(PASSWORD)
    browser_page.keyboard.press("Enter")
    expect(browser_page).to_have_url(f"{site.url}/incidents")


def test_an_invitation_from_the_admin_s_page_to_the_first_look(site: Site, open_page: Open) -> None:
    admin = open_page("/users")
    log_in(admin, "ada")
    admin.get_by_label("Name").fill("Eve")
    admin.locator("form.line select").select_option("analyst")
    admin.get_by_role("button", name="Add, and show the link").click()
    link = admin.locator("[data-secret]").inner_text()
    assert link.startswith(f"{site.url}/invited/")
    fine(admin)
    eve = open_page(link.removeprefix(site.url), java_script_enabled=False)
    expect(eve.locator("main")).to_contain_text("eve")
    eve.get_by_label("Password").fill("a long sentence of mine")
    eve.get_by_label("Once more").fill("a long sentence of mine")
    eve.get_by_role("button", name="Keep it and log in").click()
    expect(eve).to_have_url(f"{site.url}/")
    expect(eve.locator("header")).to_contain_text("eve")
    admin.goto(f"{site.url}/users")
    row = admin.locator('[data-user="eve"]')
    expect(row).to_contain_text("password")
    row.get_by_label("Role of eve", exact=True).select_option("viewer")
    row.get_by_role("button", name="Change the role of eve").click()
    expect(admin.get_by_role("status")).to_contain_text("Their sessions have ended")
    eve.reload()
    expect(eve).to_have_url(f"{site.url}/login")


def test_a_login_at_the_issuer_leads_back(site: Site, browser_page: Page) -> None:
    browser_page.goto(f"{site.url}/incidents?status=active")
    fine(browser_page)
    browser_page.get_by_role("link", name="Log in by Staff ID").click()
    expect(browser_page).to_have_url(f"{site.url}/incidents?status=active")
    expect(browser_page.locator("header")).to_contain_text("carla")


def test_a_viewer_sees_nothing_to_change(site: Site, open_page: Open) -> None:
    kit = outcry.incident(NOW)
    site.run(lambda: outcry.tell(site.store, kit))
    page = open_page("/incidents")
    log_in(page, "vic")
    for path in ("/incidents", f"/incidents/{kit.id}", "/dead-letters"):
        page.goto(site.url + path)
        expect(page.locator("main h1")).to_be_visible()
        acts = 'main form[method="post"]'
        expect(page.locator(acts)).to_have_count(0)
    expect(page.locator("nav.site")).not_to_contain_text("Users")


def test_the_audit_log_tells_what_was_there_before(site: Site, open_page: Open) -> None:
    text = "\n".join(f"line {n} of topics" for n in range(60))
    entries = [
        Entry(
            id="edit",
            at=NOW - timedelta(hours=2),
            by="ada",
            action="topic.edit",
            subject="kestrel",
            before={"file": text},
            after={"file": text.replace("line 7 ", "line seven ")},
        ),
        Entry(
            id="odd", at=NOW, by=HOSTILE, action="label.set", subject=HOSTILE, after={"x": HOSTILE}
        ),
        *(
            Entry(id=f"m{n}", at=NOW - timedelta(days=n), by="bob", action="label.set", subject="m")
            for n in range(1, 70)
        ),
    ]
    site.run(lambda: site.store.add_entries(entries))
    page = open_page("/audit")
    log_in(page, "ada")
    expect(page.locator("[data-entry]")).to_have_count(50)
    fine(page)
    assert page.title() == "Audit · Veille"
    page.locator('[data-entry="edit"] summary').click()
    expect(page.locator('[data-entry="edit"] ins')).to_have_text("+line seven of topics")
    page.get_by_role("link", name="Older").click()
    expect(page.locator('[data-entry="m69"]')).to_be_visible()
    page.locator('select[name="action"]').select_option("topic.")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("[data-entry]")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[0].startswith("at,by,action")
    assert "topic.edit" in lines[1]
