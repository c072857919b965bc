"""What people change of their own, and what admins change of others, on the pages."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from connectors.post import utc_now
from streams.store.sqlite import SqliteStore
from streams.users import kept
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.records import Session, Token, User
from streams.users.tokens import Tokens
from tests.support.mentions import opened
from tests.support.users import (
    PASSWORD,
    WEAK,
    app_of,
    client_of,
    form_token,
    known_of,
    log_in,
    someone,
)

NEW = "quite another secret"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        await someone(store, "ada", "admin")
        await someone(store, "bob", "analyst")
        yield store


@pytest.fixture
async def ada(store: SqliteStore) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app_of(store)) as client:
        await log_in(client, "ada")
        yield client


@pytest.fixture
async def bob(store: SqliteStore, ada: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """In the same process as Ada."""
    transport = ada._transport
    async with httpx.AsyncClient(transport=transport, base_url=ada.base_url) as client:
        await log_in(client, "bob")
        yield client


async def send(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """A form of the page that this path begins with."""
    page = await client.get("/" + path.split("/")[1])
    return await client.post(path, data={"token": form_token(page.text), **fields})


async def users(store: SqliteStore) -> dict[str, User]:
    return await kept.every(store, kept.USER, User)


async def test_a_new_password_ends_the_other_sessions(
    store: SqliteStore, bob: httpx.AsyncClient
) -> None:
    async with client_of(app_of(store)) as elsewhere:
        await log_in(elsewhere, "bob")
        before = bob.cookies["veille-session"]
        form = {"present": PASSWORD, "password": NEW, "again": NEW}
        answer = await send(bob, "/account/password", **form)
        assert answer.status_code == 303
        assert "changed" in (await bob.get(answer.headers["location"])).text
        assert bob.cookies["veille-session"] != before
        async with client_of(app_of(store)) as third:  # another process
            third.cookies = elsewhere.cookies
            assert (await third.get("/")).status_code == 303
            third.cookies.clear()
            assert (await log_in(third, "bob")).status_code == 403
            assert (await log_in(third, "bob", NEW)).status_code == 303


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("wrong wrong wrong", NEW, NEW), "not your present password"),
        ((PASSWORD, NEW, NEW + "x"), "differ"),
        ((PASSWORD, "eleven-long", "eleven-long"), "too short"),
    ],
)
async def test_a_password_that_can_t_be_changes_nothing(
    store: SqliteStore, bob: httpx.AsyncClient, typed: tuple[str, str, str], said: str
) -> None:
    before = (await users(store))["bob"].password
    form = dict(zip(("present", "password", "again"), typed, strict=True))
    answer = await send(bob, "/account/password", **form)
    assert answer.status_code == 400
    assert said in answer.text
    assert (await users(store))["bob"].password == before
    assert (await bob.get("/")).status_code == 200


async def test_language_and_zone_are_the_user_s(bob: httpx.AsyncClient) -> None:
    bob.cookies.set("veille_language", "en", domain="127.0.0.1")
    assert '<html lang="en"' in (await bob.get("/account")).text
    answer = await send(bob, "/account/reading", language="fr", zone="Asia/Tokyo")
    assert answer.status_code == 303
    assert "veille_language" not in bob.cookies
    page = (await bob.get("/account")).text
    assert '<html lang="fr" data-zone="Asia/Tokyo"' in page
    await send(bob, "/account/reading", language="<x>", zone="Nowhere/At_all")
    assert '<html lang="en"' in (await bob.get("/account")).text


async def test_a_token_is_shown_once_and_works_until_it_is_dropped(
    store: SqliteStore, bob: httpx.AsyncClient
) -> None:
    page = await send(bob, "/account/tokens", name="dash", scope="label", days="90")
    made = re.search(r"data-secret>(veille_[\w-]{43})<", page.text)
    assert made
    again = (await bob.get("/account")).text
    assert made[1] not in again
    assert "dash" in again
    headers = {"Authorization": f"Bearer {made[1]}"}
    bare = httpx.AsyncClient(transport=bob._transport, base_url=bob.base_url, headers=headers)
    assert (await bare.get("/api/v1/counts")).status_code == 200
    [token] = (await kept.every(store, kept.TOKEN, Token)).values()
    await send(bob, "/account/tokens/drop", id=token.id)
    assert (await bare.get("/api/v1/counts")).status_code == 401


async def test_nobody_gives_a_token_more_than_they_may(
    store: SqliteStore, bob: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    for scope in ("admin", "", "root"):
        answer = await send(bob, "/account/tokens", name="dash", scope=scope)
        assert answer.status_code == 400
    assert (await send(bob, "/account/tokens", name=" \x00 ", scope="read")).status_code == 400
    assert await kept.every(store, kept.TOKEN, Token) == {}
    people = People(store, Passwords(WEAK))
    reads, _ = await Tokens(store).add(
        await people.find("ada"), "r", scopes=["read"], now=utc_now(), by="t"
    )
    known_of(ada).forget()
    headers = {"Authorization": f"Bearer {reads}"}
    bare = httpx.AsyncClient(transport=ada._transport, base_url=ada.base_url, headers=headers)
    for path in ("/account/tokens", "/account/password", "/account/sessions/end"):
        assert (await bare.post(path, data={"name": "x", "scope": "admin"})).status_code == 403
    assert (await bare.post("/users", data={"name": "eve", "role": "admin"})).status_code == 403
    assert "eve" not in await users(store)


async def test_sessions_can_be_ended_one_by_one_or_all_others(
    store: SqliteStore, bob: httpx.AsyncClient, ada: httpx.AsyncClient
) -> None:
    for _ in range(3):
        async with client_of(app_of(store)) as elsewhere:
            await log_in(elsewhere, "bob")
    sessions = await kept.every(store, kept.SESSION, Session)
    of_ada = next(one.id for one in sessions.values() if one.user == "ada")
    await send(bob, "/account/sessions/end", id=of_ada)
    assert (await ada.get("/")).status_code == 200
    page = (await bob.get("/account")).text
    ids = re.findall(r'name="id" value="(\w+)"', page)
    assert len(ids) == 3
    await send(bob, "/account/sessions/end", id=ids[0])
    assert ids[0] not in await kept.every(store, kept.SESSION, Session)
    await send(bob, "/account/sessions/end")
    left = await kept.every(store, kept.SESSION, Session)
    assert sorted(one.user for one in left.values()) == ["ada", "bob"]
    assert (await bob.get("/")).status_code == 200


async def test_an_admin_adds_a_user_by_a_link(store: SqliteStore, ada: httpx.AsyncClient) -> None:
    page = await send(ada, "/users", name="Eve", role="analyst", email="Eve@Example.org")
    link = re.search(r"data-secret>(http://127\.0\.0\.1:8420/invited/[\w-]{43})<", page.text)
    assert link
    assert link[1] not in (await ada.get("/users")).text
    eve = (await users(store))["eve"]
    assert (eve.role, eve.email, eve.password) == ("analyst", "eve@example.org", "")
    bare = httpx.AsyncClient(transport=ada._transport, base_url=ada.base_url)
    answer = await bare.post(link[1], data={"password": NEW, "again": NEW})
    assert answer.status_code == 303
    assert (await bare.get("/")).status_code == 200
    assert (await bare.get("/users")).status_code == 403


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "bob", "role": "viewer"}, "already"),
        ({"name": "<script>", "role": "viewer"}, "be a name"),
        ({"name": "local", "role": "viewer"}, "be a name"),
        ({"name": "eve", "role": "viewer", "email": "nope"}, "no e-mail"),
    ],
)
async def test_a_user_that_can_t_be_keeps_what_was_typed(
    store: SqliteStore, ada: httpx.AsyncClient, fields: dict[str, str], said: str
) -> None:
    answer = await send(ada, "/users", **fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert "<script>" not in answer.text
    assert 'value="eve"' in answer.text or fields["name"] != "eve"
    assert sorted(await users(store)) == ["ada", "bob"]


async def test_changes_of_rights_end_sessions_at_once(
    store: SqliteStore, ada: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    assert (await send(ada, "/users/bob/role", role="viewer")).status_code == 303
    assert (await bob.get("/")).status_code == 303
    await log_in(bob, "bob")
    assert (await send(ada, "/users/bob/disable")).status_code == 303
    assert (await bob.get("/")).status_code == 303
    assert (await log_in(bob, "bob")).status_code == 403
    assert (await send(ada, "/users/bob/enable")).status_code == 303
    assert (await log_in(bob, "bob")).status_code == 303
    assert "data-secret" in (await send(ada, "/users/bob/invite")).text
    assert (await bob.get("/")).status_code == 303
    assert (await log_in(bob, "bob")).status_code == 403
    assert (await send(ada, "/users/bob/remove")).status_code == 303
    assert sorted(await users(store)) == ["ada"]
    assert (await send(ada, "/users/bob/role", role="admin")).status_code == 400


async def test_the_last_admin_stays(store: SqliteStore, ada: httpx.AsyncClient) -> None:
    for path, fields in (
        ("/users/ada/role", {"role": "viewer"}),
        ("/users/ada/disable", {}),
        ("/users/ada/remove", {}),
    ):
        answer = await send(ada, path, **fields)
        assert answer.status_code == 400, path
        assert "last admin" in answer.text
    assert (await ada.get("/users")).status_code == 200
    await People(store, Passwords(WEAK)).change("bob", by="t", role="admin")
    assert (await send(ada, "/users/ada/role", role="viewer")).status_code == 303


async def test_users_and_account_where_nobody_logs_in(store: SqliteStore) -> None:
    from streams.web.app import create_app

    async with client_of(create_app(store)) as client:
        assert "Nobody logs in here" in (await client.get("/account")).text
        page = await client.get("/users")
        assert 'data-user="ada"' in page.text
        form = {"token": form_token(page.text), "role": "viewer"}
        assert (await client.post("/users/bob/role", data=form)).status_code == 303
        assert (await client.post("/account/tokens", data=form)).status_code == 403
