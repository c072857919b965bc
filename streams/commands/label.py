"""`veille label`: a staff correction from the command line."""

import getpass
from typing import Annotated, Any

import msgspec
import typer
from msgspec import UNSET, UnsetType

from streams.commands.common import ConfigOption, JsonOption, load_settings, out, print_json, run
from streams.errors import ConfigError
from streams.labelling import Change, Labelling
from streams.records import LABELS, Label
from streams.settings import Settings
from streams.store import opened_store
from streams.store.rules import label_time


def label(
    mention_id: Annotated[str, typer.Argument(help="As `veille search --json` shows it.")],
    *,
    sentiment: Annotated[str, typer.Option(help="pos, neg, neu or unscored.")] = "",
    relevant: Annotated[
        bool | None, typer.Option("--relevant/--irrelevant", help="Whether it belongs here.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag; may be repeated. They take the place of all.")
    ] = None,
    assign: Annotated[str | None, typer.Option(help="Who is to look at it; empty: nobody.")] = None,
    done: Annotated[
        bool | None, typer.Option("--done/--open", help="Whether it is decided.")
    ] = None,
    spam: Annotated[
        bool | None, typer.Option("--spam/--no-spam", help="Whether it is spam.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take back what was said.")] = False,
    by: Annotated[str, typer.Option(help="Whose word it is \\[default: your login].")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Correct a mention; it wins over what was computed, now and after a replay.

    What is not named stays as it was said before.

    [bold]Example[/bold]: veille label 0c5e90bb7a3e6dcd1f64c4f9ef9c0a11 --sentiment neg
    """
    if sentiment and sentiment not in LABELS:
        raise ConfigError(f"--sentiment {sentiment!r}: unknown. Remedy: {', '.join(LABELS)}")
    named: dict[str, Any] = {
        "sentiment": sentiment or UNSET,
        "relevant": _given(relevant),
        "note": _given(note),
        "tags": _given(tag or None),
        "assigned": _given(assign),
        "done": _given(done),
        "spam": _given(spam),
    }
    if not clear and all(value is UNSET for value in named.values()):
        raise ConfigError(
            "nothing to say. Remedy: --sentiment, --relevant, --note, --tag, --assign, --done, "
            "--spam or --clear"
        )
    change = _change(mention_id, named, clear=clear)
    made: Label = run(_label(load_settings(config), change, by or getpass.getuser()))
    if as_json:
        print_json(made)
    else:
        out.print("Taken back." if clear else "Kept.")


def _given(value: object) -> object | UnsetType:
    return UNSET if value is None else value


def _change(mention_id: str, named: dict[str, Any], *, clear: bool) -> Change:
    """The change with the limits of what is said. Raises `ConfigError`."""
    given = {name: value for name, value in named.items() if value is not UNSET}
    try:
        return msgspec.convert({"mention_id": mention_id, "clear": clear, **given}, Change)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{mention_id[:80]!r}: {error}. Remedy: shorten it") from None


async def _label(settings: Settings, change: Change, by: str) -> Label:
    async with opened_store(settings) as store, Labelling(store, settings) as labelling:
        before = (await store.labels([change.mention_id])).get(change.mention_id)
        change = msgspec.structs.replace(change, seen=label_time(before))
        outcome = (await labelling.change([change], by=by))[0]
    if outcome.state == "gone" or outcome.label is None:
        raise ConfigError(
            f"{change.mention_id!r}: no such mention is stored. Remedy: veille search --json"
        )
    if outcome.state == "conflict":
        raise ConfigError(
            f"{change.mention_id!r}: {outcome.label.by or 'someone'} was quicker. "
            "Remedy: look at it again, then say it again"
        )
    return outcome.label
