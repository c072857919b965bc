"""Exact counts of a consumer although delivery is at least once: offset-fenced, one document a
partition.

A `Tally` holds what became of every record of a partition below `next`. It is saved before that
offset is committed, so that after a crash what was counted is read again at most, and records
below the fence are not counted again. What was *written* twice carries the same mark, and counts
as `again`. Counts of a batch that its source has not yet vouched for stay apart (`open`), and
become `again` where the source sent it once more (`connectors.account`).
"""

from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from connectors.account import Account, old_hours

TALLY: Final = "tally"
"""The kind of these documents in the store's states; the key is `<stage>/<partition>`."""
ACCOUNT: Final = "account"
"""The kind of the sources' accounts there, by source."""
MOST_HOURS: Final = 200
"""Of one source, whatever the clocks say."""

Counts = dict[str, int]
Hours = dict[str, Counts]


class Mark(NamedTuple):
    """Where a record comes from. Along a `line`, `place` only grows, unless it comes again."""

    source: str
    batch: int
    line: str
    place: tuple[int, int]


def read_mark(raw: bytes) -> Mark | None:
    """`source/batch/index` of a post, `source/batch/line/offset/number` of a mention; others may
    write what they like, and carry no mark then."""
    parts = raw.decode("utf-8", "replace").split("/")
    try:
        if len(parts) == 3:
            batch = int(parts[1])
            return Mark(parts[0], batch, parts[0], (batch, int(parts[2])))
        if len(parts) == 5:
            return Mark(parts[0], int(parts[1]), parts[2], (int(parts[3]), int(parts[4])))
    except ValueError:
        pass
    return None


def mention_mark(mark: Mark | None, source: str, line: str, offset: int, number: int) -> bytes:
    """The mark of a post's mention: the post's source and batch, its own place, and which of the
    post's mentions it is. `line` is the post's partition and its topic's life, which may have any
    sign of base 64 in it."""
    line = line.replace("/", "_")
    source, batch = (mark.source, mark.batch) if mark else (source.replace("/", "_"), 0)
    return f"{source}/{batch}/{line}/{offset}/{number}".encode()


def beside_mark(source: str) -> bytes:
    """The mark of a mention that no post was judged for just now: out of the past, or by hand. Its
    place is before all places, so that it counts as `again` and in no sum."""
    return f"{source.replace('/', '_')}/0/-/-1/-1".encode()


def post_offset(mark: bytes) -> int:
    """The offset of the post that a mention with this mark was made of."""
    return int(mark.rsplit(b"/", 2)[1])


class Entry(NamedTuple):
    """What became of one record, in columns. `source` is for records without a mark."""

    offset: int
    mark: Mark | None
    source: str
    hour: str
    counts: Counts


class Tally(msgspec.Struct, kw_only=True):
    """The counts of one partition, by source and hour. `life` tells a topic made anew, whose
    offsets begin again, from the one before; `seen` only grows and orders the document's
    versions."""

    life: str = ""
    next: int = 0
    seen: int = 0
    marks: dict[str, tuple[int, int]] = {}
    open: dict[str, dict[str, Hours]] = {}
    hours: dict[str, Hours] = {}
    older: dict[str, Counts] = {}

    def live(self, life: str) -> None:
        """Begin to count a topic's life; of another life, offsets and marks mean nothing."""
        if life != self.life:
            self.life, self.next, self.marks = life, 0, {}

    def add(self, entry: Entry) -> None:
        if entry.offset < self.next:
            return
        self.next = entry.offset + 1
        self.seen += 1
        mark, counts = entry.mark, entry.counts
        if mark is None:
            _add(self.hours.setdefault(entry.source, {}), entry.hour, counts)
            return
        if mark.place <= self.marks.get(mark.line, (-1, -1)):
            counts = {"again": 1, "mentions": counts.get("mentions", 0)}
        else:
            self.marks[mark.line] = mark.place
        self._into(mark, entry.hour, counts)

    def _into(self, mark: Mark, hour: str, counts: Counts) -> None:
        if mark.batch:
            batches = self.open.setdefault(mark.source, {})
            _add(batches.setdefault(str(mark.batch), {}), hour, counts)
        else:
            _add(self.hours.setdefault(mark.source, {}), hour, counts)

    def settle(self, accounts: dict[str, Account]) -> None:
        """Move what sources vouch for by now to its hour, and what they sent once more to
        `again`."""
        for source, batches in self.open.items():
            account = accounts.get(source)
            if account is None:
                continue
            for batch in list(batches):
                counts = account.covers(int(batch))
                if counts is not None:
                    self._settle(source, batches.pop(batch), counts=counts)

    def _settle(self, source: str, hours: Hours, *, counts: bool) -> None:
        mine = self.hours.setdefault(source, {})
        for hour, found in hours.items():
            _add(mine, hour, found if counts else _again(found))

    def fold(self, now: datetime) -> None:
        """Add hours that are too old to one sum a source."""
        for source, hours in self.hours.items():
            many = sorted(hours)[: max(0, len(hours) - MOST_HOURS)]
            for hour in {*old_hours(hours, now), *many}:
                sum_up(self.older.setdefault(source, {}), hours.pop(hour))


RECORDS: Final = ("matched", "unmatched", "refused", "stored", "dropped", "again")
"""Columns of which every record counts in one."""


def _again(counts: Counts) -> Counts:
    return {"again": sum(counts.get(name, 0) for name in RECORDS)}


def _add(hours: Hours, hour: str, counts: Counts) -> None:
    sum_up(hours.setdefault(hour, {}), counts)


def sum_up(into: Counts, counts: Counts) -> None:
    for name, number in counts.items():
        into[name] = into.get(name, 0) + number
