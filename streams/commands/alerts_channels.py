"""`veille alerts test` and `veille alerts digest`: try a channel, send or show a summary."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from connectors.errors import ConnectorError, NotAllowed
from connectors.post import utc_now
from streams.alert_settings import Digest
from streams.alerts.channel import Channel, Delivery, MemoryChannel
from streams.alerts.notices import Notice, key_of
from streams.alerts.samples import sample_delivery
from streams.alerts.schedule import last_slot
from streams.alerts.writing import Writer
from streams.channels import open_channel, unreachable
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    load_config_topics,
    load_settings,
    out,
    print_json,
    run,
)
from streams.errors import ConfigError, VeilleError
from streams.settings import Settings
from streams.store import opened_store


def register(app: typer.Typer) -> None:
    """Put these commands into the group `alerts`."""
    app.command("test")(try_channel)
    app.command("digest")(digest)


def try_channel(
    channel: Annotated[str, typer.Argument(help="Id of a channel of alerts.channels.")],
    *,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send an invented alert, marked as a test, to a channel; say what happened.

    [bold]Example[/bold]: veille alerts test ops-mail
    """
    settings = load_settings(config)
    answer = run(_send_test(settings, channel))
    if as_json:
        print_json({"channel": channel, "sent": True, "answer": answer})
    else:
        out.print(f"Sent to {channel}: {answer}", markup=False, highlight=False)


def digest(
    *,
    daily: Annotated[bool, typer.Option("--daily", help="The last day (the default).")] = False,
    weekly: Annotated[bool, typer.Option("--weekly", help="The last week.")] = False,
    to: Annotated[str | None, typer.Option("--to", help="Send it to this channel now.")] = None,
    preview: Annotated[
        Path | None, typer.Option("--preview", help="Write its HTML to this file.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Print the digest of the last whole period; or send it, or write it as HTML.

    [bold]Example[/bold]: veille alerts digest --weekly --preview digest.html
    """
    if daily and weekly:
        raise ConfigError("--daily and --weekly: choose one")
    settings = load_settings(config)
    names = {topic.id: topic.name for topic in load_config_topics(config)}
    made, answer = run(_digest(settings, names, "week" if weekly else "day", to))
    if preview is not None:
        _write(preview, made.message.html)
        out.print(f"Written: {preview}", markup=False, highlight=False)
    if to:
        out.print(f"Sent to {to}: {answer}", markup=False, highlight=False)
    elif preview is None:
        out.print(made.message.text, markup=False, highlight=False)


async def _send_test(settings: Settings, name: str) -> str:
    channel = await _open(settings, name)
    return await _send(channel, sample_delivery(utc_now(), channel.language, channel.zone, name))


async def _open(settings: Settings, name: str) -> Channel:
    given = next((each for each in settings.alerts.channels if each.id == name), None)
    if given is None:
        raise unreachable(settings.alerts.channels, name)
    return await open_channel(given, settings)


async def _send(channel: Channel, delivery: Delivery) -> str:
    try:
        return await channel.send(delivery)
    except NotAllowed:
        raise
    except ConnectorError as error:
        raise VeilleError(
            f"{channel.id}: {error}. Nothing was sent; it can be tried again"
        ) from None


async def _digest(
    settings: Settings, names: dict[str, str], every: str, to: str | None
) -> tuple[Delivery, str]:
    alerts = settings.alerts
    given = next((each for each in alerts.digest if each.every == every), None)
    told = given or Digest.model_validate({"every": every, "channels": ["-"]})
    until, since = last_slot(utc_now(), told, alerts.zone)
    channel: Channel = (
        await _open(settings, to) if to else MemoryChannel("-", alerts.language, alerts.zone)
    )
    async with opened_store(settings) as store:
        notice = _notice(channel.id, every, since, until)
        writer = Writer(store, settings.web.base_url, names)
        made = await writer.digest(notice, channel, told.topics)
    return made, await _send(channel, made)


def _notice(channel: str, every: str, since: datetime, until: datetime) -> Notice:
    now = utc_now()
    fields: dict[str, Any] = {"created_at": now, "due_at": now, "since": since, "until": until}
    return Notice(
        key=key_of("digest", "by hand", channel, now.isoformat()),
        channel=channel,
        event=f"digest-{every}",
        expires_at=now + timedelta(days=1),
        **fields,
    )


def _write(path: Path, html: str) -> None:
    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--preview {path}: can't be written: {error.strerror}") from None
