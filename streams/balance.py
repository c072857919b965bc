"""The ledger: what was read, published, matched and stored, by source and hour, and whether the
columns add up.

Three sums are checked, all of records and never of percentages:

- read = published + duplicates + dead (`connectors.account`, told by the sources)
- published = matched + unmatched + refused (`streams.tally` of the filter)
- mentions = stored + dropped (`streams.tally` of the index)

What flows is never seen at one moment. So two snapshots are compared: what the first has on one
side of a sum must be on the other side in the second, and what is on the other side in the first
must have come from somewhere by the second.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.account import KEPT_HOURS, Account, Row, hour_of, old_hours
from streams.books import read_accounts
from streams.store.port import Store
from streams.tally import ACCOUNT, TALLY, Tally

OLDER: Final = "older"
"""The hour of the sum of all that is too old to be told by the hour."""
_EDGE_HOURS: Final = KEPT_HOURS - 1
"""Every part folds its old hours in its own time: what may be folded already is folded here."""


class Line(msgspec.Struct, kw_only=True):
    """One source's hour, by the posts' `collected_at`, in UTC.

    `read` to `dead` are told by the source, and by none for posts that came in another way
    (`told` is false). `matched`, `unmatched` and `refused` are posts, in the filter; `mentions`
    are what those matched became, one for each topic they met; `stored` and `dropped` are
    mentions, in the index. `again` are records written more than once: sent again after a
    source or worker was cut off, counted nowhere else. `waiting` is on its way, `imbalance` is
    what nothing explains.
    """

    source: str
    hour: str
    told: bool = False
    read: int = 0
    published: int = 0
    duplicates: int = 0
    dead: int = 0
    matched: int = 0
    unmatched: int = 0
    refused: int = 0
    mentions: int = 0
    stored: int = 0
    dropped: int = 0
    again: int = 0
    waiting: int = 0
    imbalance: int = 0

    @property
    def sums(self) -> tuple[tuple[int, int], ...]:
        """Both sides of each check."""
        published = self.published if self.told else self._judged
        return (
            (self.read, self.published + self.duplicates + self.dead),
            (published, self._judged),
            (self.mentions, self.stored + self.dropped),
        )

    @property
    def _judged(self) -> int:
        return self.matched + self.unmatched + self.refused


COUNTED: Final = Line.__struct_fields__[3:]

Lines = dict[tuple[str, str], Line]


class Snapshot(msgspec.Struct, kw_only=True):
    """The counts at one moment, and the records that the broker holds unread, by the end of the
    topic's name; `None` while no worker tells."""

    lines: Lines
    lag: dict[str, int] | None


class Ledger(msgspec.Struct, kw_only=True):
    """What `veille status --ledger --json` prints. `missed` were dropped by the broker unread."""

    lines: list[Line]
    total: Line
    missed: int
    imbalance: int
    verdict: str


async def snapshot(store: Store, now: datetime, *, lag: dict[str, int] | None) -> Snapshot:
    """What sources and workers told of themselves so far. Raises `StoreError`."""
    tallies = await store.states(TALLY)
    accounts = read_accounts(await store.states(ACCOUNT))
    return Snapshot(lines=lines_of(accounts, tallies.values(), now), lag=lag)


def lines_of(
    accounts: Mapping[str, Account], tallies: Iterable[Mapping[str, Any]], now: datetime
) -> Lines:
    """The lines by source and hour, old hours in one."""
    lines: Lines = {}
    for source, account in accounts.items():
        for hour, row in _folded(account.hours, now):
            _add_row(_line(lines, source, hour), row)
        _add_row(_line(lines, source, OLDER), account.older)
    for told in tallies:
        tally = msgspec.convert(told, Tally, strict=False)
        tally.settle(dict(accounts))
        _add_tally(lines, tally, now)
    return {key: line for key, line in sorted(lines.items()) if any(_values(line))}


def _folded(hours: Mapping[str, Any], now: datetime) -> Iterable[tuple[str, Any]]:
    old = set(old_hours(hours, now, _EDGE_HOURS))
    return ((OLDER if hour in old else hour, value) for hour, value in hours.items())


def _line(lines: Lines, source: str, hour: str) -> Line:
    return lines.setdefault((source, hour), Line(source=source, hour=hour))


def _add_row(line: Line, row: Row) -> None:
    line.told = True
    for name in row.__struct_fields__:
        setattr(line, name, getattr(line, name) + getattr(row, name))


def _add_tally(lines: Lines, tally: Tally, now: datetime) -> None:
    for source, hours in tally.hours.items():
        for hour, counts in _folded(hours, now):
            _add_counts(_line(lines, source, hour), counts)
    for source, counts in tally.older.items():
        _add_counts(_line(lines, source, OLDER), counts)


def _add_counts(line: Line, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        if name in COUNTED:
            setattr(line, name, getattr(line, name) + number)


def _values(line: Line) -> list[int]:
    return [getattr(line, name) for name in COUNTED]


def balance(
    before: Snapshot, after: Snapshot, *, missed: int = 0, since: datetime | None = None
) -> Ledger:
    """Judge each line of `after`, as far as it is not before the hour of `since`."""
    # A source with an account vouches for every hour: one without a row there published nothing.
    told = {source for (source, _), line in after.lines.items() if line.told}
    first = hour_of(since) if since else ""
    lines = []
    for key, line in after.lines.items():
        line.told = line.told or key[0] in told
        earlier = before.lines.get(key) or Line(source=key[0], hour=key[1])
        earlier.told = line.told
        _judge(earlier, line, after.lag)
        if not since or (line.hour != OLDER and line.hour >= first):
            lines.append(line)
    total = _total(lines)
    return Ledger(
        lines=lines,
        total=total,
        missed=missed,
        imbalance=total.imbalance,
        verdict=verdict(total, missed),
    )


def _judge(before: Line, after: Line, lag: dict[str, int] | None) -> None:
    held = (0, _held(lag, "posts"), _held(lag, "mentions"))
    after.waiting = after.imbalance = 0
    for (left, right), (later_left, later_right), may_wait in zip(
        before.sums, after.sums, held, strict=True
    ):
        lost = max(0, left - later_right)
        excess = max(0, right - later_left)
        waits = may_wait is None or may_wait > 0
        after.imbalance += excess + (0 if waits else lost)
        after.waiting += max(0, later_left - later_right) - (0 if waits else lost)
    after.waiting = max(0, after.waiting)


def _held(lag: dict[str, int] | None, topic: str) -> int | None:
    if lag is None:
        return None
    return sum(count for name, count in lag.items() if name.endswith(topic))


def by_source(lines: Iterable[Line]) -> list[Line]:
    """The sum of each source's hours, in the order of the lines."""
    sums: dict[str, Line] = {}
    for line in lines:
        total = sums.setdefault(line.source, Line(source=line.source, hour=""))
        total.told = total.told or line.told
        _add(total, line)
    return list(sums.values())


def _total(lines: Iterable[Line]) -> Line:
    total = Line(source="all", hour="", told=True)
    for line in lines:
        _add(total, line)
    return total


def _add(total: Line, line: Line) -> None:
    for name in COUNTED:
        setattr(total, name, getattr(total, name) + getattr(line, name))


def verdict(total: Line, missed: int) -> str:
    """In words, for those who see no colours."""
    if total.imbalance:
        return (
            f"Out of balance by {total.imbalance:,} records that nothing explains. Remedy: see "
            "docs/ledger.md, and `veille dead-letters`"
        )
    text = "In balance: nothing lost, nothing twice"
    if total.waiting:
        text += f"; {total.waiting:,} records on their way"
    if missed:
        text += f". But the broker dropped {missed:,} records unread: see `veille status`"
    return text
