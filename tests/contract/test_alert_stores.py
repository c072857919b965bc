"""Evidence and the outbox are the same on both stores."""

import asyncio
from datetime import timedelta

import msgspec

from connectors.post import Author
from streams.alerts.channel import MemoryChannel
from streams.alerts.evidence import evidence
from streams.alerts.notices import NOTICE, Notice, Outbox
from streams.alerts.notifier import Notifier
from streams.store.port import Store
from tests.support.alerts import evidence as why_not
from tests.support.alerts import incident, settings
from tests.support.mentions import Case, mention


async def test_evidence(case: Case) -> None:
    began = incident().began_at
    texts = ["login page shows error 500", "error 500 at login", "again error 500, login is down"]
    now = [
        mention(
            n,
            tone="neg",
            created=began + timedelta(minutes=n),
            author=Author(id=str(n), handle=f"h{n}", followers=n),
            post={"text": f"{texts[n % 3]} {n}", "hashtags": ["Outage"]},
            country="FR",
        )
        for n in range(30)
    ]
    past = [
        mention(
            100 + n,
            created=began - timedelta(hours=n + 1),
            author=Author(id=str(n % 15), handle=f"h{n % 15}"),
            post={"text": f"calm and sunny {n}"},
        )
        for n in range(60)
    ]
    await case.store.write(now + past)
    found = await evidence(await case.seen(), incident())
    assert found.authors == 30
    assert found.new_authors == 15
    assert found.sources == [("test", 30)]
    assert found.countries == [("FR", 30)]
    assert "#outage" in {term.text for term in found.terms}
    assert {"error", "login"} & {word for term in found.terms for word in term.text.split()}
    assert found.posts
    assert found.first is not None


async def test_the_outbox_is_read_back_as_it_was_written(case: Case) -> None:
    store: Store = case.store
    channel = MemoryChannel("a")
    made = Notifier(store, settings("a"), [channel], look_seconds=0.05)
    task = asyncio.create_task(made.run())
    await made.on_change(incident(evidence=why_not()), "opened")
    async with asyncio.timeout(10):
        while not channel.sent:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    outbox = Outbox(store)
    await outbox.load()
    (kept,) = outbox.all()
    assert (kept.status, kept.attempts, kept.version) == ("delivered", 1, 2)
    assert kept.incident_id == "i1"
    late = msgspec.structs.replace(kept, status="waiting", version=1)
    await store.put_state(NOTICE, kept.key, msgspec.to_builtins(late), version=1)
    (told,) = (await store.states(NOTICE)).values()
    assert msgspec.convert(told, Notice).status == "delivered", "an old version undoes nothing"
