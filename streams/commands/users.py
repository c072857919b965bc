"""`veille users`: who may log in."""

import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.table import Table

from connectors.post import utc_now
from streams.commands.common import ConfigOption, JsonOption, load_settings, out, print_json, run
from streams.errors import ConfigError
from streams.roles import ROLES, Role
from streams.settings import Settings
from streams.store import opened_store
from streams.users.passwords import Passwords, refuse_weak
from streams.users.people import People, told
from streams.users.records import User, login_name
from streams.users.sessions import Sessions
from streams.users.tokens import Tokens

users = typer.Typer(no_args_is_help=True, help="Who may log in to the pages, and as what.")

NameArgument = Annotated[str, typer.Argument(help="The name they log in with.")]
FileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="File that holds the password; - for standard input."),
]
RoleOption = Annotated[str, typer.Option(help=f"{', '.join(ROLES)}.")]
_MOST_BYTES: Final = 8192
T = TypeVar("T")


class Desk:
    """The users of an open store."""

    def __init__(self, settings: Settings, store: Any) -> None:
        self.people = People(store, Passwords())
        self.sessions = Sessions(store, lasting=settings.web.lasting)
        self.tokens = Tokens(store)


def at_desk(config: Path | None, work: Callable[[Desk], Awaitable[T]]) -> T:
    """Do it with the store of these settings."""

    async def opened() -> T:
        async with opened_store(settings) as store:
            return await work(Desk(settings, store))

    settings = load_settings(config)
    found: T = run(opened())
    return found


def login_here() -> str:
    """Who is at this terminal, for the journal."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


@users.command()
def add(
    name: NameArgument,
    *,
    role: RoleOption = "viewer",
    email: Annotated[str, typer.Option(help="Their e-mail address.")] = "",
    invite: Annotated[
        bool, typer.Option("--invite", help="Print a link by which they choose a password.")
    ] = False,
    password_file: FileOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a user. The password is asked for, or read from standard input.

    [bold]Example[/bold]: veille users add ada --role admin
    """
    chosen, clean = _role(role), login_name(name)
    password = "" if invite else _password(clean, password_file)
    by = login_here()

    async def work(desk: Desk) -> tuple[User, str]:
        user = await desk.people.add(clean, by=by, role=chosen, email=email)
        if invite:
            return user, await desk.people.invite(user.name, by=by, now=utc_now())
        return await desk.people.set_password(user.name, password, by=by), ""

    user, secret = at_desk(config, work)
    _say(user, secret, config, as_json=as_json, said=f"{user.name} may log in as {user.role}.")


@users.command("list")
def list_(*, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Who there is."""
    found = list(at_desk(config, lambda desk: desk.people.all()).values())
    if as_json:
        for user in found:
            print_json(_row(user))
        return
    if not found:
        out.print("Nobody yet. Make the first: veille users add NAME --role admin")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "role", "e-mail", "logs in by", "since"):
        table.add_column(heading, overflow="fold")
    for user in found:
        table.add_row(user.name, user.role, user.email, _way(user), f"{user.created_at:%Y-%m-%d}")
    out.print(table, markup=False)


@users.command()
def passwd(
    name: NameArgument, *, password_file: FileOption = None, config: ConfigOption = None
) -> None:
    """Give a user another password; their sessions end."""
    password = _password(name, password_file)

    async def work(desk: Desk) -> None:
        await desk.people.set_password(name, password, by=login_here())
        await desk.sessions.end_all(name)

    at_desk(config, work)
    out.print("Changed.")


@users.command()
def role(
    name: NameArgument,
    role: Annotated[str, typer.Argument(help=f"{', '.join(ROLES)}.")],
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Give a user another role; their sessions end."""
    _change(name, config, as_json=as_json, role=_role(role))


@users.command()
def disable(
    name: NameArgument, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Let a user in no longer: sessions end, tokens rest."""
    _change(name, config, as_json=as_json, disabled=True)


@users.command()
def enable(name: NameArgument, *, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Let a user in again."""
    _change(name, config, as_json=as_json, disabled=False)


@users.command()
def remove(
    name: NameArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Remove a user with sessions and tokens; what they did stays in the journal."""
    if not yes:
        typer.confirm(f"Remove {name}?", abort=True)

    async def work(desk: Desk) -> None:
        await desk.people.remove(name, by=login_here())
        await desk.sessions.end_all(name)
        await desk.tokens.drop_all(name, by=login_here())

    at_desk(config, work)
    out.print("Removed.")


@users.command()
def invite(name: NameArgument, *, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Print a link, good once and for a week, by which a user chooses a new password."""

    async def work(desk: Desk) -> tuple[User, str]:
        secret = await desk.people.invite(name, by=login_here(), now=utc_now())
        return await desk.people.find(name), secret

    user, secret = at_desk(config, work)
    _say(user, secret, config, as_json=as_json, said=f"For {user.name}, good for a week:")


def _change(name: str, config: Path | None, *, as_json: bool, **fields: Any) -> None:
    async def work(desk: Desk) -> User:
        user = await desk.people.change(name, by=login_here(), **fields)
        await desk.sessions.end_all(name)
        return user

    user = at_desk(config, work)
    said = f"{user.name}: {user.role}{', disabled' if user.disabled else ''}."
    _say(user, "", config, as_json=as_json, said=said)


def _say(user: User, secret: str, config: Path | None, *, as_json: bool, said: str) -> None:
    link = f"{load_settings(config).web.base_url}/invited/{secret}" if secret else ""
    if as_json:
        print_json(_row(user) | ({"link": link} if link else {}))
        return
    out.print(said, markup=False, highlight=False)
    if link:
        out.print(link, markup=False, highlight=False, soft_wrap=True)


def _row(user: User) -> dict[str, Any]:
    fields = {"email": "", "disabled": False, "password": False, **told(user)}
    return {"name": user.name, "created_at": user.created_at, **fields}


def _way(user: User) -> str:
    if user.disabled:
        return "disabled"
    ways = [
        *(["password"] if user.password else []),
        *(["OpenID Connect"] if user.subject else []),
        *(["invitation"] if user.invited(utc_now()) else []),
    ]
    return ", ".join(ways) or "nothing yet"


def _role(given: str) -> Role:
    found = next((one for one in ROLES if one == given), None)
    if found is None:
        raise ConfigError(f"{given!r}: no such role. Remedy: one of {', '.join(ROLES)}")
    return found


def _password(name: str, file: Path | None) -> str:
    """From a file, a pipe or the terminal; never from an argument, which others can see."""
    if file is None and sys.stdin.isatty():
        password = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != password:
            raise ConfigError("the two passwords differ. Remedy: type the same twice")
    elif file is None or str(file) == "-":
        password = sys.stdin.buffer.read(_MOST_BYTES).decode("utf-8", "replace")
    else:
        try:
            password = file.read_bytes()[:_MOST_BYTES].decode("utf-8", "replace")
        except OSError as error:
            raise ConfigError(
                f"--password-file {file}: {error.strerror}. Remedy: a file you may read"
            ) from None
    password = password.rstrip("\r\n")
    refuse_weak(password, name)
    return password
