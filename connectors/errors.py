"""Errors of connectors, named by how one recovers from them.

Each quotes the value and the place; none ever carries a secret. The runner reads the class alone:
`Retriable` is tried again with back-off, `WaitUntil` after a given moment, `SkipItem` goes to the
dead letters and the source goes on, `Fatal` stops the source until a person acts.
"""

from collections.abc import Sequence
from datetime import datetime


class ConnectorError(Exception):
    """Anything a source can fail with. The message is one sentence a person can act on."""


class Retriable(ConnectorError):
    """A passing fault (time-out, 5xx, reset): try again with jittered exponential back-off."""


class WaitUntil(Retriable):
    """The source asked us to wait (429, `Retry-After`, a quota's reset): not before `moment`."""

    def __init__(self, message: str, moment: datetime) -> None:
        super().__init__(message)
        self.moment = moment


class SkipItem(ConnectorError):
    """One item can't be read. `place` says where (file:line, feed URL and entry, cursor)."""

    def __init__(self, message: str, *, place: str = "", raw: bytes = b"") -> None:
        super().__init__(message)
        self.place = place
        self.raw = raw


class Fatal(ConnectorError):
    """A person must act: wrong settings, refused credentials, closed door."""


class Refused(Fatal):
    """The server refuses what was asked (400, 404, 410, 416, 422): an old cursor may be why."""


class NotAllowed(Fatal):
    """A URL leads to an address Veille refuses to reach (private, loopback, metadata)."""


class BadSettings(Fatal):
    """A source's settings are wrong. The message names the setting, its value and the remedy."""


def most_hopeful(errors: Sequence[ConnectorError]) -> ConnectorError:
    """What a source of many places should do when all of them failed, `errors` being why."""
    waits = [error for error in errors if isinstance(error, WaitUntil)]
    retries = [error for error in errors if isinstance(error, Retriable)]
    if waits and len(waits) == len(retries):
        return min(waits, key=lambda error: error.moment)
    plain = [error for error in retries if not isinstance(error, WaitUntil)]
    if plain:
        return plain[0]
    skipped = [error for error in errors if isinstance(error, SkipItem)]
    return Retriable(str(skipped[0])) if skipped else errors[0]
