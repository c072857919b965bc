"""Numbers, times and plurals as they are written in French, Russian and English."""

from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from streams.alerts.messages.catalogue import CATALOGUE, Forms

Language = Literal["en", "fr", "ru"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr", "ru")

NARROW: Final = "\u202f"
FIXED: Final = "\u00a0"
_MONTHS: Final = {
    "en": "January February March April May June July August September October November December",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
}
_THOUSANDS: Final = {"en": ",", "fr": NARROW, "ru": FIXED}
_PERCENT: Final = {"en": "", "fr": NARROW, "ru": FIXED}
_DAY: Final = {"en": "d", "fr": "j", "ru": "дн."}
_HOUR: Final = {"en": "h", "fr": "h", "ru": "ч"}
_MINUTE: Final = {"en": "min", "fr": "min", "ru": "мин"}


class Words:
    """One language and one zone: everything a message says is said through it."""

    def __init__(self, language: Language, zone: str = "UTC") -> None:
        self.language: Language = language
        self.zone = zone
        self._zone = ZoneInfo(zone)
        self._phrases = CATALOGUE[language]

    def say(self, phrase: str, **values: object) -> str:
        """A phrase of the catalogue with its values filled in."""
        found = self._phrases[phrase]
        if not isinstance(found, str):
            raise TypeError(f"{phrase} has plural forms: use `many`")
        return found.format(**values)

    def many(self, phrase: str, number: float, **values: object) -> str:
        """The form that goes with `number`, which its `{n}` stands for."""
        found = self._phrases[phrase]
        if isinstance(found, str):
            raise TypeError(f"{phrase} has one form: use `say`")
        return found[self._form(number)].format(n=self.number(number), **values)

    def _form(self, number: float) -> int:
        """Which of (one, few, many): CLDR's rules, where English and French know no `few`."""
        if self.language == "en":
            return 0 if number == 1 else 2
        if self.language == "fr":
            return 0 if abs(number) < 2 else 2
        whole = round(number)
        if abs(number - whole) > 1e-9:
            return 1  # 1,5 упоминания
        tens, units = whole % 100, whole % 10
        if units == 1 and tens != 11:
            return 0
        return 1 if 2 <= units <= 4 and not 12 <= tens <= 14 else 2

    def number(self, value: float) -> str:
        """Whole from ten on and where it is whole, else with one digit after the comma."""
        rounded = round(value) if abs(value) >= 10 else round(value, 1)
        text = f"{rounded:,.0f}" if rounded == int(rounded) else f"{rounded:,.1f}"
        if self.language == "en":
            return text
        return text.replace(",", _THOUSANDS[self.language]).replace(".", ",")

    def percent(self, share: float) -> str:
        return f"{round(share * 100)}{_PERCENT[self.language]}%"

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone)

    def clock(self, moment: datetime) -> str:
        hour, minute = self.local(moment).hour, self.local(moment).minute
        if self.language == "fr":
            return f"{hour}{FIXED}h{FIXED}{minute:02}"
        return f"{hour:02}:{minute:02}"

    def day(self, moment: datetime) -> str:
        local = self.local(moment)
        return f"{local.day}{FIXED}{_MONTHS[self.language].split()[local.month - 1]} {local.year}"

    def moment(self, moment: datetime, beside: datetime | None = None) -> str:
        """Day and time; the time alone on the day of `beside`."""
        if beside is not None and self.local(moment).date() == self.local(beside).date():
            return self.clock(moment)
        return f"{self.day(moment)}, {self.clock(moment)}"

    def span(self, length: timedelta) -> str:
        """A length of time by its two largest units: `2 d 3 h`, `1 h 20 min`, `5 min`."""
        minutes = max(1, round(length.total_seconds() / 60))
        days, left = divmod(minutes, 24 * 60)
        hours, minutes = divmod(left, 60)
        parts = [(days, _DAY), (hours, _HOUR), (minutes, _MINUTE)]
        told = [f"{many}{FIXED}{unit[self.language]}" for many, unit in parts if many]
        return FIXED.join(told[:2])

    def quote(self, text: str) -> str:
        """Text between the marks of the language, which it can't close by itself."""
        bare = text.translate(_INNER)
        if self.language == "en":
            return f"“{bare}”"
        fixed = NARROW if self.language == "fr" else ""
        return f"«{fixed}{bare}{fixed}»"


_INNER: Final = str.maketrans({"“": "'", "”": "'", "«": "'", "»": "'"})

__all__ = ["LANGUAGES", "Forms", "Language", "Words"]
