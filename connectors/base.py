"""What a connector is: one verb, `posts(cursor)`, and a description of what it needs.

A connector is written against this module, `connectors.http` and `connectors.text` alone.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import httpx
import msgspec

from connectors.errors import SkipItem
from connectors.post import Post
from connectors.searches import Search
from connectors.text import LONGEST_LINE, line

Group = Literal["networks", "video", "thematic", "news", "reviews", "doors"]
"""Mass networks; video, photo and live; thematic; news and co-edited; reviews; open doors."""
Access = Literal["open", "key", "approval", "paid", "owner"]
Cursor = Any
"""Where a source was left: an opaque JSON value. `None` means "from the start"."""


class Gap(msgspec.Struct, frozen=True, kw_only=True, tag="gap"):
    """Posts a source can no longer give: `since` and `until` are RFC 3339 times or cursors."""

    since: str
    until: str
    reason: str


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a source has used of a budget: `what` ("calls", "posts", "US dollars") in a `period`
    that `ends` then."""

    what: str
    used: float
    limit: float
    period: str
    ends: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What a connector yields: a post, an unreadable item or a gap, and the cursor after it.

    `cursor` is where to resume once everything up to and including this step is safe; `None`
    means "unchanged". Resuming is inclusive: a repeat is harmless, a loss is not.
    """

    post: Post | None = None
    dead: SkipItem | None = None
    gap: Gap | None = None
    cursor: Cursor = None
    duplicates: int = 0
    """Items that came again, were known by their content, and are left out here."""
    on_safe: Callable[[], object] | None = None
    """Called by whoever takes the step, once everything up to and including it is safe. Never
    called when it is not: a source that waits for it bounds its wait."""


def unreadable(place: str, error: Exception, raw: bytes, *, limit: int = LONGEST_LINE) -> Step:
    """The dead letter of an item that gave `error`: its place, why, and its bytes."""
    return Step(dead=SkipItem(f"{place}: {line(str(error), limit=limit)}", place=place, raw=raw))


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a connector, for `veille sources list`, its page and its errors."""

    name: str
    help: str
    default: Any = None
    required: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """How a source presents itself in `veille sources list` and the README's table."""

    name: str
    door: str
    sees: str
    needs: str
    limits: str
    options: tuple[Option, ...] = ()
    keyless: bool = True
    group: Group = "thematic"
    access: Access = "open"
    """`open` needs nothing or a free key; `approval` and `paid` ship disabled, with the steps on
    the source's page; `owner` shows one's own pages, shops and accounts alone."""
    poll_seconds: float = 60.0
    """Rest between two passes of a polling source; streams reconnect at once."""


class Source(Protocol):
    """One source as it is set: `streams.settings.Source` is one."""

    @property
    def id(self) -> str: ...
    @property
    def connector(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def options(self) -> Mapping[str, Any]: ...


@dataclass(slots=True)
class Context:
    """What the runner hands a connector: its settings and the outside world, injectable.

    `transport` replaces the network in tests. `allow_hosts` names hosts that may resolve to
    private addresses (`VEILLE_ALLOW_HOSTS`). `clock` and `sleep` let tests run without waiting.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    transport: httpx.AsyncBaseTransport | None = None
    allow_hosts: frozenset[str] = frozenset()
    clock: Callable[[], float] | None = None
    on_note: Callable[[str], None] = lambda _: None
    """Called with one sentence about the source's state ("waiting until …"), for the status."""
    on_usage: Callable[[Usage], None] = lambda _: None
    """Called with what was used of a budget, whenever it changes."""
    searches: Callable[[], Sequence[Search]] = tuple
    """What the topics ask for now: call it in each pass, for topics are edited meanwhile."""


@runtime_checkable
class Connector(Protocol):
    """One source. Construct it with a `Context`; it opens nothing until `posts` is iterated."""

    spec: ClassVar[Spec]

    def __init__(self, context: Context) -> None: ...

    def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over what is new since `cursor` (a poll), or what comes until cut (a stream).

        Raises `connectors.errors.ConnectorError`s, named by recovery. Ends when the pass is done.
        """
        ...
