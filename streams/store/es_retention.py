"""Which months of mentions are over."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTH: Final = re.compile(r"(?:mentions|month)-(?:(\d{4})\.(\d{2})(?:-\d+)?|(early)(?:-\d+)?)")
_EARLY_ENDS: Final = datetime(2005, 1, 1, tzinfo=UTC)


def over(prefix: str, indices: Iterable[str], before: datetime) -> dict[str, str]:
    """By index the month, where all of it is before then. What holds no month of mentions, and
    what odd clocks wrote into the future, is not among them."""
    found = {}
    for index in sorted(indices):
        part = _MONTH.fullmatch(index.removeprefix(f"{prefix}-"))
        if part and _end(part) <= before:
            found[index] = "early" if part[3] else f"{part[1]}-{part[2]}"
    return found


def _end(part: re.Match[str]) -> datetime:
    if part[3]:
        return _EARLY_ENDS
    try:
        first = datetime(int(part[1]), int(part[2]), 1, tzinfo=UTC)
    except ValueError:
        return datetime.max.replace(tzinfo=UTC)
    return (first + timedelta(days=32)).replace(day=1)
