"""What the address of an overview asks for: which topics, how long back, in which order."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import msgspec

from streams.web.filters import (
    MAX_VALUE,
    MAX_VALUES,
    PRESETS,
    BadFilter,
    Pair,
    Parameter,
    Problem,
    one_of,
)
from streams.web.i18n import _

SPANS: Final = {name: span for name, span in PRESETS.items() if span is not None}
DEFAULT: Final = "24h"
SORTS: Final = ("worth", "volume", "negative", "name")
PARAMETERS: Final = (
    Parameter("topic", "Topic", "Id of a topic; all without it.", many=True),
    Parameter("range", "Period", f"Back from now: {', '.join(SPANS)}."),
    Parameter("sort", "Order", f"One of {', '.join(SORTS)}: what deserves a look comes first."),
    Parameter("wall", "Wall", "1 for a screen on the wall: dark, large, without menus."),
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """An overview's address. `topics` is empty where all are asked for."""

    topics: tuple[str, ...] = ()
    preset: str = DEFAULT
    sort: str = SORTS[0]
    wall: bool = False

    @property
    def span(self) -> timedelta:
        return SPANS[self.preset]

    @property
    def pairs(self) -> list[Pair]:
        """What is not as it is by itself."""
        return [
            *(("topic", one) for one in self.topics),
            *([("range", self.preset)] if self.preset != DEFAULT else []),
            *([("sort", self.sort)] if self.sort != SORTS[0] else []),
            *([("wall", "1")] if self.wall else []),
        ]

    def with_(self, **changes: object) -> list[Pair]:
        """The address with some of it changed."""
        changed: Asked = msgspec.structs.replace(self, **changes)
        return changed.pairs


def read(given: Iterable[Pair], *, also: Iterable[str] = ()) -> Asked:
    """Empty values are as good as absent; `also` names parameters of every page. Raises
    `BadFilter` with every problem at once."""
    values: dict[str, list[str]] = {}
    problems: list[Problem] = []
    known = {one.name for one in PARAMETERS}
    for name, value in given:
        if name in also or not value.strip():
            continue
        if name not in known:
            remedy = _("Known: %(names)s.", names=", ".join(one.name for one in PARAMETERS))
            problems.append(Problem(name[:40], value[:80], _("no such filter"), remedy))
        elif len(value) > MAX_VALUE or not value.isprintable():
            remedy = _("At most %(n)s characters, none of them control characters.", n=MAX_VALUE)
            problems.append(Problem(name, value[:80], _("can't be read"), remedy))
        else:
            values.setdefault(name, []).append(value.strip())
    topics = tuple(dict.fromkeys(values.get("topic", [])))
    if len(topics) > MAX_VALUES:
        remedy = _("At most %(n)s.", n=MAX_VALUES)
        problem = _("given %(n)s times", n=len(topics))
        problems.append(Problem("topic", topics[0], problem, remedy))
    asked = Asked(
        topics=topics,
        preset=_one("range", values, tuple(SPANS), DEFAULT, problems),
        sort=_one("sort", values, SORTS, SORTS[0], problems),
        wall=_one("wall", values, ("0", "1"), "0", problems) == "1",
    )
    if problems:
        bad = {one.parameter for one in problems}
        kept = [(name, one) for name, some in values.items() if name not in bad for one in some]
        raise BadFilter(problems, tuple(kept))
    return asked


def _one(
    name: str,
    values: dict[str, list[str]],
    allowed: tuple[str, ...],
    default: str,
    problems: list[Problem],
) -> str:
    value = values.get(name, [default])[0]
    if value not in allowed:
        problem = _("no such value of %(name)s", name=name)
        problems.append(Problem(name, value[:80], problem, one_of(allowed)))
        return default
    return value
