"""Each page as `veille up` shows it over the sample source: the pictures of the documentation.

`make screenshots` takes them anew, and fails where a page is not whole.
"""

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.veille import ROOT, Process

pytestmark = [pytest.mark.browser, pytest.mark.long]

IMAGES = ROOT / "docs" / "images"
SETTINGS = """
sources:
  - {id: sample, connector: sample, rate: 1.0, crisis_after: 20, history_hours: 168}
"""
CRISIS_SECONDS = 600
MISSPELT = "Never buying a Vorkalon again: the brakes failed on the first hill"


class Running:
    """`veille up` with the sample source alone and the shipped topics of the sample."""

    def __init__(self, folder: Path) -> None:
        (folder / "veille.yaml").write_text(SETTINGS, encoding="utf-8")
        topics = (ROOT / "config" / "topics.yaml").read_text(encoding="utf-8")
        (folder / "topics.yaml").write_text(topics, encoding="utf-8")
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        env = {"VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(folder / "data")}
        self.url = f"http://127.0.0.1:{port}"
        self.process = Process("up", "--port", str(port), env=env, log=folder / "up.log")

    def get(self, path: str) -> Any:
        """What the API answers; nothing while it does not."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return json.load(answer)
        except (urllib.error.URLError, OSError):
            return None

    def incident(self) -> str:
        """The id of the one that the sample's crisis opens, as soon as it is open."""
        deadline = time.monotonic() + CRISIS_SECONDS
        while time.monotonic() < deadline:
            assert self.process.running, self.process.log.read_text()
            found = (self.get("/api/v1/incidents") or {}).get("incidents", [])
            if spikes := [one for one in found if one["kind"] == "negative-spike"]:
                return str(spikes[0]["id"])
            time.sleep(2)
        raise AssertionError(f"no incident within {CRISIS_SECONDS} s")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    one = Running(tmp_path)
    with one.process:
        yield one


def test_every_page_is_whole(running: Running, browser: Browser) -> None:
    incident = running.incident()
    mention = running.get("/api/v1/mentions?limit=1&sentiment=neg")["mentions"][0]
    author = running.get("/api/v1/top?by=author&limit=1")["values"][0]["value"]
    shots = {
        "overview": "/",
        "wall": "/?wall=1",
        "page": "/mentions",
        "triage": "/triage",
        "topic": "/topics/vorkalune",
        "incident": f"/incidents/{incident}",
        "mention": f"/mentions/{mention['id']}",
        "author": f"/authors/{author.replace(':', '/', 1)}",
        "find": f"/find?what={quote(MISSPELT)}",
        "sources": "/sources",
        "report": f"/reports/weekly?week={datetime.now(UTC):%G-W%V}",
        "audit": "/audit",
    }
    for name, path in shots.items():
        take(running, browser, name, path)
    for path in ("/authors", "/incidents", "/reports", "/topics", "/users"):
        take(running, browser, "", path)
    take(running, browser, "page-dark", "/mentions", color_scheme="dark")
    take(running, browser, "phone", "/", viewport={"width": 390, "height": 844})


def take(running: Running, browser: Browser, name: str, path: str, **options: Any) -> None:
    """Look at a page, and take its picture if it has a name."""
    size = {"width": 1920, "height": 1080} if name == "wall" else {"width": 1440, "height": 900}
    given = {"viewport": size, "timezone_id": "Europe/Paris", **options}
    context = browser.new_context(**given)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(running.url + path)
    whole(page)
    if name:
        page.screenshot(path=IMAGES / f"{name}.png")
    context.close()
    assert not complaints, f"{path}: {complaints}"


def whole(page: Page) -> None:
    """It has its heading, its charts are drawn, and it is no wider than its window."""
    expect(page.locator("h1").first).to_be_attached()
    for plot in page.locator(".plot[data-spec]:visible").all():
        expect(plot.locator("canvas, svg, img").first).to_be_attached(timeout=20_000)
    page.wait_for_timeout(1_500)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
