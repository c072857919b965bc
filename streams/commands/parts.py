"""`veille worker`, `veille connect`, `veille web`: the parts one by one, for a cluster."""

from collections.abc import Sequence
from typing import Annotated

import typer

from streams.commands.common import (
    ConfigOption,
    load_config_topics,
    load_settings,
    run,
    topics_path,
)
from streams.errors import ConfigError
from streams.settings import Settings
from streams.supervisor import tether
from streams.watch import TopicsFile


def worker(
    *,
    instance: Annotated[
        str, typer.Option(help="A name of its own for each worker, kept across restarts.")
    ] = "",
    roles: Annotated[
        list[str] | None,
        typer.Option(
            "--role", help="filter, index, dead-letters, labels; repeatable \\[default: all]"
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Run one worker: language, criteria, sentiment, index. Start as many as there are cores.

    [bold]Example[/bold]: VEILLE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092
    VEILLE_STORE__URL=https://elastic:9200 veille worker --instance worker-1
    """
    from streams.app import ROLES  # noqa: PLC0415  # Faust takes a second to import
    from streams.worker import run_worker  # noqa: PLC0415  # Faust takes a second to import

    tether()
    settings = _clustered(load_settings(config))
    chosen = _roles(roles or [], ROLES)
    file = TopicsFile(topics_path(config))
    raise typer.Exit(run_worker(settings, file, instance=instance, roles=chosen))


def connect(*, config: ConfigOption = None) -> None:
    """Run the sources of veille.yaml and send what they find to Kafka. Run exactly one.

    [bold]Example[/bold]: VEILLE_KAFKA__BOOTSTRAP_SERVERS=kafka:9092 veille connect
    """
    from streams.connect import run_connect  # noqa: PLC0415  # not needed by other commands

    tether()
    file = TopicsFile(topics_path(config))
    run(run_connect(_clustered(load_settings(config)), file))


def web(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port.")] = None,
    config: ConfigOption = None,
) -> None:
    """Serve the pages and the JSON API over the store.

    [bold]Example[/bold]: VEILLE_STORE__URL=https://elastic:9200 veille web --port 8420
    """
    from streams.web.server import serve  # noqa: PLC0415  # not needed by other commands

    tether()
    settings = load_settings(config)
    load_config_topics(config)  # what is wrong with them is said before anything is served
    serve(
        settings,
        topics_path(config),
        host=settings.web.host if host is None else host,
        port=settings.web.port if port is None else port,
    )


def _roles(wanted: Sequence[str], known: Sequence[str]) -> Sequence[str]:
    for role in wanted:
        if role not in known:
            raise ConfigError(f"--role {role!r}: unknown. Remedy: one of {', '.join(known)}")
    return wanted or known


def _clustered(settings: Settings) -> Settings:
    if not settings.kafka.bootstrap_servers:
        raise ConfigError(
            "no broker is named. Remedy: set VEILLE_KAFKA__BOOTSTRAP_SERVERS=host:9092, "
            "or use `veille up`, which brings its own"
        )
    return settings
