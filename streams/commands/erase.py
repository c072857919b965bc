"""`veille erase`: a person or a post, out of the store and for good."""

from typing import Annotated

import typer

from streams.archive import opened_archive
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    counted,
    load_settings,
    login,
    out,
    print_json,
    run,
)
from streams.erasing import Report, Target, parse_author
from streams.erasing import erase as erase_target
from streams.errors import ConfigError
from streams.settings import Settings
from streams.store import opened_store


def erase(
    *,
    author: Annotated[
        str, typer.Option(metavar="SOURCE:ID", help="An author's id, or SOURCE:@handle.")
    ] = "",
    post: Annotated[str, typer.Option(metavar="ID", help="One post, as source:native-id.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    by: Annotated[str, typer.Option(help="Who asks, for the record \\[default: your login].")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Erase an author or a post: mentions, labels, dead letters, what was kept of all posts;
    nothing brings them back.

    [bold]Example[/bold]: veille erase --author mastodon:@ada@example.org --dry-run
    """
    if bool(author) == bool(post):
        raise ConfigError("name one of the two. Remedy: --author SOURCE:ID, or --post ID")
    target = Target(post_id=post) if post else parse_author(author)
    settings = load_settings(config)
    plan: Report = run(_erase(settings, target, by="", dry_run=True))
    if not dry_run:
        if not yes:
            typer.confirm(f"{_said(plan)} Erase, and let nothing of it come back?", abort=True)
        plan = run(_erase(settings, target, by=by or login(), dry_run=False))
    if as_json:
        print_json(plan)
    else:
        out.print(_said(plan), highlight=False)
        if not dry_run:
            _remind(settings, plan)


def _said(report: Report) -> str:
    verb = "would go" if report.dry_run else "gone"
    return (
        f"{counted(report.mentions, 'mention')}, {counted(report.labels, 'label')}, "
        f"{counted(report.letters, 'dead letter')} and {counted(report.posts, 'post')} of the "
        f"archive {verb}."
    )


def _remind(settings: Settings, report: Report) -> None:
    out.print(f"On record as {report.audit}, without the name.")
    if not settings.embedded_broker:
        hours = settings.kafka.retention_hours
        out.print(f"Kafka forgets what it still holds of it within {hours} hours.")


async def _erase(settings: Settings, target: Target, *, by: str, dry_run: bool) -> Report:
    async with opened_store(settings) as store, opened_archive(settings, store) as archive:
        return await erase_target(store, target, by=by, dry_run=dry_run, archive=archive)
