"""Topics edited in a headless Chromium, as two people and an unlucky one would."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from connectors.post import Post
from streams.criteria.loading import load_topics
from streams.criteria.matcher import compile as compile_topics
from streams.watch import TopicsFile, TopicsWatch
from tests.browser.accessible import violations
from tests.browser.site import HOSTILE, Site, hostile, mention

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
FILE = """\
topics:
  # The airline.
  - id: kestrel
    name: Kestrel Air
    query: 'kestrel AND (late OR delay*)'
    matches: [the kestrel is late]

  - id: rival
    query: 'plover'  # and nothing else
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def site(tmp_path: Path, path: Path) -> Iterator[Site]:
    with Site(tmp_path / "veille.db", topics=[], topics_file=path) as running:
        texts = ["Kestrel was late", "Kestrel delayed again", "kestrel refunds", "a plover late"]
        running.write(*(mention(n, text=texts[n % 4]) for n in range(40)), hostile(99))
        yield running


def previewed(page: Page, query: str) -> None:
    expect(page.locator("#preview")).to_have_attribute("data-shown", query, timeout=20_000)


def test_a_query_is_tried_saved_taken_in_and_rolled_back(
    open_page: Open, site: Site, path: Path
) -> None:
    file = TopicsFile(path)
    matcher = compile_topics(file.load())
    watch = TopicsWatch(file, matcher)
    page = open_page("/topics/kestrel")
    query = page.get_by_label("Query", exact=True)
    previewed(page, "kestrel AND (late OR delay*)")
    expect(page.locator("[data-figure=hits]")).to_have_text("20")
    expect(page.locator(".tests .pass")).to_have_count(1)
    assert not violations(page)

    query.fill("kestrel AND (late OR")
    expect(page.locator("#complaint")).to_contain_text("remedy:")
    expect(page.locator(".paint .here")).to_have_count(1)
    expect(page.locator(".paint .t-operator")).to_have_text(["AND", "OR"])
    assert page.locator(".paint").inner_text().rstrip("\n ") == "kestrel AND (late OR"

    query.fill("kestrel AND (late OR delay* OR refund*)")
    previewed(page, "kestrel AND (late OR delay* OR refund*)")
    expect(page.locator("#complaint")).to_be_empty()
    expect(page.locator("[data-figure=hits]")).to_have_text("30")
    expect(page.locator("[data-figure=gained]")).to_have_text("+10")
    page.get_by_label("Why").fill("money back")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#told")).to_contain_text("Saved")
    assert load_topics(path)[0].query == "kestrel AND (late OR delay* OR refund*)"
    assert "# The airline." in path.read_text()
    assert site.run(watch.refresh) == 1
    now = datetime.now(UTC)
    post = Post(id="s:1", source="s", created_at=now, collected_at=now, text="kestrel refunded")
    assert [match.topic for match in matcher.match(post, "en")] == ["kestrel"]

    expect(page.locator("#kept")).to_be_hidden()
    first = page.locator("[data-entry]").first
    expect(first).to_contain_text("money back")
    first.get_by_text("What changed").click()
    expect(first.locator(".diff .add")).to_contain_text(["refund*"])
    query.fill("kestrel")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-entry]")).to_have_count(2)
    page.get_by_role("button", name="Compare the two chosen").click()
    expect(page.locator("#compared .del")).to_contain_text(["refund*"])
    page.get_by_role("button", name="Roll back to this version").nth(1).click()
    expect(page.locator("#told")).to_contain_text("Rolled back")
    assert load_topics(path)[0].query == "kestrel AND (late OR delay* OR refund*)"


def test_two_people_lose_nothing(browser_page: Page, site: Site, path: Path) -> None:
    mine, theirs = browser_page, browser_page.context.new_page()
    for page in (mine, theirs):
        page.goto(f"{site.url}/topics/kestrel")
    theirs.get_by_label("Name").fill("Kestrel the airline")
    theirs.get_by_label("Query", exact=True).fill("kestrel AND theirs")
    theirs.get_by_role("button", name="Save").click()
    expect(theirs.locator("#told")).to_be_visible()
    mine.get_by_label("Query", exact=True).fill("kestrel AND mine")
    mine.get_by_role("button", name="Save").click()
    clash = mine.locator(".clash")
    expect(clash).to_contain_text("Nothing was saved, nothing is lost")
    expect(clash).to_contain_text("kestrel AND theirs")
    expect(clash).to_contain_text("kestrel AND (late OR delay*)")
    expect(mine.get_by_label("Query", exact=True)).to_have_value("kestrel AND mine")
    expect(mine.get_by_label("Name")).to_have_value("Kestrel the airline")
    assert load_topics(path)[0].query == "kestrel AND theirs"
    assert not violations(mine)
    mine.get_by_role("button", name="Save").click()
    expect(mine.locator("#told")).to_contain_text("Saved")
    assert load_topics(path)[0].query == "kestrel AND mine"
    assert load_topics(path)[0].name == "Kestrel the airline"


def test_work_outlives_a_reload_and_a_lost_connection(
    browser_page: Page, site: Site, path: Path
) -> None:
    page = browser_page
    page.goto(f"{site.url}/topics/rival")
    page.get_by_label("Query", exact=True).fill("plover OR lapwing")
    expect(page.locator("#state")).to_have_text("not saved yet")
    page.reload()
    expect(page.get_by_label("Query", exact=True)).to_have_value("plover")
    page.get_by_role("button", name="Take it up again").click()
    expect(page.get_by_label("Query", exact=True)).to_have_value("plover OR lapwing")
    page.context.set_offline(True)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#unsent")).to_contain_text("no connection")
    assert path.read_text() == FILE
    page.context.set_offline(False)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#told")).to_contain_text("Saved")
    assert path.read_text() == FILE.replace("'plover'", "'plover OR lapwing'")


def test_it_works_without_a_script(open_page: Open, path: Path) -> None:
    page = open_page("/topics-new", java_script_enabled=False)
    page.get_by_label("Id", exact=True).fill("late")
    page.get_by_label("Query", exact=True).fill("late AND (")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#complaint")).to_contain_text("remedy:")
    page.get_by_label("Query", exact=True).fill("late")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("[data-figure=hits]")).to_have_text("20")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#told")).to_contain_text("Added")
    assert [topic.id for topic in load_topics(path)] == ["kestrel", "rival", "late"]
    page.get_by_text("Remove this topic").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator("[data-topic]")).to_have_count(2)


def test_hostile_topics_and_posts_are_text(open_page: Open, site: Site, path: Path) -> None:
    name = HOSTILE.replace("'", "’")
    path.write_text(f"topics:\n- id: '{name}'\n  name: '{name}'\n  query: gnp\n", "utf-8")
    site.run(site.app.state.topics.topics.refresh)
    page = open_page("/topics")
    link = page.locator("tbody th a").first
    expect(link).to_contain_text("<script>")
    assert not violations(page)
    link.click()
    page.get_by_label("Query", exact=True).fill("kestrel AND script*")
    previewed(page, "kestrel AND script*")
    expect(page.locator("[data-figure=hits]")).to_have_text("1")
    expect(page.locator("#preview .found").first).to_contain_text("<script>")
    assert page.title() != "owned"
    page.get_by_label("Name").fill("<i>calm</i>")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("h1")).to_have_text("<i>calm</i>")


def test_the_list_the_file_and_a_narrow_screen(open_page: Open, path: Path) -> None:
    page = open_page("/topics", viewport={"width": 390, "height": 844})
    expect(page.locator("[data-topic=kestrel]")).to_contain_text("41")
    for place in ("/topics/kestrel", "/topics-file", "/topics-new", "/topics-backfill?topic=rival"):
        page.goto(re.sub(r"/topics.*", place, page.url))
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), place
        assert not violations(page), place
    page.goto(re.sub(r"/topics.*", "/topics-file", page.url))
    new = path.with_name("mine.yaml")
    new.write_text(FILE.replace("plover", "wren"))
    page.get_by_label("or a file of yours").set_input_files(new)
    expect(page.get_by_label("Its text")).to_have_value(re.compile("wren"))
    page.get_by_role("button", name="Show what would change").click()
    expect(page.locator(".diff .add")).to_contain_text(["wren"])
    page.get_by_role("button", name="Replace the file").click()
    expect(page.locator(".said")).to_contain_text("replaced")
    assert path.read_text() == FILE.replace("plover", "wren")
