"""`veille topics backfill`: what a topic would have caught of the posts that are kept."""

import contextlib
import uuid
from functools import partial
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from connectors.post import utc_now
from streams.archive import opened_archive
from streams.beside import opened
from streams.commands.bars import sharing
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    counted,
    known_topic,
    load_settings,
    out,
    print_json,
    required_moment,
    run,
    warn,
)
from streams.commands.topics_history import TopicArgument
from streams.criteria.describe import printable, shortened
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings
from streams.store import opened_store
from streams.topics.backfill import Backfill, Filler

NO_ARCHIVE = "no raw posts are kept. Remedy: store.keep_posts_days and store.keep_posts_mb above 0"


def backfill(
    topic: TopicArgument,
    *,
    since: Annotated[str, typer.Option(help="A time, a date, or an age such as 90d.")] = "90d",
    store: Annotated[
        bool, typer.Option("--store", help="Write what is found into the store.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tell what a topic would have caught of the posts kept in the archive, day by day.

    With --store its mentions are written, once however often it is said. Nobody is alerted of the
    past.

    [bold]Example[/bold]: veille topics backfill outage --since 90d --store
    """
    known = known_topic(topic, config)
    moment = required_moment(since, "--since", "90d")
    job = Backfill(
        id=uuid.uuid4().hex, topic=topic, since=moment, began=utc_now(), store=store, by="backfill"
    )
    run(_run(job, known, load_settings(config), quiet=as_json))
    if as_json:
        print_json(job)
    else:
        _show(job)


async def _run(job: Backfill, topic: Topic, settings: Settings, *, quiet: bool) -> None:
    async with opened_store(settings) as store, opened_archive(settings, store) as archive:
        if archive is None:
            raise ConfigError(NO_ARCHIVE)
        async with contextlib.AsyncExitStack() as stack:
            opening = opened(settings, store, "backfill", warn)
            beside = await stack.enter_async_context(opening) if job.store else None
            scorer = partial(build_scorer, settings=settings.sentiment)
            filler = Filler(archive, store, scorer, beside)
            bars = stack.enter_context(sharing(quiet=quiet))
            bar = bars.add_task("reading", total=1.0)

            async def tell(now: Backfill) -> None:
                said = f"{now.read:,} posts, {now.hits:,} hits"
                bars.update(bar, completed=now.progress, description=said)

            await filler.run(job, topic, tell)


def _show(job: Backfill) -> None:
    table = Table("day", "mentions", "negative", "neutral", "positive", "unscored", box=None)
    for day, counts in sorted(job.days.items()):
        figures = (counts.total, counts.neg, counts.neu, counts.pos, counts.unscored)
        table.add_row(day, *(f"{figure:,}" for figure in figures))
    if job.days:
        out.print(table)
    for one in job.samples:
        text = "".join(piece for piece, _ in one.post.text)
        out.print(Text(printable(f"{one.sentiment}  {shortened(text, 100)}")), soft_wrap=True)
    posts = counted(job.read, "post")
    out.print(f"{job.hits:,} of {posts} meet {job.topic}{_wrote(job)}", markup=False)
    if not job.store and job.hits:
        out.print("Write them: the same with --store")


def _wrote(job: Backfill) -> str:
    if job.stored or job.stale:
        return f"; {job.stored:,} stored, {job.stale:,} were there in a newer form"
    return f"; {job.sent:,} handed to the workers: see `veille status`" if job.sent else ""
