"""Logging in by OpenID Connect, against a provider that speaks the protocol over HTTP."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr, ValidationError

from streams.settings import Oidc, Web
from streams.store.sqlite import SqliteStore
from streams.users import kept
from streams.users.oidc_users import values_of
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.records import User
from tests.support.mentions import opened
from tests.support.oidc_server import (
    CLIENT,
    SECRET,
    Provider,
    by_another_key,
    by_nobody,
    by_public_key,
    running,
)
from tests.support.users import WEAK, app_of, client_of, someone


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running(Provider()) as provider:
        yield provider


def client(store: SqliteStore, provider: Provider, **oidc: Any) -> httpx.AsyncClient:
    given = {"client_id": CLIENT, "client_secret": SecretStr(SECRET), **oidc}
    web = Web(login="on", oidc=Oidc(**{"issuer": provider.issuer, **given}))
    return client_of(app_of(store, web))


async def at_issuer(client: httpx.AsyncClient, back: str = "/") -> httpx.Response:
    """Where the issuer sends the browser back to."""
    answer = await client.get("/oidc/login", params={"next": back})
    assert answer.status_code == 303, answer.text
    async with httpx.AsyncClient(trust_env=False) as browser:
        return await browser.get(answer.headers["location"])


async def log_in(client: httpx.AsyncClient, back: str = "/") -> httpx.Response:
    returned = await at_issuer(client, back)
    return await client.get(returned.headers["location"])


async def users(store: SqliteStore) -> dict[str, User]:
    return await kept.every(store, kept.USER, User)


async def test_a_login_makes_a_user_and_leads_back(store: SqliteStore, provider: Provider) -> None:
    async with client(store, provider, label="Example ID") as browser:
        assert "Log in by Example ID" in (await browser.get("/login")).text
        answer = await log_in(browser, "/incidents?status=active")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/incidents?status=active"
        assert (await browser.get("/incidents")).status_code == 200
        assert "veille-oidc" not in browser.cookies
    [user] = (await users(store)).values()
    assert (user.name, user.role, user.email) == ("carla", "viewer", "carla@example.org")
    assert user.subject == f"{provider.issuer} u-1"
    assert not user.password


async def test_the_issuer_is_asked_once_for_what_it_is(
    store: SqliteStore, provider: Provider
) -> None:
    async with client(store, provider) as browser:
        for _ in range(3):
            assert (await log_in(browser)).status_code == 303
    assert provider.asked.count("discovery") == provider.asked.count("jwks") == 1
    assert len(await users(store)) == 1


async def test_a_new_key_of_the_issuer_is_read(
    store: SqliteStore, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(store, provider) as browser:
        assert (await log_in(browser)).status_code == 303
        provider.rotate()
        assert (await log_in(browser)).status_code == 403  # not more often than once a minute
        monkeypatch.setattr("streams.users.oidc.LEAST_SECONDS", 0.0)
        assert (await log_in(browser)).status_code == 303


def _times(**by: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: claims | {name: int(time.time()) + n for name, n in by.items()}


BAD: dict[str, dict[str, Any]] = {
    "another key": {"sign": by_another_key},
    "no signature": {"sign": by_nobody},
    "a shared secret": {"sign": by_public_key},
    "no token at all": {"sign": lambda provider, claims: "a.b.c"},
    "a foreign issuer": {"claims": lambda claims: claims | {"iss": "https://evil.example"}},
    "another audience": {"claims": lambda claims: claims | {"aud": "another"}},
    "two audiences, for another": {
        "claims": lambda claims: claims | {"aud": [CLIENT, "another"], "azp": "another"}
    },
    "expired": {"claims": _times(iat=-1000, exp=-700)},
    "not yet good": {"claims": _times(nbf=700)},
    "another nonce": {"claims": lambda claims: claims | {"nonce": "another"}},
    "no nonce": {"claims": lambda claims: {k: v for k, v in claims.items() if k != "nonce"}},
    "no end": {"claims": lambda claims: {k: v for k, v in claims.items() if k != "exp"}},
    "no subject": {"claims": lambda claims: {k: v for k, v in claims.items() if k != "sub"}},
    "an odd subject": {"claims": lambda claims: claims | {"sub": ["u-1"]}},
    "another access token": {"claims": lambda claims: claims | {"at_hash": "another"}},
}


@pytest.mark.parametrize("bad", BAD)
async def test_a_token_that_is_not_good_lets_nobody_in(
    store: SqliteStore, provider: Provider, bad: str
) -> None:
    for name, value in BAD[bad].items():
        setattr(provider, name, value)
    async with client(store, provider) as browser:
        answer = await log_in(browser)
        assert answer.status_code == 403
        assert "did not come to its end" in answer.text
        assert (await browser.get("/")).status_code == 303
    assert await users(store) == {}


async def test_an_answer_to_another_login_is_refused(
    store: SqliteStore, provider: Provider
) -> None:
    async with client(store, provider) as browser, client(store, provider) as victim:
        theirs = (await at_issuer(browser)).headers["location"]
        assert (await victim.get(theirs)).status_code == 403  # began nothing
        await at_issuer(victim)
        assert (await victim.get(theirs)).status_code == 403  # began another
        for query in ("", "?state=&code=x", "?code=x"):
            assert (await victim.get(f"/oidc/callback{query}")).status_code == 403
        mixed = (await at_issuer(browser)).headers["location"] + "&iss=https://evil.example"
        assert (await browser.get(mixed)).status_code == 403
    assert await users(store) == {}


async def test_a_code_is_good_once(store: SqliteStore, provider: Provider) -> None:
    async with client(store, provider) as browser:
        back = (await at_issuer(browser)).headers["location"]
        assert (await browser.get(back)).status_code == 303
        assert (await browser.get(back)).status_code == 403


async def test_what_the_issuer_refuses_is_said(store: SqliteStore, provider: Provider) -> None:
    provider.authorize_error = "access_denied"
    async with client(store, provider) as browser:
        answer = await log_in(browser)
        assert answer.status_code == 403
        assert "did not come to its end" in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {"issuer": "https://evil.example"}},
        {"metadata": {"jwks_uri": 7}},
        {"metadata": {"padding": "x" * 2_000_000}},
        {"token_status": 500},
    ],
    ids=["another issuer", "odd metadata", "too much", "an error"],
)
async def test_an_issuer_that_errs_is_away(
    store: SqliteStore, provider: Provider, wrong: dict[str, Any]
) -> None:
    for name, value in wrong.items():
        setattr(provider, name, value)
    async with client(store, provider) as browser:
        answer = await browser.get("/oidc/login")
        if answer.status_code == 303:
            answer = await log_in(browser)
        assert answer.status_code == 403
        assert "does not answer as it should" in answer.text


async def test_an_issuer_that_is_not_there_is_away(store: SqliteStore) -> None:
    async with client(store, Provider(issuer="http://127.0.0.1:1")) as browser:
        answer = await browser.get("/oidc/login?next=/incidents")
        assert "does not answer as it should" in answer.text
        assert 'name="next" value="/incidents"' in answer.text


async def test_a_login_never_leads_elsewhere(store: SqliteStore, provider: Provider) -> None:
    async with client(store, provider) as browser:
        for back in ("https://evil.example", "//evil.example"):
            assert (await log_in(browser, back)).headers["location"] == "/"


async def test_only_verified_addresses_of_allowed_domains(
    store: SqliteStore, provider: Provider
) -> None:
    async with client(store, provider, allowed_domains=["example.org"]) as browser:
        bad: tuple[dict[str, Any], ...] = (
            {"email": "carla@evil.example"},
            {"email": "carla@example.org.evil.example"},
            {"email_verified": False},
            {"email": "carla@evil.example@example.org"},
        )
        for user in bad:
            was = dict(provider.user)
            provider.user.update(user)
            answer = await log_in(browser)
            assert answer.status_code == 403, user
            assert "not let in" in answer.text
            provider.user = was
        assert (await log_in(browser)).status_code == 303


async def test_the_claim_gives_the_role_at_every_login(
    store: SqliteStore, provider: Provider
) -> None:
    provider.user["realm"] = {"roles": ["staff", "veille-admin"]}
    roles = {"role_claim": "realm.roles", "admins": ["veille-admin"], "analysts": ["staff"]}
    async with client(store, provider, default_role="none", **roles) as browser:
        assert (await log_in(browser)).status_code == 303
        assert (await users(store))["carla"].role == "admin"
        provider.user["realm"] = {"roles": ["staff"]}
        assert (await log_in(browser)).status_code == 303
        assert (await users(store))["carla"].role == "analyst"
        provider.user["realm"] = {"roles": []}
        answer = await log_in(browser)
        assert answer.status_code == 403
        assert "not let in" in answer.text


async def test_what_the_token_does_not_tell_is_asked(
    store: SqliteStore, provider: Provider
) -> None:
    provider.user = {"sub": "u-1"}
    provider.userinfo = {"email": "x@example.org", "email_verified": True, "groups": ["boss"]}
    async with client(store, provider, role_claim="groups", admins=["boss"]) as browser:
        assert (await log_in(browser)).status_code == 303
        assert (await users(store))["x@example.org"].role == "admin"
        provider.userinfo["sub"] = "u-2"
        assert (await log_in(browser)).status_code == 403


async def test_without_a_claim_a_user_keeps_the_role_an_admin_gave(
    store: SqliteStore, provider: Provider
) -> None:
    people = People(store, Passwords(WEAK))
    await people.add("carl", by="t", role="analyst", email="carla@example.org")
    async with client(store, provider, default_role="none") as browser:
        assert (await log_in(browser)).status_code == 303
        assert list(await users(store)) == ["carl"]
        assert (await users(store))["carl"].role == "analyst"
        await people.change("carl", by="t", disabled=True)
        answer = await log_in(browser)
        assert answer.status_code == 403
        assert "disabled" in answer.text


async def test_an_address_that_is_not_verified_is_nobody_s(
    store: SqliteStore, provider: Provider
) -> None:
    await someone(store, "boss", "admin", email="carla@example.org")
    provider.user["email_verified"] = False
    async with client(store, provider) as browser:
        assert (await log_in(browser)).status_code == 303
    found = await users(store)
    assert not found["boss"].subject
    assert (found["carla"].role, found["carla"].email) == ("viewer", "")


async def test_a_name_that_is_taken_is_not_taken_over(
    store: SqliteStore, provider: Provider
) -> None:
    await someone(store, "carla", "admin")
    async with client(store, provider) as browser:
        assert (await log_in(browser)).status_code == 303
    found = await users(store)
    assert not found["carla"].subject
    [other] = [user for name, user in found.items() if name != "carla"]
    assert other.name.startswith("carla-")
    assert other.role == "viewer"


async def test_the_browser_gets_what_the_protocol_asks(
    store: SqliteStore, provider: Provider
) -> None:
    async with client(store, provider) as browser:
        answer = await browser.get("/oidc/login")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["redirect_uri"] == ["http://127.0.0.1:8420/oidc/callback"]
    assert asked["scope"] == ["openid profile email"]
    assert len(asked["code_challenge"][0]) == 43
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert asked["nonce"][0] not in asked["state"][0]


def test_values_of_claims() -> None:
    claims = {"groups": ["a", 7, "b"], "one": "c", "https://x.org/roles": ["d"], "in": {"x": "e"}}
    assert values_of(claims, "groups") == ["a", "b"]
    assert values_of(claims, "one") == ["c"]
    assert values_of(claims, "https://x.org/roles") == ["d"]
    assert values_of(claims, "in.x") == ["e"]
    assert values_of(claims, "in.x.y") == values_of(claims, "none") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://login.example.org"},
        {"issuer": "https://login.example.org/?x"},
        {"scopes": "profile"},
        {"client_secret_file": Path("x")},
        {"default_role": "root"},
    ],
)
def test_settings_that_can_t_be_are_refused(wrong: dict[str, Any]) -> None:
    fine: dict[str, Any] = {
        "issuer": "https://login.example.org",
        "client_id": "v",
        "client_secret": "s",
    }
    assert "**" in repr(Oidc(**fine).client_secret)
    with pytest.raises(ValidationError):
        Oidc(**{**fine, **wrong})
