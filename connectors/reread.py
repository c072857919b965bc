"""Dead letters of the collecting stage, parsed again by the connector that could not read them."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import msgspec

from connectors import post
from connectors.base import Context, Source
from connectors.errors import ConnectorError
from connectors.letters import DeadLetter
from connectors.post import Post
from connectors.registry import build


class CannotReread(Exception):
    """This letter can't be parsed again at all; the message says why and what to do instead."""


class StillUnreadable(Exception):
    """The connector tried, and failed as before."""


@runtime_checkable
class Rereads(Protocol):
    """A connector whose dead letters hold one whole item each."""

    def reread(self, raw: bytes) -> Post: ...


def reread(letter: DeadLetter, sources: Iterable[Source]) -> Post:
    """The post in the letter. Raises `CannotReread` or `StillUnreadable`."""
    whole = _whole_post(letter.raw)
    if whole is not None:
        return whole
    reader = _reader(letter, sources)
    try:
        return reader.reread(letter.raw)
    except (ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise StillUnreadable(f"{error}"[:500]) from error


def _whole_post(raw: bytes) -> Post | None:
    """A post that was read, and refused for its size alone."""
    try:
        return post.decode(raw)
    except msgspec.DecodeError:
        return None


def _reader(letter: DeadLetter, sources: Iterable[Source]) -> Rereads:
    source = next((one for one in sources if one.id == letter.source), None)
    if source is None:
        raise CannotReread(
            f"source {letter.source!r} is not in veille.yaml. Remedy: add it again, or drop the "
            "letter"
        )
    options = {name: value for name, value in source.options.items() if name != "poll_seconds"}
    try:
        connector = build(source.connector, Context(options=options))
    except ConnectorError as error:
        raise CannotReread(f"source {source.id}: {error}") from error
    if not isinstance(connector, Rereads):
        raise CannotReread(
            f"the connector {source.connector} reads no single item. Remedy: what its source still "
            "offers is read on its next pass; then drop the letter"
        )
    return connector
