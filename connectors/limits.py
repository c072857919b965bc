"""What an HTTP answer says about waiting, and which error each status means."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.text import line

_LONGEST_WAIT: Final = timedelta(days=1)
"""A server that asks for more, by mistake or malice, is asked again after a day."""
_RESETS: Final = ("x-ratelimit-reset", "ratelimit-reset", "x-rate-limit-reset")
_REMAINING: Final = ("x-ratelimit-remaining", "ratelimit-remaining", "x-rate-limit-remaining")
_PASSING: Final = (408, 421, 423, 425, 429)
_REFUSED: Final = (400, 404, 410, 416, 422)


def wait_asked(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Until when the answer asks to wait: `Retry-After`, else a rate limit's reset."""
    moment = _retry_after(headers.get("retry-after", ""), now)
    if moment is None:
        found = (headers.get(name, "") for name in _RESETS)
        moment = next((m for m in (_reset(text, now) for text in found) if m is not None), None)
    return None if moment is None else min(max(moment, now), now + _LONGEST_WAIT)


def used_up(headers: Mapping[str, str]) -> bool:
    """Whether the limit's last call was this one (`Remaining` may be a float: "0.0")."""
    for name in _REMAINING:
        number = _number(headers.get(name, ""))
        if number is not None:
            return number < 1
    return False


def status_error(
    status: int, headers: Mapping[str, str], body: bytes, place: str, now: datetime
) -> ConnectorError:
    """The error that an answer other than success means, with the server's own reason."""
    reason = _reason(body)
    message = f"{place} answered {status}" + (f": {reason}" if reason else "")
    spent = status == 403 and used_up(headers)
    if status in (429, 503) or spent:
        moment = wait_asked(headers, now) or _wait_in_body(body, now)
        if moment is not None:
            return WaitUntil(f"{message} (until {moment:%H:%M:%S} UTC)", moment)
    if status >= 500 or status in _PASSING or spent:
        return Retriable(message)
    if status in (401, 403):
        return Fatal(f"{message}; check the credentials and whether this door is open to you")
    if 300 <= status < 400:
        return Fatal(f"{message}; it redirects without saying where")
    if status in _REFUSED:
        return Refused(message)
    return Fatal(message)


def _retry_after(text: str, now: datetime) -> datetime | None:
    seconds = _number(text)
    if seconds is not None:
        return now + timedelta(seconds=min(max(seconds, 0.0), _LONGEST_WAIT.total_seconds()))
    return _date(text)


def _reset(text: str, now: datetime) -> datetime | None:
    """Dialects met: ISO time, HTTP date, seconds or milliseconds since 1970, seconds left."""
    number = _number(text)
    if number is None:
        return _iso(text) or _date(text)
    if number > 1e11:
        number /= 1000
    if number > 1e9:
        return datetime.fromtimestamp(min(number, 4e9), UTC)
    return now + timedelta(seconds=max(number, 0.0))


def _number(text: str) -> float | None:
    try:
        number = float(text[:40])
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text[:40].strip())
    except ValueError:
        return None
    return _utc(moment)


def _date(text: str) -> datetime | None:
    try:
        return _utc(parsedate_to_datetime(text[:64]))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _wait_in_body(body: bytes, now: datetime) -> datetime | None:
    """Seconds as Discord writes them, milliseconds as Matrix does."""
    data = _object(body)
    for name, unit in (("retry_after", 1.0), ("retry_after_ms", 1000.0)):
        value = data.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
            return now + min(timedelta(seconds=value / unit), _LONGEST_WAIT)
    return None


def _reason(body: bytes) -> str:
    """What the server says went wrong, from the fields that APIs use; never a page of HTML."""
    data = _object(body)
    inner = data.get("error")
    fields = inner if isinstance(inner, dict) else data
    for name in ("error_description", "message", "error", "detail", "title"):
        said = line(fields.get(name), limit=200)
        if said:
            return said
    return ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        data: Any = msgspec.json.decode(body[:65_536])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}
