"""The watch over a store: what is told, once, whatever is killed. On both stores."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from connectors.post import Author, Post, utc_now
from streams.alerts import acts, book
from streams.alerts import watch as watching
from streams.alerts.incidents import Event
from streams.alerts.lease import Lease, judged_through
from streams.alerts.records import Evidence, Incident
from streams.alerts.touched import Touched
from streams.alerts.watch import AlertWatch
from streams.criteria.topics import Topic
from streams.pipeline import story_of
from streams.records import Mention, Retraction, Sentiment, SentimentLabel, mention_id
from streams.settings import Alerts
from tests.support.crisis import counts, posts
from tests.support.mentions import Case

TOPICS = {"brand": Topic(id="brand", query="acmeron")}
CRISIS = (4.5, 1.0, 10.0)


class Told:
    """What was published and handed on; `broken` fails as a worker that is killed there."""

    def __init__(self) -> None:
        self.published: list[Incident] = []
        self.handed: list[tuple[str, Event]] = []
        self.broken = False

    async def publish(self, some: Sequence[Incident]) -> None:
        if self.broken:
            raise RuntimeError("killed")
        self.published += some

    async def on_change(self, incident: Incident, event: Event) -> None:
        self.handed.append((incident.id, event))


class Installation:
    """A store with what a worker notes of it."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.touched = Touched()
        self.told = Told()
        self.topics = TOPICS

    def watch(self, holder: str = "one", **options: object) -> AlertWatch:
        return AlertWatch(
            self.case.store,
            Alerts(),
            lambda: self.topics,
            self.touched,
            holder=holder,
            publish=self.told.publish,
            on_change=self.told.on_change,
            **options,  # type: ignore[arg-type]
        )

    async def write(self, some: Sequence[Mention | Retraction]) -> None:
        for start in range(0, len(some), 1000):
            await self.case.store.write(some[start : start + 1000])
        self.touched.note(some)
        await self.case.seen()


@pytest.fixture
def home(case: Case, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(watching, "CATCH_UP_SECONDS", 2.0)
    return Installation(case)


def mentions(crisis: tuple[float, float, float] | None = CRISIS) -> list[Mention]:
    made = posts(counts(days=5, rate=2, crisis=crisis))
    return [_mention(post) for post in made]


def _mention(post: Post, topic: str = "brand") -> Mention:
    tone: SentimentLabel = "neu"
    if "awful" in post.text:
        tone = "neg"
    elif "lovely" in post.text:
        tone = "pos"
    return Mention(
        id=mention_id(topic, post.id),
        topic=topic,
        post=post,
        lang="en",
        sentiment=Sentiment(label=tone),
        processed_at=post.created_at,
        version=1,
        story=story_of(post.text),
    )


def calm() -> list[Mention]:
    """Five days, up to now, without anything negative that could ring by chance."""
    made = posts(counts(days=5, rate=2, share=0))
    return now_ending([_mention(post) for post in made], timedelta(seconds=5))


def now_ending(some: Sequence[Mention], back: timedelta) -> list[Mention]:
    """The same posts, the last of them so long ago."""
    shift = utc_now() - back - max(one.post.created_at for one in some)
    return [
        replace(one, post=replace(one.post, created_at=one.post.created_at + shift)) for one in some
    ]


async def stored(case: Case) -> list[Incident]:
    return await book.incidents(await case.seen())


async def test_a_crisis_is_stored_published_and_handed_on_once(home: Installation) -> None:
    await home.write(mentions())
    watch = home.watch()
    for _ in range(3):
        await watch.round()
    (found,) = await stored(home.case)
    assert found.kind == "negative-spike"
    assert home.told.published == [found]
    assert home.told.handed == [(found.id, "opened")]
    assert await judged_through(home.case.store) > utc_now() - timedelta(seconds=20)


async def test_killed_between_detection_and_delivery(home: Installation) -> None:
    await home.write(mentions())
    home.told.broken = True
    with pytest.raises(RuntimeError):
        await home.watch().round()
    assert len(await stored(home.case)) == 1
    home.told.broken, home.touched = False, Touched()
    watch = home.watch()
    await watch.round()
    await watch.round()
    (found,) = await stored(home.case)
    assert home.told.handed == [(found.id, "opened")]
    assert [one.id for one in home.told.published] == [found.id]


async def _until_it_fails(watch: AlertWatch) -> AsyncIterator[None]:
    for _ in range(3):
        await watch.round()
    yield


async def test_nothing_counts_as_judged_before_what_was_found_at_the_start_is(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.write(mentions(crisis=None))
    await home.watch().round()
    await home.write(mentions())
    home.touched = Touched()  # what was noted is gone with the worker
    written = utc_now()
    await asyncio.sleep(1.5)  # another one takes a while to begin
    monkeypatch.setattr(watching, "AGAIN_SECONDS", 0.5)
    watch = home.watch()
    judged = None
    while judged is None:
        await watch.round()
        if await judged_through(home.case.store) >= written:
            judged = [one.kind for one in await stored(home.case)]
    assert judged == ["negative-spike"]


@pytest.mark.parametrize("before", [0, 1])
async def test_killed_between_two_incidents_of_one_look(home: Installation, before: int) -> None:
    """The second one is found again, however much was judged before."""
    rules = ["negative >= 12 in 15m"]
    home.topics = {"brand": replace(home.topics["brand"], rules=rules)}
    asked = 0

    async def explain(incident: Incident) -> Evidence:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise RuntimeError("killed")
        return Evidence()

    some = mentions()
    if before:
        await home.write(some[: len(some) // 3])
        first = home.watch(explain=explain)
        await first.round()
        await first.round()
    else:
        first = home.watch(explain=explain)
    await home.write(some)
    with pytest.raises(RuntimeError):
        await anext(_until_it_fails(first))
    assert len(await stored(home.case)) == 1
    home.touched = Touched()
    watch = home.watch()
    for _ in range(3):
        await watch.round()
    assert {one.kind for one in await stored(home.case)} == {"negative-spike", "rule"}


@pytest.mark.parametrize("rounds", [1, 4])
async def test_killed_before_detection(home: Installation, rounds: int) -> None:
    some = mentions()
    half = len(some) // 2
    await home.write(some[:half])
    watch = home.watch()
    for _ in range(rounds):
        await watch.round()
    await home.write(some[half:])
    home.touched = Touched()  # what was noted is gone with the worker
    watch = home.watch()
    await watch.round()
    if home.case.client is not None:
        await asyncio.sleep(2.5)  # until a search engine's feed shows what was just written
        await watch.round()
    assert len(await stored(home.case)) == 1


async def test_posts_in_any_order_and_again(home: Installation) -> None:
    some = mentions()
    watch = home.watch()
    for n in (2, 0, 3, 1):
        await home.write(some[n::4])
        await watch.round()
    await home.write(some)
    await watch.round()
    live = [one for one in await stored(home.case) if one.status != "withdrawn"]
    assert len(live) == 1
    other = Installation(home.case)
    fresh = await _fresh(home.case, other)
    assert len(fresh) == 1
    assert (fresh[0].opened_at, fresh[0].observed) == (live[0].opened_at, live[0].observed)


async def _fresh(case: Case, other: Installation) -> list[Incident]:
    await case.store.put_state("lease", "alerts", {})
    await other.watch("two").round()
    return [one for one in await stored(case) if one.status != "withdrawn"]


async def test_retractions_withdraw(home: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "REFRESH_SECONDS", 0.0)
    some = mentions()
    await home.write(some)
    watch = home.watch()
    await watch.round()
    (found,) = await stored(home.case)
    gone = [
        Retraction(post_id=one.post.id, version=9)
        for one in some
        if one.post.created_at >= found.began_at and one.sentiment.label == "neg"
    ]
    await home.write(gone)
    await watch.round()
    (after,) = await stored(home.case)
    assert after.status == "withdrawn"
    assert home.told.handed[-1] == (found.id, "withdrawn")


async def test_one_works_and_the_others_pass_on(home: Installation) -> None:
    one, touched = home.watch("one"), Touched()
    await one.round()
    home.touched = touched
    other = home.watch("two")
    await home.write(mentions())
    await other.round()
    assert await stored(home.case) == []
    await home.case.seen()
    await one.round()
    assert len(await stored(home.case)) == 1


async def test_a_lease_is_taken_over_when_its_holder_is_silent(case: Case) -> None:
    now = utc_now()
    first, second = Lease(case.store, "x", "a"), Lease(case.store, "x", "b")
    assert await first.hold(now)
    assert not await second.hold(now)
    assert await second.hold(now + timedelta(seconds=20))
    await first.renew(now + timedelta(seconds=21))
    assert not await first.hold(now + timedelta(seconds=21))
    assert await second.hold(now + timedelta(seconds=21))


async def test_a_watch_that_is_stopped_leaves_its_lease_to_the_next_one(home: Installation) -> None:
    first, second = home.watch("one"), home.watch("two")
    running = asyncio.create_task(first.run())
    async with asyncio.timeout(30):
        while not first.holds:
            await asyncio.sleep(0.02)
    await second.round()
    assert not second.holds
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not first.holds
    await second.round()
    assert second.holds


async def test_what_people_do_is_told_and_kept(home: Installation) -> None:
    await home.write(mentions())
    watch = home.watch()
    await watch.round()
    (found,) = await stored(home.case)
    await book.keep(home.case.store, acts.acknowledged(found, "ada"))
    await home.case.seen()
    await watch.round()
    assert home.told.handed[-1] == (found.id, "handled")
    (after,) = await stored(home.case)
    assert after.acknowledged_by == "ada"


async def test_evidence_comes_with_the_opening(home: Installation) -> None:
    async def explain(incident: Incident) -> Evidence:
        await asyncio.sleep(0)
        return Evidence(authors=int(incident.observed))

    await home.write(mentions())
    await home.watch(explain=explain).round()
    (found,) = await stored(home.case)
    assert found.evidence.authors == found.observed


async def test_live_posts_ring_at_once_and_time_passes_by_the_wall_clock(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WALK_SECONDS", 0.0)
    made = posts(counts(days=4.6, rate=2, seed=3, crisis=(4.5, 3.0, 10.0)))
    some = now_ending([_mention(one) for one in made], timedelta(seconds=5))
    await home.write(some)
    watch = home.watch()
    began = utc_now()
    await watch.round()
    assert utc_now() - began < timedelta(seconds=20)
    (found,) = await stored(home.case)
    assert (found.kind, found.status) == ("negative-spike", "open")
    assert began - timedelta(hours=3) < found.opened_at <= utc_now() + timedelta(minutes=5)
    later = (utc_now() + timedelta(hours=14)).timestamp()
    monkeypatch.setattr(time, "time", lambda: later)
    await watch.round()
    kinds = {one.kind: one.status for one in await stored(home.case)}
    assert kinds == {"negative-spike": "resolved", "silence": "open"}


async def test_the_silence_of_every_topic_that_is_alive_is_noticed_after_a_restart(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WALK_SECONDS", 0.0)
    monkeypatch.setattr(watching, "AT_START", 1)
    home.topics = {name: Topic(id=name, query=name) for name in ("large", "small", "dead")}
    for topic, rate, back in (("large", 4, 0), ("small", 2, 0), ("dead", 3, 15)):
        some = posts(counts(days=4, rate=rate, share=0, seed=rate))
        source = "old" if topic == "dead" else "rss"
        made = [
            _mention(replace(one, id=f"{topic}:{one.id}", source=source), topic) for one in some
        ]
        await home.write(now_ending(made, timedelta(days=back, seconds=5)))
    home.touched = Touched()
    watch = home.watch()
    await watch.round()
    await watch.round()
    assert await stored(home.case) == []
    later = (utc_now() + timedelta(hours=14)).timestamp()
    monkeypatch.setattr(time, "time", lambda: later)
    await watch.round()
    found = [(one.topic, one.kind) for one in await stored(home.case)]
    assert sorted(found) == [("", "silence"), ("large", "silence"), ("small", "silence")]


def from_two_sources() -> list[Mention]:
    """Of the last days, by turns."""
    return [
        replace(one, post=replace(one.post, source=("rss", "forum")[number % 2]))
        for number, one in enumerate(calm())
    ]


async def test_a_source_that_stops_is_told_of_while_its_topics_go_on(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WALK_SECONDS", 0.0)
    some, stop = from_two_sources(), utc_now() - timedelta(hours=14)
    missing = [one for one in some if one.post.source == "rss" and one.post.created_at > stop]
    await home.write([one for one in some if one not in missing])
    await home.watch().round()
    (found,) = await stored(home.case)
    assert (found.topic, found.source, found.kind) == ("", "rss", "silence")
    assert found.status == "open"
    assert found.observed == 0
    assert home.told.handed == [(found.id, "opened")]
    watch = home.watch()  # as after a restart
    await watch.round()
    assert [one.id for one in await stored(home.case)] == [found.id]
    await home.write(missing)
    await watch.round()
    (after,) = [one for one in await stored(home.case) if one.source]
    assert (after.id, after.source, after.status) == (found.id, "rss", "withdrawn")
    assert (found.id, "withdrawn") in home.told.handed


async def test_of_sources_only_what_stops_is_told(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "WALK_SECONDS", 0.0)
    some = from_two_sources()
    flood = [
        replace(one, id=f"{n}-{one.id}", post=replace(one.post, id=f"{n}-{one.post.id}"))
        for one in some
        if one.post.source == "rss" and one.post.created_at > utc_now() - timedelta(hours=2)
        for n in range(60)
    ]
    await home.write([*some, *flood])
    await home.watch().round()
    kinds = {(one.source, one.kind) for one in await stored(home.case)}
    assert kinds
    assert all(not source for source, _ in kinds)


def rumour(topic: str = "brand", *, tellers: int = 12) -> list[Mention]:
    """Negative posts of the last minutes that all say the same, by so many authors."""
    now = utc_now()
    return [
        _mention(
            Post(
                id=f"rumour:{number}",
                source="file",
                created_at=now - timedelta(seconds=10 * number + 5),
                collected_at=now,
                lang="en",
                text="Acmeron is awful, I hate it: its batteries burned a whole house down",
                author=Author(handle=f"teller{number}"),
            ),
            topic,
        )
        for number in range(tellers)
    ]


async def test_a_story_is_told_once_whoever_watches(home: Installation) -> None:
    some = rumour()
    watch = home.watch()
    await home.write(some[:1])
    await watch.round()
    await home.write(some[1:])
    await watch.round()
    (found,) = await stored(home.case)
    assert (found.kind, found.status) == ("story", "open")
    home.touched = Touched()
    watch = home.watch()  # as after a restart
    await watch.round()
    other = replace(some[0].post, id="other", text="Acmeron opens at nine", created_at=utc_now())
    await home.write([_mention(other)])
    await watch.round()
    (after,) = await stored(home.case)
    assert (after.id, after.kind, after.status) == (found.id, "story", "open")
    told = [event for _, event in home.told.handed if event != "updated"]
    assert told == ["opened"]


async def test_who_turns_out_to_have_written_before_is_not_new(home: Installation) -> None:
    before = calm()

    def by_famous(number: int, ago: timedelta, followers: int) -> Mention:
        author = Author(handle="famous", followers=followers)
        when = utc_now() - ago
        return _mention(
            replace(before[0].post, id=f"famous:{number}", author=author, created_at=when)
        )

    watch = home.watch()
    await home.write(before)
    await watch.round()
    await home.write([by_famous(1, timedelta(minutes=20), 5_000_000)])
    await watch.round()
    (found,) = await stored(home.case)
    assert (found.kind, found.author, found.status) == ("new-author", "file:famous", "open")
    await home.write([by_famous(2, timedelta(hours=40), 10)])
    await watch.round()
    after = {one.id: one for one in await stored(home.case)}
    assert after[found.id].status == "withdrawn"
    assert (found.id, "withdrawn") in home.told.handed


@pytest.mark.parametrize("live", [True, False])
async def test_two_topics_told_by_the_same_posts_are_one_incident(
    home: Installation, *, live: bool
) -> None:
    home.topics = {name: Topic(id=name, query="acmeron") for name in ("brand", "rival")}
    made = posts(counts(days=4.6 if live else 5, rate=2, seed=3, crisis=(4.5, 3.0, 10.0)))
    both = [_mention(post, topic) for post in made for topic in home.topics]
    both = now_ending(both, timedelta(seconds=5)) if live else both
    await home.write(both[:-4])
    watch = home.watch()
    await watch.round()
    lead, part = await lead_and_part(home.case)
    assert (part.part_of, part.status) == (lead.id, "resolved")
    assert (lead.merged, lead.status) == ([part.id], "open" if live else "resolved")
    assert home.told.handed == [(lead.id, "opened"), (part.id, "updated")]
    await home.write(both)
    await watch.round()
    home.touched = Touched()
    watch = home.watch()  # as after a restart
    await watch.round()
    await home.write(both)
    await watch.round()
    after = await lead_and_part(home.case)
    assert [one.id for one in after] == [lead.id, part.id]
    assert {event for _, event in home.told.handed[2:]} <= {"updated"}
    told = len(home.told.handed)
    await home.write(both)
    await watch.round()
    assert len(home.told.handed) == told, "what is known is not told again"


async def lead_and_part(case: Case) -> tuple[Incident, Incident]:
    one, other = await stored(case)
    return (other, one) if one.part_of else (one, other)


async def test_a_snooze_ends_and_is_told(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.write([*calm(), *rumour()[:1]])
    watch = home.watch()
    await watch.round()
    await home.write(rumour(tellers=30))
    await watch.round()
    (found,) = await stored(home.case)
    until = utc_now() + timedelta(hours=1)
    await book.keep(home.case.store, acts.snoozed(found, until))
    await home.case.seen()
    await watch.round()
    (asleep,) = await stored(home.case)
    assert (asleep.id, asleep.status) == (found.id, "snoozed")
    later = until + timedelta(seconds=1)
    monkeypatch.setattr(watching, "utc_now", lambda: later)
    await watch.round()
    (awake,) = await stored(home.case)
    assert (awake.id, awake.status, awake.snoozed_until) == (found.id, "open", None)
    told = [event for _, event in home.told.handed if event != "updated"]
    assert told == ["opened", "handled", "reopened"]


async def test_a_post_from_the_future_moves_no_clock(home: Installation) -> None:
    some = mentions()
    odd = replace(some[0], id="odd", post=replace(some[0].post, id="file:odd",
                  created_at=utc_now() + timedelta(days=400)))  # fmt: skip
    await home.write([*some, odd])
    watch = home.watch()
    await watch.round()
    assert len(await stored(home.case)) == 1
