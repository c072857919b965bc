"""Hashtags of Instagram: at most 30 different ones in 7 days, and of each the last 24 hours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from connectors.base import Gap
from connectors.fields import mapping

MOST: Final = 30
_COUNTS: Final = timedelta(days=7).total_seconds()
_REACH: Final = timedelta(hours=24)


class Hashtags:
    """Which hashtags were asked for, and when: one counts for seven days from then on, however
    often it is asked for in them."""

    def __init__(self, known: Any, note: Callable[[str], None]) -> None:
        self._note = note
        self._tags = {name: dict(mapping(row)) for name, row in mapping(known).items()}

    @property
    def state(self) -> dict[str, dict[str, Any]]:
        """For the cursor: `{name: {"id", "asked", "looked"}}`, times in seconds since 1970."""
        return {name: dict(row) for name, row in self._tags.items()}

    def others(self, numbers: list[str], now: datetime) -> None:
        """Hashtags that the account asked for elsewhere count as well."""
        own = {row.get("id") for row in self._tags.values()}
        for number in numbers:
            if number and number not in own:
                self._tags[f"#{number}"] = {"id": number, "asked": now.timestamp()}

    def allowed(self, name: str, now: datetime) -> bool:
        """Whether asking for this one keeps within the budget."""
        if self._counts(name, now):
            return True
        number = self._tags.get(name, {}).get("id")
        used = [one for one in self._tags if self._counts(one, now)]
        if len(used) < MOST or any(self._tags[one].get("id") == number for one in used if number):
            return True
        free = min(self._tags[one]["asked"] for one in used) + _COUNTS
        self._note(
            f"#{name} waits: {MOST} hashtags were asked for in 7 days; the next one may be at "
            f"{datetime.fromtimestamp(free, UTC):%Y-%m-%d %H:%M} UTC"
        )
        return False

    def number(self, name: str) -> str:
        """The hashtag's id, once it is known."""
        return str(self._tags.get(name, {}).get("id") or "")

    def asked(self, name: str, number: str, now: datetime) -> None:
        """It was asked for: it counts, from now on if it did not already."""
        row = self._tags.setdefault(name, {})
        row["id"] = number
        if not self._counts(name, now):
            row["asked"] = now.timestamp()
        self._tags.pop(f"#{number}", None)

    def looked(self, name: str, now: datetime, *, whole: bool) -> Gap | None:
        """Its media were read, as far as can be or to the `whole`; the gap where some were missed
        since the last time."""
        row = self._tags[name]
        before, row["looked"] = row.get("looked"), now.timestamp()
        if not isinstance(before, int | float):
            return None
        last = datetime.fromtimestamp(before, UTC)
        if now - last > _REACH:
            until, why = now - _REACH, "was not read for more than the 24 hours that can be"
        elif not whole:
            until, why = now, "had more that is new than is read"
        else:
            return None
        return Gap(since=last.isoformat(), until=until.isoformat(), reason=f"#{name} {why}")

    def _counts(self, name: str, now: datetime) -> bool:
        asked = self._tags.get(name, {}).get("asked")
        return isinstance(asked, int | float) and now.timestamp() - asked < _COUNTS
