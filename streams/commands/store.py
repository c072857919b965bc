"""`veille store check` and `veille store rebuild`: whether the store is sound, and a new one."""

import asyncio
from typing import Annotated

import msgspec
import typer

from streams.commands import store_init, store_migrate, store_prune, store_verify
from streams.commands.bars import counting
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.rebuild import Filled, Rebuild
from streams.settings import Settings
from streams.store import opened_store, salvage, sqlite_path
from streams.store.port import Note

store = typer.Typer(
    name="store",
    help="Prepare the store, check it, rebuild it, remove what is old.",
    no_args_is_help=True,
    add_completion=False,
)
store.command()(store_init.init)
store.command()(store_migrate.migrate)
store.command()(store_prune.prune)
store.command()(store_verify.verify)


class Checked(msgspec.Struct, kw_only=True):
    """What `veille store check --json` prints."""

    store: str
    sound: bool
    problems: list[str]


class Rebuilt(msgspec.Struct, kw_only=True):
    """What `veille store rebuild --json` prints: what was salvaged of a damaged file, and what
    came out of Kafka. `null`: that was not needed, or there is none."""

    store: str
    salvaged: salvage.Salvage | None = None
    filled: Filled | None = None


@store.command()
def check(*, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Tell whether the store is sound; reads all of it, changes nothing. Ends with 1 if not.

    [bold]Example[/bold]: veille store check
    """
    settings = load_settings(config)
    found = run(_problems(settings))
    result = Checked(store=_name(settings), sound=not found, problems=found)
    if as_json:
        print_json(result)
    else:
        _show_check(result, sqlite=not settings.store.url)
    if found:
        raise typer.Exit(FAILED)


@store.command()
def rebuild(
    *,
    restart: Annotated[
        bool, typer.Option("--restart", help="Read Kafka from its start, not where it was left.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Fill the store from what can be read: a damaged file row by row, and Kafka's topics.

    A damaged SQLite file is set aside, never deleted; stop Veille first. With a Kafka address set,
    mentions, retractions and dead letters that Kafka still keeps are written again. What is in the
    store stays, newer versions win, and it can be run again at any time.

    [bold]Example[/bold]: veille store rebuild --json
    """
    settings = load_settings(config)
    with counting(quiet=as_json) as note:
        result = Rebuilt(store=_name(settings))
        if not settings.store.url:
            result.salvaged = _salvage(settings, note)
        if settings.kafka.bootstrap_servers:
            result.filled = run(_fill(settings, note, restart=restart))
    if as_json:
        print_json(result)
    else:
        _show(result)


async def _problems(settings: Settings) -> list[str]:
    if settings.store.url:
        from streams.store import es_check  # noqa: PLC0415 # heavy import

        return await es_check.problems(settings.store)
    return await asyncio.to_thread(salvage.problems, sqlite_path(settings))


def _salvage(settings: Settings, note: Note) -> salvage.Salvage | None:
    path = sqlite_path(settings)
    if salvage.broken_off(path) or salvage.problems(path):
        return salvage.salvage(path, lambda table, rows: note(table, rows, None))
    if not settings.kafka.bootstrap_servers and not path.exists():
        raise ConfigError(
            f"{path}: no such file, and no Kafka to fill it from. Remedy: name the data_dir "
            "(VEILLE_DATA_DIR) or the broker (VEILLE_KAFKA__BOOTSTRAP_SERVERS)"
        )
    return None


async def _fill(settings: Settings, note: Note, *, restart: bool) -> Filled:
    async with opened_store(settings) as target:
        return await Rebuild(settings.kafka, target, restart=restart, note=note).run()


def _name(settings: Settings) -> str:
    return settings.store.url or str(sqlite_path(settings))


def _show_check(result: Checked, *, sqlite: bool) -> None:
    if result.sound:
        out.print(f"{result.store}: sound", highlight=False)
        return
    out.print(f"{result.store}: {len(result.problems)} problems", style="red", highlight=False)
    for problem in result.problems:
        out.print(f"  {problem}", markup=False, highlight=False)
    if sqlite:
        out.print("Remedy: stop Veille, then `veille store rebuild`; it deletes nothing")


def _show(result: Rebuilt) -> None:
    if result.salvaged:
        _show_salvaged(result.salvaged)
    if result.filled:
        _show_filled(result.filled)
    if not result.salvaged and not result.filled:
        out.print(f"{result.store}: sound; nothing to rebuild", highlight=False)


def _show_salvaged(found: salvage.Salvage) -> None:
    if found.aside:
        out.print(f"Set aside  {found.aside}", highlight=False, soft_wrap=True)
    if found.reason:
        out.print(f"           {found.reason}", markup=False, highlight=False)
    for table in found.tables:
        lost = f"{table.lost:,} lost" if table.exact else f"about {table.lost:,} lost, maybe more"
        out.print(f"{table.table:<14} {table.saved:>10,} saved  {lost}")


def _show_filled(found: Filled) -> None:
    out.print(
        f"From Kafka {found.read:,} records: {found.stored:,} mentions written, {found.stale:,} "
        f"older than what is stored, {found.retracted:,} taken back, {found.letters:,} dead "
        f"letters, {found.unreadable:,} unreadable, {found.rejected:,} refused"
    )
    if found.oldest:
        out.print(f"Kafka keeps records since {found.oldest:%Y-%m-%d %H:%M} UTC; none is older")
