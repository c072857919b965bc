"""Passwords, waits after failures, and the rules of users."""

import asyncio
import time
from typing import Any

import argon2
import pytest

from streams.roles import ROLES, at_least, lesser
from streams.settings import Web
from streams.users.attempts import (
    FORGOTTEN,
    FREE_BY_ADDRESS,
    FREE_BY_NAME,
    LONGEST_BY_ADDRESS,
    LONGEST_BY_NAME,
    MOST,
    Attempts,
    network,
)
from streams.users.passwords import AT_ONCE, Passwords, refuse_weak
from streams.users.people import clean_email
from streams.users.records import UserError, login_name, new_secret
from tests.support.users import PASSWORD, WEAK


def test_roles_are_in_order() -> None:
    assert [at_least(role, "analyst") for role in ROLES] == [False, True, True]
    assert lesser("admin", "viewer") == lesser("viewer", "analyst") == "viewer"


@pytest.mark.parametrize("given", ["ada", " Ada ", "a.b-c_d", "carla@example.org", "7of9"])
def test_names_that_can_be(given: str) -> None:
    assert login_name(given) == given.strip().lower()


@pytest.mark.parametrize(
    "given",
    ["", "-ada", "a b", "a/b", "ада", "a" * 65, "local", "Staff", "unknown", "<b>", "a\n", "a%2f"],
)
def test_names_that_can_t_be(given: str) -> None:
    if given == "a\n":  # what surrounds a name is not of it
        assert login_name(given) == "a"
        return
    with pytest.raises(UserError, match="Remedy"):
        login_name(given)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("elevenchars", "short"),
        ("x" * 1025, "long"),
        ("Ada.Lovelace.1815", "own-name"),
        ("", "short"),
    ],
)
def test_weak_passwords_are_refused(password: str, code: str) -> None:
    with pytest.raises(UserError) as refused:
        refuse_weak(password, "ada.lovelace.1815")
    assert refused.value.code == code


def test_letters_count_not_bytes() -> None:
    refuse_weak("пароль-длинный", "ada")
    refuse_weak("x" * 1024, "ada")


def test_addresses() -> None:
    assert clean_email(" Ada@Example.ORG ") == "ada@example.org"
    assert clean_email("") == ""
    for wrong in (
        "ada",
        "@x.org",
        "a@b",
        "a b@x.org",
        "a@x@y.org",
        "a\u202e@x.org",
        "a" * 300 + "@x.org",
    ):
        with pytest.raises(UserError):
            clean_email(wrong)


async def test_a_password_is_right_however_its_letters_are_composed() -> None:
    passwords = Passwords(WEAK)
    kept = await passwords.hash("caf\u00e9 au lait chaud")
    assert (await passwords.check(kept, "cafe\u0301 au lait chaud")).right
    assert not (await passwords.check(kept, "cafe au lait chaud")).right
    for odd in ("", "no hash", "$argon2id$broken"):
        assert not (await passwords.check(odd, PASSWORD)).right
    assert not (await passwords.check(kept, "\ud800" * 12)).right


async def test_a_hash_by_older_parameters_is_renewed() -> None:
    kept = await Passwords(WEAK).hash(PASSWORD)
    today = Passwords(argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    checked = await today.check(kept, PASSWORD)
    assert checked.right
    assert (await today.check(checked.renewed, PASSWORD)) == (True, "")
    assert (await today.check(kept, "another password")).renewed == ""


async def test_what_is_kept_is_argon2id_as_strong_as_is_advised() -> None:
    found = argon2.extract_parameters(await Passwords().hash(PASSWORD))
    assert found.type == argon2.Type.ID
    assert found.memory_cost >= 64 * 1024  # RFC 9106, the second recommended option
    assert found.time_cost >= 3


async def test_few_are_hashed_at_once() -> None:
    class Slow:
        now = most = 0

        def hash(self, password: str) -> str:
            Slow.now += 1
            Slow.most = max(Slow.most, Slow.now)
            time.sleep(0.02)
            Slow.now -= 1
            return password

    passwords = Passwords(Slow())  # type: ignore[arg-type]  # as much of it as is used
    await asyncio.gather(*(passwords.hash("x") for _ in range(12)))
    assert Slow.most == AT_ONCE


async def test_an_unknown_name_takes_as_long_as_a_known_one() -> None:
    passwords = Passwords(argon2.PasswordHasher(time_cost=2, memory_cost=8 * 1024, parallelism=1))
    kept = await passwords.hash(PASSWORD)
    await passwords.check("", PASSWORD)

    async def cost(kept: str) -> float:
        began = time.process_time()
        for _ in range(5):
            await passwords.check(kept, "wrong wrong wrong")
        return time.process_time() - began

    known, unknown = await cost(kept), await cost("")
    assert 0.3 < unknown / known < 3


ANY = "0.0.0.0"  # noqa: S104 # not bound


class Clock:
    """Told what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def heard(attempts: Attempts, clock: Clock, name: str, address: str) -> float:
    """How long it took until the attempt was heard."""
    waited = attempts.wait(name, address)
    if waited:
        clock.now += waited
        assert attempts.wait(name, address) == 0
    return waited


def test_waits_grow_by_name_up_to_a_limit() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    waits = [heard(attempts, clock, "ADA ", f"192.0.2.{n}") for n in range(FREE_BY_NAME + 14)]
    assert waits[: FREE_BY_NAME + 5] == [0] * FREE_BY_NAME + [1, 2, 4, 8, 16]
    assert waits[-1] == LONGEST_BY_NAME
    assert attempts.wait("bob", "198.51.100.1") == 0
    clock.now += FORGOTTEN
    assert [attempts.wait("ada", "203.0.113.1") for _ in range(2)] == [0, 0]


def test_waits_grow_by_address_whatever_the_name() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for n in range(FREE_BY_ADDRESS):
        assert attempts.wait(f"name{n}", "2001:db8::1") == 0
    assert attempts.wait("another", "2001:db8::ffff:2") == 1  # of the same network
    assert attempts.wait("another", "2001:db8:0:1::2") == 0
    for n in range(30):
        heard(attempts, clock, f"more{n}", "2001:db8::1")
    assert attempts.wait("another", "2001:db8::1") == LONGEST_BY_ADDRESS


def test_a_right_one_forgives_the_name_but_not_the_address() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(FREE_BY_NAME + 1):
        heard(attempts, clock, "ada", "192.0.2.1")
    attempts.right("ada", "192.0.2.1")
    for _ in range(FREE_BY_NAME):
        assert attempts.wait("ada", "192.0.2.1") == 0
    attempts = Attempts(clock)
    for n in range(FREE_BY_ADDRESS):
        assert attempts.wait(f"victim{n}", "192.0.2.9") == 0
        if n % 4 == 0 and attempts.wait("mine", "192.0.2.9") == 0:
            attempts.right("mine", "192.0.2.9")  # a user of their own gains nothing
    assert attempts.wait("victim", "192.0.2.9") > 0


def test_many_at_once_gain_nothing() -> None:
    attempts = Attempts(Clock())
    heard = sum(attempts.wait("ada", f"192.0.2.{n}") == 0 for n in range(100))
    assert heard == FREE_BY_NAME


def test_what_is_remembered_is_bounded() -> None:
    attempts = Attempts()
    for n in range(MOST + 100):
        attempts.wait(f"name{n}", "192.0.2.1" if n % 2 else f"2001:db8:{n:x}::1")
    assert len(attempts._failures) <= MOST


def test_networks() -> None:
    assert network("::ffff:192.0.2.7") == network("192.0.2.7") == "192.0.2.7"
    assert network("2001:db8::7") == "2001:db8::/64"
    assert network("no address") == "no address"


def test_secrets_differ_and_are_long() -> None:
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) >= 43


@pytest.mark.parametrize(
    ("given", "host", "needed"),
    [
        ({}, "127.0.0.1", False),
        ({}, "::1", False),
        ({}, "localhost", False),
        ({}, "127.8.8.8", False),
        ({}, ANY, True),
        ({}, "::", True),
        ({}, "", True),
        ({}, "192.168.1.5", True),
        ({}, "veille.example.org", True),
        ({"public_url": "https://veille.example.org"}, "127.0.0.1", True),
        ({"public_url": "http://localhost:9000"}, "127.0.0.1", False),
        ({"login": "off"}, ANY, False),
        ({"login": "on"}, "127.0.0.1", True),
    ],
)  # fmt: skip
def test_people_log_in_wherever_others_can_reach(
    given: dict[str, Any], host: str, needed: bool
) -> None:
    assert Web(**given).login_needed(host) is needed
