"""`veille mcp`: what is stored, for assistants that speak the Model Context Protocol."""

import ipaddress
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.commands.common import (
    ConfigOption,
    load_config_topics,
    load_settings,
    login,
    run,
    topics_path,
)
from streams.criteria.loading import load_topics
from streams.criteria.topics import Topic
from streams.errors import ConfigError
from streams.labelling import Labelling
from streams.listening import bind
from streams.secret_files import with_files
from streams.settings import Settings
from streams.store import opened_store

if TYPE_CHECKING:
    from streams.mcp.labels import Labels
    from streams.mcp.questions import Questions
    from streams.mcp.remote import Remote

PORT = 8422


def mcp(
    *,
    http: Annotated[
        bool, typer.Option("--http", help="Serve on an address instead of standard input.")
    ] = False,
    host: Annotated[str, typer.Option(help="With --http: an address of this machine.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=1, max=65535, help="With --http.")] = PORT,
    url: Annotated[
        str, typer.Option(help="Ask the running Veille there, instead of the store.")
    ] = "",
    ca_file: Annotated[
        Path | None, typer.Option(help="With --url: certificate authority of its own.")
    ] = None,
    allow_labels: Annotated[
        bool, typer.Option("--allow-labels", help="Let it correct mentions, too.")
    ] = False,
    by: Annotated[
        str, typer.Option(help="With --allow-labels: whose word it is \\[default: your login].")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Serve mentions, figures and incidents by the Model Context Protocol, read-only.

    Needs the extra: pip install 'veille\\[mcp]'. With `--url` the token stands in VEILLE_TOKEN, or
    in the file that VEILLE_TOKEN_FILE names.

    [bold]Example[/bold]: VEILLE_STORE__URL=https://elastic:9200 veille mcp
    """
    _installed()
    if http and not _local(host):
        raise ConfigError(
            f"--host {host!r}: whoever reaches it could read all that is stored, for it asks for "
            "no password. Remedy: 127.0.0.1, or a proxy that does"
        )
    address = (host, port) if http else None
    if url:
        if allow_labels:
            raise ConfigError("--allow-labels: not with --url, which reads. Remedy: one of both")
        run(_serve_remote(url, _token(), ca_file, address))
        return
    settings = load_settings(config)
    load_config_topics(config)  # what is wrong with them is said before anything is served
    path = topics_path(config)
    run(
        _serve(
            settings, lambda: load_topics(path), address, by=by or login() if allow_labels else ""
        )
    )


def _installed() -> None:
    """Raises `ConfigError` where the SDK is missing."""
    try:
        import mcp.server.mcpserver  # noqa: F401, PLC0415  # an extra
    except ImportError:
        raise ConfigError(
            "veille mcp needs the package mcp. Remedy: pip install 'veille[mcp]'"
        ) from None


def _local(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token() -> str:
    """Raises `ConfigError` for a file that can't be read."""
    given = {name.lower(): os.environ.get(name) for name in ("VEILLE_TOKEN", "VEILLE_TOKEN_FILE")}
    present = {name: value for name, value in given.items() if value}
    return with_files(present, ["veille_token"]).get("veille_token") or ""


async def _serve_remote(
    url: str, token: str, ca_file: Path | None, address: tuple[str, int] | None
) -> None:
    from streams.mcp import remote  # noqa: PLC0415  # the web's modules take a while

    async with remote.opened(url, token, ca_file) as questions:
        await _answer(questions, None, address)


async def _serve(
    settings: Settings,
    topics: Callable[[], list[Topic]],
    address: tuple[str, int] | None,
    *,
    by: str,
) -> None:
    """Until standard input ends, or a signal. Labels are allowed where `by` names whose."""
    from streams.mcp.labels import Labels  # noqa: PLC0415  # the web's modules take a while
    from streams.mcp.questions import Questions  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings))
        questions = Questions(store, topics, settings.sentiment)
        labels = None
        if by:
            labelling = await stack.enter_async_context(Labelling(store, settings))
            labels = Labels(labelling, questions, by)
        await _answer(questions, labels, address)


async def _answer(
    questions: "Questions | Remote", labels: "Labels | None", address: tuple[str, int] | None
) -> None:
    import uvicorn  # noqa: PLC0415

    from streams.mcp.server import build  # noqa: PLC0415

    server: Any = build(questions, labels)
    if address is None:
        await server.run_stdio_async()
        return
    app = server.streamable_http_app(host=address[0])
    serving = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    await serving.serve(sockets=[bind(*address)])
