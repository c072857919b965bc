"""What the contract suite asks of a source's stand-in: the documented protocol, and its faults."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from connectors.base import Connector, Context, Cursor, Step
from connectors.errors import ConnectorError
from connectors.registry import build
from tests.contract.connectors.server import Answer, Server

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LOCAL = frozenset({"127.0.0.1"})


@dataclass
class World:
    """What the stand-in serves. `fault` is answered to every request in place of the truth."""

    items: list[Any] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)
    fault: Answer | None = None

    def next_fault(self) -> Answer | None:
        """What the next request is answered in place of the truth; asked once a request."""
        return self.fault


class Fixture(Protocol):
    """One source's stand-in."""

    name: str

    def serve(self, world: World) -> AbstractAsyncContextManager[Server]:
        """Speak the source's protocol on 127.0.0.1."""
        ...

    def options(self, base: str) -> dict[str, Any]:
        """Settings that lead the connector there."""
        ...

    def secretive(self, base: str, secret: str) -> dict[str, Any]:
        """Settings that hold a secret where this source can hold one."""
        ...

    def bad(self) -> list[dict[str, Any]]:
        """Settings that must be refused."""
        ...

    def item(self, number: int, *, text: str = "", at: datetime | None = None) -> Any:
        """A post as the source would send it, its text as the source would encode it."""
        ...

    def broken(self, number: int) -> Any:
        """An item that can't be read, among others that can."""
        ...

    def edit(self, world: World, number: int, text: str) -> str:
        """Change a served item; the state its post should then have, or why it can't show."""
        ...

    def delete(self, world: World, number: int) -> str:
        """As `edit`, for a deletion."""
        ...


@dataclass
class Pass:
    """What one pass gave, and the error that ended it."""

    steps: list[Step]
    error: ConnectorError | None = None

    @property
    def ids(self) -> list[str]:
        return [step.post.id for step in self.steps if step.post is not None]

    @property
    def cursor(self) -> Cursor:
        kept = [step.cursor for step in self.steps if step.cursor is not None]
        return kept[-1] if kept else None


def context(options: Mapping[str, Any], **changes: Any) -> Context:
    """Settings, the suite's clock, and leave to reach the stand-in."""
    values: dict[str, Any] = {"allow_hosts": LOCAL, "clock": NOW.timestamp, **changes}
    return Context(options=options, **values)


def connector(fixture: Fixture, base: str, **extra: Any) -> Connector:
    return build(fixture.name, context({**fixture.options(base), **extra}))


async def collect(source: Connector, cursor: Cursor = None) -> Pass:
    """One pass to its end, its error kept."""
    result = Pass([])
    stream: AsyncIterator[Step] = source.posts(cursor)
    try:
        async for step in stream:
            result.steps.append(step)
    except ConnectorError as error:
        result.error = error
    return result
