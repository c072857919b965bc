"""`veille init`: settings of one's own to start from."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import out
from streams.errors import ConfigError
from streams.settings import shipped_config

FILES = ("veille.yaml", "topics.yaml")


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Write commented settings to start from. What is there already is never overwritten.

    [bold]Example[/bold]: veille init my-watch && veille up --config my-watch
    """
    existing = [name for name in FILES if (folder / name).exists()]
    if existing:
        raise ConfigError(
            f"{folder / existing[0]}: already there, and left as it is. Remedy: another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copyfile(shipped_config() / name, folder / name)
    except OSError as error:
        raise ConfigError(f"{folder}: can't be written: {error.strerror}") from error
    out.print(f"Wrote {' and '.join(str(folder / name) for name in FILES)}.", highlight=False)
    out.print(f"Next: edit them, then  veille topics check --config {folder}", highlight=False)
    out.print(f"      and              veille up --config {folder}", highlight=False)
