"""Times as sources write them, to timezone-aware UTC.

Every dialect met so far: RFC 3339 and its looser ISO cousins, RFC 822, seconds, milliseconds,
microseconds and nanoseconds since 1970 (also as text); a time without a zone is UTC.
"""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=366)
_LONGEST: Final = 64


def parse(value: object, *, now: datetime) -> datetime:
    """The moment `value` names, never later than `now`: sources' clocks run ahead.

    Raises `ValueError` for what is no time, lies before 1970 or more than 366 days after `now`.
    """
    moment = _read(value)
    if moment < _FIRST:
        raise ValueError(f"time {_shown(value)} lies before 1970")
    if moment > now + _AHEAD:
        raise ValueError(f"time {_shown(value)} lies more than a year in the future")
    return min(moment, now)


def parse_or(value: object, default: datetime, *, now: datetime) -> datetime:
    """As `parse`, but `default` where the source's time is missing or makes no sense."""
    try:
        return parse(value, now=now)
    except ValueError:
        return default


def _read(value: object) -> datetime:
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        # A source's wrong type is as unreadable as its wrong text: callers catch one error.
        raise ValueError(f"{_shown(value)} is not a time")  # noqa: TRY004
    if isinstance(value, str):
        return _read_text(value)
    return _read_number(value, value)


def _read_text(value: str) -> datetime:
    text = value.strip()
    if not text or len(text) > _LONGEST:
        raise ValueError(f"{_shown(value)} is not a time")
    number = _number(text)
    if number is not None:
        return _read_number(number, value)
    for reader in (_iso, parsedate_to_datetime):
        try:
            return _utc(reader(text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    raise ValueError(f"{_shown(value)} is not a time")


def _number(text: str) -> float | None:
    """Eight digits are a date (20261123), not seconds."""
    if not text.isascii() or (text.isdigit() and len(text) == 8):
        return None
    try:
        return float(text)
    except ValueError:
        return None


def _read_number(number: float, shown: object) -> datetime:
    """The unit shows in the size: 1e11 seconds is the year 5138, 1e11 milliseconds is 1973."""
    try:
        seconds = float(number)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise ValueError(f"{_shown(shown)} is not a time")
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        if abs(seconds) < 1e11 * unit:
            return _FIRST + timedelta(seconds=seconds / unit)
    raise ValueError(f"time {_shown(shown)} lies out of range")


def _iso(text: str) -> datetime:
    # A leap second is a real time that Python can't hold.
    return datetime.fromisoformat(text.replace(":60", ":59", 1) if ":60" in text[16:20] else text)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _shown(value: object) -> str:
    return f"{value!r:.60}" if isinstance(value, str | float | datetime) else _short(value)


def _short(value: object) -> str:
    if isinstance(value, int) and not -(10**20) < value < 10**20:
        return "(a huge number)"
    return f"{value!r:.60}" if isinstance(value, int) else f"of type {type(value).__name__}"
