"""Deciding by hand in a headless Chromium: what an hour of it gives, and how smooth it is.

    python -m benchmarks.triage [--data airlines.jsonl] [--labels 500] [--queue 100000]

Reads `posts/airlines.jsonl` of the folder of shared data (`VEILLE_SHARED_DATA`, else
`../shared/data`); without it, says so and ends. Each topic is of one airline, with a query that is
too wide: its name, or any flight. The person's judgement is that of the data: a mention belongs to
the topic where people annotated its post as of that airline, and its sentiment is the annotated
one. A script presses one key for each mention of a topic's sample, drawn by the page: `1`, `2` or
`3`, or `r` for what is of another airline. Told are the labels made, the precision that Veille
reports against the true one, the changes of the query that it suggests, key strokes and seconds.
A queue is then filled and run through with `j` held down and with the wheel, frame by frame.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import msgspec
from playwright.sync_api import Page, sync_playwright

from connectors.post import Author, Engagement, Post
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.pipeline import Pipeline
from streams.records import Mention, mention_id
from streams.sentiment.scorer import build_scorer
from streams.store.port import Filter
from tests.browser.site import Site

# Posts of the rows that are named Delta speak of JetBlue.
AIRLINES: Final = {
    "Delta": "jetblue",
    "Southwest": "southwestair",
    "Virgin America": "virginamerica",
}
TOPICS: Final = [Topic(id=word, name=word, query=f"{word} OR flight") for word in AIRLINES.values()]
TOPIC: Final = "jetblue"
KEYS: Final = {"negative": "1", "neutral": "2", "positive": "3"}
CHECKED: Final = (60, 100, 200)
_AT_ONCE: Final = 500
_HELD: Final = 600
"""Steps of `j`: twenty seconds of a key that is held down."""
_FRAMES: Final = """() => {
  window.spent = []; window.most = 0; let last = 0;
  const tick = (at) => {
    if (last) window.spent.push(at - last);
    last = at;
    window.most = Math.max(window.most, document.querySelectorAll('#rows article').length);
    window.ticking = requestAnimationFrame(tick);
  };
  window.ticking = requestAnimationFrame(tick);
}"""
_STOP: Final = "() => { cancelAnimationFrame(window.ticking); return [window.spent, window.most]; }"


class Row(msgspec.Struct):
    """One line of the data; the rest of it is not asked for."""

    id: str
    created_at: datetime
    author: str
    text: str
    reposts: int
    airline: str
    label: str


class Judged(NamedTuple):
    """What the people who annotated the data said of a mention."""

    relevant: bool
    tone: str


def data(given: str) -> Path:
    """Where it is, if it is."""
    folder = os.environ.get("VEILLE_SHARED_DATA", "")
    root = Path(folder) if folder else Path(__file__).parents[2] / "shared" / "data"
    return Path(given) if given else root / "posts" / "airlines.jsonl"


def read(path: Path) -> tuple[list[Mention], dict[str, Judged]]:
    """The mentions that the pipeline makes of the posts, moved in time so that the last is of now,
    and what people say of each."""
    rows = [msgspec.json.decode(line, type=Row) for line in path.read_bytes().splitlines()]
    later = datetime.now(UTC) - max(row.created_at for row in rows) - timedelta(minutes=1)
    pipeline = Pipeline(compile_topics(TOPICS), build_scorer())
    mentions: list[Mention] = []
    said: dict[str, Judged] = {}
    for row in rows:
        at = row.created_at + later
        post = Post(
            id=f"airlines:{row.id}", source="airlines", created_at=at, collected_at=at,
            text=row.text, author=Author(handle=row.author),
            engagement=Engagement(reposts=row.reposts), lang="en",
        )  # fmt: skip
        for record in pipeline.process(post, at):
            if isinstance(record, Mention):
                mentions.append(record)
                said[record.id] = Judged(AIRLINES[row.airline] == record.topic, row.label)
    return mentions, said


def store(site: Site, mentions: Sequence[Mention]) -> None:
    for start in range(0, len(mentions), _AT_ONCE):
        site.write(*mentions[start : start + _AT_ONCE])


def many(mentions: Sequence[Mention], n: int) -> Iterator[Mention]:
    """So many mentions of other posts with the same words, a minute apart."""
    now = datetime.now(UTC)
    for number in range(n):
        one = mentions[number % len(mentions)]
        at = now - timedelta(minutes=number)
        post = msgspec.structs.replace(
            one.post, id=f"queue:{number}", source="queue", created_at=at, collected_at=at
        )
        yield msgspec.structs.replace(
            one, id=mention_id("queue", post.id), topic="queue", post=post, version=post.version
        )


def ready(page: Page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("body[data-ready]")


def begin(page: Page, site: Site) -> None:
    """Draw the sample on the page, as a person does."""
    ready(page, f"{site.url}/triage?tab=sample")
    page.locator("#learnt select[name=topic]").select_option(TOPIC)
    page.get_by_role("button", name="Draw a sample").click()
    page.wait_for_selector("body[data-ready]")


def decide(page: Page, said: dict[str, Judged], labels: int) -> Iterator[int]:
    """Press one key for each mention of the sample; yields how many are decided where that is to
    be checked."""
    before = ""
    for number in range(1, labels + 1):
        shown = page.wait_for_function(
            "(before) => { const id = document.querySelector('#rows .current')?.dataset.id; "
            "return id && id !== before ? id : false; }",
            arg=before,
        )
        before = str(shown.json_value())
        judged = said[before]
        page.keyboard.press(KEYS[judged.tone] if judged.relevant else "r")
        if number in CHECKED or number == labels:
            page.wait_for_selector("#sync[data-state=live]")
            yield number


def report(site: Site, truth: float) -> str:
    """Prints what Veille tells of the topic against what is true of all its mentions; the best
    change of the query."""
    known = httpx.get(f"{site.url}/api/v1/precision", params={"topic": TOPIC}).json()
    found = known["precision"]["relevant"]
    inside = "inside" if found["low"] <= truth <= found["high"] else "OUTSIDE"
    print(
        f"{found['of']:4} labels: precision {found['hits'] / found['of']:.3f} "
        f"({found['low']:.3f} to {found['high']:.3f}); true {truth:.3f}, {inside}; "
        f"{known['precision']['more']} more for ±0.10"
    )
    for one in known["parting"]["suggestions"][:1]:
        precision, recall = one["precision"], one["recall"]
        caught, kept = precision["hits"] / precision["of"], recall["hits"] / recall["of"]
        print(f"      suggested: {one['query']}, precision {caught:.3f}, keeps {kept:.3f}")
        return str(one["query"])
    return ""


def tried(mentions: Sequence[Mention], said: dict[str, Judged], change: str) -> None:
    """How the changed query fares on all mentions of the topic, most of which nobody labelled."""
    query = f"({next(one.query for one in TOPICS if one.id == TOPIC)}) {change}"
    matcher = compile_topics([Topic(id="changed", query=query)])
    caught = [one for one in mentions if matcher.match(one.post, one.lang)]
    hits = sum(said[one.id].relevant for one in caught)
    print(
        f"      on all mentions: precision {hits / len(caught):.3f}, keeps "
        f"{hits / sum(said[one.id].relevant for one in mentions):.3f}"
    )


def frames(page: Page, what: str) -> None:
    """Prints how long frames took since they were begun to be counted."""
    spent, most = page.evaluate(_STOP)
    spent.sort()
    late = sum(one > 25 for one in spent) / len(spent)
    half, most_of, nearly = (spent[int(share * len(spent))] for share in (0.5, 0.95, 0.99))
    print(
        f"{what}: {len(spent)} frames, median {half:.1f} ms, 95 % {most_of:.1f} ms, 99 % "
        f"{nearly:.1f} ms, longest {spent[-1]:.0f} ms, late {100 * late:.1f} %; at most {most} "
        "rows in the page"
    )


def run_through(page: Page) -> None:
    """The queue with `j` held down, thirty steps a second, and with the wheel."""
    page.evaluate(_FRAMES)
    page.keyboard.down("j")
    for _ in range(_HELD):
        page.keyboard.down("j")
        page.wait_for_timeout(33)
    page.keyboard.up("j")
    frames(page, "holding j")
    print(f"      {page.locator('#position').inner_text()}")
    page.mouse.move(400, 500)
    page.evaluate(_FRAMES)
    for _ in range(_HELD):
        page.mouse.wheel(0, 120)
        page.wait_for_timeout(16)
    frames(page, "scrolling")


def _site(folder: str) -> Site:
    return Site(Path(folder) / "veille.db", topics=TOPICS)


def main() -> int:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--data", default="", help="the posts, as JSON lines")
    given.add_argument("--labels", type=int, default=500)
    given.add_argument("--queue", type=int, default=100_000)
    asked = given.parse_args()
    path, chromium = data(asked.data), shutil.which("chromium")
    if not path.is_file() or chromium is None:
        print(f"{path if chromium else 'chromium'}: not there, so nothing was measured")
        return 0
    mentions, said = read(path)
    topic = [one for one in mentions if one.topic == TOPIC]
    truth = sum(said[one.id].relevant for one in topic) / len(topic)
    with tempfile.TemporaryDirectory() as folder, _site(folder) as site:
        store(site, mentions)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            begin(page, site)
            page.evaluate("window.pressed = 0; addEventListener('keydown', () => window.pressed++)")
            page.evaluate(_FRAMES)
            began, reported, change = time.perf_counter(), 0.0, ""
            for _ in decide(page, said, asked.labels):
                since = time.perf_counter()
                change = report(site, truth)
                reported += time.perf_counter() - since
            seconds = time.perf_counter() - began - reported
            made = site.run(lambda: site.store.count(Filter(work="done", hidden="any"))).total
            keys = page.evaluate("window.pressed")
            print(
                f"{made} labels by {keys} key strokes, {keys / made:.2f} a "
                f"decision, {made / seconds:.1f} decisions a second"
            )
            frames(page, "deciding")
            if change:
                tried(topic, said, change)
            store(site, list(many(mentions, asked.queue)))
            ready(page, f"{site.url}/triage?topic=queue&range=all")
            print(f"a queue of {page.locator('#total').inner_text()}")
            run_through(page)
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
