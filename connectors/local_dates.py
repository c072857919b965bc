"""Dates as people write them in feeds, with the names of months in seven languages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors import times

_MONTHS: Final = (
    "january jan janvier janv januar enero ene gennaio gen janeiro январь января янв",
    "february feb février fevrier févr fevr fév februar febrero febbraio fevereiro февраля фев",
    "march mar mars märz maerz mär marzo março март марта мар",
    "april apr avril avr abril abr aprile апрель апреля апр",
    "may mai mayo maggio mag maio май мая",
    "june jun juin juni junio giugno giu junho июнь июня июн",
    "july jul juillet juil juli julio luglio lug julho июль июля июл",
    "august aug août aout agosto ago август августа авг",
    "september sept sep septembre septiembre settembre set setembro сентябрь сентября сен сент",
    "october oct octobre oktober okt octubre ottobre ott outubro октябрь октября окт",
    "november nov novembre noviembre novembro ноябрь ноября ноя нояб",
    "december dec décembre decembre déc dezember dez diciembre dic dicembre dezembro декабря дек",
)
_NUMBER: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_OFFSETS: Final = "est-5 edt-4 cst-6 cdt-5 mst-7 mdt-6 pst-8 pdt-7 msk+3 мск+3 cet+1 cest+2 bst+1"
_ZONES: Final = {each[:-2]: int(each[-2:]) for each in _OFFSETS.split()}
_DAY_FIRST = re.compile(r"\b(\d{1,2})(?:er|st|nd|rd|th|º|\.)?[\s-]+(?:de\s+)?([^\W\d]+)")
_MONTH_FIRST = re.compile(r"\b([^\W\d]+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?\b")
_NUMBERS = re.compile(r"\b(\d{1,2})[./](\d{1,2})[./](\d{4})\b")
_YEAR = re.compile(r"\b((?:19|20)\d{2})\b")
_SHORT_YEAR = re.compile(r"[^\W\d]\.?[\s-]+(\d{2})\b(?!\s*[:h])")
_CLOCK = re.compile(
    r"\b(\d{1,2})\s*(?::|h)\s*(\d{2})(?:\s*:\s*(\d{2}))?(?:\.\d+)?\s*([ap])?\.?m?\b"
)
_HALF = re.compile(r"\d\s*[ap]\.?m\b", re.IGNORECASE)
_OFFSET = re.compile(r"(?:gmt|utc)?\s*([+-])(\d{2}):?(\d{2})\b")
_ZONE = re.compile(r"([^\W\d]{1,4})\s*$")
_LONGEST: Final = 80


def read_date(value: str, now: datetime) -> datetime | None:
    """The moment that `value` names; None where it names none. A time without a zone is UTC, one
    such as 03/04/2026 is the third of April."""
    if not halved(value):
        try:
            return times.parse(value, now=now)
        except ValueError:
            pass
    text = value.strip().strip(">").lower()[:_LONGEST]
    day, month = _day_and_month(text)
    year = _YEAR.search(text)
    short = None if year else _SHORT_YEAR.search(text)
    if not month or not (year or short):
        return None
    number = int(year.group(1)) if year else 2000 + int(short.group(1) if short else 0)
    try:
        moment = datetime(number, month, day, tzinfo=UTC) + _clock(text) - _offset(text)
        return times.parse(moment, now=now)
    except (ValueError, OverflowError):
        return None


def halved(value: str) -> bool:
    """Whether the time is one of a day of two halves, which other parsers take for the first."""
    return _HALF.search(value) is not None


def _day_and_month(text: str) -> tuple[int, int]:
    for day, name in _DAY_FIRST.findall(text):
        if name in _NUMBER:
            return int(day), _NUMBER[name]
    for name, day in _MONTH_FIRST.findall(text):
        if name in _NUMBER:
            return int(day), _NUMBER[name]
    found = _NUMBERS.search(text)
    if found is None:
        return 0, 0
    first, second = int(found.group(1)), int(found.group(2))
    return (second, first) if second > 12 else (first, second)


def _clock(text: str) -> timedelta:
    found = _CLOCK.search(text)
    if found is None:
        return timedelta()
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    if found.group(4):
        hour = hour % 12 + (12 if found.group(4) == "p" else 0)
    if hour > 24 or minute > 59:
        raise ValueError(f"{text!r:.80} names no time of day")
    return timedelta(hours=hour, minutes=minute, seconds=min(second, 59))


def _offset(text: str) -> timedelta:
    found = _OFFSET.search(text)
    if found:
        sign = -1 if found.group(1) == "-" else 1
        return sign * timedelta(hours=int(found.group(2)), minutes=int(found.group(3)))
    named = _ZONE.search(text)
    return timedelta(hours=_ZONES.get(named.group(1), 0) if named else 0)
