"""`veille tokens`: API tokens of users."""

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.table import Table

from connectors.post import utc_now
from streams.commands.common import ConfigOption, JsonOption, err, out, print_json
from streams.commands.users import Desk, at_desk, login_here
from streams.errors import ConfigError
from streams.users.records import SCOPES, Token

tokens = typer.Typer(no_args_is_help=True, help="API tokens: Authorization: Bearer TOKEN.")


@tokens.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    user: Annotated[str, typer.Option(help="Whose it is: it never may more than they.")],
    scope: Annotated[
        list[str] | None, typer.Option(help=f"{', '.join(SCOPES)}; repeatable \\[default: read].")
    ] = None,
    days: Annotated[int, typer.Option(min=0, max=3650, help="How long it is good; 0: ever.")] = 365,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a token; it is shown once.

    [bold]Example[/bold]: veille tokens add dashboard --user ada --scope read
    """

    async def work(desk: Desk) -> tuple[str, Token]:
        return await desk.tokens.add(
            await desk.people.find(user),
            name,
            scopes=scope or ["read"],
            now=utc_now(),
            by=login_here(),
            lasting=timedelta(days=days) if days else None,
        )

    secret, made = at_desk(config, work)
    if as_json:
        print_json(_row(made) | {"token": secret})
        return
    out.print(secret, markup=False, highlight=False, soft_wrap=True)
    err.print("It is shown this once: keep it where only its program can read it.", style="dim")


@tokens.command("list")
def list_(
    *,
    user: Annotated[str, typer.Option(help="Those of one user.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Which there are."""
    found = at_desk(config, lambda desk: desk.tokens.all(user))
    if as_json:
        for token in found:
            print_json(_row(token))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "user", "scopes", "until"):
        table.add_column(heading, overflow="fold")
    for token in found:
        until = f"{token.until:%Y-%m-%d}" if token.until else "ever"
        table.add_row(token.id, token.name, token.user, ", ".join(token.scopes), until)
    out.print(table if found else "None.", markup=False)


@tokens.command()
def drop(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `veille tokens list` shows.")],
    *,
    config: ConfigOption = None,
) -> None:
    """End a token."""
    if at_desk(config, lambda desk: desk.tokens.drop(token_id, by=login_here())) is None:
        raise ConfigError(f"{token_id!r}: no such token. Remedy: veille tokens list")
    out.print("Dropped.")


def _row(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "name": token.name,
        "user": token.user,
        "scopes": token.scopes,
        "created_at": token.created_at,
        "until": token.until,
    }
