"""How wide Kibana makes the bars of a time line."""

import re
from datetime import timedelta
from typing import Final

_BARS: Final = 50
"""Kibana's setting `histogram:barTarget`."""
_SECOND, _HOUR, _DAY = 1.0, 3600.0, 86_400.0
_RULES: Final[tuple[tuple[float, str], ...]] = (
    (0.5 * _SECOND, "100ms"),
    (5 * _SECOND, "1s"),
    (7.5 * _SECOND, "5s"),
    (15 * _SECOND, "10s"),
    (45 * _SECOND, "30s"),
    (180 * _SECOND, "1m"),
    (540 * _SECOND, "5m"),
    (1200 * _SECOND, "10m"),
    (2700 * _SECOND, "30m"),
    (2 * _HOUR, "1h"),
    (6 * _HOUR, "3h"),
    (24 * _HOUR, "12h"),
    (7 * _DAY, "1d"),
    (21 * _DAY, "1w"),
    (365 * _DAY, "1M"),
)
"""The longest share of the whole, in seconds, that a width is taken for."""


def auto(span: timedelta) -> str:
    """The width that comes nearest to fifty bars: 30 m for a day, 3 h for a week."""
    share = span.total_seconds() / _BARS
    return next((width for bound, width in _RULES if share < bound), "1y")


def is_calendar(width: str) -> bool:
    """Whether Kibana asks for it by the calendar (a day may have 23 hours): one of a unit."""
    return re.fullmatch(r"1[mhdwMqy]", width) is not None
