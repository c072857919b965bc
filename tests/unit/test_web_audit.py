"""The audit log: what the pages write into it, and how it is read."""

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.post import utc_now
from streams.store.journal import Entry
from streams.store.sqlite import SqliteStore
from streams.web.users.audit_told import MOST_CHANGES, changes
from tests.browser.site import HOSTILE
from tests.support import outcry
from tests.support.mentions import opened
from tests.support.users import PASSWORD, app_of, client_of, form_token, log_in, someone

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(n: int, **more: Any) -> Entry:
    fields = {"by": "eve", "action": "label.set", "subject": f"m{n}"} | more
    return Entry(id=f"e{n:04}", at=AT + timedelta(minutes=n), **fields)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    await someone(store, "ada", "admin")
    async with client_of(app_of(store)) as client:
        await log_in(client, "ada")
        yield client


def shown(page: str) -> list[str]:
    return re.findall(r'data-entry="([^"]+)"', page)


async def test_what_people_do_is_written_and_no_secret_is(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    async with client_of(app_of(store)) as other:
        await log_in(other, "ada", "wrong wrong wrong")
    page = (await client.get("/users")).text
    form = {"token": form_token(page), "name": "bob", "role": "analyst"}
    link = re.search(r"/invited/([\w-]+)", (await client.post("/users", data=form)).text)
    assert link
    await client.post("/users/bob/role", data=form | {"role": "viewer"})
    token = await client.post("/account/tokens", data=form | {"name": "dash", "scope": "read"})
    made = re.search(r"data-secret>([^<]+)<", token.text)
    assert made
    one = outcry.incident(utc_now())
    await outcry.tell(store, one)
    await client.post(f"/incidents/{one.id}/acknowledge", data=form)
    await client.post("/users/bob/remove", data=form)
    found = (await store.entries(limit=50)).entries
    told = [(one.by, one.action, one.subject) for one in found if one.by != "test"]
    assert [(by, action) for by, action, _ in told] == [
        ("ada", "user.remove"),
        ("ada", "incident.acknowledge"),
        ("ada", "token.add"),
        ("ada", "user.change"),
        ("ada", "user.invite"),
        ("ada", "user.add"),
        ("", "user.refused"),
        ("ada", "user.login"),
    ]
    changed = next(one for one in found if one.action == "user.change")
    assert (changed.before, changed.after) == ({"role": "analyst"}, {"role": "viewer"})
    whole = str(found)
    for secret in (PASSWORD, "wrong wrong", link[1], made[1], client.cookies["veille-session"]):
        assert secret not in whole
    assert "$argon2id" not in whole
    page = (await client.get("/audit")).text
    assert "changed the user" in page
    assert "acknowledged the incident" in page
    await client.post("/logout")
    assert (await store.entries(limit=1)).entries[0].action == "user.logout"


async def test_it_filters_and_pages_on(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await store.add_entries([entry(n, by="bob" if n % 10 == 0 else "eve") for n in range(120)])
    await store.add_entries([entry(500, action="topic.edit", subject="kestrel", topic="kestrel")])
    address, seen = "/audit?action=label.", []
    while address:
        page = (await client.get(address)).text
        seen += shown(page)
        older = re.search(r'class="older"><a href="([^"]+)"', page)
        address = older[1].replace("&amp;", "&") if older else ""
    assert seen == [f"e{n:04}" for n in reversed(range(120))]
    for query, wanted in (
        ("by=bob&action=label.set", 12),
        ("subject=m7", 1),
        ("topic=kestrel", 1),
        ("action=topic.edit", 1),
        ("since=2026-03-01T12:10:00Z&until=2026-03-01T12:13:00Z", 3),
        ("since=2026-03-01T13:10&until=2026-03-01T13:13&tz=Europe/Paris", 3),
        ("by=nobody", 0),
    ):
        page = (await client.get(f"/audit?{query}")).text
        assert len(shown(page)) == wanted, query
    assert "Nothing that fits" in page
    told = (await client.get("/api/v1/audit?by=bob&limit=5")).json()
    assert [one["id"] for one in told["entries"]] == [f"e{n:04}" for n in (110, 100, 90, 80, 70)]
    more = await client.get("/api/v1/audit", params={"by": "bob", "cursor": told["cursor"]})
    assert len(more.json()["entries"]) == 7


@pytest.mark.parametrize(
    "query", ["when=now", "since=soon", "by=a&by=b", f"subject={'x' * 401}", "until=9999-99-99"]
)
async def test_a_filter_that_can_t_be_read_is_named(client: httpx.AsyncClient, query: str) -> None:
    for path in ("/audit", "/audit.csv", "/api/v1/audit"):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.text
    assert (await client.get("/audit?cursor=broken")).status_code == 400


async def test_as_csv_it_is_whole_and_runs_no_formula(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await store.add_entries([entry(n, by="eve") for n in range(60)])
    await store.add_entries([entry(99, by="eve", subject="=1+1", after={"note": '"a", b'})])
    answer = await client.get("/audit.csv?by=eve")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 61
    assert rows[0]["subject"] == "'=1+1"
    assert rows[0]["after"] == '{"note":"\\"a\\", b"}'


async def test_hostile_words_do_nothing(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await store.add_entries(
        [
            entry(
                1,
                by=HOSTILE,
                action="<b>.x",
                subject=HOSTILE,
                topic=HOSTILE,
                note=HOSTILE,
                before={HOSTILE: HOSTILE},
                after={HOSTILE: f"{HOSTILE}\n" * 90},
            )
        ]
    )
    page = (await client.get("/audit?subject=" + HOSTILE[:20])).text
    assert "<script>doc" not in page
    page = (await client.get("/audit")).text
    assert "<script>doc" not in page
    assert "<img" not in page.replace('<img src="/static', "")
    assert "<b>.x" not in page


async def test_only_admins_read_it(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await someone(store, "ana", "analyst")
    client.cookies.clear()
    await log_in(client, "ana")
    for path in ("/audit", "/audit.csv", "/api/v1/audit", "/users"):
        answer = await client.get(path)
        assert answer.status_code == 403
        assert "role admin" in answer.text
    assert 'href="/audit"' not in (await client.get("/")).text


async def test_who_am_i(store: SqliteStore, client: httpx.AsyncClient) -> None:
    me = (await client.get("/api/v1/me")).json()
    assert (me["name"], me["role"], me["token"], me["login"]) == ("ada", "admin", False, True)
    schemas = (await client.get("/api/v1/openapi.json")).json()["components"]["schemas"]
    assert {"Me", "EntryPage", "Entry"} <= set(schemas)


def test_changes_tell_what_differs() -> None:
    before = {"role": "viewer", "tags": ["a", "b"], "deep": {"x": 1, "y": 2}, "gone": True}
    after = {"role": "admin", "tags": ["a"], "deep": {"x": 1, "y": 3}, "new": False, "no": ""}
    assert [one[:3] for one in changes(before, after)] == [
        ("role", "viewer", "admin"),
        ("tags", "a, b", "a"),
        ("deep.y", "2", "3"),
        ("gone", "yes", None),
        ("new", None, "no"),
    ]
    assert changes(None, None) == []
    assert [one[:3] for one in changes("a", "b")] == [("", "a", "b")]
    assert len(changes(None, {str(n): n for n in range(1, 500)})) == MOST_CHANGES


def test_long_texts_are_told_by_their_lines() -> None:
    lines = [f"line {n} of a file of topics" for n in range(200)]
    now = [*lines[:100], "another line", *lines[101:]]
    [change] = changes({"file": "\n".join(lines)}, {"file": "\n".join(now)})
    assert [line for line in change.lines if line[:1] in "+-"] == [
        "-line 100 of a file of topics",
        "+another line",
    ]
