"""`veille sentiment train`: the models of the engine `hybrid`, from labelled texts."""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table

from streams.commands.common import FAILED, err, out
from streams.errors import ConfigError
from streams.sentiment.language import SUPPORTED

if TYPE_CHECKING:
    from streams.sentiment.model import Model
    from streams.sentiment.trainer import Outcome

sentiment = typer.Typer(
    help="Models that judge sentiment.", no_args_is_help=True, rich_markup_mode="rich"
)


@sentiment.callback()
def _sentiment() -> None:
    """Models that judge sentiment."""


@sentiment.command()
def train(
    data: Annotated[
        Path, typer.Option(help="Folder with the labelled texts, a JSONL file a source.")
    ] = Path("../shared/data/sentiment"),
    labels: Annotated[
        Path | None,
        typer.Option(help='Staff labels: {"text", "label", "lang"} a line. They count threefold.'),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Where models go \\[default: Veille's own folder]")
    ] = None,
    lang: Annotated[
        list[str] | None, typer.Option(help="A language; may be repeated. \\[default: all seven]")
    ] = None,
) -> None:
    """Train models, and show before and after on texts held out; a worse one is not written.

    Needs numpy and scipy: pip install "veille\\[train]". The same data gives the same bytes.

    [bold]Example[/bold]: veille sentiment train --labels labels.jsonl --out models --lang en
    """
    wanted = lang or list(SUPPORTED)
    if unknown := sorted(set(wanted) - set(SUPPORTED)):
        raise ConfigError(
            f"--lang {unknown[0]}: no such model. Remedy: one of {', '.join(SUPPORTED)}"
        )
    folder = to or own_models()
    refused = [one for one in _outcomes(data, wanted, labels, folder) if not _keep(one, folder)]
    if refused:
        raise typer.Exit(FAILED)


def own_models() -> Path:
    """The folder of the models that come with Veille."""
    return Path(str(importlib.resources.files("streams.sentiment").joinpath("models")))


def _outcomes(data: Path, wanted: list[str], labels: Path | None, folder: Path) -> "list[Outcome]":
    try:
        from streams.sentiment import trainer  # noqa: PLC0415 - numpy and scipy are an extra
    except ImportError as error:
        raise ConfigError(
            f'{error.name} is not installed. Remedy: pip install "veille[train]"'
        ) from None

    def there(lang: str) -> "Model | None":
        own = trainer.read_model(folder / f"{lang}.model")
        return own or trainer.read_model(own_models() / f"{lang}.model")

    with err.status("reading") as status:
        found = []
        for outcome in trainer.retrain(data, wanted, there, labels=labels, progress=status.update):
            _show(outcome)
            found.append(outcome)
    return found


def _show(outcome: "Outcome") -> None:
    table = Table(
        Column("held out", overflow="fold"),
        "texts",
        "macro-F1 before",
        "after",
        "recall",
        "calibration",
        "sure",
    )
    for name, after in outcome.after.items():
        before = outcome.before.get(name)
        table.add_row(
            name,
            f"{after.texts:,}",
            f"{before.f1:.3f}" if before else "-",
            *(f"{figure:.3f}" for figure in (after.f1, after.recall, after.error, after.sure)),
        )
    out.print(f"[bold]{outcome.name}[/bold]", table)


def _keep(outcome: "Outcome", folder: Path) -> bool:
    if outcome.worse:
        err.print(f"{outcome.name}: not written, {outcome.worse}")
        return False
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{outcome.name}.model"
    partial = path.with_suffix(".partial")
    partial.write_bytes(outcome.raw)
    partial.replace(path)
    out.print(f"{path}: {len(outcome.raw):,} bytes")
    return True
