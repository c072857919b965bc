"""The app over a real SQLite store: pages, API, headers, errors."""

import gzip
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from connectors.account import Account, Row
from connectors.letters import DeadLetter
from streams.errors import StoreUnavailable
from streams.store.sqlite import SqliteStore
from streams.tally import Tally
from streams.web.app import create_app
from streams.web.filters import PARAMETERS
from tests.browser.site import TOPICS, hostile, mention
from tests.support.mentions import opened

NOW = datetime.now(UTC)


def client_of(store: Any, base: str = "http://127.0.0.1:8420", **options: Any) -> httpx.AsyncClient:
    app = create_app(store, topics=TOPICS, **options)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(store) as client:
        yield client


async def fill(store: SqliteStore, n: int = 10) -> None:
    labels = ("neg", "pos", "neu", "unscored")
    await store.write(
        [mention(i, sentiment=labels[i % 4], ago=timedelta(minutes=i)) for i in range(n)]  # type: ignore[arg-type]  # labels
    )


async def test_the_page_shows_exact_figures(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    page = (await client.get("/mentions")).text
    figures = dict(re.findall(r'data-figure="(\w+)">(\d+)<', page))
    assert figures == {"total": "10", "neg": "3", "neu": "2", "pos": "3", "unscored": "2"}
    assert page.count("<article") == 10


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/mentions", "/nothing", "/api/v1/counts", "/mentions?x=1", "/healthz"):
        headers = (await client.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in headers


async def test_no_inline_script_style_or_foreign_address(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([hostile(1)])
    page = (await client.get("/mentions")).text
    assert re.findall(r"<script(?![^>]*\bsrc=\"/)", page) == []
    assert re.findall(r"<[^>]+\s(?:on\w+|style)=", page) == []
    assert re.findall(r"(?:src|srcset|href)=\"(?!/|#)[^\"]*", page) == []


async def test_links_to_originals_tell_nothing(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.write([mention(1, url="https://example.org/p")])
    link = re.search(r'<a class="original"[^>]*>', (await client.get("/mentions")).text)
    assert link is not None
    assert "noopener noreferrer nofollow" in link[0]
    assert 'referrerpolicy="no-referrer"' in link[0]


async def test_a_foreign_host_name_is_refused(store: SqliteStore) -> None:
    async with client_of(
        store, base="http://evil.example:8420", hosts=["veille.example"]
    ) as client:
        assert (await client.get("/mentions")).status_code == 421
        assert (await client.get("http://veille.example/")).status_code == 200
        assert (await client.get("http://[::1]:8420/healthz")).status_code == 200


async def test_bad_filters_are_named_with_their_remedy_and_the_rest_is_kept(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/mentions?lang=fr&sentiment=bad")
    assert page.status_code == 400
    assert "sentiment=bad" in page.text
    assert "One of pos, neg, neu, unscored" in page.text
    assert 'href="/mentions?lang=fr"' in page.text
    answer = await client.get("/api/v1/counts?sentiment=bad")
    assert answer.status_code == 400
    assert answer.json()["problems"][0][:2] == ["sentiment", "bad"]


async def test_a_bad_filter_is_escaped(client: httpx.AsyncClient) -> None:
    page = await client.get("/mentions", params={"<script>": "<b>"})
    assert page.status_code == 400
    assert "<script>=" not in page.text


async def test_pages_on_without_gap_or_repeat(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store, 120)
    seen: list[str] = []
    path: str | None = "/mentions?range=24h"
    while path:
        page = (await client.get(path)).text
        seen += re.findall(r'data-id="(\w+)"', page)
        older = re.search(r'<a href="([^"]+)" rel="next"', page)
        path = older[1].replace("&amp;", "&") if older else None
    assert len(seen) == len(set(seen)) == 120


async def test_falls_back_to_all_time_and_says_so(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    old = datetime(2015, 2, 20, tzinfo=UTC)
    await store.write([mention(n, at=old + timedelta(hours=n)) for n in range(60)])
    page = (await client.get("/mentions")).text
    assert "Nothing in the last 24 hours" in page
    assert 'data-figure="total">60<' in page
    older = re.search(r'<a href="([^"]+)" rel="next"', page)
    assert older is not None
    assert (await client.get(older[1].replace("&amp;", "&"))).text.count("<article") == 10


@pytest.mark.parametrize("year", [1, 9999])
async def test_posts_from_the_ends_of_time_do_no_harm(
    store: SqliteStore, client: httpx.AsyncClient, year: int
) -> None:
    far = datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    await store.write([mention(1, at=far), mention(2)])
    page = await client.get("/mentions?range=all")
    assert page.status_code == 200
    assert 'data-figure="total">2<' in page.text


async def test_the_api_gives_the_same_figures(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    count = (await client.get("/api/v1/counts?sentiment=neg")).json()
    assert (count["total"], count["neg"]) == (3, 3)
    line = (await client.get("/api/v1/over-time?range=24h&step=1h")).json()
    assert line["step_seconds"] == 3600
    assert sum(bucket["total"] for bucket in line["buckets"]) == 10
    top = (await client.get("/api/v1/top?by=author&limit=3")).json()
    assert top["by"] == "author"
    assert len(top["values"]) == 3
    first = (await client.get("/api/v1/mentions?limit=4&range=24h")).json()
    rest = await client.get(f"/api/v1/mentions?range=24h&cursor={first['cursor']}")
    ids = [m["id"] for m in first["mentions"] + rest.json()["mentions"]]
    assert len(set(ids)) == 10
    assert rest.json()["cursor"] == ""


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("mentions?limit=0", "limit"),
        ("mentions?limit=x", "limit"),
        ("mentions?cursor=1~x", ""),
        ("top?by=nose", "by"),
        ("over-time?step=7", "step"),
        ("over-time?step=0s", "step"),
        ("over-time?since=2000-01-01&step=1s", "step"),
        ("sources?topic2=x", "topic2"),
        ("dead-letters?limit=999", "limit"),
    ],
)
async def test_the_api_refuses_with_a_reason(
    client: httpx.AsyncClient, path: str, parameter: str
) -> None:
    answer = await client.get(f"/api/v1/{path}")
    assert answer.status_code == 400
    body = answer.json()
    assert body["error"]
    assert [p[0] for p in body["problems"]] == ([parameter] if parameter else [])


async def test_sources_and_dead_letters(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await store.put_state("source", "news", {"state": "running", "posts": 3})
    letter = DeadLetter(id="l", stage="filter", reason="bad", place="p", raw=b"\x00", at=NOW)
    await store.add_dead_letters([letter])
    assert (await client.get("/api/v1/sources")).json() == {
        "sources": {"news": {"state": "running", "posts": 3}},
        "workers": {},
    }
    letters = (await client.get("/api/v1/dead-letters")).json()
    assert letters["total"] == 1
    assert letters["letters"][0]["raw"] == "AA=="


async def test_odd_states_are_shown_not_trusted(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    odd = {
        "state": "<i>",
        "posts": "many",
        "until": "soon",
        "gaps": 3,
        "last_post_at": "2026-01-01",
    }
    await store.put_state("source", "odd", odd)
    await store.put_state("worker", "w", {"lag": [], "seen_at": 5, "posts_per_second": None})
    page = await client.get("/mentions")
    assert page.status_code == 200
    assert "&lt;i&gt;" in page.text


async def test_alerts_and_what_the_broker_dropped_are_shown(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    alert = {"kind": "ledger-imbalance", "since": NOW.isoformat(), "text": "out by <3>"}
    await store.put_state("alert", "ledger-imbalance", alert)
    await store.put_state("alert", "over", {})
    gap = {"at": NOW.isoformat(), "first": 7, "records": 12}
    await store.put_state("missed", "veille.posts/3", {"records": 12, "gaps": [gap]})
    await store.put_state("missed", "odd/1", {"records": None, "gaps": [3]})
    unkept = {"posts": 1234, "last": NOW.isoformat(), "reason": "the <disk> is full"}
    await store.put_state("archive", "missing", unkept)
    page = (await client.get("/mentions")).text
    assert page.count("data-alert=") == 1
    assert "posts are missing in the archive" in page
    assert "the &lt;disk&gt; is full" in page
    assert "out by &lt;3&gt;" in page
    assert "<b>1 alert</b>" in page
    assert "dropped 12 records of <bdi>veille.posts/3</bdi> before they were read, last" in page


async def test_metrics_are_in_the_text_format_of_prometheus(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    tally = Tally(hours={'od"d\\\n': {"2026-01-01T00": {"matched": 2, "mentions": 3, "stored": 1}}})
    await store.put_state("tally", "filter/0", msgspec.to_builtins(tally))
    account = Account(hours={"2026-01-01T00": Row(read=4, published=3, dead=1)})
    await store.put_state("account", "news", msgspec.to_builtins(account))
    lag = {"seen_at": datetime.now(UTC).isoformat(), "lag": {"veille.posts": 5}}
    await store.put_state("worker", "w", lag)
    await store.put_state("missed", "veille.posts/3", {"records": 12})
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples = parsed(answer.text)
    assert samples['veille_read_total{source="news"}'] == 4
    assert samples['veille_waiting{source="news"}'] == 3
    assert samples['veille_mentions_total{source="od\\"d\\\\\\n"}'] == 3
    assert samples['veille_waiting{source="od\\"d\\\\\\n"}'] == 2
    assert samples['veille_lag{topic="veille.posts"}'] == 5
    assert samples['veille_missed_total{topic="veille.posts"}'] == 12
    assert samples["veille_workers_up"] == 1
    assert samples["veille_ledger_imbalance"] == 0


def parsed(text: str) -> dict[str, float]:
    """Samples by name and labels; each metric is described before its samples, and once."""
    samples: dict[str, float] = {}
    described: list[str] = []
    assert text.endswith("\n")
    for line in text.splitlines():
        if found := re.fullmatch(r"# HELP ([a-z_]+) \S.*", line):
            assert found[1] not in described
            described.append(found[1])
        elif found := re.fullmatch(r"# TYPE ([a-z_]+) (counter|gauge)", line):
            assert found[1] == described[-1]
            assert (found[2] == "counter") == found[1].endswith("_total")
        else:
            found = re.fullmatch(r'(([a-z_]+)(\{\w+="(?:[^"\\\n]|\\[\\"n])*"\})?) (\S+)', line)
            assert found, line
            assert found[2] == described[-1]
            assert found[1] not in samples
            samples[found[1]] = float(found[4])
    return samples


async def test_openapi_names_every_filter_and_answer(client: httpx.AsyncClient) -> None:
    document = (await client.get("/api/v1/openapi.json")).json()
    get = document["paths"]["/api/v1/mentions"]["get"]
    names = {p.name for p in PARAMETERS} | {"order", "limit"}
    assert {p["name"] for p in get["parameters"]} == names
    refs = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert refs <= document["components"]["schemas"].keys()


async def test_files_are_cached_for_good_and_nothing_else_is_served(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/mentions")).text
    for path in set(re.findall(r"/static/[\w.-]+", page)):
        answer = await client.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
    for path in ("veille.css", "..%2fapp.py", "%2e%2e/app.py", "x"):
        assert (await client.get(f"/static/{path}")).status_code == 404


async def test_the_chart_is_drawn_without_script(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await fill(store)
    answer = await client.get("/mentions/chart.svg?sentiment=neg&theme=dark&size=narrow")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.startswith("<svg")


class Away:
    """A store that does not answer: what pages do then needs no real outage."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object, **__: object) -> None:
            raise StoreUnavailable("nobody answers at http://store:9200. Remedy: start it")

        return fail


async def test_a_store_that_is_away_is_told_with_503() -> None:
    async with client_of(Away()) as client:
        page = await client.get("/mentions")
        assert page.status_code == 503
        assert "Remedy: start it" in page.text
        assert page.headers["retry-after"] == "5"
        answer = await client.get("/api/v1/counts")
        assert (answer.status_code, answer.json()["error"][:6]) == (503, "nobody")
        assert (await client.get("/healthz")).status_code == 503


async def test_our_own_fault_shows_no_inside() -> None:
    async with client_of(object()) as client:
        page = await client.get("/mentions")
        assert page.status_code == 500
        assert "attribute" not in page.text


async def test_pages_travel_compressed(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await fill(store)
    async with client.stream("GET", "/mentions", headers={"accept-encoding": "gzip"}) as answer:
        raw = b"".join([chunk async for chunk in answer.aiter_raw()])
    assert answer.headers["content-encoding"] == "gzip"
    assert len(gzip.decompress(raw)) > 3 * len(raw)


async def test_the_documentation_names_every_filter_and_path(client: httpx.AsyncClient) -> None:
    written = (Path(__file__).parents[2] / "docs" / "pages.md").read_text(encoding="utf-8")
    for parameter in PARAMETERS:
        row = rf"\| `{parameter.name}` \| {'many' if parameter.many else ''}\s*\|"
        assert re.search(row, written), parameter.name
    paths = (await client.get("/api/v1/openapi.json")).json()["paths"]
    assert [path for path in paths if f"`{path}`" not in written] == []


async def test_links_from_before_the_page_had_a_name_lead_to_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/?topic=kestrel&sentiment=neg")
    assert answer.status_code == 302
    assert answer.headers["location"] == "/mentions?topic=kestrel&sentiment=neg"
    assert (await client.get("/")).status_code == 200
