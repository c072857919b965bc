"""What rhythm a source has: how often it is asked, and how many posts it gives. Pure."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import median
from typing import Any, Final

import msgspec

from connectors.account import KEPT_HOURS, Account, hour_of
from connectors.registry import ALIASES, CONNECTORS

_LATE: Final = 6.0
"""So many times its usual rest without a post, and a source is quieter than usual."""
_LEAST: Final = timedelta(minutes=30)
_KNOWN_HOURS: Final = 6


class Rhythm(msgspec.Struct, frozen=True, kw_only=True):
    """`asked_seconds` is the rest between two passes (0 for a stream, `None` where it is not
    known, infinite for one that reads to its end); `hours` are its posts of the last 48 hours, the
    oldest first; `an_hour` is usual, `None` until it is known."""

    asked_seconds: float | None = None
    hours: list[int] = []
    an_hour: float | None = None

    @property
    def day(self) -> int:
        """Posts of the last 24 hours and the present one."""
        return sum(self.hours[-25:])

    def quiet(self, last_post_at: datetime | None, now: datetime) -> bool:
        """Whether its last post is older than its rhythm lets expect."""
        if not self.an_hour or last_post_at is None:
            return False
        usual = timedelta(hours=1 / self.an_hour) + timedelta(seconds=self.asked_seconds or 0)
        return now - last_post_at > max(_LEAST, _LATE * usual)


def rhythm(
    connector: str, options: Mapping[str, Any], account: Account | None, now: datetime
) -> Rhythm:
    """`options` are its settings, `account` what it told of its hours."""
    hours = _hours(account, now) if account else []
    known = hours[:-1]  # the present one is not over
    first = next((at for at, n in enumerate(known) if n), len(known))
    usual = known[first:]
    return Rhythm(
        asked_seconds=asked(connector, options),
        hours=hours,
        an_hour=_an_hour(usual) if len(usual) >= _KNOWN_HOURS else None,
    )


def _an_hour(hours: list[int]) -> float:
    """The median; the mean where more than half of the hours have none."""
    return float(median(hours)) or sum(hours) / len(hours)


def _hours(account: Account, now: datetime) -> list[int]:
    names = (hour_of(now - timedelta(hours=back)) for back in range(KEPT_HOURS - 1, -1, -1))
    rows = (account.hours.get(name) for name in names)
    return [row.published if row else 0 for row in rows]


def asked(connector: str, options: Mapping[str, Any]) -> float | None:
    """Seconds between two passes."""
    told = options.get("poll_seconds")
    if isinstance(told, int | float) and not isinstance(told, bool) and not math.isnan(told):
        return max(0.0, float(told))
    name = ALIASES.get(connector, connector)
    return CONNECTORS[name].spec.poll_seconds if name in CONNECTORS else None
