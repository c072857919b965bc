"""A mention, why a post was not found, adding one by hand, and authors, as a person uses them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect

from connectors import post as posts
from connectors.post import Author, Post
from streams.archive.sqlite import SqliteArchive
from streams.store.port import Filter
from tests.browser.accessible import assert_accessible
from tests.browser.site import Site, hostile, mention

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
NOW = datetime.now(UTC)
ADA = Author(id="a1", handle="ada", name="Ada Lovelace", followers=12_400)


@pytest.fixture
def archive(tmp_path: Path) -> SqliteArchive:
    return SqliteArchive(tmp_path / "posts.db")


@pytest.fixture
def site(tmp_path: Path, archive: SqliteArchive) -> Iterator[Site]:
    with Site(tmp_path / "veille.db", archive=archive) as running:
        yield running
        running.run(archive.close)


@pytest.fixture
def filled(site: Site, archive: SqliteArchive) -> Site:
    root = mention(
        1, text="Kestrel left us at the gate", sentiment="neg", author=ADA,
        ago=timedelta(hours=2), url="https://news.example.org/posts/1",
    )  # fmt: skip
    reply = mention(2, text="Kestrel, say something", parent_id="rss:1", thread_id="rss:1")
    others = [
        mention(10 + n, sentiment="pos" if n % 2 else "neg", author=ADA, ago=timedelta(hours=5 * n))
        for n in range(30)
    ]
    site.write(root, reply, *others, hostile(99))
    later = NOW - timedelta(hours=1)
    edited = msgspec.structs.replace(
        root.post, text="Kestrel left us at the door", state="edited", updated_at=later,
        collected_at=later,
    )  # fmt: skip
    silent = Post(
        id="rss:77", source="rss", created_at=NOW, collected_at=NOW, parent_id="rss:2",
        thread_id="rss:1", text="Birds do not answer", url="https://news.example.org/posts/77",
    )  # fmt: skip
    site.run(lambda: archive.append([posts.encode(one) for one in (root.post, edited, silent)]))
    return site


def test_a_mention_from_the_feed_to_its_label(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions?author=ada&range=all")
    page.get_by_text("left us at the gate").wait_for()
    card = page.locator("article.card", has_text="left us at the gate")
    card.get_by_title("All about this mention").click()
    expect(page.locator(".card.whole mark")).to_have_text("Kestrel")
    expect(page.locator(".thread li")).to_have_count(3)
    expect(page.locator(".thread li", has_text="Birds do not answer")).to_contain_text(
        "met no topic"
    )
    expect(page.locator(".edits ins")).to_have_text("door")
    expect(page.locator('[data-topic="kestrel"] summary')).to_contain_text("met")
    assert_accessible(page)
    page.locator("select[name=sentiment]").select_option("pos")
    page.get_by_label("Note").fill("irony")
    page.get_by_role("button", name="Keep the label").press("Enter")
    expect(page.get_by_role("status")).to_have_text("Your label counts.")
    expect(page.locator(".card.whole .mood")).to_contain_text("positive")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("irony")
    page.get_by_role("link", name="Ada Lovelace").first.click()
    expect(page.locator("h1")).to_have_text("Ada Lovelace")


def test_why_a_post_was_not_found_and_adding_it(filled: Site, open_page: Open) -> None:
    page = open_page("/mentions")
    box = page.get_by_label("The URL, text or id of any post")
    box.fill("https://news.example.org/posts/77")
    box.press("Enter")
    expect(page.locator(".answer-line")).to_have_text("It came in, but meets no topic.")
    expect(page.locator(".verdicts > li").first).to_contain_text("not in the post")
    assert_accessible(page)
    page.get_by_role("button", name="Add it …").click()
    expect(page.get_by_text("The post rss:77, as it came in.")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("The rival").check()
    page.get_by_label("Where you saw it").fill("in the newsroom")
    page.get_by_role("button", name="Add the post").click()
    expect(page.get_by_role("status")).to_have_text("Added, and put on record.")
    expect(page.get_by_text("seen_in: in the newsroom")).to_be_visible()
    page.get_by_role("button", name="Take back the addition").click()
    expect(page.get_by_role("status").first).to_have_text("Taken back.")
    found = filled.run(lambda: filled.store.count(Filter(post_id="rss:77", hidden="any")))
    assert found.total == 0


def test_a_text_is_tried_on_all_topics_without_a_script(filled: Site, open_page: Open) -> None:
    page = open_page("/find", java_script_enabled=False)
    page.get_by_label("The URL, text or id of any post").fill("<b>plover</b> is late")
    page.get_by_role("button", name="Look").click()
    expect(page.locator(".answer-line")).to_contain_text("It would have been found.")
    first = page.locator(".verdicts > li").first
    expect(first).to_contain_text("The rival")
    first.locator("summary").click()
    expect(first.locator(".tree")).to_contain_text("plover")
    assert page.locator("b b").count() == 0


def test_authors_in_order_and_one_of_them_hidden(filled: Site, open_page: Open) -> None:
    page = open_page("/authors?range=all")
    expect(page.locator("tbody tr").first).to_contain_text("Ada Lovelace")
    expect(page.locator("tbody tr").first.locator("td.n").first).to_have_text("31")
    assert_accessible(page)
    page.get_by_role("link", name="Most followers").click()
    expect(page).to_have_url(f"{filled.url}/authors?range=all&sort=reach")
    page.get_by_role("link", name="Ada Lovelace").press("Enter")
    expect(page.locator('[data-figure="total"]')).to_have_text("31")
    for plot in page.locator(".plot").all():
        expect(plot.locator("canvas")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Older mentions").click()
    expect(page.locator("article.card")).to_have_count(11)
    page.go_back()
    page.get_by_label("Why").fill("their press desk")
    page.get_by_role("button", name="Hide this author").click()
    expect(page.get_by_role("note")).to_contain_text("their press desk")
    page.goto(f"{filled.url}/authors?range=all")
    expect(page.locator("tbody tr", has_text="Ada Lovelace")).to_have_count(0)


def test_hostile_posts_stay_in_their_place(filled: Site, open_page: Open) -> None:
    odd = hostile(99)
    page = open_page(f"/mentions/{odd.id}")
    expect(page.locator(".card.whole")).to_contain_text("<script>")
    assert page.title() != "owned"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".card.whole a.author").click()
    expect(page.locator("h1")).to_contain_text("<script>")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("img[src*=tracker]").count() == 0


def test_what_can_not_be_said_is_said(filled: Site, open_page: Open) -> None:
    page = open_page("/authors?range=1h&topic=rival")
    expect(page.locator(".empty")).to_contain_text("Nobody wrote anything that fits.")
    page.goto(f"{filled.url}/find")
    expect(page.get_by_text("Ask for any post, and this page tells")).to_be_visible()
