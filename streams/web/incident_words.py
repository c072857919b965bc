"""Incidents in words: what each kind, severity and state is called, and its shape.

Every word has a shape of its own beside it, so that colour is only the third sign.
"""

from collections.abc import Callable
from typing import Final

from streams.alerts.incidents import is_part
from streams.alerts.records import Incident, Kind, Severity, Status

KINDS: Final[dict[Kind, str]] = {
    "negative-spike": "negative spike",
    "story": "negative story",
    "rating-drop": "rating drop",
    "volume-spike": "volume spike",
    "positive-spike": "positive spike",
    "volume-drop": "fall in volume",
    "silence": "silence",
    "new-author": "new influential author",
    "rule": "rule",
    "urgent": "urgent topic",
}
SEVERITIES: Final[dict[Severity, tuple[str, str]]] = {
    "critical": ("critical", "▲▲▲"),
    "high": ("high", "▲▲"),
    "medium": ("medium", "▲"),
    "low": ("low", "△"),
}
STATES: Final[dict[Status, tuple[str, str]]] = {
    "open": ("open", "●"),
    "acknowledged": ("acknowledged", "◐"),
    "snoozed": ("snoozed", "◔"),
    "resolved": ("over", "✓"),
    "withdrawn": ("withdrawn", "✕"),
}
"""The first three are not over."""
ACTIVE: Final[tuple[Status, ...]] = ("open", "acknowledged", "snoozed")


def active(one: Incident) -> bool:
    return one.status in ACTIVE


def hidden(one: Incident) -> bool:
    """Whether it is told of no more: untrue, or a part of another."""
    return one.status == "withdrawn" or is_part(one)


def what(one: Incident) -> str:
    """What happened, in a sentence without its subject: figures are those that were stored."""
    return _SAID[one.kind](one)


def _of(one: Incident, mood: str) -> str:
    none = one.expected < 0.05
    usual = "where none are usual" if none else f"where {_usual(one.expected)} usual"
    return f"{few(one.observed)} {mood}mention{'' if one.observed == 1 else 's'} {usual}"


def _usual(n: float) -> str:
    return f"{few(n)} {'is' if few(n) == '1' else 'are'}"


def _rule(one: Incident) -> str:
    return f"the rule “{one.rule}” is met" if one.rule else "a rule is met"


_SAID: Final[dict[Kind, Callable[[Incident], str]]] = {
    "negative-spike": lambda one: _of(one, "negative "),
    "positive-spike": lambda one: _of(one, "positive "),
    "volume-spike": lambda one: _of(one, ""),
    "volume-drop": lambda one: f"only {_of(one, '')}",
    "silence": lambda one: f"nothing came, where {few(one.expected)} mentions are usual",
    "story": lambda one: f"{few(one.observed)} negative mentions tell one story",
    "rating-drop": lambda one: (
        f"ratings are {100 * one.observed:.0f} % of the best, usually {100 * one.expected:.0f} %"
    ),
    "new-author": lambda one: "an influential author wrote of it for the first time",
    "rule": _rule,
    "urgent": lambda one: "a mention of a topic marked urgent",
}


def note(one: Incident) -> str:
    """What became of it, where its state does not say it all."""
    if one.status == "withdrawn":
        return "Late posts, edits or corrections made it untrue."
    if one.part_of:
        return "It is a part of another incident."
    return f"Declared over by {one.resolved_by}." if one.resolved_by else ""


def few(n: float) -> str:
    """One decimal below ten, where it tells something."""
    return f"{n:,.1f}".removesuffix(".0") if n < 10 else f"{n:,.0f}".replace(",", "\u202f")


def rate(a_week: float) -> str:
    """Alarms a week."""
    return f"{a_week:.2f}".rstrip("0").rstrip(".") if a_week < 10 else few(a_week)


def lasting(seconds: float) -> str:
    """A length of time in its two largest units."""
    minutes = max(0, round(seconds / 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d"] * bool(days) + [f"{hours} h"] * bool(hours)
    if not days and (rest or not parts):
        parts.append(f"{rest} min")
    return " ".join(parts[:2])
