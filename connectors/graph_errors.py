"""What the Graph API says of its limits and errors: usage in percent, codes by recovery."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors import http
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.text import line

_USAGE: Final = ("x-app-usage", "x-page-usage", "x-business-use-case-usage")
_PERCENTS: Final = ("call_count", "total_time", "total_cputime")
_NEARLY: Final = 95.0
_REST: Final = timedelta(minutes=15)
_WINDOW: Final = timedelta(hours=1)
_LONGEST_MINUTES: Final = 1440.0
_OFTEN: Final = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
_NONEXISTING: Final = re.compile(r"nonexist\w* field \((\w+)\)")
_LOGGED_OUT: Final[Mapping[int, str]] = {
    458: "the app was removed by its user",
    459: "the account must pass a check on the site",
    460: "the password was changed",
    463: "the token has run out",
    464: "the account is not confirmed",
    467: "the token was made invalid",
}


class Closed(Fatal):
    """This object or list is not open to the token (codes 3, 10 and 200 to 299); others may be."""


class Gone(Refused):
    """There is no such object, or none that the token may see (code 100 with 33, 24, 803)."""


class TooMuch(Retriable):
    """The page asked for is too large to be put together in time."""


def lacking_field(error: Refused) -> str:
    """The field that this version of the API does not have, where that is why it refuses."""
    found = _NONEXISTING.search(str(error))
    return found[1] if found else ""


def rest_until(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """Until when to ask nothing: a limit was passed, and opens again after so many minutes, or at
    least 95 per cent of one are used, in a window that rolls over an hour."""
    waits = [
        wait
        for name in _USAGE
        for row in _usage_rows(headers.get(name, ""))
        if (wait := _wait(row)) is not None
    ]
    return now + max(waits) if waits else None


def _usage_rows(text: str) -> list[dict[str, Any]]:
    try:
        value = mapping(msgspec.json.decode(text)) if text else {}
    except (msgspec.DecodeError, RecursionError):
        return []
    lists = [one for one in value.values() if isinstance(one, list)]
    rows = [row for one in lists for row in one if isinstance(row, dict)] or [value]
    return [row for row in rows if not line(row.get("type")).startswith("ads")]


def _wait(row: dict[str, Any]) -> timedelta | None:
    minutes = _number(row.get("estimated_time_to_regain_access"))
    if minutes > 0:
        return timedelta(minutes=min(minutes, _LONGEST_MINUTES))
    return _REST if max(_number(row.get(name)) for name in _PERCENTS) >= _NEARLY else None


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def error_of(reply: http.Reply) -> dict[str, Any]:
    """The error object of an answer, whatever its status."""
    try:
        error = mapping(mapping(msgspec.json.decode(reply.body)).get("error"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return error if reply.status == 200 or count(error.get("code")) is not None else {}


def named(  # noqa: PLR0911 - one for each recovery
    told: dict[str, Any], reply: http.Reply, until: datetime | None, now: datetime
) -> ConnectorError:
    code, subcode = count(told.get("code")) or 0, count(told.get("error_subcode")) or 0
    said = line(told.get("error_user_msg") or told.get("message"), limit=200) or "no reason given"
    numbers = f"code {code}, {subcode}" if subcode else f"code {code}"
    message = f"{reply.place} answered {reply.status}: {said} ({numbers})"
    if code in (102, 190):
        why = _LOGGED_OUT.get(subcode, "the token is not accepted")
        return Fatal(f"{message}: {why}. Remedy: sign in again, and set the new 'token'")
    if code in _OFTEN or reply.status == 429:
        return WaitUntil(message, until or now + _WINDOW)
    if code == 18:
        return Closed(f"{message}: the 30 hashtags of 7 days are used up")
    if code == 368:
        return Fatal(f"{message}. Remedy: read the account's notices on the site")
    if code in (3, 10) or 200 <= code <= 299:
        return Closed(f"{message}. Remedy: grant the app the permission that is named")
    if code in (24, 803) or (code == 100 and subcode == 33):
        return Gone(message)
    if code == 1 and "reduce the amount of data" in said.lower():
        return TooMuch(message)
    if code in (1, 2) or told.get("is_transient") is True or reply.status >= 500:
        return Retriable(message)
    return Refused(message)
