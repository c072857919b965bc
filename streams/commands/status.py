"""`veille status`: what runs, what waits, what went wrong."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from streams.alerts.deaths import standing
from streams.alerts.state import AlertState
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    print_json,
    run,
)
from streams.settings import Settings
from streams.store import open_store
from streams.store.port import Count, Filter

ALIVE = timedelta(seconds=15)
_COLOURS = {"running": "green", "waiting": "cyan", "failing": "bold red", "done": "dim"}


class Status(msgspec.Struct, kw_only=True):
    """What `veille status --json` prints."""

    store: str
    mentions: Count
    sources: list[dict[str, Any]]
    workers: list[dict[str, Any]]
    dead_letters: int
    alerts: list[AlertState] = []


def status(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 while an alert stands.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show sources, workers with lag and rate, store, dead letters and alerts.

    [bold]Example[/bold]: veille status --json
    """
    settings = load_settings(config)
    found: Status = run(read_status(settings))
    if as_json:
        print_json(found)
    else:
        _show(found)
    if check and found.alerts:
        raise typer.Exit(FAILED)


async def read_status(settings: Settings) -> Status:
    """Everything from the store. A worker is `alive` when its last word is fresh."""
    store = open_store(settings)
    await store.open()
    try:
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
        )
    finally:
        await store.close()


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
        f"        {total.total:,} mentions: {total.pos:,} positive, {total.neg:,} negative, "
        f"{total.neu:,} neutral, {total.unscored:,} unscored"
    )
    out.print(
        f"Dead    {found.dead_letters:,} letters"
        + (" (veille dead-letters)" * bool(found.dead_letters))
    )
    for alert in found.alerts:
        out.print(Text(f"Alert   since {alert.since:%Y-%m-%d %H:%M} UTC: {alert.text}", "bold red"))
    out.print(_workers(found) if found.workers else "Workers none has run yet. Remedy: veille up")
    out.print(_sources(found) if found.sources else "Sources none has run yet. Remedy: veille up")


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


def _sources(found: Status) -> Table:
    table = Table("source", "connector", "state", "posts", "dead", "why", box=None)
    for source in found.sources:
        state = str(source.get("state", ""))
        table.add_row(
            source["id"],
            str(source.get("connector", "")),
            Text(state, _COLOURS.get(state, "")),
            f"{source.get('posts', 0):,}",
            f"{source.get('dead', 0):,}",
            Text(str(source.get("reason", ""))),
        )
    return table
