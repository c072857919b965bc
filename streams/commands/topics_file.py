"""Which topics a command reads: a file, named in one of two ways, or that beside the settings."""

from pathlib import Path
from typing import Annotated

import typer

from streams.commands.common import topics_path
from streams.errors import ConfigError

TopicsOption = Annotated[
    Path | None, typer.Option("--topics", help="A topics file, YAML or JSON \\[default: config]")
]
FileArgument = Annotated[Path | None, typer.Argument(help="The same as --topics.")]


def chosen(named: Path | None, file: Path | None, config: Path | None) -> Path:
    """The file of a `FileArgument`, a `TopicsOption` or `--config`. Raises `ConfigError` for two
    files."""
    if named and file and named != file:
        raise ConfigError(f"Which topics: {named} or {file}? Remedy: name one file")
    return named or file or topics_path(config)
