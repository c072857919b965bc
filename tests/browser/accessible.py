"""What WCAG 2.2 AA finds wrong with a page, as axe-core sees it in the browser."""

from typing import Final

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_axe: Final = Axe()


def violations(page: Page) -> list[str]:
    """Each rule that is broken with the first element that breaks it; empty where all is well."""
    found = _axe.run(page, options={"runOnly": _RULES}).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found]


def problems(page: Page) -> list[str]:
    """Likewise, and whether it scrolls sideways or has no single heading of the first level."""
    found = violations(page)
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        found.append("wider than the window")
    if (headings := page.locator("h1").count()) != 1:
        found.append(f"{headings} headings of the first level")
    return [f"{page.url}: {one}" for one in found]


def assert_accessible(page: Page) -> None:
    """Fails with every problem of the page."""
    found = problems(page)
    assert not found, "\n".join(found)
