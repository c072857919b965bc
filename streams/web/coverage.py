"""How much of a time each source was giving: what is not covered is no absence of mentions."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.source_gaps import Shade
from streams.web.health import Source

_SILENT: Final = frozenset({"failing"})


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """A source's part of the time in which it was giving (0 to 1), and when it was not."""

    source: str
    share: float
    missing: list[Shade] = []


def still_failing(sources: Iterable[Source], now: datetime) -> list[Shade]:
    """Of each source that fails now the time since it last gave something or came to an end: a gap
    is told only once it is over."""
    found = []
    for one in sources:
        last = max(filter(None, (one.last_pass_at, one.last_post_at)), default=None)
        if one.state in _SILENT and last and last < now:
            reason = one.reason or "it fails"
            found.append(Shade(source=one.id, begins=last, ends=now, reason=reason))
    return found


def coverage(
    sources: Iterable[Source], shades: Sequence[Shade], since: datetime, until: datetime
) -> list[Coverage]:
    """Of every source that is not switched off, the worst first."""
    whole = max(until - since, timedelta(microseconds=1))
    found = []
    for one in sources:
        if one.state == "disabled":
            continue
        mine = [shade for shade in shades if shade.source == one.id]
        away = sum((ends - begins for begins, ends in _joined(mine, since, until)), timedelta())
        found.append(Coverage(source=one.id, share=1 - away / whole, missing=mine))
    return sorted(found, key=lambda one: (one.share, one.source))


def overall(found: Sequence[Coverage]) -> float | None:
    """The mean over all sources; `None` without any."""
    return sum(one.share for one in found) / len(found) if found else None


def _joined(
    shades: Iterable[Shade], since: datetime, until: datetime
) -> list[tuple[datetime, datetime]]:
    """Within `since` and `until`, without overlaps."""
    joined: list[tuple[datetime, datetime]] = []
    for one in sorted(shades, key=lambda one: one.begins):
        begins, ends = max(one.begins, since), min(one.ends, until)
        if begins >= ends:
            continue
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends, joined[-1][1]))
        else:
            joined.append((begins, ends))
    return joined
