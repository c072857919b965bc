"""From settings to channels: addresses and secrets are read, and wrong ones refused at once."""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from connectors.addresses import check_literal, resolve
from connectors.errors import ConnectorError, NotAllowed, Retriable
from streams.alert_settings import Channel as ChannelSettings
from streams.alerts.channel import Channel
from streams.alerts.messages.language import Language
from streams.channels.services import Service
from streams.channels.webhook import Webhook
from streams.errors import ConfigError
from streams.settings import Settings

LONGEST: Final = 8_192
SHORTEST_SECRET: Final = 16

_log = logging.getLogger(__name__)


async def open_channels(settings: Settings) -> list[Channel]:
    """All channels of the settings, looked at. Raises `ConfigError` with every problem."""
    opened = await asyncio.gather(
        *(open_channel(each, settings) for each in settings.alerts.channels),
        return_exceptions=True,
    )
    problems = [each for each in opened if isinstance(each, BaseException)]
    for other in (each for each in problems if not isinstance(each, ConfigError)):
        raise other
    if problems:
        raise ConfigError("\n".join(str(each) for each in problems))
    return [each for each in opened if not isinstance(each, BaseException)]


async def open_channel(given: ChannelSettings, settings: Settings) -> Channel:
    """One channel. Raises `ConfigError` that names it, what is wrong and the remedy; a server
    that can't be found just now is left for later."""
    try:
        if given.is_webhook:
            return await open_webhook(given, settings)
        return await _service(given, settings)
    except ConnectorError as error:
        raise ConfigError(f"{given.section}: {given.id}: {error}") from None


def unreachable(channels: Sequence[ChannelSettings], name: str) -> ConfigError:
    """The error for a channel that does not exist."""
    known = ", ".join(each.id for each in channels) or "none; add some under alerts.channels"
    return ConfigError(f"no channel {name!r}. There are: {known}")


async def open_webhook(given: ChannelSettings, settings: Settings) -> Webhook:
    """A channel that is a webhook. Raises `ConfigError`, `ConnectorError`."""
    url = given.webhook or _variable(given, "webhook_env")
    secret = _secret(given)
    language, zone = _manner(given, settings)
    hook = Webhook(
        given.id, url, secret, language=language, zone=zone, allow_hosts=settings.allowed_hosts
    )
    await _look_up(given, *hook.server, settings.allowed_hosts)
    return hook


async def _service(given: ChannelSettings, settings: Settings) -> Service:
    url = _variable(given, "url_env") if given.url_env else _file(given, "url_file")
    language, zone = _manner(given, settings)
    service = Service(
        given.id, url, language=language, zone=zone, allow_hosts=settings.allowed_hosts
    )
    found = await service.check()
    if found.get("host"):
        await _look_up(given, found["host"], found.get("port") or 443, settings.allowed_hosts)
    return service


def _manner(given: ChannelSettings, settings: Settings) -> tuple[Language, str]:
    return given.language or settings.alerts.language, given.zone or settings.alerts.zone


async def _look_up(given: ChannelSettings, host: str, port: int, allow: frozenset[str]) -> None:
    check_literal(host, port, allow)
    try:
        async with asyncio.timeout(5):
            await resolve(host, port, allow)
    except NotAllowed:
        raise
    except (Retriable, TimeoutError):
        _log.warning("channel %s: its host can't be found just now", given.id)


def _secret(given: ChannelSettings) -> str:
    name = "secret_env" if given.secret_env else "secret_file"
    secret = _variable(given, name) if given.secret_env else _file(given, name)
    if len(secret) < SHORTEST_SECRET:
        raise ConfigError(
            f"{given.section}: {given.id}: {name}: the secret has under {SHORTEST_SECRET}"
            " characters. Remedy: openssl rand -hex 32"
        )
    return secret


def _variable(given: ChannelSettings, name: str) -> str:
    variable = str(getattr(given, name))
    value = os.environ.get(variable, "").strip()
    if not value:
        raise ConfigError(
            f"{given.section}: {given.id}: {name}: the variable {variable} is not set."
            f" Remedy: export {variable}=…"
        )
    return value


def _file(given: ChannelSettings, name: str) -> str:
    path = Path(getattr(given, name))
    try:
        with path.open(encoding="utf-8") as file:
            value = file.read(LONGEST).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(
            f"{given.section}: {given.id}: {name}: {path} can't be read: {reason}"
        ) from None
    if len(value.split("\n")) != 1 or not value:
        raise ConfigError(f"{given.section}: {given.id}: {name}: {path} must hold one line")
    return value
