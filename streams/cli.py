"""The command `veille`: gathers the commands, and turns errors into messages and exit codes.

Exit codes: 0 fine, 1 failed, 2 misused (wrong options, settings, topics or files).
"""

import logging
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from connectors.errors import BadSettings, ConnectorError
from streams.commands import (
    add,
    alerts,
    counts,
    dead_letters,
    erase,
    export,
    find,
    importing,
    kibana,
    label,
    mcp,
    parts,
    replay,
    report,
    reprocess,
    score,
    sentiment,
    settings,
    sources,
    status,
    store,
    tail,
    tokens,
    topics,
    up,
    users,
    webhooks,
)
from streams.commands.common import FAILED, MISUSED, err, out
from streams.errors import ConfigError, VeilleError

app = typer.Typer(
    name="veille",
    help="Keep watch over what people write about a name, a product or a theme.\n\n"
    "Start with [bold]veille up[/bold] and open the page it names.",
    rich_markup_mode="rich",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(up.up)
app.command()(settings.init)
app.command()(status.status)
app.command()(replay.replay)
app.command("import")(importing.import_)
app.command()(reprocess.reprocess)
app.command()(sources.collect)
app.add_typer(sources.sources, name="sources")
app.add_typer(topics.topics, name="topics")
app.command()(score.score)
app.add_typer(sentiment.sentiment, name="sentiment")
app.command()(find.search)
app.command()(export.export)
app.command()(tail.tail)
app.command()(counts.counts)
app.command()(report.report)
app.add_typer(alerts.app, name="alerts")
app.add_typer(store.store, name="store")
app.add_typer(kibana.kibana, name="kibana")
app.add_typer(dead_letters.dead_letters, name="dead-letters")
app.command()(label.label)
app.command(name="add")(add.add_post)
app.command()(erase.erase)
app.add_typer(users.users, name="users")
app.add_typer(tokens.tokens, name="tokens")
app.add_typer(webhooks.webhooks, name="webhooks")
app.command()(mcp.mcp)
app.command()(parts.worker)
app.command()(parts.connect)
app.command()(parts.web)


def _version(wanted: bool) -> None:
    if wanted:
        try:
            out.print(f"veille {version('veille')}", highlight=False)
        except PackageNotFoundError:
            out.print("veille (not installed)", highlight=False)
        raise typer.Exit


@app.callback()
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
    try:
        app(arguments)
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
