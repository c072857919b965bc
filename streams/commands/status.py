"""`veille status`: what runs, what waits, what went wrong."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from streams.accountant import look
from streams.alerts.deaths import standing
from streams.alerts.state import AlertState
from streams.archive import opened_archive
from streams.archive.keeper import Missing, missing
from streams.archive.port import ArchiveError, Size
from streams.balance import Ledger, Line
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    counted,
    load_settings,
    out,
    parse_moment,
    print_json,
    run,
)
from streams.gaps import MISSED
from streams.settings import Settings
from streams.store import opened_store
from streams.store.making import half_done
from streams.store.port import Count, Filter, Store
from streams.web.health import used
from streams.webhooks.standing import Standing, at_work, standings

ALIVE = timedelta(seconds=15)
_COLUMNS = tuple(name for name in Line.__struct_fields__ if name not in {"source", "hour", "told"})
_COLOURS = {"running": "green", "waiting": "cyan", "failing": "bold red", "done": "dim"}


class Kept(msgspec.Struct, kw_only=True):
    """The archive: how much is in it, what could not be put there, what is wrong with it now."""

    size: Size = Size()
    missing: Missing = Missing()
    trouble: str = ""


class Status(msgspec.Struct, kw_only=True):
    """What `veille status --json` prints."""

    store: str
    mentions: Count
    sources: list[dict[str, Any]]
    workers: list[dict[str, Any]]
    dead_letters: int
    alerts: list[AlertState] = []
    archive: Kept | None = None
    """Every post that came in, where they are kept."""
    webhooks: list[Standing] = []
    posting: bool | None = None
    """Whether a process posts to the webhooks; None where none is set."""
    half_done: list[str] = []
    """Months of the store that are being made anew, or were until that was broken off."""
    missed: dict[str, dict[str, Any]] = {}
    """By `topic/partition`: `records` that the broker dropped unread, the `count` of gaps, and the
    latest `gaps`."""


def status(
    *,
    ledger: Annotated[
        bool, typer.Option("--ledger", help="What was read and what became of it, by hour.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="With --ledger: from this hour on, such as 24h.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 while an alert stands.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show sources, workers with lag and rate, store, dead letters, alerts; or the ledger.

    [bold]Example[/bold]: veille status --ledger --since 24h
    """
    settings = load_settings(config)
    if ledger:
        counted: Ledger = run(read_ledger(settings, parse_moment(since, "--since")))
        if as_json:
            print_json(counted)
        else:
            _show_ledger(counted)
        if check and counted.imbalance:
            raise typer.Exit(FAILED)
        return
    found: Status = run(read_status(settings))
    if as_json:
        print_json(found)
    else:
        _show(found)
    if check and found.alerts:
        raise typer.Exit(FAILED)


async def read_status(settings: Settings) -> Status:
    """Everything from the store. A worker is `alive` when its last word is fresh."""
    async with opened_store(settings) as store:
        sources = await store.states("source")
        workers = await store.states("worker")
        dead, _ = await store.dead_letters(limit=1)
        return Status(
            store=settings.store.url or str(settings.data_dir),
            mentions=await store.count(Filter()),
            sources=[{"id": name, **state} for name, state in sorted(sources.items())],
            workers=[
                {"instance": name, "alive": alive(state), **state}
                for name, state in sorted(workers.items())
            ],
            dead_letters=dead,
            alerts=await standing(store),
            archive=await _kept(settings, store),
            webhooks=await standings(store, settings.webhooks),
            posting=await at_work(store, datetime.now(UTC)) if settings.webhooks else None,
            half_done=await half_done(store),
            missed=await store.states(MISSED),
        )


async def _kept(settings: Settings, store: Store) -> Kept | None:
    async with opened_archive(settings, store) as archive:
        if archive is None:
            return None
        told = await missing(store)
        try:
            return Kept(size=await archive.size(), missing=told)
        except ArchiveError as error:
            return Kept(missing=told, trouble=str(error))


async def read_ledger(settings: Settings, since: datetime | None = None) -> Ledger:
    """What flows is looked at twice, unless it is in balance at once."""
    async with opened_store(settings) as store:
        return await look(store, since)


def alive(state: dict[str, Any]) -> bool:
    try:
        seen = datetime.fromisoformat(str(state.get("seen_at", "")))
    except ValueError:
        return False
    return datetime.now(UTC) - seen < ALIVE


def _show(found: Status) -> None:
    total = found.mentions
    out.print(f"Store   {found.store}", highlight=False)
    out.print(
        f"        {counted(total.total, 'mention')}: {total.pos:,} positive, "
        f"{total.neg:,} negative, {total.neu:,} neutral, {total.unscored:,} unscored"
    )
    out.print(
        f"Dead    {counted(found.dead_letters, 'letter')}"
        + (" (veille dead-letters)" * bool(found.dead_letters))
    )
    if found.archive:
        _show_archive(found.archive)
    for sentence in found.half_done:
        out.print(Text(f"Store   {sentence}", "yellow"))
    if found.posting is False:
        out.print(Text("Webhook nobody posts. Remedy: veille webhooks run", "bold red"))
    for one in found.webhooks:
        if one.sentence:
            out.print(Text(f"Webhook {one.id} {one.sentence}", "bold red"))
    for alert in found.alerts:
        out.print(Text(f"Alert   since {alert.since:%Y-%m-%d %H:%M} UTC: {alert.text}", "bold red"))
    for place, told in sorted(found.missed.items()):
        out.print(Text(_missed(place, told), "bold red"))
    out.print(_workers(found) if found.workers else "Workers none has run yet. Remedy: veille up")
    out.print(_sources(found) if found.sources else "Sources none has run yet. Remedy: veille up")


def _show_archive(kept: Kept) -> None:
    size = kept.size
    since = f" since {size.oldest:%Y-%m-%d %H:%M} UTC" if size.oldest else ""
    room = f", {size.bytes / 1e6:,.1f} MB" if size.bytes else ""
    out.print(f"Archive {counted(size.posts, 'post')}{since}{room}", highlight=False)
    if kept.trouble:
        out.print(Text(f"        {kept.trouble}", "bold red"))
    if kept.missing.posts and kept.missing.last:
        out.print(
            Text(
                f"        {kept.missing.posts:,} posts are missing, the last came in "
                f"{kept.missing.last:%Y-%m-%d %H:%M} UTC: {kept.missing.reason}",
                "bold red",
            )
        )


def _missed(place: str, told: dict[str, Any]) -> str:
    gap = (told.get("gaps") or [{}])[-1]
    return (
        f"Missed  {told.get('records', 0):,} records of {place} were dropped by the broker unread,"
        f" last at {str(gap.get('at', '?'))[:16]} UTC from offset {gap.get('first', '?')}"
    )


def _show_ledger(found: Ledger) -> None:
    table = Table("source", "hour (UTC)", box=None)
    for name in _COLUMNS:
        table.add_column(name, justify="right")
    for line in found.lines:
        _add_line(table, line)
    if len(found.lines) > 1:
        table.add_section()
        _add_line(table, found.total)
    if found.lines:
        out.print(table)
    else:
        out.print("Nothing has been counted yet. Remedy: veille up")
    out.print(Text(found.verdict, "bold red" if found.imbalance or found.missed else "green"))


def _add_line(table: Table, line: Line) -> None:
    cells = [Text(f"{getattr(line, name):,}") for name in _COLUMNS]
    if not line.told:  # posts that came in another way than through a source of ours
        cells[:4] = [Text("–")] * 4
    cells[-1].stylize("bold red" if line.imbalance else "green")
    table.add_row(line.source, line.hour, *cells)


def _workers(found: Status) -> Table:
    table = Table("worker", "", "posts", "a second", "lag", "mentions", "stored", "lost", box=None)
    for worker in found.workers:
        table.add_row(
            worker["instance"],
            Text("alive", "green") if worker["alive"] else Text("gone", "bold red"),
            f"{worker.get('posts', 0):,}",
            f"{worker.get('posts_per_second', 0) if worker['alive'] else 0:,}",
            f"{sum(worker.get('lag', {}).values()):,}",
            f"{worker.get('mentions', 0):,}",
            f"{worker.get('stored', 0):,}",
            f"{worker.get('missed', 0):,}",
        )
    return table


def _when(moment: object) -> str:
    """To the minute, in UTC."""
    return str(moment)[:16].replace("T", " ") if moment else "–"


def _why(source: dict[str, Any]) -> str:
    """The reason, when it is asked next, what was used of budgets, and the number of gaps."""
    until, gaps = source.get("until"), len(source.get("gaps") or [])
    parts = [str(source.get("reason", "")), f"next at {str(until)[11:19]} UTC" if until else ""]
    parts += [*used(source), f"{gaps} gaps" if gaps else ""]
    return "; ".join(one for one in parts if one)


def _sources(found: Status) -> Table:
    table = Table(
        "source",
        "connector",
        "state",
        "last post",
        "posts",
        "dead",
        "gaps",
        "used",
        "why",
        box=None,
    )
    for source in found.sources:
        state = str(source.get("state", ""))
        table.add_row(
            source["id"],
            str(source.get("connector", "")),
            Text(state, _COLOURS.get(state, "")),
            _when(source.get("last_post_at")),
            f"{source.get('posts', 0):,}",
            f"{source.get('dead', 0):,}",
            Text(_why(source)),
        )
    return table
