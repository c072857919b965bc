"""Rules that people write: `negative >= 20 in 15m`, `any mention by followers >= 100000`.

rule    = measure ">=" number "in" span
        | "share" tone ">=" percent "in" span
        | "any mention" [ "by followers" ">=" number ]
measure = "mentions" | "negative" | "positive" | "neutral" | "unscored" | "authors" | "reach"
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, NoReturn

import msgspec

from streams.alerts.records import BUCKET_SECONDS, Counts

Measure = Literal[
    "mentions", "negative", "positive", "neutral", "unscored", "authors", "reach",
    "share negative", "share positive", "followers", "any",
]  # fmt: skip
_FIELDS: Final = {
    "mentions": "total",
    "negative": "neg",
    "positive": "pos",
    "neutral": "neu",
    "unscored": "unscored",
    "authors": "authors",
    "reach": "reach",
}
_TONES: Final = {"negative": "neg", "positive": "pos"}
_UNITS: Final = {"m": 60, "h": 3600, "d": 86_400}
_LONGEST: Final = 86_400
_LEAST_SHARED: Final = 5
"""Mentions below which a share says nothing."""
_TOKEN: Final = re.compile(r"\s*(>=|[A-Za-z]+|\d[\d_,]*(?:\.\d+)?[%mhdkM]?|\S)")


class RuleError(ValueError):
    """A rule that can't be read. `column` counts from 1."""

    def __init__(self, rule: str, column: int, problem: str) -> None:
        self.rule, self.column, self.problem = rule, column, problem
        super().__init__(f"{problem}\n  {rule}\n  {' ' * (column - 1)}^")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: `measure` of `seconds` is `least` or more. A share is between 0 and 1."""

    text: str
    measure: Measure
    least: float = 1.0
    seconds: int = BUCKET_SECONDS

    @property
    def buckets(self) -> int:
        return -(-self.seconds // BUCKET_SECONDS)

    def value(self, counts: Iterable[Counts]) -> float:
        """What it measures, of these buckets."""
        some = list(counts)
        if self.measure == "followers":
            return float(max((one.followers for one in some), default=0))
        if self.measure == "any":
            return float(sum(one.total for one in some))
        if self.measure.startswith("share "):
            tone = _TONES[self.measure.split()[1]]
            total = sum(one.total - one.unscored for one in some)
            if total < _LEAST_SHARED:
                return 0.0
            return float(sum(getattr(one, tone) for one in some)) / total
        return float(sum(getattr(one, _FIELDS[self.measure]) for one in some))

    def holds(self, counts: Iterable[Counts]) -> bool:
        return self.value(counts) >= self.least


def parse(text: str) -> Rule:
    """Raises `RuleError` that shows the place and says what was expected there."""
    return _Reader(text).rule()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        found = _TOKEN.finditer(text.rstrip())
        self._tokens = [(one.group(1), one.start(1) + 1) for one in found]
        self._at = 0

    def rule(self) -> Rule:
        word = self._word()
        if word == "any":
            self._expect("mention", "mentions")
            rule = self._any()
        elif word == "share":
            tone = self._expect(*_TONES)
            self._expect(">=")
            least = self._number(percent=True)
            measure: Measure = "share negative" if tone == "negative" else "share positive"
            rule = self._within(measure, least)
        elif word in _FIELDS:
            self._expect(">=")
            rule = self._within(word, self._number())  # type: ignore[arg-type]  # a key of _FIELDS
        else:
            self._at = max(0, self._at - 1)
            self._fail(f"expected one of {', '.join(_FIELDS)}, share or any")
        if self._at < len(self._tokens):
            self._fail("nothing more was expected")
        return rule

    def _any(self) -> Rule:
        if self._at == len(self._tokens):
            return Rule(text=self._text, measure="any")
        self._expect("by")
        self._expect("followers")
        self._expect(">=")
        return Rule(text=self._text, measure="followers", least=self._number())

    def _within(self, measure: Measure, least: float) -> Rule:
        self._expect("in")
        return Rule(text=self._text, measure=measure, least=least, seconds=self._span())

    def _word(self) -> str:
        if self._at >= len(self._tokens):
            return ""
        self._at += 1
        return self._tokens[self._at - 1][0].lower()

    def _expect(self, *wanted: str) -> str:
        word = self._word()
        if word not in wanted:
            self._at -= bool(word)
            self._fail(f"expected {' or '.join(wanted)}")
        return word

    def _number(self, *, percent: bool = False) -> float:
        word = self._word()
        digits = word.rstrip("%k").replace("_", "").replace(",", "")
        try:
            value = float(digits) * (1000 if word.endswith("k") else 1)
        except ValueError:
            value = -1.0
        if value <= 0 or word.endswith("%") != percent or (percent and value > 100):
            self._at -= bool(word)
            self._fail("expected a percentage such as 50%" if percent else "expected a number")
        return value / 100 if percent else value

    def _span(self) -> int:
        word = self._word()
        number, unit = word[:-1], word[-1:]
        seconds = int(number) * _UNITS.get(unit, 0) if number.isdigit() else 0
        if not BUCKET_SECONDS <= seconds <= _LONGEST:
            self._at -= bool(word)
            self._fail("expected a time from 5m to 24h, such as 15m or 1h")
        return seconds

    def _fail(self, problem: str) -> NoReturn:
        end = len(self._text.rstrip()) + 2 if self._text.strip() else 1
        column = self._tokens[self._at][1] if self._at < len(self._tokens) else end
        raise RuleError(self._text, column, problem)
