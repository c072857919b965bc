"""Incidents in words: what each kind, severity and state is called, and its shape.

Every word has a shape of its own beside it, so that colour is only the third sign.
"""

from collections.abc import Callable, Mapping
from typing import Final

from streams.alerts.incidents import is_part
from streams.alerts.records import Incident, Kind, Severity, Status
from streams.web.formats import decimal, percent
from streams.web.i18n import N_, NN_, Signs, Words, _, ngettext, number

KINDS: Final[Mapping[Kind, str]] = Words(
    {
        "negative-spike": N_("negative spike"),
        "story": N_("negative story"),
        "rating-drop": N_("rating drop"),
        "volume-spike": N_("volume spike"),
        "positive-spike": N_("positive spike"),
        "volume-drop": N_("fall in volume"),
        "silence": N_("silence"),
        "new-author": N_("new influential author"),
        "rule": N_("rule"),
        "urgent": N_("urgent topic"),
    }
)
SEVERITIES: Final[Mapping[Severity, tuple[str, str]]] = Signs(
    {
        "critical": (N_("critical"), "▲▲▲"),
        "high": (N_("high"), "▲▲"),
        "medium": (N_("medium"), "▲"),
        "low": (N_("low"), "△"),
    }
)
STATES: Final[Mapping[Status, tuple[str, str]]] = Signs(
    {
        "open": (N_("open"), "●"),
        "acknowledged": (N_("acknowledged"), "◐"),
        "snoozed": (N_("snoozed"), "◔"),
        "resolved": (N_("over"), "✓"),
        "withdrawn": (N_("withdrawn"), "✕"),
    }
)
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


def _against(one: Incident, measured: str) -> str:
    """What was counted, beside what was usual."""
    if one.expected < 0.05:
        return _("%(mentions)s where none are usual", mentions=measured)
    return ngettext(
        "%(mentions)s where %(n)s is usual",
        "%(mentions)s where %(n)s are usual",
        _shown(one.expected),
        mentions=measured,
        n=few(one.expected),
    )


def _count(words: tuple[str, str], n: float) -> str:
    return ngettext(*words, _shown(n), n=few(n))


def _shown(n: float) -> float:
    """The number that `few` writes."""
    return round(n, 1) if n < 10 else round(n)


_MENTIONS: Final = NN_("%(n)s mention", "%(n)s mentions")
_NEGATIVE: Final = NN_("%(n)s negative mention", "%(n)s negative mentions")
_POSITIVE: Final = NN_("%(n)s positive mention", "%(n)s positive mentions")


def _rule(one: Incident) -> str:
    return _("the rule “%(rule)s” is met", rule=one.rule) if one.rule else _("a rule is met")


def _silence(one: Incident) -> str:
    usual = _count(_MENTIONS, one.expected)
    return _("nothing came; usual: %(mentions)s", mentions=usual)


def _story(one: Incident) -> str:
    told = _count(_NEGATIVE, one.observed)
    return _("one story, told by %(mentions)s", mentions=told)


def _ratings(one: Incident) -> str:
    return _(
        "ratings are at %(share)s of the best, usually at %(usual)s",
        share=percent(one.observed),
        usual=percent(one.expected),
    )


_SAID: Final[Mapping[Kind, Callable[[Incident], str]]] = {
    "negative-spike": lambda one: _against(one, _count(_NEGATIVE, one.observed)),
    "positive-spike": lambda one: _against(one, _count(_POSITIVE, one.observed)),
    "volume-spike": lambda one: _against(one, _count(_MENTIONS, one.observed)),
    "volume-drop": lambda one: _(
        "only %(what)s", what=_against(one, _count(_MENTIONS, one.observed))
    ),
    "silence": _silence,
    "story": _story,
    "rating-drop": _ratings,
    "new-author": lambda one: _("an influential author wrote of it for the first time"),
    "rule": _rule,
    "urgent": lambda one: _("a mention of a topic marked urgent"),
}


def note(one: Incident) -> str:
    """What became of it, where its state does not say it all."""
    if one.status == "withdrawn":
        return _("Late posts, edits or corrections made it untrue.")
    if one.part_of:
        return _("It is a part of another incident.")
    return _("Declared over by %(who)s.", who=one.resolved_by) if one.resolved_by else ""


def few(n: float) -> str:
    """One decimal below ten, where it tells something."""
    return decimal(n, 1) if n < 10 else number(n)


def rate(a_week: float) -> str:
    """Alarms a week."""
    return decimal(a_week, 2) if a_week < 10 else few(a_week)
