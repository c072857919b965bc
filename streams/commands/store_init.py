"""`veille store init`: prepare Elasticsearch, having shown what changes."""

import sys
from typing import Annotated

import msgspec
import typer

from streams.commands.common import (
    ConfigOption,
    JsonOption,
    err,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.settings import Store as StoreSettings
from streams.store.es_changes import Change, Plan


class Initialised(msgspec.Struct, kw_only=True):
    """What `veille store init --json` prints: `words` tell what the server has not, `changes` with
    an empty `method` are beyond this command."""

    store: str
    applied: bool
    changes: list[Change]
    words: list[str]


def init(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before changing.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Prepare Elasticsearch: template, indices, fields, settings, lifecycle and snapshots.

    Checks the server's version and the rights, shows each change, asks, and makes them. What is as
    it should be stays as it is, so it can be run at any time, also while Veille runs.

    [bold]Example[/bold]: veille store init --dry-run
    """
    settings = load_settings(config).store
    if not settings.url:
        raise ConfigError(
            "store.url is empty: SQLite needs no preparing. Remedy: name Elasticsearch's address "
            "(VEILLE_STORE__URL)"
        )
    if not (dry_run or yes or sys.stdin.isatty()):
        raise ConfigError("nobody to ask. Remedy: --yes, or --dry-run to see what would change")
    result = run(_init(settings, dry_run=dry_run, yes=yes, quiet=as_json))
    if as_json:
        print_json(result)


async def _init(settings: StoreSettings, *, dry_run: bool, yes: bool, quiet: bool) -> Initialised:
    from streams.store.es_plan import Initialising  # noqa: PLC0415 # heavy import

    target = Initialising(settings)
    try:
        plan = await target.plan()
        if not quiet:
            _show(settings.url, plan)
        doing = any(change.method for change in plan.changes) and not dry_run
        if doing and not yes:
            typer.confirm("Make these changes?", abort=True, err=True)
        if doing:
            await target.apply(plan)
            err.print("Done", highlight=False)
    finally:
        await target.close()
    return Initialised(store=settings.url, applied=doing, changes=plan.changes, words=plan.words)


def _show(url: str, plan: Plan) -> None:
    if not plan.changes:
        out.print(f"{url}: as it should be", highlight=False)
    for change in plan.changes:
        sign = "+" if change.method else "!"
        line = f"{sign} {change.what:<9} {change.name}: {change.reason}"
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    for word in plan.words:
        out.print(f"  {word}", markup=False, highlight=False, soft_wrap=True)
