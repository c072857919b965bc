"""Budgets: so many calls a day or so much money a month, never exceeded, by the source's own clock.

What was used stands in the source's cursor, so that a restart starts no new day.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from connectors import http
from connectors.base import Context, Usage
from connectors.errors import WaitUntil

Period = Literal["minute", "hour", "day", "month"]


class Quota:
    """`limit` of `what` a `period` that begins at midnight (or the full hour) of `zone`.

    `spend` before each call; it raises `WaitUntil` the period's end where the limit would be
    passed. `state` goes into the cursor, and back in as `known`. What is spent is told to
    `context.on_usage`.
    """

    def __init__(
        self,
        context: Context,
        known: Any,
        *,
        what: str,
        limit: float,
        period: Period,
        zone: str = "UTC",
    ) -> None:
        self._context = context
        self._what, self.limit, self._period, self._zone = what, limit, period, ZoneInfo(zone)
        began = known.get("began") if isinstance(known, Mapping) else None
        used = known.get("used") if isinstance(known, Mapping) else None
        self._began = began if isinstance(began, str) else ""
        self._used = float(used) if isinstance(used, int | float) and used > 0 else 0.0
        self._roll()

    @property
    def state(self) -> dict[str, Any]:
        """What was used of the period at hand."""
        return {"began": self._began, "used": self._used}

    @property
    def left(self) -> float:
        """What may still be spent in this period."""
        self._roll()
        return max(0.0, self.limit - self._used)

    def spend(self, cost: float = 1.0) -> None:
        """Before a call. Raises `WaitUntil`."""
        self._roll()
        if self._used + cost > self.limit:
            ends = self.ends
            raise WaitUntil(
                f"the budget of {self.limit:g} {self._what} a {self._period} is used up until"
                f" {ends:%Y-%m-%d %H:%M} UTC",
                ends,
            )
        self._used += cost
        self._tell()

    def used_up(self) -> datetime:
        """The source itself says that nothing is left: nothing is spent until the moment that is
        given back."""
        self._roll()
        self._used = max(self._used, self.limit)
        self._tell()
        return self.ends

    @property
    def ends(self) -> datetime:
        """The end of the period, in UTC."""
        began = datetime.fromisoformat(self._began)
        if self._period == "month":
            following = (began.replace(day=1) + timedelta(days=32)).replace(day=1)
            return following.astimezone(UTC)
        if self._period == "day":
            # The clock's own midnight, on days of 23 and 25 hours, too.
            naive = began.replace(tzinfo=None) + timedelta(days=1)
            return naive.replace(tzinfo=self._zone).astimezone(UTC)
        step = timedelta(hours=1) if self._period == "hour" else timedelta(minutes=1)
        return (began.astimezone(UTC) + step).astimezone(UTC)

    def _roll(self) -> None:
        now = http.current_time(self._context).astimezone(self._zone)
        began = now.replace(second=0, microsecond=0)
        if self._period != "minute":
            began = began.replace(minute=0)
        if self._period in ("day", "month"):
            began = began.replace(hour=0)
        if self._period == "month":
            began = began.replace(day=1)
        if began.isoformat() != self._began:
            self._began, self._used = began.isoformat(), 0.0

    def _tell(self) -> None:
        self._context.on_usage(
            Usage(
                what=self._what,
                used=self._used,
                limit=self.limit,
                period=self._period,
                ends=self.ends,
            )
        )
