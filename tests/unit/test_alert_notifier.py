"""The notifier: an outbox that forgets nothing, channels that don't wait for each other."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.errors import Fatal, Retriable, WaitUntil
from connectors.post import utc_now
from streams.alert_settings import Delivery
from streams.alerts.book import INCIDENT
from streams.alerts.channel import Channel, MemoryChannel
from streams.alerts.channel import Delivery as Sent
from streams.alerts.deaths import standing
from streams.alerts.messages.language import Language
from streams.alerts.notices import KEPT, NOTICE, Notice
from streams.alerts.notifier import Notifier
from streams.alerts.past import note_past
from streams.alerts.records import Incident
from streams.alerts.state import AlertState
from streams.channels.webhook import Webhook
from streams.store.port import Store
from tests.support.alerts import evidence, incident, settings
from tests.support.hook_server import hook_server
from tests.support.mentions import Case, sqlite_case

NIGHT = datetime.fromisoformat("2026-03-11T02:00:00+00:00")
QUIET = {"from": "22:00", "to": "07:00", "except": "critical"}


class Clock:
    """A wall clock that tests move."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def case(tmp_path: Path) -> AsyncIterator[Case]:
    async with sqlite_case(tmp_path) as made:
        yield made


def notifier(
    store: Store, told: Delivery, *channels: Channel, now: Callable[[], datetime] = utc_now
) -> Notifier:
    return Notifier(
        store,
        told,
        channels,
        now=now,
        look_seconds=0.03,
        rest_after=lambda attempts: timedelta(milliseconds=20 * attempts),
    )


@asynccontextmanager
async def running(made: Notifier) -> AsyncIterator[Notifier]:
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def until_kept(store: Store, condition: Callable[[list[Notice]], bool]) -> None:
    async with asyncio.timeout(8):
        while not condition(await notices(store)):
            await asyncio.sleep(0.02)


async def notices(store: Store) -> list[Notice]:
    return [msgspec.convert(told, Notice) for told in (await store.states(NOTICE)).values() if told]


async def keep(store: Store, one: Incident) -> None:
    await store.put_state(INCIDENT, one.id, msgspec.to_builtins(one), version=one.version)


def recent(number: int = 1, **fields: Any) -> Incident:
    return incident(number, **{"found_at": utc_now(), **fields})


async def test_an_opened_incident_is_sent_once_to_each_channel_and_recorded(case: Case) -> None:
    one, two = MemoryChannel("a"), MemoryChannel("b", "ru", "Europe/Moscow")
    async with running(notifier(case.store, settings("a", "b"), one, two)) as made:
        await made.on_change(incident(evidence=evidence()), "opened")
        await made.on_change(incident(evidence=evidence()), "opened")
        await until(lambda: bool(one.sent and two.sent))
        await asyncio.sleep(0.1)
    assert len(one.sent) == len(two.sent) == 1
    assert one.sent[0].key != two.sent[0].key
    assert "48 negative" in one.sent[0].message.subject
    assert "48 негативных" in two.sent[0].message.subject
    assert one.sent[0].payload["incident"]["id"] == "i1"
    kept = await notices(case.store)
    assert {(each.status, each.attempts, each.answer) for each in kept} == {
        ("delivered", 1, "kept")
    }
    assert all(each.delivered_at for each in kept)


async def test_nobody_is_called_for_what_history_brings_up(case: Case) -> None:
    """Before history came in a replay's incident rings; after, only one of the last day does."""
    channel = MemoryChannel("a")
    async with running(notifier(case.store, settings("a"), channel)) as made:
        await made.on_change(incident(1), "opened")
        await note_past(case.store, "file", utc_now())
        await made.on_change(incident(2), "opened")
        await made.on_change(incident(2), "grown")
        await made.on_change(incident(3, opened_at=utc_now() - timedelta(hours=20)), "opened")
        await until(lambda: len(channel.sent) == 2)
        await note_past(case.store, "file", utc_now() - timedelta(days=8))
        await made.on_change(incident(4), "opened")
        await until(lambda: len(channel.sent) == 3)
    assert [one.payload["incident"]["id"] for one in channel.sent] == ["i1", "i3", "i4"]


async def test_a_failed_try_is_recorded_and_repeated_with_the_same_key(case: Case) -> None:
    channel = MemoryChannel("a")
    channel.failures = [Retriable("no route"), Fatal("401: who are you"), OSError("broken pipe")]
    keys = []
    send = channel.send

    async def noting(delivery: Sent) -> str:
        keys.append(delivery.key)
        return await send(delivery)

    channel.send = noting  # type: ignore[method-assign]
    async with running(notifier(case.store, settings("a"), channel)) as made:
        await made.on_change(incident(), "opened")
        await until(lambda: len(keys) == 4)
        await asyncio.sleep(0.1)
    assert len(set(keys)) == 1
    (kept,) = await notices(case.store)
    assert (kept.status, kept.attempts) == ("delivered", 4)


async def test_a_dead_channel_blocks_nobody_and_is_told_of(case: Case) -> None:
    class Hanging(MemoryChannel):
        async def send(self, delivery: Sent) -> str:
            await asyncio.sleep(3600)
            return "never"

    broken, hanging, fine = MemoryChannel("broken"), Hanging("hanging"), MemoryChannel("fine")
    broken.failures = [Retriable("no route to host")] * 1000
    told = settings("broken", "hanging", "fine")
    async with running(notifier(case.store, told, broken, hanging, fine)) as made:
        for number in range(5):
            await made.on_change(incident(number), "opened")
        await until(lambda: len(fine.sent) == 5)
        alerts: list[AlertState] = []
        while not alerts:
            alerts = await standing(case.store)
            await asyncio.sleep(0.02)
        assert alerts[0].kind == "channel:broken"
        assert "no route to host" in alerts[0].text
        assert "veille alerts test broken" in alerts[0].text
        broken.failures = []
        await until(lambda: len(broken.sent) == 5)
        while alerts:
            alerts = await standing(case.store)
            await asyncio.sleep(0.02)


async def test_a_server_that_asks_for_patience_gets_it(case: Case) -> None:
    clock = Clock(NIGHT)
    channel = MemoryChannel("a")
    channel.failures = [WaitUntil("429", NIGHT + timedelta(minutes=7))]
    async with running(notifier(case.store, settings("a"), channel, now=clock)) as made:
        await made.on_change(incident(), "opened")
        await until(lambda: not channel.failures)
        clock.now += timedelta(minutes=6, seconds=59)
        await asyncio.sleep(0.15)
        assert channel.sent == []
        clock.now += timedelta(seconds=2)
        await until(lambda: bool(channel.sent))


async def test_what_nobody_took_for_a_day_expires(case: Case) -> None:
    clock = Clock(NIGHT)
    channel = MemoryChannel("a")
    channel.failures = [Retriable("down")] * 10_000
    async with running(notifier(case.store, settings("a"), channel, now=clock)) as made:
        await made.on_change(incident(), "opened")
        await asyncio.sleep(0.1)
        clock.now += timedelta(hours=25)
        await until_kept(case.store, lambda kept: kept[0].status == "expired")
    (kept,) = await notices(case.store)
    assert kept.last_error == "down"


async def test_a_message_that_cannot_be_written_is_a_failure_of_its_own(case: Case) -> None:
    channel = MemoryChannel("a")
    bad = incident(1, kind="nonsense")
    async with running(notifier(case.store, settings("a"), channel)) as made:
        await made.on_change(bad, "opened")
        await made.on_change(incident(2), "opened")
        await until(lambda: bool(channel.sent))
    assert channel.sent[0].payload["incident"]["id"] == "i2"


async def test_ends_go_to_those_who_know_the_beginning(case: Case) -> None:
    mail, pager = MemoryChannel("mail"), MemoryChannel("pager")
    routes = [
        {"channels": ["mail"]},
        {"channels": ["pager"], "min_severity": "critical"},
    ]
    async with running(
        notifier(case.store, settings("mail", "pager", routes=routes), mail, pager)
    ) as made:
        await made.on_change(incident(), "opened")
        await made.on_change(incident(version=2), "updated")
        await made.on_change(incident(severity="critical", version=3), "grown")
        await until(lambda: len(mail.sent) == 2 and len(pager.sent) == 1)
        await made.on_change(incident(2, topic="x", version=1), "resolved")
        over = incident(status="resolved", resolved_at=incident().until, version=4)
        await made.on_change(over, "resolved")
        await until(lambda: len(mail.sent) == 3 and len(pager.sent) == 2)
        await asyncio.sleep(0.1)
    assert [each.event for each in mail.sent] == ["opened", "grown", "resolved"]
    assert [each.event for each in pager.sent] == ["grown", "resolved"]


async def test_what_turned_out_false_before_it_was_sent_is_not_sent(case: Case) -> None:
    channel = MemoryChannel("a")
    clock = Clock(NIGHT)
    made = notifier(case.store, settings("a", quiet_hours=QUIET), channel, now=clock)
    await made.on_change(incident(found_at=NIGHT), "opened")
    await made.on_change(incident(found_at=NIGHT, status="withdrawn", version=2), "withdrawn")
    clock.now += timedelta(hours=6)
    async with running(made):
        await asyncio.sleep(0.2)
    assert channel.sent == []
    assert [each.status for each in await notices(case.store)] == ["dropped"]


async def test_an_opening_is_told_once_whatever_its_version_unless_taken_back(case: Case) -> None:
    channel = MemoryChannel("a")
    async with running(notifier(case.store, settings("a"), channel)) as made:
        await made.on_change(incident(version=1), "opened")
        await made.on_change(incident(version=2), "opened")
        await until(lambda: len(channel.sent) == 1)
        await made.on_change(incident(version=3, status="withdrawn"), "withdrawn")
        await made.on_change(incident(version=4), "opened")
        await until(lambda: len(channel.sent) == 3)
    assert [each.event for each in channel.sent] == ["opened", "withdrawn", "opened"]


async def test_the_night_comes_as_one_message_in_the_morning(case: Case) -> None:
    clock = Clock(NIGHT)
    channel = MemoryChannel("a")
    told = settings("a", quiet_hours=QUIET)
    async with running(notifier(case.store, told, channel, now=clock)) as made:
        for number in range(3):
            await made.on_change(incident(number), "opened")
        await made.on_change(incident(9, severity="critical"), "opened")
        await until(lambda: len(channel.sent) == 1)
        assert channel.sent[0].payload["incident"]["id"] == "i9", "critical does not wait"
        await made.on_change(incident(1, status="resolved", version=2), "resolved")
        clock.now = datetime.fromisoformat("2026-03-11T06:59:00+00:00")
        await asyncio.sleep(0.1)
        assert len(channel.sent) == 1
        clock.now += timedelta(minutes=2)
        await until(lambda: len(channel.sent) == 2)
        await asyncio.sleep(0.1)
    morning = channel.sent[1]
    assert morning.event == "digest"
    assert "While it was quiet: 3 incidents" in morning.message.text
    assert sorted(each["id"] for each in morning.payload["incidents"]) == ["i0", "i1", "i2"]
    assert "over" in morning.message.text, "as it was last told"
    assert {each.status for each in await notices(case.store)} == {"delivered"}


async def test_one_that_waited_comes_as_itself(case: Case) -> None:
    clock = Clock(NIGHT)
    channel = MemoryChannel("a")
    told = settings("a", quiet_hours=QUIET)
    async with running(notifier(case.store, told, channel, now=clock)) as made:
        await made.on_change(incident(), "opened")
        clock.now += timedelta(hours=6)
        await until(lambda: bool(channel.sent))
    assert channel.sent[0].event == "opened"


STEPS = [{"after_minutes": 15, "channels": ["boss"], "min_severity": "high"}]


async def test_what_nobody_acknowledges_is_escalated_once(case: Case) -> None:
    clock = Clock(NIGHT)
    ops, boss = MemoryChannel("ops"), MemoryChannel("boss")
    told = settings("ops", "boss", routes=[{"channels": ["ops"]}], escalation=STEPS)
    await keep(case.store, incident(1))
    await keep(case.store, incident(2, status="acknowledged", version=2))
    async with running(notifier(case.store, told, ops, boss, now=clock)) as made:
        await made.on_change(incident(1), "opened")
        await made.on_change(incident(2), "opened")
        await until(lambda: len(ops.sent) == 2)
        clock.now += timedelta(minutes=14)
        await asyncio.sleep(0.15)
        assert boss.sent == []
        clock.now += timedelta(minutes=2)
        await until(lambda: bool(boss.sent))
        await asyncio.sleep(0.15)
    assert len(boss.sent) == 1
    assert boss.sent[0].event == "escalated"
    assert "Nobody has acknowledged it for 15\u00a0min." in boss.sent[0].message.text
    again = notifier(case.store, told, ops, boss, now=clock)
    async with running(again):
        await asyncio.sleep(0.15)
    assert len(boss.sent) == 1, "nor by the next process"


async def test_it_escalates_again_when_it_opens_again_and_not_when_it_grows(case: Case) -> None:
    clock = Clock(NIGHT)
    ops, boss = MemoryChannel("ops"), MemoryChannel("boss")
    told = settings("ops", "boss", routes=[{"channels": ["ops"]}], escalation=STEPS)
    async with running(notifier(case.store, told, ops, boss, now=clock)) as made:
        for version, event in ((1, "opened"), (2, "grown"), (3, "reopened")):
            one = incident(version=version, severity="critical" if version == 2 else "high")
            await keep(case.store, one)
            await made.on_change(one, event)
            await until(lambda: len(ops.sent) == version)  # noqa: B023 # awaited at once
            clock.now += timedelta(minutes=20)
            await until(lambda: len(boss.sent) == (version + 1) // 2)  # noqa: B023 # as above
            await asyncio.sleep(0.15)
    assert [each.event for each in boss.sent] == ["escalated", "escalated"]


async def test_only_the_one_that_holds_the_lease_delivers(case: Case) -> None:
    holder = "one"
    first, second = MemoryChannel("a"), MemoryChannel("a")
    told = settings("a")
    fields: dict[str, Any] = {"look_seconds": 0.03}
    one = Notifier(case.store, told, [first], holds=lambda: holder == "one", **fields)
    two = Notifier(case.store, told, [second], holds=lambda: holder == "two", **fields)
    async with running(one), running(two):
        await one.on_change(incident(1), "opened")
        await until(lambda: len(first.sent) == 1)
        await until_kept(case.store, lambda kept: kept[0].status == "delivered")
        await asyncio.sleep(0.1)
        holder = "two"
        await asyncio.sleep(0.2)
        await two.on_change(incident(1), "opened")
        await two.on_change(incident(2), "opened")
        await until(lambda: len(second.sent) == 1)
        await asyncio.sleep(0.1)
    assert len(first.sent) == 1
    assert [each.payload["incident"]["id"] for each in second.sent] == ["i2"]


async def test_states_that_cannot_be_read_stop_nothing(case: Case) -> None:
    await case.store.put_state(NOTICE, "x", {"key": 7})
    await case.store.put_state(INCIDENT, "y", {"id": []})
    channel = MemoryChannel("a")
    async with running(notifier(case.store, settings("a"), channel)) as made:
        await made.on_change(incident(), "opened")
        await until(lambda: bool(channel.sent))


async def test_a_digest_comes_by_schedule_and_once(case: Case) -> None:
    clock = Clock(datetime.fromisoformat("2026-03-10T07:59:00+00:00"))
    channel = MemoryChannel("mail", "fr", "Europe/Paris")
    told = settings("mail", digest=[{"every": "day", "at": "08:00", "channels": ["mail"]}])
    day_before = datetime.fromisoformat("2026-03-09T12:00:00+00:00")
    await keep(case.store, incident(began_at=day_before, found_at=day_before - timedelta(days=1)))
    async with running(notifier(case.store, told, channel, now=clock)):
        await asyncio.sleep(0.1)
        assert channel.sent == []
        clock.now += timedelta(minutes=2)
        await until(lambda: bool(channel.sent))
    async with running(notifier(case.store, told, channel, now=clock)):
        await asyncio.sleep(0.1)
    assert len(channel.sent) == 1
    assert "La journée dans Veille" in channel.sent[0].message.subject
    assert "1 incident" in channel.sent[0].message.subject


async def test_old_notices_are_forgotten(case: Case) -> None:
    clock = Clock(NIGHT)
    channel = MemoryChannel("a")
    async with running(notifier(case.store, settings("a"), channel, now=clock)) as made:
        await made.on_change(incident(), "opened")
        await until(lambda: bool(channel.sent))
        clock.now += KEPT + timedelta(hours=1)
        await until_kept(case.store, lambda kept: not kept)


async def test_an_incident_stored_before_its_notice_is_caught_up_with(case: Case) -> None:
    await keep(case.store, recent())
    await keep(case.store, recent(2, found_at=utc_now() - timedelta(days=3)))
    channel = MemoryChannel("a")
    for _ in range(2):
        async with running(notifier(case.store, settings("a"), channel)):
            await until(lambda: bool(channel.sent))
            await asyncio.sleep(0.1)
    assert [each.payload["incident"]["id"] for each in channel.sent] == ["i1"]


async def killed(folder: Path, port: int, *, noticed: bool) -> None:
    """A process that stores an incident, perhaps its notice, and is killed before it is told."""
    program = f"""
import asyncio, msgspec
from pathlib import Path
from connectors.post import utc_now
from streams.alerts.notifier import Notifier
from streams.alerts.past import note_past
from streams.channels.webhook import Webhook
from streams.store.sqlite import SqliteStore
from tests.support.alerts import incident, settings

async def main():
    store = SqliteStore(Path({str(folder / "kill.sqlite3")!r}))
    await store.open()
    one = incident(found_at=utc_now())
    hook = Webhook("hook", "http://127.0.0.1:{port}/hook", "s" * 20,
                   allow_hosts=frozenset({{"127.0.0.1"}}))
    made = Notifier(store, settings("hook"), [hook], look_seconds=0.05)
    await store.put_state("incident", one.id, msgspec.to_builtins(one), version=1)
    if {noticed}:
        await made.on_change(one, "opened")
        asyncio.create_task(made.run())
    await asyncio.sleep(1)
    print("stored", flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"stored\n"
    process.send_signal(signal.SIGKILL)
    await process.wait()


@pytest.mark.parametrize("noticed", [True, False], ids=["noticed", "not even noticed"])
async def test_kill_between_detection_and_delivery(tmp_path: Path, noticed: bool) -> None:
    from streams.store.sqlite import SqliteStore

    async with hook_server() as silent:
        silent.answers = [60.0, 60.0]  # takes it, and never says so
        await killed(tmp_path, silent.port, noticed=noticed)
        tried = [each.headers["idempotency-key"] for each in silent.posted]
    store = SqliteStore(tmp_path / "kill.sqlite3")
    await store.open()
    try:
        async with hook_server() as server:
            allowed = frozenset({"127.0.0.1"})
            hook = Webhook("hook", server.url, "s" * 20, allow_hosts=allowed)
            async with running(notifier(store, settings("hook"), hook)):
                await until(lambda: bool(server.posted))
                await asyncio.sleep(0.3)
        assert len(await store.states(INCIDENT)) == 1
        assert len(server.posted) == 1
        assert len(tried) == (1 if noticed else 0)
        keys = {server.posted[0].headers["idempotency-key"], *tried}
        assert len(keys) == 1, "a repeat is known by its key"
        (kept,) = await notices(store)
        assert kept.status == "delivered"
    finally:
        await store.close()


@pytest.mark.parametrize("language", ["en", "fr", "ru"])
async def test_every_event_can_be_written(case: Case, language: Language) -> None:
    channel = MemoryChannel("a", language)
    async with running(notifier(case.store, settings("a"), channel)) as made:
        for version, event in enumerate(("opened", "grown", "reopened", "resolved"), 1):
            await made.on_change(incident(version=version), event)
        await until(lambda: len(channel.sent) == 4)
    assert len({each.message.subject for each in channel.sent}) == 4
