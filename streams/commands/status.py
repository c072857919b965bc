"""`veille status` and `veille dead-letters`: what runs, what waits, what went wrong."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.letters import DeadLetter
from streams.commands.common import ConfigOption, JsonOption, load_settings, out, print_json, run
from streams.gaps import KIND as GAP
from streams.gaps import lost
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
    gaps: dict[str, dict[str, Any]] = {}
    """By `topic/partition`: records that the broker dropped before they were read."""


def status(*, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show sources, workers with lag and rate, store and dead letters.

    [bold]Example[/bold]: veille status --json
    """
    settings = load_settings(config)
    found: Status = run(read_status(settings))
    if as_json:
        print_json(found)
    else:
        _show(found)


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
            gaps=await store.states(GAP),
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
    if found.gaps:
        out.print(_gaps(found), style="bold red", highlight=False)
    out.print(_workers(found) if found.workers else "Workers none has run yet. Remedy: veille up")
    out.print(_sources(found) if found.sources else "Sources none has run yet. Remedy: veille up")


def _gaps(found: Status) -> str:
    last = max(str(gap.get("at", ""))[:19] for gap in found.gaps.values())
    return (
        f"Gaps    {lost(found.gaps):,} records were dropped by the broker before they were read, "
        f"last at {last} UTC; sources whose posts were under way have read them again"
    )


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


def dead_letters(
    *,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List what could not be processed, newest first: when, where, why.

    [bold]Example[/bold]: veille dead-letters --json | jq .reason
    """
    total, letters = run(_letters(load_settings(config), limit))
    if as_json:
        for letter in letters:
            print_json(letter)
        return
    table = Table("when (UTC)", "stage", "place", "reason", "times", box=None)
    for letter in letters:
        table.add_row(
            f"{letter.at:%Y-%m-%d %H:%M:%S}",
            letter.stage,
            Text(letter.place),
            Text(letter.reason),
            str(letter.attempts),
        )
    out.print(table if letters else "No dead letters.")
    if total > len(letters):
        out.print(f"{total - len(letters):,} more; see --limit")


async def _letters(settings: Settings, limit: int) -> tuple[int, list[DeadLetter]]:
    store = open_store(settings)
    await store.open()
    try:
        return await store.dead_letters(limit=limit)
    finally:
        await store.close()
