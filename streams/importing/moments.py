"""Times as exports write them: in a zone of their own, in a format of their own, or as numbers of a
spreadsheet."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors import times
from connectors.local_dates import read_date

_SLASHED: Final = re.compile(r"\s*(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?!\d)")
_SERIAL: Final = re.compile(r"([2-7]\d{4}(?:[.,]\d+)?)(?:\s+(0[.,]\d+))?")
"""Days, and a time of day in a cell of its own."""
_SPREADSHEET_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 # a wall clock's
_AHEAD: Final = timedelta(days=2)
"""The zones' clocks are ahead of UTC's by so much at the most."""
_REMEDY: Final = "Remedy: --date-format '%d/%m/%Y %H:%M', or '%m/%d/%Y %H:%M'"


class Moments:
    """Reads times. One without a zone of its own is in `zone`. `formats` are those of `strptime`,
    tried in their order after ISO 8601; `order` tells whether the day or the month comes first in
    dates of numbers that no format reads."""

    def __init__(self, formats: Sequence[str], zone: ZoneInfo, order: str = "") -> None:
        self.now = datetime.now(UTC)
        self.order = order
        self._formats, self._zone = tuple(formats), zone

    def tick(self) -> None:
        """Look at the clock, which is slow to ask for each row."""
        self.now = datetime.now(UTC)

    def read(self, text: str) -> datetime:
        """Raises `ValueError` for what is no time, may be two, or lies out of range."""
        return times.parse(self._in_zone(self._moment(text.strip())), now=self.now)

    def _in_zone(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)

    def _moment(self, text: str) -> datetime:
        if text[4:5] == "-":
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass
        for each in self._formats:
            try:
                return datetime.strptime(text, each)  # noqa: DTZ007 # `_in_zone` follows
            except ValueError:
                continue
        if days := _SERIAL.fullmatch(text):
            told = sum(float(one.replace(",", ".")) for one in days.groups() if one)
            return _SPREADSHEET_EPOCH + timedelta(seconds=round(told * 86_400))
        if found := _SLASHED.match(text):
            return self._numbers(text, found)
        return self._other(text)

    def _numbers(self, text: str, found: re.Match[str]) -> datetime:
        first, second, year = int(found.group(1)), int(found.group(3)), int(found.group(4))
        order = self.order or ("day" if found.group(2) == "." else "")
        if first > 12:
            order = "day"
        elif second > 12:
            order = "month"
        if not order and first != second:
            raise ValueError(f"{text!r:.60}: day or month first? {_REMEDY}")
        day, month = (second, first) if order == "month" else (first, second)
        rest = text[found.end() :]
        try:
            return datetime.fromisoformat(f"{year:04}-{month:02}-{day:02}{rest}")
        except ValueError:
            return self._other(f"{day}/{month}/{year}{rest}")

    def _other(self, text: str) -> datetime:
        """Whatever any source writes; where that has no zone it was taken for UTC."""
        moment = read_date(text, self.now + _AHEAD)
        if moment is None:
            raise ValueError(f"{text!r:.60} is not a time. {_REMEDY}")
        return moment if _tells_zone(text) else moment.replace(tzinfo=None)


_ZONED: Final = re.compile(r"(?:Z|UTC|GMT|[A-Z]{3,4}|[+-]\d{2}:?\d{2})\)?\s*$")
_UNIX: Final = re.compile(r"\d{9,19}(?:\.\d+)?")


def _tells_zone(text: str) -> bool:
    return bool(_ZONED.search(text) or _UNIX.fullmatch(text))


def order_of(texts: Iterable[str]) -> str:
    """`day` or `month`: which comes first in dates such as 13/04/2026, by those that can be read in
    one way alone; empty where none tells, or some tell the one and some the other."""
    told = set()
    for text in texts:
        if found := _SLASHED.match(text):
            first, second = int(found.group(1)), int(found.group(3))
            if (first > 12) != (second > 12):
                told.add("day" if first > 12 else "month")
    return told.pop() if len(told) == 1 else ""
