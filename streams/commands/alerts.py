"""`veille alerts`: the group."""

import typer

from streams.commands import alerts_channels, alerts_replay

app = typer.Typer(help="Incidents, and how they reach people.", no_args_is_help=True)
app.command("replay")(alerts_replay.replay)
alerts_channels.register(app)
