"""Entries of the tallies (`tally.py`): in which column each record counts."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from connectors.account import hour_of
from connectors.kafka import mark_of
from connectors.post import Post, utc_now
from streams.burying import place_of
from streams.records import Mention, Record
from streams.store.port import WriteReport
from streams.tally import Entry, Mark, read_mark


def post_entry(offset: int, mark: Mark | None, one: Post, mentions: int) -> Entry:
    """The entry of a post that was judged, and of which so many mentions were made."""
    counts = {"matched": 1, "mentions": mentions} if mentions else {"unmatched": 1}
    return Entry(offset, mark, one.source, hour_of(one.collected_at), counts)


def refusal(row: ConsumerRecord, column: str) -> Entry:
    """The entry of a record that can't be read: its hour is that of its writing."""
    hour = hour_of(datetime.fromtimestamp(max(0, row.timestamp) / 1000, UTC))
    return Entry(row.offset, read_mark(mark_of(row.headers)), "", hour, {column: 1})


def index_entries(
    rows: Sequence[ConsumerRecord], good: Iterable[Record], unread: set[str], report: WriteReport
) -> Iterator[Entry]:
    """What became of each message of `veille.mentions`: `good` are those read, in order, and
    `unread` the places of the others. A retraction counts in no column."""
    refused = {id(item.record) for item in report.rejected}
    records_read = iter(good)
    for row in rows:
        if unread and place_of(row) in unread:
            yield refusal(row, "dropped")
            continue
        record = next(records_read)
        mark = read_mark(mark_of(row.headers))
        if isinstance(record, Mention):
            counts = {"dropped" if id(record) in refused else "stored": 1}
            hour = hour_of(record.post.collected_at)
            yield Entry(row.offset, mark, record.post.source, hour, counts)
        else:
            yield Entry(row.offset, mark, "", hour_of(utc_now()), {})
