"""Users, sessions and tokens in both stores, as the pages ask for them."""

import asyncio
from datetime import timedelta

import pytest

from connectors.post import utc_now
from streams.errors import StoreUnavailable
from streams.store.journal import EntryFilter
from streams.users import kept
from streams.users.known import AWAY_SECONDS, MISSED_SECONDS, SECONDS, Known
from streams.users.passwords import Passwords
from streams.users.people import People
from streams.users.records import Session, UserError
from streams.users.sessions import AT_MOST, Sessions
from streams.users.tokens import Tokens
from tests.support.mentions import Case
from tests.support.users import WEAK, someone

DAY = timedelta(days=1)


def people(case: Case) -> People:
    return People(case.store, Passwords(WEAK))


class Clock:
    """Told what time it is."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_users_are_made_changed_and_removed(case: Case) -> None:
    them = people(case)
    assert await them.all() == {}
    await them.add("Bob", by="t", email="BOB@example.org")
    await someone(case.store, "ada", "admin")
    with pytest.raises(UserError, match="already"):
        await them.add("bob", by="t")
    assert list(await them.all()) == ["ada", "bob"]
    changed = await them.change("bob", by="t", role="analyst", language="fr")
    assert await them.find("bob") == changed
    for name, change in (("ada", {"role": "viewer"}), ("ada", {"disabled": True})):
        with pytest.raises(UserError, match="last admin"):
            await them.change(name, by="t", **change)
    with pytest.raises(UserError, match="last admin"):
        await them.remove("ada", by="t")
    await them.remove("bob", by="t")
    with pytest.raises(UserError, match="no user"):
        await them.find("bob")
    assert list(await them.all()) == ["ada"]
    entries = (await case.store.entries(EntryFilter(subjects=("bob",)))).entries
    assert [one.action for one in entries] == ["user.remove", "user.change", "user.add"]


async def test_changes_at_once_do_not_lose_one_another(case: Case) -> None:
    them = people(case)
    await them.add("ada", by="t")
    await asyncio.gather(
        them.change("ada", by="t", role="analyst"),
        them.change("ada", by="t", language="ru"),
        them.change("ada", by="t", zone="Asia/Tokyo"),
        them.set_password("ada", "correct horse battery", by="t"),
    )
    ada = await them.find("ada")
    assert (ada.role, ada.language, ada.zone) == ("analyst", "ru", "Asia/Tokyo")
    assert ada.password


async def test_an_invitation_is_good_once_and_for_a_week(case: Case) -> None:
    them, now = people(case), utc_now()
    await them.add("ada", by="t")
    first = await them.invite("ada", by="t", now=now)
    second = await them.invite("ada", by="t", now=now)
    assert await them.invited(first, now) is None
    assert await them.invited("", now) is None
    assert await them.invited(second, now + timedelta(days=8)) is None
    found = await them.invited(second, now)
    assert found
    assert found.name == "ada"
    await them.set_password("ada", "correct horse battery", by="ada")
    assert await them.invited(second, now) is None


async def test_a_logout_elsewhere_shows_here_soon(case: Case) -> None:
    await someone(case.store, "ada")
    ada, now, clock = await people(case).find("ada"), utc_now(), Clock()
    here, sessions = Known(case.store, idle=DAY, clock=clock), Sessions(case.store, lasting=DAY)
    assert await here.by_session("nothing", now) is None
    secret = await sessions.begin(ada, now=now)
    clock.now += MISSED_SECONDS + 0.1
    found = await here.by_session(secret, now)
    assert found
    await sessions.end(found.session, by="ada")
    assert await here.by_session(secret, now)
    clock.now += SECONDS + 0.1
    assert await here.by_session(secret, now) is None
    assert SECONDS < 10


async def test_what_was_noted_of_its_use_brings_no_session_back(case: Case) -> None:
    await someone(case.store, "ada")
    ada, now = await people(case).find("ada"), utc_now()
    known, sessions = Known(case.store, idle=DAY), Sessions(case.store, lasting=DAY)
    secret = await sessions.begin(ada, now=now)
    assert await known.by_session(secret, now)
    await sessions.end_all("ada")
    assert await known.by_session(secret, now + timedelta(hours=1))  # not known here yet: noted
    await known.aclose()
    known.forget()
    assert await known.by_session(secret, now + timedelta(hours=1)) is None


async def test_a_user_has_so_many_sessions_and_old_ones_go(case: Case) -> None:
    await someone(case.store, "ada")
    ada, now = await people(case).find("ada"), utc_now()
    sessions = Sessions(case.store, lasting=DAY)
    await sessions.begin(ada, now=now - 2 * DAY)
    for n in range(AT_MOST + 2):
        await sessions.begin(ada, now=now + timedelta(seconds=n))
    found = await kept.every(case.store, kept.SESSION, Session)
    assert len(found) == AT_MOST
    assert min(one.began_at for one in found.values()) == now + timedelta(seconds=2)


async def test_tokens_are_made_found_and_dropped(case: Case) -> None:
    await someone(case.store, "ada", "analyst")
    ada, now, tokens = await people(case).find("ada"), utc_now(), Tokens(case.store)
    secret, token = await tokens.add(ada, "dash", scopes=["label", "read"], now=now, by="t")
    known = Known(case.store, idle=DAY)
    found = await known.by_token(secret, now)
    assert found
    assert (found.user.name, found.role, found.session) == ("ada", "analyst", "")
    assert [one.id for one in await tokens.all("ada")] == [token.id]
    assert await tokens.drop(token.id, by="t", of="bob") is None
    assert await tokens.drop(token.id, by="t", of="ada") == token
    known.forget()
    assert await known.by_token(secret, now) is None
    with pytest.raises(UserError, match="needs the role admin"):
        await tokens.add(ada, "x", scopes=["admin"], now=now, by="t")


async def test_while_the_store_is_away_what_was_known_counts_for_a_minute(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    await someone(case.store, "ada")
    ada, now, clock = await people(case).find("ada"), utc_now(), Clock()
    known = Known(case.store, idle=DAY, clock=clock)
    secret = await Sessions(case.store, lasting=DAY).begin(ada, now=now)
    assert await known.by_session(secret, now)

    async def away(kind: str) -> dict[str, object]:
        raise StoreUnavailable("away")

    monkeypatch.setattr(case.store, "states", away)
    clock.now += AWAY_SECONDS - 1
    assert await known.by_session(secret, now)
    assert await known.by_session("nothing", now) is None
    clock.now += 2
    with pytest.raises(StoreUnavailable):
        await known.by_session(secret, now)


async def test_few_questions_for_many_requests(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    await someone(case.store, "ada")
    ada, now, clock = await people(case).find("ada"), utc_now(), Clock()
    known = Known(case.store, idle=DAY, clock=clock)
    secret = await Sessions(case.store, lasting=DAY).begin(ada, now=now)
    asked, states = [], case.store.states

    async def counted(kind: str) -> dict[str, dict[str, object]]:
        asked.append(kind)
        return await states(kind)

    monkeypatch.setattr(case.store, "states", counted)
    for n in range(200):
        await known.by_session(secret if n % 2 else f"unknown{n}", now)
    assert len(asked) == 4
    clock.now += MISSED_SECONDS + 0.1
    await asyncio.gather(*(known.by_session(f"unknown{n}", now) for n in range(50)))
    assert len(asked) == 8
