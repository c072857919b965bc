"""The pages over a million mentions: what each costs, how many a second, how much memory.

    python -m benchmarks.pages [--mentions 1000000] [--store sqlite|elasticsearch|both]
        [--cache DIRECTORY] [--only pages,text,rate,paint,streams] [--json]

The mentions (`benchmarks.pages_data`) are made once and kept in the cache. Each page is asked by
one client, no answer used twice, so that every try asks the store; p95 counts. Rate, paint and
streams are of pages as they are served, answers shared for as long as they are. Beside each time
stands the server's processor time, which other work on the machine does not change.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import platformdirs

from benchmarks import pages_data, pages_streams
from benchmarks.pages_asking import Answer, Client, Times, many, times
from benchmarks.pages_serving import Served, served
from streams.alerts import book
from streams.alerts.incidents import Change
from streams.store import open_store
from streams.store.port import Filter, Store
from tests.support import outcry
from tests.support.servers import Elasticsearch, free_port

TRIES = 20
PAGE_GOAL, TEXT_GOAL, PAINT_GOAL, RATE_GOAL = 150.0, 1000.0, 1500.0, 300.0
GROWTH_GOAL = 32 * 1024 * 1024
GETS, AT_ONCE = 10_000, 12
PARTS = ("pages", "text", "rate", "paint", "streams")
INCIDENTS = 200
WORDS = ("refund", "luggage", "crew", "update", "charged", "helpful", "price", "late", "gate")


class Row(NamedTuple):
    """One line of the table. `good` is `None` where there is no goal."""

    store: str
    what: str
    goal: str
    measured: str
    good: bool | None
    cpu: str = ""


@contextmanager
def stored(kind: str, cache: Path, count: int) -> Iterator[tuple[Path, str]]:
    """A directory with that many mentions, and the address of Elasticsearch."""
    directory = cache / f"{kind}-{count}"
    directory.mkdir(parents=True, exist_ok=True)
    until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    server_of = _server(directory / "server") if kind == "elasticsearch" else nullcontext()
    with server_of as server:
        url = server.url if server else ""
        asyncio.run(_prepare(directory, url, count, until))
        yield directory, url


def _server(place: Path) -> Elasticsearch:
    """The server whose data are kept there, at the port that it was given first."""
    place.mkdir(exist_ok=True)
    known = place / "port"
    if not known.exists():
        known.write_text(str(free_port()))
    return Elasticsearch(port=int(known.read_text()), data_dir=place, heap_mb=1024)


async def _prepare(directory: Path, url: str, count: int, until: datetime) -> None:
    settings = pages_data.settings_of(directory, url)
    await pages_data.prepare(settings, count, until)
    store = open_store(settings)
    await store.open()
    if not await book.incidents(store):
        for n in range(INCIDENTS):
            at = until - timedelta(hours=10 * n)
            status = "open" if n < 5 else "resolved"
            topic = pages_data.TOPICS[n % 20]
            one = outcry.incident(at, id=f"bench{n}", topic=topic, status=status)
            await book.keep(store, Change(one, "opened"))
    await store.close()


async def places(directory: Path, url: str) -> dict[str, str]:
    """Pages by their names: those of one mention, author and incident are of what is there."""
    store = open_store(pages_data.settings_of(directory, url))
    await store.open()
    try:
        return await _places(store)
    finally:
        await store.close()


async def _places(store: Store) -> dict[str, str]:
    mention = (await store.search(Filter(), limit=1)).mentions[0]
    author = f"{mention.post.source}/{quote(mention.post.author.handle)}"
    topic = pages_data.TOPICS[0]
    return {
        "overview": "/",
        "mentions": "/mentions",
        "mentions, one topic": f"/mentions?topic={topic}",
        "one mention": f"/mentions/{mention.id}",
        "triage": "/triage",
        "topics": "/topics",
        "one topic": f"/topics/{topic}",
        "incidents": "/incidents",
        "one incident": "/incidents/bench0",
        "authors": "/authors",
        "one author": f"/authors/{author}",
        "sources": "/sources",
        "reports": "/reports",
        "weekly report": "/reports/weekly",
        "back-test": "/backtest",
        "dead letters": "/dead-letters",
        "users": "/users",
        "audit": "/audit",
    }


async def measured(site: Served, path: Callable[[int], str], tries: int) -> tuple[Times, int]:
    """So many answers of one client after a first one, and the worst status."""
    client = Client(site.url)
    first = await client.get(path(0))
    before, found = site.cpu(), list[Answer]()
    for number in range(1, tries + 1):
        found.append(await client.get(path(number)))
    client.close()
    worst = max(first.status, *(answer.status for answer in found))
    return times(found, site.cpu() - before), worst


def page_rows(kind: str, site: Served, known: dict[str, str]) -> Iterator[Row]:
    """Each page's default view."""
    for name, path in known.items():
        found, status = asyncio.run(measured(site, lambda _, path=path: path, TRIES))  # type: ignore[misc]  # bound at once
        if status != 200:
            yield Row(kind, name, f"{PAGE_GOAL:.0f} ms", f"status {status}", None)
            continue
        yield _timed(kind, name, found, PAGE_GOAL)


def text_rows(kind: str, site: Served) -> Iterator[Row]:
    """Ninety days with words, another word each time."""
    since = (datetime.now(UTC) - timedelta(days=90)).strftime("%Y-%m-%d")

    def path(number: int) -> str:
        return f"/mentions?since={since}&q={WORDS[number % len(WORDS)]}"

    found, status = asyncio.run(measured(site, path, len(WORDS)))
    if status == 200:
        yield _timed(kind, "90 days with text", found, TEXT_GOAL)
    else:
        yield Row(kind, "90 days with text", f"{TEXT_GOAL:.0f} ms", f"status {status}", False)


def _timed(kind: str, name: str, found: Times, goal: float) -> Row:
    said = f"p50 {found.p50:.0f} ms, p95 {found.p95:.0f} ms"
    return Row(kind, name, f"≤ {goal:.0f} ms", said, found.p95 <= goal, f"{found.cpu:.0f} ms")


def rate_rows(kind: str, site: Served) -> Iterator[Row]:
    """Plain pages: the default view of mentions, of all and of one topic."""
    paths = ("/mentions", "/mentions?topic=topic-01")
    asyncio.run(many(site.url, paths, 1_000, AT_ONCE))  # what is kept once is kept
    before, cpu = site.memory(), site.cpu()
    seconds, failed = asyncio.run(many(site.url, paths, GETS, AT_ONCE))
    rate, cpu = GETS / seconds, (site.cpu() - cpu) / GETS
    grown = site.memory() - before
    yield Row(
        kind,
        f"pages/s over {GETS:,} GETs, {AT_ONCE} at once",
        f"≥ {RATE_GOAL:.0f}",
        f"{rate:,.0f}" + (f", {failed} failed" if failed else ""),
        rate >= RATE_GOAL and not failed,
        f"{1000 * cpu:.1f} ms",
    )
    said = f"{_mb(before)} + {_mb(grown)}, at most {_mb(site.peak())}"
    yield Row(kind, "memory over these", f"+ {_mb(GROWTH_GOAL)}", said, grown <= GROWTH_GOAL)


def paint_rows(kind: str, site: Served, known: dict[str, str]) -> Iterator[Row]:
    """First paint in Chromium, its caches empty: the median of five."""
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGS

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGS)
        for name in ("overview", "mentions", "triage", "one incident", "weekly report"):
            found = []
            for _ in range(5):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                page.goto(site.url + known[name])
                found.append(float(page.evaluate(_FIRST_PAINT)))
                context.close()
            median = statistics.median(found)
            goal = f"≤ {PAINT_GOAL:.0f} ms"
            yield Row(kind, f"first paint: {name}", goal, f"{median:.0f} ms", median <= PAINT_GOAL)
        browser.close()


_FIRST_PAINT = """() => new Promise((told) => {
  const seen = () => performance.getEntriesByName("first-contentful-paint")[0];
  if (seen()) return told(seen().startTime);
  new PerformanceObserver((list, observer) => {
    if (!seen()) return;
    observer.disconnect();
    told(seen().startTime);
  }).observe({ type: "paint", buffered: true });
})"""


def stream_rows(kind: str, directory: Path, url: str) -> Iterator[Row]:
    """Fifty open pages, and what they cost the pipeline that writes into the same store."""
    found = pages_streams.measure(directory, url)
    share = 1 - found.rate_with / found.rate_without
    said = f"{_mb(found.memory)}, {found.events:,} events"
    goal = "≤ 1,000 MB"
    yield Row(kind, f"memory with {found.pages} pages open", goal, said, found.memory <= 1e9)
    rates = f"{found.rate_without:,.0f} → {found.rate_with:,.0f} posts/s ({-100 * share:+.0f} %)"
    yield Row(kind, "pipeline with these open", "≥ −10 %", rates, share <= 0.1)


def _mb(size: float) -> str:
    return f"{size / 1e6:,.0f} MB"


def rows_of(kind: str, cache: Path, count: int, parts: set[str]) -> Iterator[Row]:
    """All that is asked for of one store."""
    with stored(kind, cache, count) as (directory, url):
        known = asyncio.run(places(directory, url))
        if parts & {"pages", "text"}:
            with served(directory, url, cold=True) as site:
                yield from page_rows(kind, site, known) if "pages" in parts else ()
                yield from text_rows(kind, site) if "text" in parts else ()
        if parts & {"rate", "paint"}:
            with served(directory, url) as site:
                yield from rate_rows(kind, site) if "rate" in parts else ()
                yield from paint_rows(kind, site, known) if "paint" in parts else ()
        if "streams" in parts and kind == "sqlite":
            with tempfile.TemporaryDirectory(dir=cache) as name:
                copy = Path(name)
                shutil.copytree(directory, copy, dirs_exist_ok=True)
                yield from stream_rows(kind, copy, url)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--store", choices=("sqlite", "elasticsearch", "both"), default="both")
    parser.add_argument(
        "--cache", type=Path, default=platformdirs.user_cache_path("veille") / "benchmarks"
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts, comma-separated")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    kinds = ("sqlite", "elasticsearch") if asked.store == "both" else (asked.store,)
    if not asked.json:
        print("| store | what | goal | measured | processor |  |")
        print("| --- | --- | --- | --- | --- | --- |")
    for kind in kinds:
        for row in rows_of(kind, asked.cache, asked.mentions, set(asked.only.split(","))):
            print(json.dumps(row._asdict()) if asked.json else _line(row), flush=True)


def _line(row: Row) -> str:
    sign = {True: "✓", False: "✗", None: ""}[row.good]
    return f"| {row.store} | {row.what} | {row.goal} | {row.measured} | {row.cpu} | {sign} |"


if __name__ == "__main__":
    main()
