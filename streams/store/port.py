"""The port every store implements, and the questions pages, alerts and services ask of it.

Two implementations: `streams.store.sqlite` (embedded) and `streams.store.elasticsearch`
(cluster). `tests/contract/test_store.py` runs the same assertions against both.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

import msgspec

from connectors.letters import DeadLetter, Stage
from streams.records import Label, Mention, Record, SentimentLabel
from streams.store.erasures import Erased, Erasure
from streams.store.hiding import Hidden
from streams.store.journal import Entry, EntryFilter, EntryPage

Order = Literal["newest", "oldest", "worth", "sample"]
"""By `created_at`, by `streams.store.worth` (largest first), or by a hash of the id: an order as
good as random, and the same each time. Ties end by id."""
Dimension = Literal["topic", "source", "lang", "author", "hashtag", "sentiment", "country", "kind"]


NOBODY: Final = "-"
"""Asked for as `Filter.assigned`: what is assigned to nobody."""


class Filter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which mentions: empty means "any". `since` is inclusive, `until` exclusive, both by the
    post's `created_at`. `text` holds words and "phrases", all of which must be in title or text,
    case- and accent-insensitively; a word ending in `*` is a prefix. Punctuation asks for nothing.
    `author` is a handle (with or without `@`, in any case), an id or a `source:handle`.
    `sentiments` are those that count: a staff label wins. Times count to the millisecond.
    `thread` is a post's id: that post, and all that have it as `thread_id`, `parent_id` or
    `repost_of`. `url` is the post's, compared without scheme, `www.`, trailing slash and fragment.
    `work` is `open` until a label says `done`; `judged` asks whether staff said that it is relevant
    or not, or what its sentiment is. Deleted mentions never match, hidden ones where `hidden` asks.
    """

    topics: tuple[str, ...] = ()
    sentiments: tuple[SentimentLabel, ...] = ()
    langs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    author: str = ""
    hashtag: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    post_id: str = ""
    story: str = ""
    thread: str = ""
    kinds: tuple[str, ...] = ()
    tag: str = ""
    assigned: str = ""
    work: Literal["", "open", "done"] = ""
    judged: bool | None = None
    hidden: Literal["no", "only", "any"] = "no"
    least_followers: int = 0
    url: str = ""


class Page(msgspec.Struct, frozen=True):
    """One page of mentions in the order asked for, and the opaque cursor of the next (empty at
    the end)."""

    mentions: list[Mention]
    cursor: str = ""


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Mentions in [`start`, `start` + step): how many, split by sentiment label."""

    start: datetime
    total: int
    pos: int = 0
    neg: int = 0
    neu: int = 0
    unscored: int = 0


class Counts(msgspec.Struct, frozen=True, gc=False):
    """Mentions of one bucket. `authors` are distinct and `reach` adds up the followers of each
    once; `loudest` (`source:handle`) has the most `followers` of them. `rating_sum` adds up
    value / best of the `rated` posts. Authors, reach and ratings are 0 where they were not asked
    for."""

    total: int = 0
    pos: int = 0
    neg: int = 0
    neu: int = 0
    unscored: int = 0
    authors: int = 0
    reach: int = 0
    rated: int = 0
    rating_sum: float = 0.0
    loudest: str = ""
    followers: int = 0


class TopicCounts(msgspec.Struct, frozen=True):
    """One topic's mentions of the bucket that begins at `start`, in milliseconds since 1970."""

    topic: str
    start: int
    counts: Counts


class StoryCount(msgspec.Struct, frozen=True, gc=False):
    """How many mentions of a topic and a sentiment tell the same story."""

    topic: str
    story: str
    total: int


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """A value of a dimension with its number of mentions, split by sentiment."""

    value: str
    total: int
    pos: int = 0
    neg: int = 0
    neu: int = 0
    unscored: int = 0


class Facets(msgspec.Struct, frozen=True):
    """One selection over time, and its most frequent values by dimension."""

    buckets: list[Bucket]
    tops: dict[Dimension, list[Count]]


class Rejected(msgspec.Struct, frozen=True):
    """A record the store will never accept, and why: it belongs to the dead letters."""

    record: Record
    reason: str


class RejectedLabel(msgspec.Struct, frozen=True):
    """A label the store will never accept, and why: it belongs to the dead letters."""

    label: Label
    reason: str


class LetterFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which dead letters: empty means "any". `reason` is a part of the reason, in any case;
    `until` is inclusive, so that a selection does not grow while it is worked on; `after` leaves
    those that come after this `at` and id in the order of the store, newest first."""

    ids: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    reason: str = ""
    until: datetime | None = None
    after: tuple[datetime, str] | None = None

    def has_reason(self, letter: DeadLetter) -> bool:
        return self.reason.casefold() in letter.reason.casefold()


class WriteReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch. Every record of it is terminal when `write` returns.

    `stored` were written (again); `stale` lost against a newer version or a retraction, which is
    as good as done; `retracted` mentions became tombstones.
    """

    stored: int = 0
    stale: int = 0
    retracted: int = 0
    rejected: list[Rejected] = []


class Replacement(msgspec.Struct, frozen=True):
    """A mention to be put in the place of the one with its id; a deleted one takes it away. `new`:
    there was none."""

    mention: Mention
    new: bool = False


class Replaced(msgspec.Struct, kw_only=True):
    """What was put in place. `steps` in which readers saw it: one, unless there was too much; in
    Elasticsearch one a month."""

    stored: int = 0
    retracted: int = 0
    stale: int = 0
    steps: int = 0


Note = Callable[[str, int, int | None], None]
"""Told of a name how many are done, of how many (`None`: nobody knows)."""


class Store(Protocol):
    """Where mentions live. Writers: one per post id at a time; readers: any number.

    `write` returns only when the whole batch is durable or rejected; while the store is away it
    waits and retries without end (the caller is held back). Reads raise `StoreUnavailable`.
    """

    async def open(self) -> None:
        """Connect, create what is missing, check versions. Raises `StoreError`."""
        ...

    async def close(self) -> None: ...

    async def write(self, records: Sequence[Record]) -> WriteReport:
        """Upsert mentions, newer or same version winning; apply retractions. Order of versions,
        not order of arrival, decides: a late older version changes nothing."""
        ...

    async def replace(
        self, changes: Iterable[Replacement], *, purpose: str, note: Note
    ) -> Replaced:
        """Put all of these in place so that readers see it at once: SQLite in one transaction
        (one for each 20,000), Elasticsearch month by month, each made anew beside the old one.
        Labels stay, and so does what the store has of a later version of the post. Broken off, it
        is done again, for the same `purpose`, and ends the same. Raises `StoreError`."""
        ...

    async def get(self, mention_id: str) -> Mention | None:
        """`None` also for a deleted one."""
        ...

    async def many(self, mention_ids: Sequence[str]) -> dict[str, Mention]:
        """Those of these that are stored, hidden ones too; at most 1,000 are asked for."""
        ...

    async def search(
        self, where: Filter, *, limit: int = 50, cursor: str = "", order: Order = "newest"
    ) -> Page:
        """Keyset paging by the order and id: never skips or repeats under concurrent writes.
        At most 1,000 a page. A cursor of another query or a broken one raises `StoreError`."""
        ...

    async def arrivals(
        self, after: str, *, where: Filter, limit: int = 100, deleted: bool = False
    ) -> Page:
        """Mentions in the order they were stored, after the opaque cursor `after`; with `after`
        empty, no mentions but the present end's cursor. The live feed polls this. The cursor is
        never empty; a mention written again comes again. With `deleted` tombstones of the filter's
        topics and sources come too, in their place; a cursor belongs to one of the two."""
        ...

    async def count(self, where: Filter) -> Count:
        """Exact total split by sentiment (`value` is empty)."""
        ...

    async def over_time(self, where: Filter, *, step: timedelta) -> list[Bucket]:
        """Buckets aligned to the epoch in UTC, oldest first, from `since` (else the first mention)
        to `until` (else the last), empty ones included; at most 10,000 of them, else `StoreError`
        with the remedy."""
        ...

    async def top(self, where: Filter, by: Dimension, *, limit: int = 10) -> list[Count]:
        """The most frequent values, ties broken by value. `author` values are
        `source:handle` (or `source:id` where there is no handle)."""
        ...

    async def facets(
        self, where: Filter, *, step: timedelta, by: Sequence[Dimension], limit: int = 10
    ) -> Facets:
        """What `over_time` and a `top` of each dimension answer, for the cost of little more than
        one of them."""
        ...

    async def topics(self) -> list[str]:
        """Topics that any mention is kept of, sorted; at most 1,000, hidden ones among them."""
        ...

    async def of_authors(
        self, where: Filter, authors: Sequence[str], *, order: Literal["newest", "oldest"]
    ) -> dict[str, Mention]:
        """The first mention in that order that fits, of each of these authors (values of `top`)
        that has one. At most 1,000 of them are asked for."""
        ...

    async def counts(
        self,
        topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        step: timedelta = timedelta(minutes=5),
        people: bool = True,
    ) -> list[TopicCounts]:
        """Of each of these topics, the buckets that hold something, aligned to the epoch, by topic
        and start: one question for all of them. Without `people` nothing is said of authors, reach
        and ratings, which makes long times cheap."""
        ...

    async def stories(
        self,
        topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        least: int,
        sentiment: SentimentLabel = "neg",
    ) -> list[StoryCount]:
        """The stories told by `least` mentions of a topic with that sentiment or more, the largest
        first; at most 1,000."""
        ...

    async def add_labels(self, labels: Sequence[Label]) -> list[RejectedLabel]:
        """Into the ledger, the latest of a mention winning, and into their mentions: those stored
        already, and those that come later. Order of `labeled_at`, not of arrival, decides. A label
        with nothing in it takes the one before back. Durable when it returns."""
        ...

    async def labels(self, mention_ids: Sequence[str]) -> dict[str, Label]:
        """The ledger's labels of these mentions, those of none left out; empty ones too."""
        ...

    async def add_erasures(self, erasures: Sequence[Erasure]) -> None:
        """From now on a mention they cover becomes a tombstone when it is written, whatever its
        version. Those stored already must be written again: all are visible when it returns."""
        ...

    async def erased(self) -> Erased:
        """All erasures."""
        ...

    async def hide(self, hidden: Hidden) -> None:
        """From now on mentions of this author or source are hidden when they are written; those
        stored already are by the time it returns, the newest first. `StoreError` for an odd key."""
        ...

    async def unhide(self, key: str) -> None:
        """Show them again, unless their label hides them; an unknown key is no error."""
        ...

    async def hidden(self) -> list[Hidden]:
        """All that is hidden, by key."""
        ...

    async def add_entries(self, entries: Sequence[Entry]) -> None:
        """Into the journal. The same id again changes nothing. Durable when it returns; raises
        `StoreError`, and keeps none of them, where one is no JSON or too large."""
        ...

    async def entries(
        self, where: EntryFilter = EntryFilter(), *, limit: int = 50, cursor: str = ""
    ) -> EntryPage:
        """The journal, newest first; at most 1,000 a page. Cursors are as those of `search`."""
        ...

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Keep them; the same id again replaces and adds up `attempts`."""
        ...

    async def dead_letters(
        self, *, limit: int = 50, where: LetterFilter = LetterFilter()
    ) -> tuple[int, list[DeadLetter]]:
        """How many there are, and the newest."""
        ...

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        """One of them."""
        ...

    async def dead_letter_counts(self, since: datetime) -> dict[str, int]:
        """How many of each source died, or died again, since then; of unknown source: empty."""
        ...

    async def drop_dead_letters(self, ids: Sequence[str]) -> int:
        """Remove them for good; how many were there."""
        ...

    async def put_state(
        self, kind: str, key: str, value: dict[str, Any], *, version: int | None = None
    ) -> None:
        """Keep a small JSON document: kinds are `source`, `account`, `cursor`, `worker`, `tally`,
        `missed`, `archive`, `alert`, `incident`, `incident-told`, `notice`, `lease`, `touched`,
        `erasure`, `audit`, `broker`, `rebuild`, `user`, `session`, `token`, `seen`, `share`,
        `hidden`, `job`, `topics`, `past`, `import`, `migration`, `webhook`, `webhook-dead`. With
        `version`, which is not told again, a lower one never replaces a higher one."""
        ...

    async def drop_states(self, kind: str, keys: Sequence[str]) -> None:
        """Remove these documents; those that are not there are no error."""
        ...

    async def states(self, kind: str) -> dict[str, dict[str, Any]]:
        """All documents of a kind by key."""
        ...

    async def drop_before(self, before: datetime, *, dry_run: bool = False) -> dict[str, int]:
        """Remove mentions of posts created before then for good: how many, by month (`2026-03`);
        with `dry_run` how many there are. Elasticsearch removes the months that are wholly before
        then, SQLite every row; its file stays as large and is filled again. Labels, erasures and
        the journal stay."""
        ...

    async def tidy(self) -> None:
        """Once a day: forget what no late version can meet, and old samples of health."""
        ...

    async def size(self) -> int:
        """Bytes on the disk of all that is kept."""
        ...
