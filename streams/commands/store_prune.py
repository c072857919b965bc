"""`veille store prune`: remove mentions that are over their time."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from connectors.post import utc_now
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    counted,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.retention import limit
from streams.settings import Settings
from streams.store import opened_store


class Pruned(msgspec.Struct, kw_only=True):
    """What `veille store prune --json` prints: mentions by month, removed unless `dry_run`."""

    before: datetime
    dry_run: bool
    mentions: dict[str, int]


def prune(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count; remove nothing.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove mentions older than store.keep_mentions_days; workers do it once a day by themselves.

    Elasticsearch drops whole months, SQLite every mention that is older. They are gone for good;
    labels, erasures and the journal stay.

    [bold]Example[/bold]: veille store prune --dry-run
    """
    settings = load_settings(config)
    before = limit(settings.store, utc_now())
    if before is None:
        raise ConfigError(
            "store.keep_mentions_days is 0: mentions are kept for ever. Remedy: set how many days"
        )
    result = Pruned(
        before=before,
        dry_run=dry_run,
        mentions=run(_prune(settings, before, dry_run=dry_run)),
    )
    if as_json:
        print_json(result)
    else:
        _show(result)


async def _prune(settings: Settings, before: datetime, *, dry_run: bool) -> dict[str, int]:
    async with opened_store(settings) as store:
        if not dry_run:
            await store.tidy()
        return await store.drop_before(before, dry_run=dry_run)


def _show(result: Pruned) -> None:
    for month, count in result.mentions.items():
        out.print(f"{month:<8} {count:>12,}", highlight=False)
    told = "would go" if result.dry_run else "gone"
    total = sum(result.mentions.values())
    mentions = counted(total, "mention")
    out.print(f"{mentions} of before {result.before:%Y-%m-%d}: {told}", highlight=False)
