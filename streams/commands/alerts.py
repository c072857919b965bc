"""`veille alerts`: the commands about alerts."""

import typer

from streams.commands import alerts_replay

app = typer.Typer(help="Alerts: what rang, and what would have.", no_args_is_help=True)
app.command("replay")(alerts_replay.replay)
