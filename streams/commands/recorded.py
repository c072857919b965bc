"""Deliveries that were recorded in files, read as if they had just come."""

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from connectors.base import Connector, Step
from connectors.errors import SkipItem
from connectors.receiving import Receiver, Request
from connectors.registry import receivers
from streams.errors import ConfigError


def recorded(
    name: str, connector: Connector, files: Sequence[str], headers: Sequence[str]
) -> AsyncIterator[Step]:
    """The steps of each file's bytes as a delivery to `connector`; signatures are not checked.

    Raises `ConfigError` for a connector that is sent nothing, a header that is none and, as it is
    iterated, for a file that can't be read.
    """
    if not isinstance(connector, Receiver):
        raise ConfigError(
            f"{name} asks for its posts and is sent none. "
            f"Remedy: --webhook goes with {', '.join(receivers())}"
        )
    return _steps(connector, files, _headers(headers))


async def _steps(
    receiver: Receiver, files: Sequence[str], headers: dict[str, str]
) -> AsyncIterator[Step]:
    for file in files:
        place = "stdin" if file == "-" else file
        request = Request(path=place, headers=headers, body=_body(file))
        try:
            steps = receiver.read(request)
        except SkipItem as error:
            steps = [Step(dead=error)]
        for step in steps:
            yield step


def _body(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file}: {error.strerror}. Remedy: name a file that holds the body of a delivery"
        ) from None


def _headers(given: Sequence[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in given:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ConfigError(f"--header {line!r}: not a header. Remedy: --header 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers
