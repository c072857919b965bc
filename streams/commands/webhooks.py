"""`veille webhooks`: mentions posted to addresses; how far each is, a trial, what was set aside."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from connectors.errors import ConnectorError
from streams.alerts.schedule import topic_fits
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    err,
    known_topic,
    load_config_topics,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError, VeilleError
from streams.settings import Settings
from streams.stopping import stop_on_signals
from streams.store import opened_store
from streams.supervisor import tether
from streams.webhooks import posting
from streams.webhooks.running import named, opened, run_webhooks
from streams.webhooks.standing import Standing, standings

webhooks = typer.Typer(no_args_is_help=True, help="Mentions posted to addresses of yours.")

WebhookArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of one of webhooks.")]


@webhooks.command("run")
def run_(*, config: ConfigOption = None) -> None:
    """Post what arrives, until stopped. `veille up` does it by itself; in a cluster run one or two.

    [bold]Example[/bold]: VEILLE_STORE__URL=https://elastic:9200 veille webhooks run
    """
    tether()
    settings = load_settings(config)
    if not settings.webhooks:
        raise ConfigError("no webhook is set. Remedy: add one under webhooks in veille.yaml")
    _warn(settings, config)
    run(_run(settings))


@webhooks.command("list")
def list_(
    *,
    topic: Annotated[str, typer.Option(help="Those alone that get mentions of it.")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show each webhook: what was sent, since when it fails, how much was set aside.

    [bold]Example[/bold]: veille webhooks list --topic acme
    """
    settings = load_settings(config)
    _warn(settings, config)
    if topic:
        known_topic(topic, config)
        kept = [one for one in settings.webhooks if posting.gets(one, topic)]
        settings = settings.model_copy(update={"webhooks": kept})
    rows: list[Standing] = run(_found(settings))
    if as_json:
        for row in rows:
            print_json(row)
        return
    table = Table("webhook", "topics", "sent", "last (UTC)", "failures", "set aside", "", box=None)
    for one in rows:
        last = f"{one.sent_at:%Y-%m-%d %H:%M:%S}" if one.sent_at else ""
        figures = (f"{one.sent:,}", last, f"{one.failures:,}", f"{one.dead:,}")
        table.add_row(one.id, ", ".join(one.topics) or "all", *figures, Text(one.sentence, "red"))
    of = f" gets {topic}" if topic else " is set"
    out.print(table if rows else f"No webhook{of}. Remedy: webhooks in veille.yaml", markup=False)


@webhooks.command("test")
def try_webhook(
    webhook: WebhookArgument, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Post an event `test` without a mention, and say what was answered.

    [bold]Example[/bold]: veille webhooks test crm
    """
    answer = run(_test(load_settings(config), webhook))
    _tell(webhook, answer, as_json=as_json)


@webhooks.command()
def replay(
    webhook: WebhookArgument, *, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Post what was set aside, oldest first, each mention as it is now. Ends at the first failure.

    [bold]Example[/bold]: veille webhooks replay crm
    """
    done = run(_replay(load_settings(config), webhook))
    _tell(webhook, f"{done} of what was set aside", as_json=as_json)


def _warn(settings: Settings, config: Path | None) -> None:
    """Of topics that nothing is watched for: a slip of the pen would be silence without end."""
    known = {topic.id for topic in load_config_topics(config)}
    for one in settings.webhooks:
        for topic in one.topics:
            if not any(topic_fits(each, [topic]) for each in known):
                err.print(
                    f"webhooks: {one.id}: topic {topic!r} is not in topics.yaml. "
                    f"Remedy: one of {', '.join(sorted(known)[:20])}",
                    style="yellow",
                    markup=False,
                    highlight=False,
                )


def _tell(webhook: str, what: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"webhook": webhook, "answer": what})
    else:
        out.print(f"Sent to {webhook}: {what}", markup=False, highlight=False)


async def _run(settings: Settings) -> None:
    await run_webhooks(settings, stop_on_signals())


async def _found(settings: Settings) -> list[Standing]:
    async with opened_store(settings) as store:
        return await standings(store, settings.webhooks)


async def _test(settings: Settings, webhook: str) -> str:
    hook = await opened(named(settings, webhook), settings)
    body = msgspec.json.encode({"key": "test", "event": "test"})
    try:
        return await hook.post(body, key="test", event="test")
    except ConnectorError as error:
        raise VeilleError(f"webhooks: {webhook}: {error}") from None


async def _replay(settings: Settings, webhook: str) -> int:
    hook = await opened(named(settings, webhook), settings)
    done = 0
    async with opened_store(settings) as store:
        for key, one in (await posting.dead_of(store, webhook)).items():
            try:
                await posting.replay(store, hook, key, one)
            except ConnectorError as error:
                raise VeilleError(
                    f"webhooks: {webhook}: {error}. {done} were sent; the others stay"
                ) from None
            done += 1
    return done
