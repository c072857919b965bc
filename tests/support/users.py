"""Users for tests: hashed so weakly that it costs nothing, and a browser's part of a login."""

import re
from typing import Any

import argon2
import httpx
from fastapi import FastAPI

from streams.roles import Role
from streams.settings import Settings, Web
from streams.store.port import Store
from streams.users.known import Known
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.web.app import create_app
from tests.browser.site import TOPICS

PASSWORD = "correct horse battery"
WEAK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BASE = "http://127.0.0.1:8420"


async def someone(store: Store, name: str, role: Role = "viewer", **fields: Any) -> None:
    """A user with `PASSWORD`."""
    people = People(store, Passwords(WEAK))
    await people.add(name, by="test", role=role, **fields)
    await people.set_password(name, PASSWORD, by="test")


def form_token(page: str) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, "no form"
    return found[1]


async def log_in(
    client: httpx.AsyncClient, name: str, password: str = PASSWORD, to: str = "/"
) -> httpx.Response:
    """As the form does."""
    page = await client.get("/login", params={"next": to})
    form = {"token": form_token(page.text), "name": name, "password": password, "next": to}
    return await client.post("/login", data=form)


def app_of(store: Any, web: Web | None = None) -> FastAPI:
    settings = Settings(web=web or Web(login="on"))
    app = create_app(store, topics=TOPICS, settings=settings)
    app.state.users.desk.passwords.hasher = WEAK
    return app


def client_of(app: FastAPI, base: str = BASE, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=base, **options)


def app_behind(client: httpx.AsyncClient) -> FastAPI:
    transport = client._transport
    assert isinstance(transport, httpx.ASGITransport)
    assert isinstance(transport.app, FastAPI)
    return transport.app


def known_of(client: httpx.AsyncClient) -> Known:
    """What the app behind this client knows of users: to `forget` what another process changed."""
    known = app_behind(client).state.users.desk.known
    assert isinstance(known, Known)
    return known
