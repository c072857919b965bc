"""Incidents as they are kept: one document each among the store's states."""

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from streams.alerts.records import Incident

INCIDENT: Final = "incident"
"""The kind of these states; the key is the incident's id."""

_log = logging.getLogger(__name__)


def read_incidents(told: Iterable[Any]) -> Iterator[Incident]:
    """Those that can be read: what another version wrote is left alone."""
    for one in told:
        try:
            if one:
                yield msgspec.convert(one, Incident)
        except msgspec.ValidationError as error:
            _log.warning("an incident can't be read: %s", error)
