"""Dead letters by what is wrong with them: pure."""

import re
from collections.abc import Iterable
from datetime import datetime

import msgspec

from connectors.letters import DeadLetter, Stage
from streams.web.cards import clip

_NUMBERS = re.compile(r"\d+")
_QUOTED = re.compile(r"(['\"“«`]).*?(?:['\"”»`]|$)")


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Letters of one source and stage with the same reason but for numbers and quoted words."""

    source: str
    stage: Stage
    reason: str
    """That of the newest."""
    count: int
    newest: datetime
    attempts: int
    ids: list[str]
    cut: int
    """How many can't be sent again, because not all of their bytes were kept."""


def grouped(letters: Iterable[DeadLetter]) -> list[Group]:
    """The largest group first. `letters` are the newest first."""
    found: dict[tuple[str, Stage, str], list[DeadLetter]] = {}
    for one in letters:
        found.setdefault((one.source, one.stage, kind_of(one.reason)), []).append(one)
    groups = [
        Group(
            source=source,
            stage=stage,
            reason=some[0].reason,
            count=len(some),
            newest=max(one.at for one in some),
            attempts=max(one.attempts for one in some),
            ids=[one.id for one in some],
            cut=sum(bool(one.cut) for one in some),
        )
        for (source, stage, _), some in found.items()
    ]
    return sorted(groups, key=lambda one: (-one.count, one.source, one.stage, one.reason))


def kind_of(reason: str) -> str:
    """A reason without what differs from letter to letter."""
    return clip(_NUMBERS.sub("#", _QUOTED.sub("…", reason[:500])).casefold(), 200)
