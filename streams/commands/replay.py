"""`veille replay`: recorded posts through the whole way, to the last one, with a summary."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from connectors import file
from connectors.base import Step
from connectors.kafka_sink import KafkaSink
from connectors.outbox import to_letter
from connectors.post import utc_now
from streams.alerts.lease import judged_through
from streams.broker import Topics, ensure_topics, librdkafka_config, running_producer
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    err,
    load_config_topics,
    load_settings,
    out,
    parse_sets,
    print_json,
    run,
)
from streams.commands.up import child_env
from streams.connect import open_sink
from streams.durable import Stored
from streams.errors import ConfigError, VeilleError
from streams.ledger import Ledger
from streams.memory_broker import MemoryBroker
from streams.offsets import Progress as GroupProgress
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Store
from streams.supervisor import Supervisor

PATIENCE_SECONDS: Final = 20.0
"""Without any progress for so long, say that no worker seems to run."""

JUDGED_SECONDS: Final = 120.0


class Summary(msgspec.Struct, kw_only=True):
    """What became of a replay. `read` = `published` + letters of unreadable lines."""

    read: int = 0
    published: int = 0
    matched: int = 0
    mentions: int = 0
    stored: int = 0
    stale: int = 0
    retracted: int = 0
    dead_letters: int = 0
    missed: int = 0
    seconds: float = 0.0
    posts_per_second: float = 0.0


def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSONL or CSV; - is stdin.")],
    *,
    speed: Annotated[
        str, typer.Option(help="max; N posts a second; or Nx: N times as fast as it happened.")
    ] = "max",
    maps: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN: which column is which, e.g. text=body."),
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE of the file connector.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Push recorded posts through connector, broker, agents and store; wait until all is done.

    Embedded it brings its own broker and worker. With a Kafka address set, it uses the workers
    that run there.

    [bold]Example[/bold]: veille replay posts.jsonl --map author.handle=user --speed max
    """
    settings = load_settings(config)
    load_config_topics(config)
    options = file_options(files, maps or [], sets or [])
    pace = Pace.parse(speed)
    child_options = [] if config is None else ["--config", str(config)]
    summary = run(_replay(settings, options, pace, child_options, quiet=as_json))
    if as_json:
        print_json(summary)
    else:
        _show(summary)


def file_options(files: Sequence[Path], maps: Sequence[str], sets: Sequence[str]) -> dict[str, Any]:
    """Options of the file connector. Raises `ConfigError` for a file that can't be read."""
    for path in files:
        if str(path) != "-" and not path.is_file():
            raise ConfigError(f"{path}: no such file. Remedy: check the name, or - for stdin")
    options = {"collected_at": "created", **parse_sets(sets)}
    options["paths"] = [str(path) for path in files]
    if maps:
        columns = dict(part.partition("=")[::2] for part in maps)
        if not all(columns.values()):
            raise ConfigError("--map takes FIELD=COLUMN, for example --map text=body")
        options["columns"] = columns
    return options


class Pace:
    """When the next batch may go: at once, so many posts a second, or as it happened."""

    def __init__(self, per_second: float = 0.0, times: float = 0.0) -> None:
        self._per_second = per_second
        self._times = times
        self._start = time.monotonic()
        self._sent = 0
        self._first: float | None = None

    @property
    def batch(self) -> int:
        """Posts handed over at once: small where a pace is kept."""
        return 2000 if not (self._per_second or self._times) else 20

    @classmethod
    def parse(cls, text: str) -> "Pace":
        """Raises `ConfigError`."""
        number = text.removesuffix("x")
        with contextlib.suppress(ValueError):
            if text == "max":
                return cls()
            if float(number) > 0:
                value = float(number)
                return cls(times=value) if text.endswith("x") else cls(per_second=value)
        raise ConfigError(f"--speed {text!r}: not a pace. Remedy: max, 200 (a second) or 10x")

    async def wait(self, steps: Sequence[Step]) -> None:
        posts = [step.post for step in steps if step.post]
        due = self._start
        if self._per_second:
            due += self._sent / self._per_second
        elif self._times and posts:
            moment = posts[0].created_at.timestamp()
            self._first = moment if self._first is None else self._first
            due += (moment - self._first) / self._times
        self._sent += len(posts)
        if (rest := due - time.monotonic()) > 0:
            await asyncio.sleep(rest)


async def _replay(
    settings: Settings, options: dict[str, Any], pace: Pace, config: list[str], *, quiet: bool
) -> Summary:
    async with (
        opened_store(settings) as store,
        _ready(settings, config) as (running, children),
    ):
        work = asyncio.create_task(_through(running, store, options, pace, quiet=quiet))
        if children is None:
            return await work
        failing = asyncio.create_task(children.failed())
        await asyncio.wait({work, failing}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if work.done():
                return await work
            raise VeilleError("the worker can't run; its message is above")
        finally:
            work.cancel()
            failing.cancel()
            await asyncio.gather(work, failing, return_exceptions=True)


@contextlib.asynccontextmanager
async def _ready(
    settings: Settings, config: list[str]
) -> AsyncIterator[tuple[Settings, Supervisor | None]]:
    """Settings with a broker that runs: ours with a worker, or the cluster's."""
    if settings.kafka.bootstrap_servers:
        await ensure_topics(settings.kafka)
        yield settings, None
        return
    with MemoryBroker() as broker:
        children = Supervisor(child_env(settings, broker.address), on_note=_warn)
        children.start("worker", "worker", "--instance", "replay", *config)
        kafka = settings.kafka.model_copy(
            update={"bootstrap_servers": broker.address, "in_memory": True}
        )
        try:
            yield settings.model_copy(update={"kafka": kafka}), children
        finally:
            await children.stop()


async def _through(
    settings: Settings, store: Store, options: dict[str, Any], pace: Pace, *, quiet: bool
) -> Summary:
    started = time.monotonic()
    before = await store.states("worker")
    summary = Summary()
    topics = Topics.of(settings.kafka.prefix)
    async with (
        running_producer(settings.kafka) as producer,
        open_sink(settings, producer, store) as sink,
    ):
        with _bars(quiet=quiet) as bars:
            await _push(sink, options, pace, summary, bars)
            await _drain(settings, topics, store, bars)
            summary.seconds = round(time.monotonic() - started, 2)
            if settings.alerts.enabled:
                await _judged(store, bars)
    summary.posts_per_second = round(summary.published / max(summary.seconds, 0.01), 1)
    _account(summary, await _settled(store, before, summary.published))
    return summary


async def _push(
    sink: KafkaSink, options: dict[str, Any], pace: Pace, summary: Summary, bars: Progress
) -> None:
    bar = bars.add_task("reading", total=None)
    receipts: set[asyncio.Future[None]] = set()
    failures: list[BaseException] = []

    def settled(receipt: asyncio.Future[None]) -> None:
        receipts.discard(receipt)
        if not receipt.cancelled() and (error := receipt.exception()):
            failures.append(error)

    for steps in _batches(options, pace.batch):
        await pace.wait(steps)
        posts = [step.post for step in steps if step.post]
        dead = [to_letter(step.dead, "file", utc_now()) for step in steps if step.dead]
        receipt = asyncio.ensure_future(await sink.put(posts, dead))
        receipts.add(receipt)
        receipt.add_done_callback(settled)
        summary.read += len(posts) + len(dead)
        summary.published += len(posts)
        summary.dead_letters += len(dead)
        bars.update(bar, completed=summary.read, description=f"read {summary.read:,}")
        await asyncio.sleep(0)
        if failures:
            raise failures[0]
    await asyncio.gather(*receipts)


def _batches(options: dict[str, Any], size: int) -> Iterator[list[Step]]:
    """Steps in runs of `size`: large ones make large records batches all the way."""
    paths = options["paths"]
    rest = {name: value for name, value in options.items() if name != "paths"}
    waiting: list[Step] = []
    for steps in file.read(paths, rest):
        waiting += steps
        while len(waiting) >= size:
            yield waiting[:size]
            del waiting[:size]
    if waiting:
        yield waiting


async def _drain(settings: Settings, topics: Topics, store: Store, bars: Progress) -> None:
    """Follow everything to the store, telling when nothing moves."""
    progress = GroupProgress(librdkafka_config(settings.kafka), settings.kafka.group)
    bar = bars.add_task("storing", total=None)
    draining = asyncio.create_task(Stored(progress, topics, store).drained())
    watching = asyncio.create_task(_watch(progress, topics, bars, bar))
    try:
        await asyncio.wait({draining, watching}, return_when=asyncio.FIRST_COMPLETED)
        await draining
    finally:
        watching.cancel()
        draining.cancel()
        await asyncio.gather(watching, draining, return_exceptions=True)
        await progress.close()


async def _judged(store: Store, bars: Progress) -> None:
    """Until alerts were judged with all that is stored by now."""
    stored, since = utc_now(), time.monotonic()
    bar = bars.add_task("judging", total=None)
    while time.monotonic() - since < JUDGED_SECONDS:
        if await judged_through(store) >= stored:
            bars.remove_task(bar)
            return
        await asyncio.sleep(0.2)
    _warn(f"alerts were not judged within {JUDGED_SECONDS:.0f} s: is a worker running?")


async def _watch(progress: GroupProgress, topics: Topics, bars: Progress, bar: Any) -> None:
    seen, since = -1, time.monotonic()
    while True:
        ends = await progress.ends(topics.posts)
        done = sum((await progress.committed(topics.posts)).values())
        bars.update(bar, completed=done, total=sum(ends.values()))
        moved = done + sum((await progress.committed(topics.mentions)).values())
        if moved != seen:
            seen, since = moved, time.monotonic()
        elif time.monotonic() - since > PATIENCE_SECONDS:
            _warn(f"no worker has read anything for {PATIENCE_SECONDS:.0f} s: is one running?")
            since = time.monotonic()
        await asyncio.sleep(0.5)


async def _settled(store: Store, before: dict[str, dict[str, Any]], published: int) -> Ledger:
    """The workers' counts since `before`, once their last heartbeat has told of all posts."""
    total = Ledger()
    for _ in range(30):
        total = Ledger()
        for name, state in (await store.states("worker")).items():
            for field in Ledger.__struct_fields__:
                more = int(state.get(field, 0)) - int(before.get(name, {}).get(field, 0))
                setattr(total, field, getattr(total, field) + more)
        if total.posts >= published and total.stored + total.stale >= total.mentions - total.dead:
            break
        await asyncio.sleep(0.1)
    return total


def _account(summary: Summary, total: Ledger) -> None:
    summary.matched = total.matched
    summary.mentions = total.mentions
    summary.stored = total.stored
    summary.stale = total.stale
    summary.retracted = total.retracted
    summary.missed = total.missed
    summary.dead_letters += total.dead


@contextlib.contextmanager
def _bars(*, quiet: bool) -> Iterator[Progress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=quiet) as bars:
        yield bars


def _show(summary: Summary) -> None:
    table = Table(box=None, show_header=False)
    for name, value in msgspec.to_builtins(summary).items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    out.print(table)
    if summary.dead_letters:
        out.print("Why letters are dead: veille dead-letters", style="yellow")
    if summary.missed:
        err.print(f"{summary.missed} records were lost before they were read", style="bold red")


def _warn(sentence: str) -> None:
    err.print(sentence, style="yellow", highlight=False)
