"""Webhooks of topics, against a real HTTP server: order, signatures, faults, replay."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.post import utc_now
from streams.channels.signature import HEADER, is_genuine
from streams.channels.webhook import Webhook
from streams.records import Retraction
from streams.settings import Settings
from streams.settings import Webhook as WebhookSettings
from streams.store import opened_store
from streams.store.port import Store
from streams.web import metrics
from streams.webhooks import posting
from streams.webhooks.posting import Posting, dead_of, places
from streams.webhooks.running import run_webhooks
from streams.webhooks.standing import at_work, standings
from tests.support.hook_server import HookServer, hook_server
from tests.support.mentions import mention, sqlite_case
from tests.support.veille import veille_here

SECRET = "0123456789abcdef0123"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with sqlite_case(tmp_path) as case:
        yield await case.seen()


def hook(store: Store, server: HookServer, **more: Any) -> Posting:
    given = WebhookSettings(
        id="crm", url=server.url, secret_env="S", **{"topics": ["brand"], **more}
    )
    local = frozenset({f"127.0.0.1:{server.port}"})
    webhook = Webhook("crm", server.url, SECRET, allow_hosts=local)
    return Posting(store, given, webhook, rest=lambda _: 0.0)


async def drained(one: Posting) -> None:
    while await one.step():
        pass


def told(server: HookServer) -> list[tuple[str, str]]:
    return [(one.json["event"], one.json["mention"]["post"]["id"]) for one in server.posted]


async def test_arrivals_are_posted_in_order_signed_and_with_deletions(store: Store) -> None:
    await store.write([mention(1)])
    async with hook_server() as server:
        one = hook(store, server)
        await one.begin()
        for number in (4, 2, 3):
            await store.write([mention(number), mention(number, topic="other")])
        await store.write([mention(2, version=2, tone="neg")])
        await drained(one)
        await store.write([Retraction(post_id="test:4", version=5)])
        await drained(one)
    assert told(server) == [
        ("mention", "test:4"),
        ("mention", "test:3"),
        ("mention", "test:2"),
        ("deletion", "test:4"),
    ], "from its beginning on; the latest version of what changed meanwhile"
    first = server.posted[0]
    assert is_genuine(SECRET, first.headers[HEADER.lower()], first.body, now=utc_now().timestamp())
    assert first.headers["idempotency-key"] == first.json["key"] == f"{mention(4).id}:1"
    assert "text" not in server.posted[-1].json["mention"]["post"]


async def test_topics_are_named_by_pattern_too(store: Store) -> None:
    async with hook_server() as server:
        one = hook(store, server, topics=["brand", "shop-*"])
        await one.begin()
        given = ("brand", "shop-fr", "shops", "brand-x", "shop-ru")
        await store.write([mention(n, topic=topic) for n, topic in enumerate(given)])
        await drained(one)
    posted = [one.json["mention"]["topic"] for one in server.posted]
    assert posted == ["brand", "shop-fr", "shop-ru"]


async def test_it_goes_on_where_it_was_after_a_crash(store: Store) -> None:
    async with hook_server() as server:
        one = hook(store, server)
        await one.begin()
        await store.write([mention(1), mention(2)])
        await drained(one)
        await store.write([mention(3), mention(4)])
        server.answers = ["200 OK", 30.0]
        crashing = asyncio.create_task(one.step())
        while len(server.posted) < 4:
            await asyncio.sleep(0.01)
        crashing.cancel()
        await asyncio.gather(crashing, return_exceptions=True)
        again = hook(store, server, topics=["brand", "new"])
        await again.begin()
        await store.write([mention(5, topic="new")])
        await drained(again)
    numbers = [post for _, post in told(server)]
    assert numbers[:4] == ["test:1", "test:2", "test:3", "test:4"]
    assert numbers[4:] == ["test:3", "test:4", "test:5"], "again, with the same keys"
    assert server.posted[2].json["key"] == server.posted[4].json["key"]


async def test_a_passing_fault_is_tried_again_and_keeps_the_order(store: Store) -> None:
    async with hook_server() as server:
        one = hook(store, server)
        await one.begin()
        await store.write([mention(1), mention(2)])
        server.answers = ["503 No", "404 Gone", "429 Slow"]
        await drained(one)
    assert [post for _, post in told(server)] == ["test:1"] * 4 + ["test:2"]
    place = (await places(store))["crm"]
    assert (place.sent, place.dead, place.failing_since, place.error) == (2, 0, None, "")
    assert place.failures == 3


async def test_what_fails_or_waits_shows_in_the_metrics_and_in_a_sentence(store: Store) -> None:
    begun = utc_now()
    async with hook_server() as server:
        one = hook(store, server)
        one._now = lambda: begun
        await one.begin()
        await store.write([mention(1), mention(2)])
        server.answers = ["422 No", *["503 No"] * 1_000]
        failing = asyncio.create_task(one.step())
        given = [one._given]
        async with asyncio.timeout(10):
            while not (await standings(store, given))[0].failing_since:
                await asyncio.sleep(0.01)
        later = begun + timedelta(minutes=20)
        page = (await metrics.page(store, later, given)).splitlines()
        (found,) = await standings(store, given)
        failing.cancel()
        await asyncio.gather(failing, return_exceptions=True)
        assert 'veille_webhook_behind_seconds{webhook="crm"} 1200' in page
        assert 'veille_webhook_set_aside{webhook="crm"} 1' in page
        assert "veille_webhooks_up 0" in page
        assert found.failures > 1
        assert f"fails since {begun:%Y-%m-%d %H:%M} UTC: " in found.sentence
        assert found.sentence.endswith("1 set aside (veille webhooks replay crm)")
        server.answers = []
        one._now = lambda: later
        await drained(one)
    page = (await metrics.page(store, later, given)).splitlines()
    assert 'veille_webhook_behind_seconds{webhook="crm"} 0' in page
    assert 'veille_webhook_sent_total{webhook="crm"} 2' in page


async def test_what_is_refused_or_fails_for_too_long_is_set_aside_and_replayed(
    store: Store,
) -> None:
    async with hook_server() as server:
        one = hook(store, server)
        await one.begin()
        await store.write([mention(1), mention(2)])
        server.answers = ["422 No", "200 OK"]
        await drained(one)
        assert [d.tombstone.post.id for d in (await dead_of(store, "crm")).values()] == ["test:1"]
        late = hook(store, server, give_up_hours=1)
        await late.begin()
        await store.write([mention(3)])
        server.answers = ["503 No", "503 No"]
        hours = itertools.count()
        late._now = lambda: utc_now() + timedelta(hours=next(hours))
        await drained(late)
        dead = await dead_of(store, "crm")
        assert [one.tombstone.post.id for one in dead.values()] == ["test:1", "test:3"]
        assert all(not one.tombstone.post.text for one in dead.values()), "texts may be erased"
        server.posted.clear()
        for key, each in dead.items():
            await posting.replay(store, one._webhook, key, each)
        assert told(server) == [("mention", "test:1"), ("mention", "test:3")]
        assert server.posted[0].json["mention"]["post"]["text"] == "post 1"
        assert await dead_of(store, "crm") == {}


async def test_a_dead_address_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S", SECRET)
    async with hook_server() as server, hook_server() as silent:
        silent.answers = [60.0] * 100
        settings = Settings(
            data_dir=tmp_path,
            allow_hosts=f"127.0.0.1:{server.port},127.0.0.1:{silent.port}",
            webhooks=[
                WebhookSettings(id="silent", url=silent.url, secret_env="S"),
                WebhookSettings(id="alive", url=server.url, secret_env="S"),
            ],
        )
        stop = asyncio.Event()
        running = asyncio.create_task(run_webhooks(settings, stop))
        async with asyncio.timeout(20), opened_store(settings) as store:
            while len(await places(store)) < 2:
                await asyncio.sleep(0.02)
            await store.write([mention(1), mention(2)])
            await until(lambda: len(server.posted) == 2)
            await until(lambda: bool(silent.posted))
            assert await at_work(store, utc_now())
        stop.set()
        await running


async def until(met: Callable[[], bool]) -> None:
    while not met():
        await asyncio.sleep(0.02)


def test_settings_that_are_wrong_and_commands(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs one of url, url_env"):
        WebhookSettings(id="a", secret_env="S")
    with pytest.raises(ValueError, match="needs one of secret_env, secret_file"):
        WebhookSettings(id="a", url="https://example.org")
    hooks = [{"id": "crm", "url": "http://10.0.0.1/x", "secret_env": "S", "topics": ["nix"]}]
    env = {"VEILLE_DATA_DIR": str(tmp_path), "VEILLE_WEBHOOKS": json.dumps(hooks), "S": SECRET}
    listed = veille_here("webhooks", "list", "--json", env=env)
    assert json.loads(listed.stdout)["sent"] == 0
    assert b"webhooks: crm: topic 'nix' is not in topics.yaml. Remedy: one of " in listed.stderr
    hooks += [{**hooks[0], "id": "all", "topics": ["*"]}]
    several = {**env, "VEILLE_WEBHOOKS": json.dumps(hooks)}
    of_one = veille_here("webhooks", "list", "--topic", "data-breach", "--json", env=several)
    assert [json.loads(line)["id"] for line in of_one.stdout.splitlines()] == ["all"]
    status = veille_here("status", env=env)
    assert b"Webhook nobody posts. Remedy: veille webhooks run" in status.stdout
    refused = veille_here("webhooks", "test", "crm", env=env)
    assert refused.returncode == 2
    assert b"webhooks: crm: 10.0.0.1" in refused.stderr
    unset = veille_here("webhooks", "test", "crm", env={**env, "S": ""})
    assert b"webhooks: crm: secret_env: the variable S is not set" in unset.stderr
    unknown = veille_here("webhooks", "replay", "no", env=env)
    assert b"no webhook 'no'. Remedy: one of crm" in unknown.stderr
    none = veille_here("webhooks", "run", env={"VEILLE_DATA_DIR": str(tmp_path)})
    assert none.returncode == 2
