"""`veille reprocess`: a changed topic, model or parser over the kept posts again."""

import uuid
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.post import utc_now
from streams.archive import opened_archive
from streams.beside import opened
from streams.commands.bars import noting, sharing
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    known_topic,
    load_settings,
    out,
    print_json,
    required_moment,
    run,
    warn,
)
from streams.commands.topics_backfill import NO_ARCHIVE
from streams.criteria.describe import printable, shortened
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.reprocessing.applying import Applied, apply
from streams.reprocessing.difference import Difference, Sample
from streams.reprocessing.run import find, run_key
from streams.reprocessing.stage import Stage
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings
from streams.store import opened_store
from streams.store.journal import Entry

BY = "veille reprocess"


class Reprocessed(msgspec.Struct, kw_only=True):
    """What `veille reprocess --json` prints; `applied` only with --apply."""

    difference: Difference
    applied: Applied | None = None


def reprocess(
    *,
    topic: Annotated[str, typer.Option(help="The topic's id.")],
    since: Annotated[str, typer.Option(help="A time, a date, or an age such as 30d.")] = "30d",
    write: Annotated[
        bool, typer.Option("--apply", help="Put what is found in the place of what is stored.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read from the start, not where it was left.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Run the kept posts through the present topic and sentiment model, and show what would change.

    Mentions added, lost and flipped are counted and shown first; nothing is written without
    --apply. Staff labels stay and win; nobody is alerted of the past; mentions whose post is no
    longer kept are left as they are. Broken off, the same command goes on.

    [bold]Example[/bold]: veille reprocess --topic outage --since 30d
    """
    known = known_topic(topic, config)
    moment = required_moment(since, "--since", "30d")
    asked = Difference(topic=topic, since=moment, began=utc_now())
    settings = load_settings(config)
    result = run(_run(asked, known, settings, write=write, restart=restart, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        _show(result)


async def _run(
    asked: Difference, topic: Topic, settings: Settings, *, write: bool, restart: bool, quiet: bool
) -> Reprocessed:
    stage = Stage(settings.data_dir, topic.id, run_key(topic, settings.sentiment, asked.since))
    try:
        async with opened_store(settings) as store, opened_archive(settings, store) as archive:
            if archive is None:
                raise ConfigError(NO_ARCHIVE)
            difference = _begun(stage, asked, restart=restart)
            with sharing(quiet=quiet) as bars:
                bar = bars.add_task("reading", total=1.0)

                async def tell(now: Difference) -> None:
                    said = f"{now.read:,} posts, {now.changes:,} changes"
                    bars.update(bar, completed=now.progress, description=said)

                if difference.state == "reading":
                    scorer = build_scorer(settings=settings.sentiment)
                    await find(
                        difference,
                        topic,
                        archive=archive,
                        store=store,
                        scorer=scorer,
                        stage=stage,
                        tell=tell,
                    )
                bars.remove_task(bar)
                if not write or not difference.changes:
                    return Reprocessed(difference=difference)
                async with opened(settings, store, "reprocess", warn) as beside:
                    applied = await apply(store, difference, stage, noting(bars), beside)
            await store.add_entries([_entry(difference, applied)])
            return Reprocessed(difference=difference, applied=applied)
    finally:
        stage.close()


def _begun(stage: Stage, asked: Difference, *, restart: bool) -> Difference:
    """The same run as far as it has come, else the one asked for."""
    begun = None if restart else stage.begun()
    if begun is not None and begun.state != "applied":
        return begun
    stage.clear()
    return asked


def _entry(one: Difference, applied: Applied) -> Entry:
    after = {
        "since": one.since.isoformat(),
        "added": one.added,
        "lost": one.lost,
        "flipped": one.flipped,
        "rescored": one.rescored,
        "steps": applied.steps,
    }
    return Entry(
        id=uuid.uuid4().hex,
        at=utc_now(),
        by=BY,
        action="topic.reprocess",
        subject=one.topic,
        topic=one.topic,
        after=after,
    )


def _show(result: Reprocessed) -> None:
    one = result.difference
    if one.days:
        table = Table("day", "added", "lost", "flipped", "rescored", box=None)
        for day, counts in sorted(one.days.items()):
            figures = (counts.added, counts.lost, counts.flipped, counts.rescored)
            table.add_row(day, *(f"{figure:,}" for figure in figures))
        out.print(table)
    for sample in one.samples:
        out.print(Text(_sample(sample)), soft_wrap=True)
    if one.turns:
        turns = ", ".join(f"{turn.replace('>', ' to ')} {n:,}" for turn, n in one.turns.items())
        out.print(f"sentiment: {turns}", highlight=False)
    out.print(
        f"{one.read:,} posts since {one.since:%Y-%m-%d %H:%M} UTC: {one.added:,} mentions added, "
        f"{one.lost:,} lost, {one.flipped:,} flipped, {one.rescored:,} rescored, {one.same:,} the "
        f"same; {one.kept:,} kept by hand and {one.spoken:,} of the flipped outdone by a staff "
        "label",
        highlight=False,
    )
    if one.newer:
        out.print(f"{one.newer:,} left alone: the store has a later version of their post")
    if result.applied:
        done = result.applied
        out.print(
            f"applied: {done.stored:,} written, {done.retracted:,} taken back, seen in "
            f"{done.steps:,} step{'s' * (done.steps != 1)}; {done.sent:,} sent to Kafka"
        )
    elif one.changes:
        out.print("nothing is written yet. Apply it: the same with --apply")


def _sample(sample: Sample) -> str:
    text = "".join(piece for piece, _ in sample.post.text)
    turn = f"{sample.before or '-'} > {sample.after or '-'}"
    return printable(f"{sample.kind:<9} {turn:<16} {shortened(text, 90)}")
