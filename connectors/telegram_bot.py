"""Asking the Bot API for updates, and what its refusals mean."""

import contextlib
from datetime import timedelta
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context
from connectors.errors import ConnectorError, Fatal, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.telegram_posts import KINDS
from connectors.text import line

PAGE: Final = 100
"""Updates in one answer at most."""
_LONGEST_WAIT: Final = 86_400


class Bot:
    """The bot that `token` names. The token stands in every address: no message shows it."""

    def __init__(self, context: Context, base: str, token: str) -> None:
        self._context, self._base, self._token = context, base, token

    async def updates(
        self, client: http.Client, offset: int | None, wait: int
    ) -> list[dict[str, Any]]:
        """What came since; those before `offset` are confirmed, and forgotten by Telegram. Waits
        up to `wait` seconds for the first. Raises the errors of `connectors.http`."""
        allowed = msgspec.json.encode(KINDS).decode()
        params = {"limit": str(PAGE), "timeout": str(wait), "allowed_updates": allowed}
        if offset is not None:
            params["offset"] = str(offset)
        url = f"{self._base}/bot{self._token}/getUpdates"
        reply = await client.get(url, params=params, accept=(200, 400, 401, 403, 404, 409, 429))
        said = mapping(http.decode(reply)) if reply.status == 200 else _said(reply)
        result = said.get("result")
        if reply.status != 200 or said.get("ok") is not True or not isinstance(result, list):
            raise self._failure(client, reply, said)
        return [mapping(one) for one in result]

    def _failure(
        self, client: http.Client, reply: http.Reply, said: dict[str, Any]
    ) -> ConnectorError:
        """By the answer's own code, description and parameters."""
        why = line(said.get("description"), limit=200).replace(self._token, "***")
        code = count(said.get("error_code")) or reply.status
        if not why and reply.status == 200:
            return Retriable("telegram answered no list of updates")
        parameters = mapping(said.get("parameters"))
        seconds = count(parameters.get("retry_after"))
        if not why or (reply.status == 429 and seconds is None):
            return client.refusal(reply)
        message = f"telegram answered {code}: {why}"
        if seconds is not None:
            now = http.current_time(self._context)
            return WaitUntil(message, now + timedelta(seconds=min(seconds, _LONGEST_WAIT)))
        if remedy := _remedy(code, why, parameters.get("migrate_to_chat_id")):
            return Fatal(f"{message}. Remedy: {remedy}")
        if code == 409:
            message += ". Remedy: let one program alone ask for this bot's updates"
        return Fatal(message) if code == 400 else Retriable(message)


def _remedy(code: int, why: str, moved: object) -> str:
    """What a person must do; nothing where it may pass."""
    if moved:
        return f"the group is the supergroup {moved!r:.40} now"
    if code in (401, 404):
        return "get the bot's token from @BotFather and set 'token'"
    if code == 403:
        return "add the bot to the chat again"
    if code == 409 and "webhook" in why.lower():
        return "call deleteWebhook, or set mode: webhook"
    return ""


def _said(reply: http.Reply) -> dict[str, Any]:
    with contextlib.suppress(Retriable):
        return mapping(http.decode(reply))
    return {}
