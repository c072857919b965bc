"""Server-sent events, as the HTML standard defines them (section 9.2), over a client's stream."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from connectors.errors import Retriable

_LONGEST: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its kind (`message` where none is named), its data and the last id so far."""

    name: str
    data: str
    id: str = ""


async def events(lines: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """The events in these lines. Comments keep a stream alive and give none; an event that is not
    ended by an empty line is dropped, as the standard says. Raises `Retriable` for one over 10 MB.
    """
    name, last, size = "", "", 0
    data: list[str] = []
    async for raw in lines:
        if not raw:
            if data:
                yield Event(name or "message", "\n".join(data), last)
            name, data, size = "", [], 0
            continue
        field, _, value = raw.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
            size += len(value)
            if size > _LONGEST:
                raise Retriable(f"an event of more than {_LONGEST} characters")
        elif field == "event":
            name = value
        elif field == "id" and "\0" not in value:
            last = value
