"""A headless Chromium, a page in it that notes every complaint, and the site it looks at."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from tests.browser.site import Site

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def _chromium() -> str:
    """Where Chromium is: skip without one, fail under `CI=true`."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    reason = "no Chromium: install one or name it in CHROMIUM"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"CI needs the browser tests: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="module")  # no wider: Playwright's loop runs in this thread meanwhile,
def browser() -> Iterator[Browser]:  # and asynchronous tests of other modules need one there
    path = _chromium()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield launched
        launched.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "veille.db") as running:
        yield running


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[Open]:
    """Opens pages of the site; at the end, any console error, page error or request to another
    origin fails the test."""
    complaints: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"console {message.type}: {message.text}")

    def watch(request: Request) -> None:
        if not request.url.startswith(f"{site.url}/"):
            complaints.append(f"request to {request.url}")

    def open_(path: str = "/", **options: object) -> Page:
        given = {"timezone_id": "Europe/Paris", **options}
        context = browser.new_context(**given)  # type: ignore[arg-type]  # Playwright's own names
        context.set_default_timeout(8_000)
        zone = str(given["timezone_id"])
        context.add_cookies(  # as of the second visit on
            [{"name": "veille_browser_zone", "value": zone, "url": site.url}]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
        page.on("request", watch)
        page.goto(site.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A page whose complaints don't count: for sites that go away."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
