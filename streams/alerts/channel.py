"""A way to reach people: one verb, and a fake that keeps what it was given."""

from typing import Any, Protocol

import msgspec

from streams.alerts.messages.brief import Message
from streams.alerts.messages.language import Language
from streams.alerts.records import Severity


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel sends. `key` is the same whenever it is sent again; `event` says what it is
    about (`opened`, `resolved`, `digest`, …), `payload` is the same for programs."""

    key: str
    event: str
    message: Message
    severity: Severity = "low"
    payload: dict[str, Any] = {}


class Channel(Protocol):
    """Implementations: `streams.channels`. Language and zone are those of its messages."""

    @property
    def id(self) -> str: ...

    @property
    def language(self) -> Language: ...

    @property
    def zone(self) -> str: ...

    async def send(self, delivery: Delivery) -> str:
        """Send once, within a minute; what the other side said. Raises `ConnectorError`:
        `WaitUntil` where it asks for patience, `Fatal` where a person must act."""
        ...


class MemoryChannel:
    """Keeps what it is given, in `sent`; raises what `failures` holds first."""

    def __init__(self, id: str = "memory", language: Language = "en", zone: str = "UTC") -> None:  # noqa: A002 # the port's word
        self.id = id
        self.language: Language = language
        self.zone = zone
        self.sent: list[Delivery] = []
        self.failures: list[Exception] = []

    async def send(self, delivery: Delivery) -> str:
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append(delivery)
        return "kept"
