"""Services that Apprise knows: mail, Slack, Telegram, Teams and its hundred others."""

import asyncio
import os
import re
import sys
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from connectors.errors import Fatal, Retriable
from connectors.text import line
from streams.alerts.channel import Delivery
from streams.alerts.messages.chart import png
from streams.alerts.messages.language import Language

SECONDS: Final = 45.0
_SHORTEST_SECRET: Final = 4
_OVER: Final = frozenset({"resolved", "withdrawn"})


class Service:
    """A channel that Apprise speaks to, in a process of its own that is ended when it hangs."""

    def __init__(
        self,
        id: str,  # noqa: A002 # the port's word
        url: str,
        *,
        language: Language = "en",
        zone: str = "UTC",
        allow_hosts: frozenset[str] = frozenset(),
        seconds: float = SECONDS,
    ) -> None:
        self.id = id
        self.language: Language = language
        self.zone = zone
        self._url = url
        self._allow_hosts = sorted(allow_hosts)
        self._seconds = seconds

    async def check(self) -> dict[str, Any]:
        """What the address means: `service`, and `host` and `port` where the user names a server.
        Raises `Fatal` where it means nothing."""
        return await self._ask({"task": "check", "url": self._url})

    async def send(self, delivery: Delivery) -> str:
        message = delivery.message
        mails = self._url.lower().startswith(("mailto:", "mailtos:"))
        drawn = await png(message.chart) if mails and message.chart else b""
        told = await self._ask(
            {
                "task": "send",
                "url": self._url,
                "allow_hosts": self._allow_hosts,
                "key": delivery.key,
                "subject": message.subject,
                "text": message.text,
                "short": message.short,
                "html": message.html if mails else "",
                "png": drawn,
                "type": "over" if delivery.event in _OVER else delivery.severity,
            }
        )
        return str(told["why"] or f"{told['service']} took it")

    async def _ask(self, job: dict[str, Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._seconds):
                answer = await _run(msgspec.json.encode(job))
        except TimeoutError:
            raise Retriable(f"no answer in {self._seconds:g} s") from None
        try:
            outcome: dict[str, Any] = msgspec.json.decode(answer)
        except msgspec.DecodeError:
            raise Retriable("the sending process ended without a word") from None
        outcome["why"] = line(hidden(outcome.get("why") or "", self._url), limit=300)
        if outcome.get("fatal"):
            raise Fatal(outcome["why"])
        if not outcome["done"]:
            raise Retriable(outcome["why"] or f"{outcome['service']} did not take it")
        return outcome


async def _run(job: bytes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "utf8", "-m", "streams.channels.child"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not _is_proxy(name)},
    )
    try:
        answer, _ = await process.communicate(job)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer


def _is_proxy(name: str) -> bool:
    """A proxy would resolve names unchecked."""
    return name.lower() in {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def hidden(text: str, url: str) -> str:
    """`text` without any part of `url` that may be a secret: all but the scheme and the server.
    What stands where a server would may be a token; one with no dot in it is not shown."""
    found = re.match(r"[a-z0-9+.-]+://(?:[^/?#]*@)?([^/?#:@]*)", url, re.IGNORECASE)
    server = found[1] if found else ""
    if "." not in server and server != "localhost":
        server = ""
    pieces = re.split(r"[/?&=:@#,\s]+", url)[1:]
    pieces += [unquote(piece) for piece in pieces]
    for piece in sorted(set(pieces), key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET and piece not in server:
            text = text.replace(piece, "***")
    return text
