"""`veille counts`: how many mentions each topic had, by minute, five minutes, hour or day."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal

import msgspec
import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from connectors.post import utc_now
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    load_config_topics,
    load_settings,
    out,
    parse_moment,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Counts, Filter, TopicCounts

Step = Literal["1m", "5m", "1h", "1d"]
STEPS: Final[dict[Step, timedelta]] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BAR: Final = 16
_COLUMNS: Final = ("all", "neg", "neu", "pos", "?", "authors")


def counts(
    topics: Annotated[list[str], typer.Argument(metavar="TOPIC...", help="Ids of topics.")],
    *,
    since: Annotated[str, typer.Option(help="From: a time, a date, or an age: 24h, 7d.")] = "24h",
    until: Annotated[str | None, typer.Option(help="Up to, exclusive.")] = None,
    step: Annotated[Step, typer.Option(help="1m, 5m, 1h or 1d, in UTC.")] = "1h",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Count topics' mentions by the posts' own time; edits, deletions, corrections are in.

    [bold]Example[/bold]: veille counts sample --since 7d --step 1d
    """
    width = STEPS[step]
    asked = list(dict.fromkeys(topics))
    start = parse_moment(since, "--since")
    if start is None:
        raise ConfigError("--since: empty. Remedy: 24h, 7d or 2026-01-31")
    start -= (start - _EPOCH) % width
    end = parse_moment(until, "--until") or utc_now() + width
    known = {topic.id for topic in load_config_topics(config)}
    settings = load_settings(config)
    found: list[TopicCounts] = run(_counts(settings, asked, start, end, step=width, known=known))
    if as_json:
        for one in found:
            print_json(_line(one, width))
    elif found:
        out.print(_table(found, width))
    else:
        out.print("No mention then. Remedy: an earlier --since, or veille status")


async def _counts(
    settings: Settings,
    topics: list[str],
    since: datetime,
    until: datetime,
    *,
    step: timedelta,
    known: set[str],
) -> list[TopicCounts]:
    """Raises `ConfigError` for a topic that neither the settings nor the store know."""
    async with opened_store(settings) as store:
        for topic in topics:
            if topic not in known and not (await store.count(Filter(topics=(topic,)))).total:
                names = ", ".join(sorted(known)[:20]) or "topics.yaml"
                raise ConfigError(
                    f"topic {topic!r}: not in topics.yaml, and nothing is stored of it. "
                    f"Remedy: one of {names}"
                )
        return await store.counts(topics, since, until, step=step)


def _line(one: TopicCounts, step: timedelta) -> dict[str, Any]:
    """One bucket, for scripts."""
    told: dict[str, Any] = msgspec.to_builtins(one.counts)
    seconds = int(step.total_seconds())
    return {"topic": one.topic, "start": _start(one), "seconds": seconds, **told}


def _table(found: list[TopicCounts], step: timedelta) -> Table:
    """A row a bucket; where some hold nothing, one row for all of them."""
    table = Table("topic", "from (UTC)", box=None)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    table.add_column("")
    most = max(one.counts.total for one in found)
    shown = "%Y-%m-%d" if step >= STEPS["1d"] else "%Y-%m-%d %H:%M"
    for before, one in zip([None, *found[:-1]], found, strict=True):
        goes_on = before is not None and before.topic == one.topic
        if before and not goes_on:
            table.add_row()
        elif before and _start(one) - _start(before) > step:
            table.add_row("", Text("…", "dim"))
        topic = "" if goes_on else escape(one.topic)
        figures = (f"{value:,}" for value in _figures(one.counts))
        table.add_row(topic, f"{_start(one):{shown}}", *figures, _bar(one.counts, most))
    return table


def _figures(seen: Counts) -> tuple[int, ...]:
    return seen.total, seen.neg, seen.neu, seen.pos, seen.unscored, seen.authors


def _bar(seen: Counts, most: int) -> Text:
    """All mentions, the negative ones first, as a share of the `most` of a bucket."""
    whole = max(1, round(_BAR * seen.total / most))
    negative = round(whole * seen.neg / seen.total)
    return Text("█" * negative, "red") + Text("░" * (whole - negative))


def _start(one: TopicCounts) -> datetime:
    return _EPOCH + timedelta(milliseconds=one.start)
