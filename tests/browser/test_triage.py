"""Deciding by hand in a headless Chromium: by keyboard from end to end, and what may go wrong."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from connectors.post import Author
from streams.labelling import Change, Labelling
from streams.records import Label
from streams.store.port import Filter
from streams.store.rules import label_time
from tests.browser.site import Site, hostile, mention

pytestmark = pytest.mark.browser

Open = Callable[..., Page]
WCAG: dict[str, Any] = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
}


@pytest.fixture
def filled(site: Site) -> Site:
    """Twelve mentions, of which those with low numbers are worth most; three tell one story."""
    site.write(
        *(
            msgspec.structs.replace(
                mention(
                    n,
                    sentiment="neg" if n < 6 else "neu",
                    text=f"Number {n}: Kestrel again",
                    ago=timedelta(minutes=n),
                    url=f"https://example.org/{n}",
                    author=Author(id=f"a{n}", handle=f"writer{n}", followers=10 ** (6 - n // 2)),
                ),
                story="late" if n in (1, 4, 7) else "",
            )
            for n in range(12)
        )
    )
    return site


def rows(page: Page) -> Locator:
    return page.locator("#rows article:not([hidden])")


def row(page: Page, n: int) -> Locator:
    return rows(page).filter(has_text=re.compile(rf"Number {n}:"))


def opened(open_page: Open, path: str = "/triage", **options: object) -> Page:
    page = open_page(path, **options)
    page.wait_for_selector("body[data-ready]")
    return page


def saved(page: Page) -> None:
    expect(page.locator("#sync .word")).to_have_text("Saved")


def labels(site: Site) -> dict[str, Label]:
    """Those of all mentions, by the number of the post."""
    page = site.run(lambda: site.store.search(Filter(hidden="any"), limit=100))
    return {one.post.id.partition(":")[2]: one.label for one in page.mentions if one.label}


def total(site: Site, **where: Any) -> int:
    return site.run(lambda: site.store.count(Filter(**where))).total


def test_the_queue_is_worked_through_by_keyboard(filled: Site, open_page: Open) -> None:
    page = opened(open_page)
    expect(page.locator("#total")).to_have_text("12")
    expect(rows(page).first).to_contain_text("Number 0")
    expect(rows(page).first).to_contain_text("1M followers +36 h · negative +24 h")
    expect(rows(page).first).to_be_focused()
    page.keyboard.press("3")
    page.keyboard.press("r")
    page.keyboard.press("e")
    page.keyboard.press("s")
    expect(page.locator("#total")).to_have_text("8")
    expect(row(page, 4)).to_be_focused()
    expect(row(page, 0)).to_contain_text("positive · by you")
    expect(page.locator("#heard")).to_contain_text("spam, decided. 8 left.")
    saved(page)
    said = labels(filled)
    assert (said["0"].sentiment, said["0"].relevant, said["0"].done) == ("pos", True, True)
    assert (said["1"].relevant, said["3"].spam) == (False, True)
    assert (said["2"].done, said["2"].sentiment) == (True, None)
    assert total(filled) == 10
    feed = open_page("/mentions", java_script_enabled=False)
    expect(feed.locator("[data-figure=pos]")).to_have_text("1")
    expect(feed.locator("[data-figure=total]")).to_have_text("10")
    page.reload()
    expect(page.locator("#total")).to_have_text("8")
    page.get_by_role("link", name="Done").click()
    expect(page.locator("#total")).to_have_text("4")


def test_what_was_decided_is_taken_back(filled: Site, open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("1")
    page.keyboard.press("r")
    saved(page)
    page.keyboard.press("z")
    expect(row(page, 1)).to_be_focused()
    page.keyboard.press("u")
    expect(row(page, 0)).to_be_focused()
    expect(page.locator("#total")).to_have_text("12")
    assert total(filled, work="open") == 12
    entries = filled.run(filled.store.entries).entries
    assert sorted(one.action for one in entries) == ["label.set"] * 2 + ["label.undo"] * 2
    page.keyboard.press("u")
    expect(page.locator("#heard")).to_have_text("Nothing to take back.")


def test_tags_names_and_notes(filled: Site, open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("t")
    page.keyboard.type("Refund, late jr123")  # keys of the page do nothing meanwhile
    page.keyboard.press("Enter")
    expect(row(page, 0)).to_be_focused()
    page.keyboard.press("a")
    page.keyboard.type("ada")
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    page.keyboard.type("called back")
    page.keyboard.press("Enter")
    expect(row(page, 0)).to_contain_text("#refund #late jr123 → ada ✎")
    page.keyboard.press("n")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    saved(page)
    said = labels(filled)["0"]
    assert (said.tags, said.assigned, said.note) == (["refund", "late jr123"], "ada", "called back")
    assert not said.done
    page.goto(f"{filled.url}/triage?tag=refund")
    expect(page.locator("#total")).to_have_text("1")
    page.goto(f"{filled.url}/triage?tab=unassigned")
    expect(page.locator("#total")).to_have_text("11")


def test_a_whole_story_in_one_stroke(filled: Site, open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("j")
    page.keyboard.press("Shift+S")
    expect(page.locator("#armed")).to_contain_text("3 open")
    page.keyboard.press("r")
    expect(page.locator("#heard")).to_contain_text("3 decided in one stroke")
    expect(page.locator("#total")).to_have_text("9")
    assert {n for n, one in labels(filled).items() if one.relevant is False} == {"1", "4", "7"}
    page.keyboard.press("u")
    expect(page.locator("#heard")).to_contain_text("3 taken back")
    assert total(filled, work="open") == 12


def test_many_at_once(filled: Site, open_page: Open) -> None:
    page = opened(open_page, "/triage?sentiment=neg")
    expect(page.locator("#total")).to_have_text("6")
    for key in "xjx":
        page.keyboard.press(key)
    expect(page.locator("#selected")).to_have_text("2 selected")
    page.keyboard.press("2")
    expect(page.locator("#bulk")).to_be_hidden()
    saved(page)
    assert {n for n, one in labels(filled).items() if one.sentiment == "neu"} == {"0", "1"}
    page.keyboard.press("x")
    page.get_by_role("button", name="All 4 that fit").click()
    page.keyboard.press("s")
    expect(page.locator("#sure-text")).to_contain_text("all 4 mentions")
    page.locator("#sure-yes").click()
    expect(page.locator("#total")).to_have_text("0")
    assert total(filled) == 8
    page.keyboard.press("u")
    expect(page.locator("#total")).to_have_text("4")
    assert total(filled) == 12


def test_somebody_was_quicker(filled: Site, open_page: Open) -> None:
    page, other = opened(open_page), opened(open_page)
    other.keyboard.press("1")
    saved(other)
    page.keyboard.press("3")
    page.keyboard.press("3")
    expect(row(page, 0)).to_contain_text("local was quicker: negative")
    expect(page.locator("#lost")).to_contain_text("local was quicker")
    assert labels(filled)["0"].sentiment == "neg"
    page.locator("#lost button").click()
    expect(row(page, 0)).to_be_focused()
    page.get_by_role("button", name="Mine").click()
    expect(row(page, 0)).to_contain_text("positive · by you")
    expect(page.locator("#lost")).to_be_hidden()
    saved(page)
    assert labels(filled)["0"].sentiment == "pos"
    other.keyboard.press("k")
    other.keyboard.press("2")
    expect(row(other, 0)).to_contain_text("local was quicker: positive")
    other.keyboard.press("k")
    other.get_by_role("button", name="Keep theirs").click()
    expect(row(other, 0)).not_to_contain_text("quicker")
    assert labels(filled)["0"].sentiment == "pos"


def test_a_lost_connection_loses_no_decision(filled: Site, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{filled.url}/triage")
    page.wait_for_selector("body[data-ready]")
    away = True

    def route(one: Route) -> None:
        if away:
            one.fulfill(status=503, json={"error": "away"})
        else:
            one.continue_()

    page.route("**/api/v1/labels", route)
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator("#lost")).to_contain_text("2 decisions are kept here")
    expect(page.locator("#sync")).to_have_attribute("data-state", "lost")
    assert labels(filled) == {}
    page.reload()
    page.wait_for_selector("body[data-ready]")
    expect(row(page, 1)).to_contain_text("neutral · by you")
    away = False
    expect(page.locator("#heard")).to_contain_text("2 decisions were sent", timeout=20_000)
    assert {n: one.sentiment for n, one in labels(filled).items()} == {"0": "neg", "1": "neu"}
    saved(page)


def test_a_page_older_than_the_server_gets_its_token(filled: Site, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{filled.url}/triage")
    page.wait_for_selector("body[data-ready]")
    page.evaluate("document.body.dataset.token = 'of the server before'")
    page.keyboard.press("1")
    saved(page)
    assert labels(filled)["0"].sentiment == "neg"


def test_without_javascript_each_row_has_a_form(filled: Site, open_page: Open) -> None:
    page = open_page("/triage", java_script_enabled=False)
    first = page.locator("article.card").first
    expect(first).to_contain_text("Number 0")
    first.get_by_label("irrelevant").check()
    first.get_by_role("button", name="Decide").click()
    expect(page.locator(".said")).to_have_text("Kept.")
    expect(page.locator("article.card")).to_have_count(11)
    assert labels(filled)["0"].relevant is False
    first = page.locator("article.card").first
    theirs = mention(1)

    async def quicker() -> None:
        await Labelling(filled.store).change([Change(mention_id=theirs.id, done=True)], by="ada")

    filled.run(quicker)
    first.get_by_label("positive").check()
    first.get_by_role("button", name="Decide").click()
    expect(page.locator(".said")).to_have_text("ada was quicker: look at it again.")


def test_hostile_posts_are_inert(site: Site, open_page: Open) -> None:
    site.write(*(hostile(n) for n in range(3)))
    page = opened(open_page)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog opened: {dialog.message}"))
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("j")
    for part in ("#rows", "#detail"):
        assert page.locator(f"{part} :is(script, img, svg, b b, iframe)").count() == 0
    expect(page.locator("#detail [data-f=original]")).to_be_hidden()
    assert page.title() == "Triage · Veille"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = page.evaluate(
        "[...document.querySelectorAll('#rows article')].map(o => o.getBoundingClientRect().height)"
    )
    assert max(boxes) < 110
    plain = open_page("/triage", java_script_enabled=False)
    expect(plain.locator("article.card :is(script, img, svg, iframe)")).to_have_count(0)


def test_an_author_is_hidden_and_shown_again(filled: Site, open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("h")
    expect(page.locator("#sure-text")).to_contain_text("writer0")
    page.keyboard.press("Enter")
    expect(page.locator("#heard")).to_contain_text("writer0 is hidden")
    assert total(filled) == 11
    page.keyboard.press("u")
    expect(page.locator("#heard")).to_contain_text("writer0 is shown again")
    assert total(filled) == 12


def test_a_sample_tells_the_precision(filled: Site, open_page: Open) -> None:
    page = opened(open_page, "/triage?tab=sample")
    page.locator("#learnt select[name=topic]").select_option("kestrel")
    page.get_by_role("button", name="Draw a sample").click()
    page.wait_for_selector("body[data-ready]")
    for key in "errree":
        page.keyboard.press(key)
    saved(page)
    expect(page.locator("[data-figure=precision]")).to_have_text("50 %")
    expect(page.locator("[data-figure=judged]")).to_contain_text("6 of")
    page.reload()
    expect(page.locator("[data-figure=precision]")).to_have_text("50 %")


def test_a_second_opinion_is_blind(filled: Site, open_page: Open) -> None:
    async def judge() -> None:
        from streams.web.triage import sample

        await sample.begin(filled.store, "kestrel", 7, by="ada", now=mention(0).processed_at)
        found = await filled.store.search(Filter(hidden="any"), limit=5, order="sample")
        for n, one in enumerate(found.mentions):
            change = Change(
                mention_id=one.id, seen=label_time(one.label), relevant=n != 1, done=True,
                sentiment="pos", note="theirs",
            )  # fmt: skip
            await Labelling(filled.store).change([change], by="ada")

    filled.run(judge)
    page = opened(open_page, "/triage?tab=opinion&topic=kestrel")
    expect(rows(page)).to_have_count(5)
    expect(page.locator("#rows")).not_to_contain_text(re.compile("positive|ada|theirs"))
    for key in "33r33":
        page.keyboard.press(key)
    saved(page)
    assert all(one.by == "ada" for one in labels(filled).values())
    page.reload()
    expect(page.locator(".kappas")).to_contain_text("ada, local")
    expect(page.locator(".kappas")).to_contain_text("3 of 5 alike")
    expect(page.locator("#learnt summary")).to_have_text("To be settled: 2")
    expect(page.locator("#empty")).to_contain_text("Nothing waits for a second opinion")


def test_keys_can_be_switched_off_and_are_listed(filled: Site, open_page: Open) -> None:
    page = opened(open_page)
    page.keyboard.press("Control+1")
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("1")
    page.get_by_label("Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("1")
    expect(page.locator("#total")).to_have_text("12")
    page.locator("#deeds").get_by_role("button", name="negative").click()
    expect(page.locator("#total")).to_have_text("11")


def test_new_mentions_are_told(filled: Site, open_page: Open) -> None:
    page = opened(open_page, "/triage?range=24h")
    filled.write(mention(50, sentiment="neg", text="Number 50: Kestrel", ago=timedelta(0)))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_role("button", name="1 new: show them").click()
    expect(page.locator("#total")).to_have_text("13")


@pytest.mark.parametrize("path", ["/triage", "/triage?tab=sample&topic=kestrel"])
@pytest.mark.parametrize(
    "options", [{}, {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}}], ids=str
)
def test_the_page_is_accessible(
    filled: Site, open_page: Open, path: str, options: dict[str, object]
) -> None:
    page = opened(open_page, path, **options)
    found = Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
