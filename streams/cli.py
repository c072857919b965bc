"""The command `veille`: finds the command asked for, and turns errors into messages and exit codes.

Exit codes: 0 fine, 1 failed, 2 misused (wrong options, settings, topics or files).
"""

import logging
import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Final

import typer

from connectors.errors import BadSettings, ConnectorError
from streams.commands.common import FAILED, MISUSED, err, out
from streams.errors import ConfigError, VeilleError

_COMMANDS: Final = {
    "up": "up:up",
    "init": "settings:init",
    "status": "status:status",
    "replay": "replay:replay",
    "import": "importing:import_",
    "reprocess": "reprocess:reprocess",
    "collect": "sources:collect",
    "sources": "sources:sources",
    "topics": "topics:topics",
    "score": "score:score",
    "sentiment": "sentiment:sentiment",
    "search": "find:search",
    "export": "export:export",
    "tail": "tail:tail",
    "counts": "counts:counts",
    "report": "report:report",
    "alerts": "alerts:app",
    "store": "store:store",
    "kibana": "kibana:kibana",
    "dead-letters": "dead_letters:dead_letters",
    "label": "label:label",
    "add": "add:add_post",
    "erase": "erase:erase",
    "users": "users:users",
    "tokens": "tokens:tokens",
    "webhooks": "webhooks:webhooks",
    "mcp": "mcp:mcp",
    "worker": "parts:worker",
    "connect": "parts:connect",
    "web": "parts:web",
}
"""Where each is in `streams.commands`, in the order of `veille --help`."""


def program(wanted: str = "") -> typer.Typer:
    """The command line: with the command `wanted` alone, for what the others import takes a second;
    with all of them where it is none of them."""
    app = typer.Typer(
        name="veille",
        help="Keep watch over what people write about a name, a product or a theme.\n\n"
        "Start with [bold]veille up[/bold] and open the page it names.",
        rich_markup_mode="rich",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in [wanted] if wanted in _COMMANDS else _COMMANDS:
        module, _, attribute = _COMMANDS[name].partition(":")
        command = getattr(import_module(f"streams.commands.{module}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        try:
            out.print(f"veille {version('veille')}", highlight=False)
        except PackageNotFoundError:
            out.print("veille (not installed)", highlight=False)
        raise typer.Exit


def _root(
    _version_: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Set up logging for every command: to standard error, `VEILLE_LOG_LEVEL` (WARNING)."""
    level = os.environ.get("VEILLE_LOG_LEVEL", "WARNING").upper()
    logging.basicConfig(
        level=level if level in logging.getLevelNamesMapping() else "WARNING",
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its INFO lines hold whole URLs
    logging.getLogger("mode.timers").setLevel(logging.ERROR)  # a late commit is no news


def main() -> None:
    """Run a command and end with its exit code; every foreseen error is one clear message."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        program(given[0] if given else "")(given)
    except SystemExit as end:  # Typer shows wrong options by itself, and ends with 2
        return end.code if isinstance(end.code, int) else FAILED
    except (ConfigError, BadSettings) as error:
        _complain(error)
        return MISUSED
    except (VeilleError, ConnectorError) as error:
        _complain(error)
        return FAILED
    return 0


def _complain(error: Exception) -> None:
    err.print(str(error), style="red", markup=False, highlight=False)


if __name__ == "__main__":
    main()
