"""The runner: errors by class, cursors after receipts, one source never stops another."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from connectors.base import Connector, Context, Cursor, Gap, Spec, Step
from connectors.errors import BadSettings, Fatal, Retriable, SkipItem, WaitUntil
from connectors.letters import DeadLetter
from connectors.outbox import MAX_OUTSTANDING, MAX_POSTS
from connectors.post import Post
from connectors.publish import MemoryCursors, MemorySink, Sink
from connectors.runner import LONGEST_BACK_OFF, Outside, Runner
from connectors.state import SourceState

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Script = Callable[[Cursor], AsyncIterator[Step]]


@dataclasses.dataclass(frozen=True)
class Source:
    id: str
    connector: str = ""
    enabled: bool = True
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


def post(number: int, text: str = "x") -> Post:
    return Post(id=f"t:{number}", source="t", created_at=NOW, collected_at=NOW, text=text)


def scripted(script: Script, poll_seconds: float = 60.0) -> type[Connector]:
    """A connector that does what `script` says."""

    class Scripted:
        spec: ClassVar[Spec] = Spec("scripted", "", "", "", "", poll_seconds=poll_seconds)

        def __init__(self, context: Context) -> None:
            self.context = context

        def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
            return script(cursor)

    return Scripted


class Sleeper:
    """Rests in no time, notes how long they were, and stops the run after some of them."""

    def __init__(self, stop: asyncio.Event, rests: int) -> None:
        self.seconds: list[float] = []
        self._stop, self._rests = stop, rests

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) >= self._rests:
            self._stop.set()
        await asyncio.sleep(0)


class Run:
    """One run with everything in reach."""

    def __init__(
        self, scripts: dict[str, Script], *, rests: int = 1, poll: float = 60.0, **more: Any
    ) -> None:
        self.stop = asyncio.Event()
        self.sleeper = Sleeper(self.stop, rests)
        self.sink: Sink = more.pop("sink", None) or MemorySink()
        self.cursors = MemoryCursors()
        self.seen: list[SourceState] = []
        options = more.pop("options", {})
        classes = {name: scripted(script, poll) for name, script in scripts.items()}
        self.contexts: dict[str, Context] = {}

        def build(name: str, context: Context) -> Connector:
            self.contexts[name] = context
            if name not in classes:
                raise BadSettings(f"unknown source '{name}'")
            return classes[name](context)

        outside = Outside(
            build=build,
            clock=lambda: NOW,
            sleep=self.sleeper,
            random=lambda: 0.5,
            flush_seconds=0.01,
            grace_seconds=more.pop("grace", 1.0),
        )
        sources = more.pop("sources", None) or [Source(n, n, options=options) for n in scripts]
        self.runner = Runner(
            sources, self.sink, self.cursors, on_state=self.seen.append, outside=outside
        )

    async def go(self) -> dict[str, SourceState]:
        await asyncio.wait_for(self.runner.run(self.stop), 20)
        return self.runner.states


def steps(items: Iterable[Step | Exception]) -> Script:
    async def script(_: Cursor) -> AsyncIterator[Step]:
        for item in items:
            if isinstance(item, Exception):
                raise item
            yield item

    return script


async def test_a_pass_arrives_whole_and_its_cursor_is_kept() -> None:
    run = Run({"a": steps([Step(post=post(n), cursor=n) for n in range(1200)])})
    states = await run.go()
    assert isinstance(run.sink, MemorySink)
    assert [p.id for p in run.sink.posts] == [f"t:{n}" for n in range(1200)]
    assert run.cursors.cursors == {"a": 1199}
    assert states["a"].posts == 1200
    assert states["a"].last_pass_at == NOW


async def test_the_next_pass_begins_at_the_cursor() -> None:
    begun: list[Cursor] = []

    async def script(cursor: Cursor) -> AsyncIterator[Step]:
        begun.append(cursor)
        yield Step(post=post(1), cursor={"at": len(begun)})

    await Run({"a": script}, rests=3).go()
    assert begun == [None, {"at": 1}, {"at": 2}]


async def test_rests_as_long_as_the_connector_or_its_source_says() -> None:
    run = Run({"a": steps([])}, rests=2)
    await run.go()
    assert run.sleeper.seconds == [60.0, 60.0]
    run = Run({"a": steps([])}, options={"poll_seconds": 7, "other": 1})
    await run.go()
    assert run.sleeper.seconds == [7.0]
    assert run.contexts["a"].options == {"other": 1}
    assert any(s.state == "waiting" and s.until == NOW + timedelta(seconds=7) for s in run.seen)


async def test_back_off_doubles_up_to_its_bound_and_shows_why() -> None:
    run = Run({"a": steps([Retriable("the door is shut")])}, rests=12)
    states = await run.go()
    assert run.sleeper.seconds[:3] == [1.5, 2.5, 4.5]
    assert max(run.sleeper.seconds) <= LONGEST_BACK_OFF
    assert states["a"].errors == 12
    assert any(s.state == "failing" and s.reason == "the door is shut" for s in run.seen)


async def test_back_off_starts_anew_after_a_success() -> None:
    outcomes = iter([Retriable("1"), Retriable("2"), None, Retriable("3"), None])

    async def script(_: Cursor) -> AsyncIterator[Step]:
        outcome = next(outcomes)
        if outcome is not None:
            raise outcome
        yield Step(post=post(1))

    run = Run({"a": script}, rests=4)
    await run.go()
    assert run.sleeper.seconds == [1.5, 2.5, 60.0, 1.5]


async def test_waits_until_the_moment_asked_for() -> None:
    run = Run({"a": steps([WaitUntil("quota is spent", NOW + timedelta(seconds=90))])})
    states = await run.go()
    assert run.sleeper.seconds == [91.0]
    assert states["a"].errors == 0
    assert any(s.state == "waiting" and s.reason == "quota is spent" for s in run.seen)


async def test_a_wait_for_years_is_a_day() -> None:
    moment = datetime(9999, 1, 1, tzinfo=UTC)
    run = Run({"a": steps([WaitUntil("come back later", moment)])})
    await run.go()
    assert run.sleeper.seconds == [86_401.0]


async def test_items_that_cannot_be_read_are_dead_letters() -> None:
    bad = SkipItem("no date", place="feed:3", raw=b"<item/>")
    run = Run({"a": steps([Step(post=post(1)), Step(dead=bad), Step(post=post(2)), bad])})
    states = await run.go()
    assert isinstance(run.sink, MemorySink)
    assert [p.id for p in run.sink.posts] == ["t:1", "t:2"]
    first, second = run.sink.dead
    assert (first.stage, first.reason, first.place) == ("collect", "no date", "feed:3")
    assert (first.raw, first.source, first.at) == (b"<item/>", "a", NOW)
    assert first.id == second.id
    assert states["a"].dead == 2
    assert states["a"].errors == 0


async def test_a_fatal_source_stops_and_says_why_after_what_it_gave_is_safe() -> None:
    run = Run({"a": steps([Step(post=post(1), cursor=1), Fatal("the token is refused")])})
    states = await run.go()
    assert (states["a"].state, states["a"].reason) == ("failing", "the token is refused")
    assert states["a"].until is None
    assert run.cursors.cursors == {"a": 1}
    assert run.sleeper.seconds == []


async def test_one_failing_source_never_stops_another(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_: Cursor) -> AsyncIterator[Step]:
        raise ZeroDivisionError("a secret")
        yield

    run = Run({"bad": broken, "good": steps([Step(post=post(1))])}, rests=6)
    states = await run.go()
    assert states["good"].posts >= 1
    assert states["bad"].errors >= 1
    assert "ZeroDivisionError" in states["bad"].reason
    assert "a secret" not in states["bad"].reason
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("options", [{"poll_seconds": "soon"}, {"poll_seconds": -1}])
async def test_bad_settings_fail_that_source_alone(options: dict[str, Any]) -> None:
    sources = [Source("x", "nope"), Source("y", "a", options=options), Source("z", "a")]
    run = Run({"a": steps([Step(post=post(1))])}, sources=sources)
    states = await run.go()
    assert states["x"].state == "failing"
    assert "unknown source 'nope'" in states["x"].reason
    assert "poll_seconds" in states["y"].reason
    assert states["z"].posts == 1


async def test_disabled_and_done_sources() -> None:
    sources = [Source("off", "a", enabled=False), Source("once", "a")]
    run = Run({"a": steps([Step(post=post(1))])}, sources=sources, poll=float("inf"))
    states = await run.go()
    assert states["off"].state == "disabled"
    assert states["off"].posts == 0
    assert states["once"].state == "done"
    assert not run.stop.is_set()


async def test_the_latest_gaps_are_shown() -> None:
    gaps = [Gap(since=f"{n}", until=f"{n + 1}", reason="too late") for n in range(9)]
    run = Run({"a": steps([Step(gap=gap) for gap in gaps])})
    states = await run.go()
    assert states["a"].gaps == gaps[-5:]


class Receipts:
    """A sink whose receipts the test resolves."""

    def __init__(self, limit: int = 1000) -> None:
        self.batches: list[list[Post]] = []
        self.futures: list[asyncio.Future[None]] = []
        self.grown = asyncio.Event()

    async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> Awaitable[None]:
        self.batches.append([*posts])
        self.futures.append(asyncio.get_running_loop().create_future())
        self.grown.set()
        return self.futures[-1]

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.futures) < count:
                self.grown.clear()
                await self.grown.wait()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_cursor_waits_for_all_earlier_receipts() -> None:
    sink = Receipts()
    run = Run({"a": steps([Step(post=post(n), cursor=n) for n in range(1500)])}, sink=sink)
    going = asyncio.create_task(run.go())
    await sink.wait_for(3)
    sink.futures[1].set_result(None)
    sink.futures[2].set_result(None)
    await asyncio.sleep(0.05)
    assert run.cursors.cursors == {}
    sink.futures[0].set_result(None)
    await going
    assert run.cursors.cursors == {"a": 1499}


async def test_a_failed_receipt_sends_the_source_back_to_its_saved_cursor() -> None:
    sink = Receipts()
    begun: list[Cursor] = []

    async def script(cursor: Cursor) -> AsyncIterator[Step]:
        begun.append(cursor)
        for number in range(cursor or 0, 1500):
            yield Step(post=post(number), cursor=number + 1)

    run = Run({"a": script}, sink=sink, rests=2)
    going = asyncio.create_task(run.go())
    await sink.wait_for(3)
    sink.futures[0].set_result(None)
    sink.futures[2].set_result(None)
    sink.futures[1].set_exception(Retriable("not acknowledged"))
    await sink.wait_for(5)
    assert run.cursors.cursors == {"a": 500}
    for future in sink.futures[3:]:
        future.set_result(None)
    states = await going
    assert begun == [None, 500]
    assert [p.id for p in sink.batches[3]] == [p.id for p in sink.batches[1]]
    assert run.cursors.cursors == {"a": 1500}
    assert states["a"].errors == 1


async def test_a_failed_receipt_ends_even_a_silent_stream() -> None:
    sink = Receipts()

    async def script(_: Cursor) -> AsyncIterator[Step]:
        yield Step(post=post(1), cursor=1)
        await asyncio.Event().wait()

    run = Run({"a": script}, sink=sink)
    going = asyncio.create_task(run.go())
    await sink.wait_for(1)
    sink.futures[0].set_exception(Retriable("not acknowledged"))
    states = await going
    assert run.cursors.cursors == {}
    assert states["a"].errors == 1


async def test_a_failed_receipt_ends_a_stream_whose_outbox_is_full() -> None:
    """The last post waits for room in the queue, and holds the lock of sending, when it breaks."""
    sink = Receipts()
    begun: list[Cursor] = []

    async def script(cursor: Cursor) -> AsyncIterator[Step]:
        begun.append(cursor)
        for number in range(MAX_POSTS * (MAX_OUTSTANDING + 1) + 1):
            yield Step(post=post(number), cursor=number + 1)
        await asyncio.Event().wait()

    run = Run({"a": script}, sink=sink, rests=2, grace=0.2)
    going = asyncio.create_task(run.go())
    await sink.wait_for(MAX_OUTSTANDING + 2)
    sink.futures[0].set_exception(Retriable("dropped"))
    await until(lambda: len(begun) == 2)
    run.stop.set()
    await going
    assert begun == [None, None]
    assert run.runner.states["a"].errors == 1


async def test_outstanding_batches_are_bounded() -> None:
    sink = Receipts()
    run = Run({"a": steps([Step(post=post(n)) for n in range(20_000)])}, sink=sink, grace=0.2)
    going = asyncio.create_task(run.go())
    await sink.wait_for(8)
    await asyncio.sleep(0.1)
    assert len(sink.batches) <= 11
    run.stop.set()
    await going


async def test_batches_are_bounded_in_bytes() -> None:
    sink = Receipts()
    run = Run({"a": steps([Step(post=post(n, "x" * 60_000)) for n in range(40)])}, sink=sink)
    going = asyncio.create_task(run.go())
    await sink.wait_for(3)
    assert max(len(batch) for batch in sink.batches) <= 17
    for future in sink.futures:
        future.set_result(None)
    await going


async def test_a_stop_flushes_and_saves_what_was_read() -> None:
    sink = MemorySink()

    async def script(_: Cursor) -> AsyncIterator[Step]:
        yield Step(post=post(1), cursor=1)
        yield Step(post=post(2), cursor=2)
        run.stop.set()
        await asyncio.Event().wait()

    run = Run({"a": script}, sink=sink)
    states = await run.go()
    assert [p.id for p in sink.posts] == ["t:1", "t:2"]
    assert run.cursors.cursors == {"a": 2}
    assert states["a"].state == "stopped"


async def test_a_stop_is_bounded_when_receipts_never_come() -> None:
    sink = Receipts()
    run = Run({"a": steps([Step(post=post(1), cursor=1)])}, sink=sink, grace=0.1)
    going = asyncio.create_task(run.go())
    await sink.wait_for(1)
    run.stop.set()
    states = await asyncio.wait_for(going, 5)
    assert run.cursors.cursors == {}
    assert states["a"].state == "stopped"


async def test_a_sink_that_is_away_is_a_passing_fault() -> None:
    class Away:
        async def put(self, posts: Sequence[Post], dead: Sequence[DeadLetter]) -> Awaitable[None]:
            raise Retriable("the broker does not answer")

    run = Run({"a": steps([Step(post=post(1), cursor=1)])}, sink=Away())
    states = await run.go()
    assert run.cursors.cursors == {}
    assert any(s.reason == "the broker does not answer" for s in run.seen)
    assert states["a"].errors == 1


async def test_notes_of_a_connector_are_shown() -> None:
    async def script(_: Cursor) -> AsyncIterator[Step]:
        run.contexts["a"].on_note("catching up since Monday")
        yield Step(post=post(1))

    run = Run({"a": script})
    await run.go()
    assert any(s.reason == "catching up since Monday" for s in run.seen)
