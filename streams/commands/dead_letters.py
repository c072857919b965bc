"""`veille dead-letters`: what could not be processed; look at it, send it again, or drop it."""

from datetime import UTC, datetime
from typing import Annotated, Final, cast, get_args

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.letters import DeadLetter, Stage, printable
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    print_json,
    run,
)
from streams.dead_letters import Outcome, replay
from streams.errors import ConfigError
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import LetterFilter

MOST: Final = 10_000
"""Letters one command works on; what is left is named."""

dead_letters = typer.Typer(invoke_without_command=True)

LimitOption = Annotated[int, typer.Option(min=1, max=MOST, help="At most.")]
SourceOption = Annotated[list[str] | None, typer.Option("--source", help="Source; repeatable.")]
StageOption = Annotated[
    list[str] | None,
    typer.Option("--stage", help="collect, filter, index or label; repeatable."),
]
ReasonOption = Annotated[str, typer.Option("--reason", help="A part of the reason, in any case.")]
IdsArgument = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` shows them.")]
AllOption = Annotated[bool, typer.Option("--all", help="Every dead letter there is.")]


@dead_letters.callback()
def _root(
    context: typer.Context,
    limit: LimitOption = 20,
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """What could not be processed: list it, look at it, send it again, drop it.

    [bold]Example[/bold]: veille dead-letters --json | jq .reason
    """
    if context.invoked_subcommand is None:
        show_list(load_settings(config), LetterFilter(), limit, as_json=as_json)


@dead_letters.command("list")
def list_(
    *,
    source: SourceOption = None,
    stage: StageOption = None,
    reason: ReasonOption = "",
    limit: LimitOption = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List them, newest first: when, where, why, how often.

    [bold]Example[/bold]: veille dead-letters list --source news --reason "not UTF-8"
    """
    where = letter_filter(sources=source, stages=stage, reason=reason)
    show_list(load_settings(config), where, limit, as_json=as_json)


@dead_letters.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one whole: reason, place, time, attempts, and its original bytes.

    [bold]Example[/bold]: veille dead-letters show 4b1f0c
    """
    letter: DeadLetter = run(_one(load_settings(config), letter_id))
    if as_json:
        print_json(letter)
    else:
        _show(letter)


@dead_letters.command("replay")
def replay_(
    ids: IdsArgument = None,
    *,
    source: SourceOption = None,
    stage: StageOption = None,
    reason: ReasonOption = "",
    every: AllOption = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the outcome.")] = 30.0,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send them back where they came from. What goes well leaves the list; what fails again stays,
    with one attempt more. Exit code 1 unless all went well.

    [bold]Example[/bold]: veille dead-letters replay --stage filter --reason "not a post"
    """
    where = letter_filter(ids, sources=source, stages=stage, reason=reason, every=every)
    told: list[Outcome] = run(_replay(load_settings(config), where, wait, as_json=as_json))
    if not as_json:
        _tell(told)
    if any(one.what != "gone" for one in told):
        raise typer.Exit(FAILED)


@dead_letters.command()
def drop(
    ids: IdsArgument = None,
    *,
    source: SourceOption = None,
    stage: StageOption = None,
    reason: ReasonOption = "",
    every: AllOption = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Remove them for good, with their bytes. Asks first.

    [bold]Example[/bold]: veille dead-letters drop --source old-feed --yes
    """
    where = letter_filter(ids, sources=source, stages=stage, reason=reason, every=every)
    settings = load_settings(config)
    chosen: list[DeadLetter] = run(_select(settings, where))
    if chosen and not yes:
        typer.confirm(f"Drop {len(chosen):,} dead letters and their bytes for good?", abort=True)
    dropped: int = run(_drop(settings, [letter.id for letter in chosen]))
    if as_json:
        print_json({"dropped": dropped})
    else:
        out.print(f"{dropped:,} dropped." if dropped else "No dead letter matches.")


def letter_filter(
    ids: list[str] | None = None,
    *,
    sources: list[str] | None = None,
    stages: list[str] | None = None,
    reason: str = "",
    every: bool = True,
) -> LetterFilter:
    """Raises `ConfigError` for an unknown stage, and where nothing is named but must be."""
    for stage in stages or ():
        if stage not in get_args(Stage):
            raise ConfigError(
                f"--stage {stage!r}: no stage. Remedy: one of {', '.join(get_args(Stage))}"
            )
    if not (ids or sources or stages or reason or every):
        raise ConfigError(
            "no dead letter is named. Remedy: ids, --source, --stage, --reason, or --all"
        )
    return LetterFilter(
        ids=tuple(ids or ()),
        sources=tuple(sources or ()),
        stages=tuple(cast("list[Stage]", stages or ())),
        reason=reason,
    )


def show_list(settings: Settings, where: LetterFilter, limit: int, *, as_json: bool) -> None:
    total, letters = run(_letters(settings, where, limit))
    if as_json:
        for letter in letters:
            print_json(letter)
        return
    table = Table("id", "when (UTC)", "stage", "source", "place", "reason", "times", box=None)
    for letter in letters:
        table.add_row(
            letter.id,
            f"{letter.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            letter.stage,
            Text(letter.source),
            Text(letter.place),
            Text(letter.reason),
            str(letter.attempts),
        )
    out.print(table if letters else "No dead letters.")
    if total > len(letters):
        out.print(f"{total - len(letters):,} more; see --limit")


def _show(letter: DeadLetter) -> None:
    for name in ("id", "stage", "source", "place", "reason", "attempts"):
        out.print(f"{name:<9}", Text(str(getattr(letter, name))), highlight=False)
    out.print("at       ", f"{letter.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC", highlight=False)
    size = f"{len(letter.raw):,} bytes" + (f" of {letter.size:,}; cut here" * letter.cut)
    out.print("bytes    ", size, highlight=False)
    out.print(Text(printable(letter.raw)))


def _tell(told: list[Outcome]) -> None:
    words = {
        "gone": "went well and are gone",
        "failed": "failed again and stay",
        "refused": "can't be sent again",
        "waiting": "wait for a worker",
    }
    if not told:
        out.print("No dead letter matches.")
    for what, sentence in words.items():
        some = [one for one in told if one.what == what]
        if some:
            out.print(f"{len(some):,} {sentence}.")
        for one in some[:5] if what != "gone" else []:
            out.print(Text(f"  {one.id}: {one.reason} (attempts: {one.attempts})"))


async def _letters(
    settings: Settings, where: LetterFilter, limit: int
) -> tuple[int, list[DeadLetter]]:
    async with opened_store(settings) as store:
        return await store.dead_letters(limit=limit, where=where)


async def _one(settings: Settings, letter_id: str) -> DeadLetter:
    async with opened_store(settings) as store:
        found = await store.dead_letter(letter_id)
    if found is None:
        raise ConfigError(f"{letter_id!r}: no such dead letter. Remedy: veille dead-letters list")
    return found


async def _select(settings: Settings, where: LetterFilter) -> list[DeadLetter]:
    until = msgspec.structs.replace(where, until=datetime.now(UTC))
    _, found = await _letters(settings, until, MOST)
    return found


async def _replay(
    settings: Settings, where: LetterFilter, seconds: float, *, as_json: bool
) -> list[Outcome]:
    chosen = await _select(settings, where)
    show_each = print_json if as_json else _quiet
    async with opened_store(settings) as store:
        return await replay(settings, store, chosen, seconds=seconds, on_outcome=show_each)


def _quiet(_: object) -> None:
    return None


async def _drop(settings: Settings, ids: list[str]) -> int:
    async with opened_store(settings) as store:
        return await store.drop_dead_letters(ids)
