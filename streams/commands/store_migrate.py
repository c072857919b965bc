"""`veille store migrate`: months of Elasticsearch made anew for a new mapping, without a pause."""

from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from streams.commands.bars import counting
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.settings import Settings

if TYPE_CHECKING:
    from streams.store.es_migrate import Planned
    from streams.store.es_remake import Remade


class Migrated(msgspec.Struct, kw_only=True):
    """What `veille store migrate --json` prints: the months that are not as today's, and what
    became of each; `abandoned` are those that were given up."""

    store: str
    planned: list["Planned"] = []
    remade: list["Remade"] = []
    abandoned: list[str] = []


def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; change nothing.")] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Give up what was broken off; begin nothing.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make months of Elasticsearch anew where an older Veille made them: all goes on meanwhile.

    Each month is copied while it is written and read; at its end writers wait for about a second.
    Room for a second copy of the largest month is needed. Broken off, run it again: it goes on
    where it was. Upgrade every worker first. SQLite is brought up to date when it is opened.

    [bold]Example[/bold]: veille store migrate --dry-run
    """
    settings = load_settings(config)
    if not settings.store.url:
        _sqlite(settings, as_json=as_json)
        return
    if dry_run and abandon:
        raise ConfigError("--dry-run and --abandon exclude each other. Remedy: one of them")
    result: Migrated = run(_migrate(settings, dry_run=dry_run, abandon=abandon, quiet=as_json))
    if as_json:
        print_json(result)
    elif abandon:
        out.print(f"Given up: {', '.join(result.abandoned) or 'nothing was broken off'}")
    elif not result.planned:
        out.print(f"{result.store}: every month is as it should be", highlight=False)


def _sqlite(settings: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json(Migrated(store=str(settings.data_dir)))
    else:
        out.print("SQLite is brought up to date when it is opened: there is nothing to migrate")


async def _migrate(settings: Settings, *, dry_run: bool, abandon: bool, quiet: bool) -> Migrated:
    from streams.store.elasticsearch import ElasticsearchStore  # noqa: PLC0415 # heavy import
    from streams.store.es_migrate import Migration  # noqa: PLC0415 # heavy import

    result = Migrated(store=settings.store.url)
    store = ElasticsearchStore(settings.store)
    await store.open()
    try:
        with counting(quiet=quiet) as note:
            migration = Migration(store.remake(note=note))
            if abandon:
                result.abandoned = await migration.abandon()
                return result
            result.planned = await migration.plan()
            _show_plan(result.planned, quiet=quiet)
            if dry_run:
                return result
            async with aclosing(migration.run(result.planned)) as remaking:
                async for remade in remaking:
                    result.remade.append(remade)
                    _show(remade, quiet=quiet)
    finally:
        await store.close()
    return result


def _show_plan(planned: list["Planned"], *, quiet: bool) -> None:
    for one in planned if not quiet else []:
        line = f"! {one.month}: {one.documents:,} documents; {'; '.join(one.reasons)}"
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _show(one: "Remade", *, quiet: bool) -> None:
    if quiet:
        return
    resumed = ", gone on where it was" if one.resumed else ""
    out.print(
        f"+ {one.month} is {one.index}: {one.copied:,} documents copied in {one.passes + 1} passes"
        f"{resumed}; writers waited {one.blocked_seconds:.1f} s",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
