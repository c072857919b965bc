"""Users for tests: hashed so weakly that it costs nothing, and a browser's part of a login."""

import re
from datetime import UTC, datetime
from typing import Any

import argon2
import httpx

from streams.roles import Role
from streams.store.port import Store
from streams.users.passwords import Passwords
from streams.users.people import People

PASSWORD = "correct horse battery"
WEAK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NOW = datetime.now(UTC)


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
