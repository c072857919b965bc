"""`veille alerts`: the group."""

import typer

from streams.commands import alerts_channels

app = typer.Typer(help="Incidents, and how they reach people.", no_args_is_help=True)
alerts_channels.register(app)
