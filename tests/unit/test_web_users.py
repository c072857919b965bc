"""Who may look: logins, sessions, tokens and roles, over a real SQLite store."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from connectors.post import utc_now
from streams.errors import StoreUnavailable
from streams.settings import Web
from streams.store.sqlite import SqliteStore
from streams.users import kept
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.records import Session, User, digest
from streams.users.sessions import Sessions
from streams.users.tokens import Tokens
from streams.web.app import create_app
from streams.web.users import ways
from tests.browser.site import TOPICS
from tests.support.mentions import opened
from tests.support.users import (
    PASSWORD,
    WEAK,
    app_behind,
    app_of,
    client_of,
    form_token,
    known_of,
    log_in,
    someone,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def client(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app_of(store)) as client:
        yield client


async def test_where_nobody_logs_in_everyone_is_the_local_admin(store: SqliteStore) -> None:
    async with client_of(create_app(store, topics=TOPICS)) as client:
        assert (await client.get("/")).status_code == 200
        assert (await client.get("/login?next=/incidents")).headers["location"] == "/incidents"


async def test_who_is_not_known_is_led_to_the_login_and_back(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada")
    answer = await client.get("/incidents?status=active&topic=a%26b")
    assert answer.status_code == 303
    login = answer.headers["location"]
    assert login == "/login?next=%2Fincidents%3Fstatus%3Dactive%26topic%3Da%2526b"
    page = (await client.get(login)).text
    form = {"token": form_token(page), "name": "Ada ", "password": PASSWORD}
    form["next"] = re.findall(r'name="next" value="([^"]+)"', page)[0].replace("&amp;", "&")
    answer = await client.post("/login", data=form)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/incidents?status=active&topic=a%26b"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert (await client.get(answer.headers["location"])).status_code == 200


async def test_scripts_and_programs_get_an_answer_they_can_read(client: httpx.AsyncClient) -> None:
    for path, headers in (
        ("/api/v1/counts", {}),
        ("/live", {}),
        ("/metrics", {}),
        ("/fragment/overview", {"Sec-Fetch-Dest": "empty"}),
        ("/", {"Authorization": "Bearer nothing"}),
    ):
        answer = await client.get(path, headers=headers)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "Remedy" in answer.json()["error"]


async def test_what_is_open_stays_open(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200
    style = re.search(r"/static/veille-\w+\.css", (await client.get("/login")).text)
    assert style
    assert (await client.get(style[0])).status_code == 200


async def test_a_host_with_a_path_in_it_opens_nothing(client: httpx.AsyncClient) -> None:
    for host in ("127.0.0.1/login?", "[::1]/login?", "127.0.0.1:8420/static/x?", "[::1]x"):
        answer = await client.get("/incidents", headers={"Host": host})
        assert answer.status_code == 421, host


@pytest.mark.parametrize(
    "given",
    [
        "//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "javascript:x",
        "/\tevil", "/%0d%0a\n", "evil.example", "", "/login?next=/x", "/logout", "///evil.example",
        "/" + "x" * 3000,
    ],
)  # fmt: skip
def test_a_login_leads_nowhere_else(given: str) -> None:
    assert ways.local(given) == "/"


def test_a_login_leads_back_to_any_page_of_ours() -> None:
    for path in ("/", "/mentions?q=a%20b&lang=fr", "/incidents/x#now", "/mentions?q=https://x.org"):
        assert ways.local(path) == path


async def test_wrong_names_and_passwords_look_the_same_and_keep_the_name(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada")
    await someone(store, "gone")
    await People(store, Passwords(WEAK)).change("gone", by="test", disabled=True)
    shown = set()
    for name, password in (("ada", "wrong wrong wrong"), ("eve", PASSWORD), ("gone", PASSWORD)):
        answer = await log_in(client, name, password)
        assert answer.status_code == 403
        assert f'value="{name}"' in answer.text
        assert PASSWORD not in answer.text
        assert "set-cookie" not in answer.headers
        shown.add(re.sub(r'value="[^"]*"', "", answer.text))
    assert len(shown) == 1


async def test_a_typed_name_is_escaped(client: httpx.AsyncClient) -> None:
    answer = await log_in(client, '"><script>x</script>', "wrong wrong wrong")
    assert "<script>x" not in answer.text


async def test_many_failures_make_the_next_wait(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada")
    answers = [await log_in(client, "ada", "wrong wrong wrong") for _ in range(7)]
    assert [one.status_code for one in answers][:5] == [403] * 5
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await log_in(client, "ada")).status_code == 429


async def test_logging_out_ends_the_session_for_whoever_has_its_cookie(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada")
    await log_in(client, "ada")
    cookie = dict(client.cookies)
    assert (await client.get("/")).status_code == 200
    answer = await client.post("/logout")
    assert answer.headers["location"] == "/login?told=out"
    client.cookies.clear()
    answer = await client.get("/", headers={"Cookie": f"veille-session={cookie['veille-session']}"})
    assert answer.status_code == 303
    assert await kept.every(store, kept.SESSION, Session) == {}


async def test_a_login_takes_the_place_of_the_session_there_was(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada")
    await log_in(client, "ada")
    first = client.cookies["veille-session"]
    page = await client.get("/incidents")
    assert page.status_code == 200
    form = {"name": "ada", "password": PASSWORD}
    await client.post("/login", data=form)
    assert client.cookies["veille-session"] != first
    assert list(await kept.every(store, kept.SESSION, Session)) == [
        digest(client.cookies["veille-session"])
    ]


async def test_only_hashes_are_kept(store: SqliteStore, client: httpx.AsyncClient) -> None:
    await someone(store, "ada")
    await log_in(client, "ada")
    people, tokens = People(store, Passwords(WEAK)), Tokens(store)
    token, _ = await tokens.add(
        await people.find("ada"), "t", scopes=["read"], now=utc_now(), by="test"
    )
    link = await people.invite("ada", by="test", now=utc_now())
    kept_text = str([await store.states(one) for one in (kept.USER, kept.SESSION, kept.TOKEN)])
    for secret in (PASSWORD, client.cookies["veille-session"], token, link):
        assert secret not in kept_text
    assert "$argon2id$" in kept_text


async def test_over_https_the_cookie_is_bound_to_host_and_https(store: SqliteStore) -> None:
    await someone(store, "ada")
    async with client_of(app_of(store), "https://127.0.0.1") as client:
        cookie = (await log_in(client, "ada")).headers["set-cookie"]
        assert cookie.startswith("__Host-veille-session=")
        assert "Secure" in cookie
        assert (await client.get("/")).status_code == 200
    web = Web(login="on", public_url="https://veille.example.org")
    async with client_of(app_of(store, web)) as client:
        answer = await log_in(client, "ada")
        assert "Secure" in answer.headers["set-cookie"]
        assert "https://veille.example.org" in (await client.get("/login")).text


async def test_a_session_ends_by_its_age_and_by_idleness(store: SqliteStore) -> None:
    await someone(store, "ada")
    app = app_of(store, Web(login="on", session_hours=2, idle_hours=1))
    known = app.state.users.desk.known
    secret = await Sessions(store, lasting=timedelta(hours=2)).begin(
        (await kept.every(store, kept.USER, User))["ada"], now=utc_now()
    )
    now = utc_now()
    assert await known.by_session(secret, now)
    assert await known.by_session(secret, now + timedelta(minutes=50))  # which keeps it awake
    assert await known.by_session(secret, now + timedelta(minutes=100))
    assert not await known.by_session(secret, now + timedelta(minutes=125))
    await known.aclose()
    other = await Sessions(store, lasting=timedelta(hours=20)).begin(
        (await kept.every(store, kept.USER, User))["ada"], now=utc_now()
    )
    assert not await known.by_session(other, now + timedelta(minutes=61))


async def test_a_token_may_what_its_scope_and_its_owner_may(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada", "analyst")
    people, tokens = People(store, Passwords(WEAK)), Tokens(store)
    ada = await people.find("ada")
    reads, _ = await tokens.add(ada, "r", scopes=["read"], now=utc_now(), by="t")
    labels, _ = await tokens.add(ada, "l", scopes=["label"], now=utc_now(), by="t")
    over, _ = await tokens.add(
        ada, "o", scopes=["read"], now=utc_now(), by="t", lasting=timedelta(seconds=-1)
    )

    async def ask(token: str, path: str = "/api/v1/counts", method: str = "GET") -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await client.request(method, path, headers=headers, json={})).status_code

    acting = ("/api/v1/incidents/none/resolve", "POST")
    assert await ask(reads) == await ask(labels) == 200
    assert await ask(over) == await ask(reads + "x") == await ask("") == 401
    assert await ask(reads, *acting) == 403
    assert await ask(labels, *acting) == 404
    assert await ask(reads, "/metrics") == 200
    await people.change("ada", by="t", role="viewer")
    client_known = known_of(client)
    client_known.forget()
    assert await ask(labels, *acting) == 403
    await people.change("ada", by="t", disabled=True)
    client_known.forget()
    assert await ask(reads) == 401


async def test_metrics_may_be_open(store: SqliteStore) -> None:
    async with client_of(app_of(store, Web(login="on", open_metrics=True))) as client:
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/api/v1/counts")).status_code == 401


async def test_a_form_carries_the_token_of_its_session(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    from connectors.letters import DeadLetter

    letter = DeadLetter(id="a", at=utc_now(), stage="filter", reason="why", place="p", raw=b"x")
    await store.add_dead_letters([letter])
    await someone(store, "ada", "admin")
    await someone(store, "bob", "admin")
    await log_in(client, "ada")
    hers = form_token((await client.get("/dead-letters")).text)
    async with client_of(app_of(store)) as other:  # another process: the same session
        other.cookies = client.cookies
        assert form_token((await other.get("/dead-letters")).text) == hers
    await log_in_anew(client, "bob")
    form = {"token": hers, "id": "a"}
    assert (await client.post("/dead-letters/drop", data=form)).status_code == 403
    form["token"] = form_token((await client.get("/dead-letters")).text)
    assert (await client.post("/dead-letters/drop", data=form)).status_code == 303


async def log_in_anew(client: httpx.AsyncClient, name: str) -> None:
    client.cookies.clear()
    assert (await log_in(client, name)).status_code == 303


async def test_the_first_user_is_not_made_by_the_page(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    assert "veille users add NAME --role admin" in (await client.get("/login")).text
    assert (await log_in(client, "admin", "admin")).status_code == 403
    await someone(store, "ada", "admin")
    known_of(client).forget()
    assert "veille users add" not in (await client.get("/login")).text


async def test_an_invitation_lets_one_choose_a_password_once(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    people = People(store, Passwords(WEAK))
    await people.add("ada", by="test")
    link = "/invited/" + await people.invite("ada", by="test", now=utc_now())
    assert "ada" in (await client.get(link)).text
    for password, again, said in (
        ("short", "short", "too short"),
        (PASSWORD, PASSWORD + "x", "differ"),
    ):
        answer = await client.post(link, data={"password": password, "again": again})
        assert answer.status_code == 400
        assert said in answer.text
    answer = await client.post(link, data={"password": PASSWORD, "again": PASSWORD})
    assert answer.status_code == 303
    assert (await client.get("/")).status_code == 200
    assert (await client.get(link)).status_code == 404
    assert (await client.post(link, data={"password": PASSWORD, "again": PASSWORD})).is_error
    client.cookies.clear()
    assert (await log_in(client, "ada")).status_code == 303


async def test_an_old_invitation_is_over(store: SqliteStore, client: httpx.AsyncClient) -> None:
    people = People(store, Passwords(WEAK))
    await people.add("ada", by="test")
    secret = await people.invite("ada", by="test", now=utc_now() - timedelta(days=8))
    assert (await client.get(f"/invited/{secret}")).status_code == 404


async def test_a_store_that_is_away_lets_nobody_in(
    store: SqliteStore, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await someone(store, "ada")
    await log_in(client, "ada")

    async def away(kind: str) -> dict[str, dict[str, Any]]:
        raise StoreUnavailable("locked")

    monkeypatch.setattr(store, "states", away)
    assert (await client.get("/api/v1/counts")).status_code == 503  # nothing is known yet
    assert (await client.get("/login")).status_code == 503
    assert (await client.get("/nothing")).status_code == 503


def changing(app: FastAPI) -> list[tuple[str, str]]:
    """Every route that may change something, also of routers that were included, with some id for
    each of its parameters."""
    found = [
        (method, re.sub(r"\{[^}]*\}", "x", route.path or ""))
        for route in iter_route_contexts(app.routes)
        for method in sorted((route.methods or set()) - {"GET", "HEAD", "OPTIONS"})
    ]
    assert {("POST", "/dead-letters/drop"), ("POST", "/api/v1/incidents/x/resolve")} <= set(found)
    return found


async def test_no_route_that_changes_something_forgets_to_ask_who_asks(store: SqliteStore) -> None:
    app = app_of(store)
    await someone(store, "vic", "viewer")
    async with client_of(app) as anonymous, client_of(app) as viewer:
        await log_in(viewer, "vic")
        for method, path in changing(app):
            if ways.is_ones_own(path):
                continue
            answer = await anonymous.request(method, path, json={})
            led = answer.status_code == 303 and answer.headers["location"] == "/login"
            assert led or answer.status_code == 401, f"{method} {path}: {answer.status_code}"
            answer = await viewer.request(method, path, json={})
            assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"


async def test_nothing_is_read_unasked_but_what_is_open(store: SqliteStore) -> None:
    app = app_of(store)
    read = {
        re.sub(r"\{[^}]*\}", "x", route.path or "")
        for route in iter_route_contexts(app.routes)
        if "GET" in (route.methods or ())
    }
    open_to_all = {path for path in read if ways.is_open(path)}
    assert {path for path in open_to_all if not path.startswith("/shared/x")} == {
        *("/healthz", "/login", "/invited/x", "/static/x")
    }
    async with client_of(app) as anonymous:
        for path in sorted(read - open_to_all):
            answer = await anonymous.get(path)
            assert answer.status_code in (303, 401), f"{path}: {answer.status_code}"


async def test_each_of_them_asks_by_itself_too(store: SqliteStore) -> None:
    """Without the middleware: a route that does not call `require` would act for a viewer."""
    from starlette.types import ASGIApp, Receive, Scope, Send

    from streams.web.visitor import Visitor

    app = create_app(store, topics=TOPICS)

    class AsViewer:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope["veille.visitor"] = Visitor(name="vic", role="viewer")
            await self.app(scope, receive, send)

    app.add_middleware(AsViewer)
    async with client_of(app) as client:
        for method, path in changing(app):
            if not ways.is_ones_own(path):
                answer = await client.request(method, path, json={})
                assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"


async def test_a_viewer_sees_no_forms_that_change_something(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    from tests.support import outcry

    await outcry.tell(store, outcry.incident(utc_now()))
    await someone(store, "vic", "viewer")
    await someone(store, "ana", "analyst")
    paths = ["/incidents", f"/incidents/{outcry.incident(utc_now()).id}"]
    await log_in(client, "vic")
    for path in paths:
        page = await client.get(path)
        assert page.status_code == 200
        assert 'action="/incidents/' not in page.text
    await log_in_anew(client, "ana")
    for path in paths:
        shown = (await client.get(path)).text
        assert 'action="/incidents/' in shown
        assert 'name="by"' not in shown


async def test_what_is_lacking_is_said_in_the_reader_s_language(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "vic", "viewer")
    await log_in(client, "vic")
    for path in ("/users", "/audit"):
        answer = await client.get(path)
        assert answer.status_code == 403
        assert "This needs the role admin" in answer.text
    answer = await client.post("/dead-letters/drop")
    assert answer.status_code == 403
    assert "This needs the role analyst" in answer.text
    assert '<html lang="ru"' in (await client.get("/users?ui=ru")).text


async def test_who_acts_is_who_logged_in(store: SqliteStore, client: httpx.AsyncClient) -> None:
    from streams.alerts import book
    from tests.support import outcry

    one = outcry.incident(utc_now())
    await outcry.tell(store, one)
    await someone(store, "ana", "analyst")
    await log_in(client, "ana")
    token = form_token((await client.get("/incidents")).text)
    answer = await client.post(
        f"/incidents/{one.id}/acknowledge", data={"token": token, "by": "somebody else"}
    )
    assert answer.status_code == 303
    assert (await book.changes(store))[one.id].incident.acknowledged_by == "ana"


async def test_what_is_told_without_end_ends_with_the_right_to_it(
    store: SqliteStore, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.web.users.access.SECONDS", 0.05)
    await someone(store, "ada")
    await log_in(client, "ada")
    listening = asyncio.create_task(client.get("/live"))
    hub = app_behind(client).state.hub
    while not hub.clients:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert not listening.done()
    await People(store, Passwords(WEAK)).change("ada", by="t", disabled=True)
    known_of(client).forget()
    answer = await asyncio.wait_for(listening, 5)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert not hub.clients
    assert (await client.get("/live")).status_code == 401


async def test_a_login_page_of_another_process_is_taken_from_a_browser_that_vouches_for_it(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada")
    form = {"token": "of another process", "name": "ada", "password": PASSWORD}
    answer = await client.post("/login", data=form)
    assert answer.status_code == 403
    assert "too old" in answer.text
    assert 'value="ada"' in answer.text
    same = {"Sec-Fetch-Site": "same-origin"}
    assert (await client.post("/login", data=form, headers=same)).status_code == 303


async def test_who_gets_a_name_anew_gets_nothing_of_who_had_it(
    store: SqliteStore, client: httpx.AsyncClient
) -> None:
    await someone(store, "ada", "admin")
    await someone(store, "bob", "admin")
    await log_in(client, "bob")
    people = People(store, Passwords(WEAK))
    token, _ = await Tokens(store).add(
        await people.find("bob"), "t", scopes=["admin"], now=utc_now(), by="t"
    )
    await people.remove("bob", by="t")  # and nothing more, as if it had been broken off
    await someone(store, "bob", "admin")
    known_of(client).forget()
    assert (await client.get("/")).status_code == 303
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.get("/api/v1/me", headers=headers)).status_code == 401
