"""`veille status --ledger` and `--check`, as an operator runs them."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from connectors.account import Account, Row, hour_of
from connectors.post import utc_now
from streams.store.sqlite import SqliteStore
from streams.tally import Tally
from tests.support.replays import installation_in, store_of
from tests.support.veille import veille, veille_json

HOUR = hour_of(utc_now())


def keep(env: dict[str, str], *states: tuple[str, str, Any]) -> None:
    async def put() -> None:
        store = store_of(env)
        assert isinstance(store, SqliteStore)
        await store.open()
        try:
            for kind, key, value in states:
                await store.put_state(kind, key, msgspec.to_builtins(value))
        finally:
            await store.close()

    asyncio.run(put())


def test_the_ledger_says_in_words_whether_the_sums_agree(tmp_path: Path) -> None:
    env = installation_in(tmp_path)
    account = Account(hours={HOUR: Row(read=5, published=3, duplicates=1, dead=1)})
    tally = Tally(hours={"news": {HOUR: {"matched": 1, "unmatched": 2, "mentions": 2}}})
    stored = Tally(hours={"news": {HOUR: {"stored": 2}}})
    states = [("account", "news", account), ("tally", "filter/0", tally)]
    keep(env, *states, ("tally", "index/0", stored))
    told = veille_json("status", "--ledger", "--since", "2h", "--json", env=env)
    assert [line["read"] for line in told["lines"]] == [5]
    assert (told["imbalance"], told["total"]["stored"]) == (0, 2)
    shown = veille("status", "--ledger", "--check", env=env)
    assert shown.returncode == 0
    assert "In balance: nothing lost, nothing twice" in shown.stdout.decode()
    assert "duplicates" in shown.stdout.decode()
    keep(env, ("tally", "index/0", Tally(hours={"news": {HOUR: {"stored": 3}}})))
    odd = veille("status", "--ledger", "--check", env=env)
    assert odd.returncode == 1
    assert "Out of balance by 1 records" in odd.stdout.decode()


def test_an_alert_is_shown_and_fails_the_check(tmp_path: Path) -> None:
    env = installation_in(tmp_path)
    gap = {"at": "2026-05-01T08:00:00+00:00", "first": 7, "records": 12}
    alert = {"kind": "odd", "since": "2026-05-01T08:00:00Z", "text": "something is odd"}
    keep(env, ("missed", "veille.posts/3", {"records": 12, "gaps": [gap]}))
    assert veille("status", "--check", env=env).returncode == 0
    keep(env, ("alert", "odd", alert))
    done = veille("status", "--check", env=env)
    assert done.returncode == 1
    text = " ".join(done.stdout.decode().split())
    assert "Alert since 2026-05-01 08:00 UTC: something is odd" in text
    assert "12 records of veille.posts/3 were dropped by the broker unread" in text
    assert veille_json("status", "--json", env=env)["alerts"][0]["kind"] == "odd"
