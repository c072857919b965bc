"""What becomes of posts: decoded, judged, encoded and counted, values in and values out.

A post that can't be judged becomes a dead letter, and the rest go on.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from connectors import letters, post
from connectors.account import hour_of
from connectors.kafka import MAX_RECORD_BYTES, Item, Oversized, mark_of
from connectors.letters import DeadLetter
from connectors.tracing import Trace, trace_of
from streams import records
from streams.burying import letter_again, letter_of, taken_back
from streams.clocks import held_post
from streams.entries import post_entry, refusal
from streams.ledger import Ledger
from streams.pipeline import Judge
from streams.records import Mention, Record
from streams.tally import Entry, mention_mark, post_offset, read_mark

CHUNK: Final = 200
"""Posts judged in one go before other tasks of the loop have their turn (about 10 ms); fewer where
the engine takes its time."""
TURN_SECONDS: Final = 0.1
"""How long such a go should take at most."""


class Judged(msgspec.Struct):
    """What became of some posts, ready to send. Keys are post ids, so that a post's mentions
    keep the order of its versions."""

    mentions: list[Item]
    letters: list[Item]
    count: Ledger
    size: int = 0
    """Bytes of the mentions."""
    cleared: list[Item] = []
    """Dead letters sent again that went well this time: their ids, for `veille.dead-letters`."""
    marks: list[bytes] = []
    """Of the mentions, one each."""
    traces: list[Trace] = []
    """Of the mentions, one each."""
    letter_traces: list[Trace] = []
    """Of the letters, one each."""
    entries: list[Entry] = []
    """What became of each post."""

    def add(self, other: "Judged") -> None:
        self.mentions += other.mentions
        self.letters += other.letters
        self.count.add(other.count)
        self.size += other.size
        self.cleared += other.cleared
        self.marks += other.marks
        self.traces += other.traces
        self.letter_traces += other.letter_traces
        self.entries += other.entries

    def bury(self, row: ConsumerRecord, letter: DeadLetter) -> None:
        self.letters.append((letter.id.encode(), letters.encode(letter)))
        self.letter_traces.append(trace_of(row.headers))


def judge(rows: Sequence[ConsumerRecord], pipeline: Judge, now: datetime, life: str = "") -> Judged:
    """Pure: decode each post, apply the pipeline, encode what comes out. `life` is the topic's."""
    out = Judged([], [], Ledger(posts=len(rows)))
    for row in rows:
        one: post.Post | None = None
        try:
            one = held_post(post.decode(row.value or b""), row.timestamp)
            made = pipeline.process(one, now)
            items = [(row.key or b"", records.encode(record)) for record in made]
            _refuse_oversized(items)
        except msgspec.DecodeError as error:
            said = f"not a post: {error}{post.newer(row.value or b'', row.headers)}"
            _bury(out, row, said, now)
        except Exception as error:  # noqa: BLE001  # one bad post must not stop a million good ones
            _bury(out, row, f"{type(error).__name__}: {error}", now, one)
        else:
            out.mentions += items
            out.size += sum(len(value) for _, value in items)
            if again := letter_again(row):
                out.cleared.append(taken_back(again))
            _tally(out.count, made)
            _note(out, row, one, made, life)
    return out


def _note(
    out: Judged, row: ConsumerRecord, one: post.Post, made: Sequence[Record], life: str
) -> None:
    mark, line = read_mark(mark_of(row.headers)), f"{row.partition}@{life}"
    out.marks += [
        mention_mark(mark, one.source, line, row.offset, number) for number in range(len(made))
    ]
    if made:
        out.traces += [trace_of(row.headers)] * len(made)
    mentions = sum(isinstance(record, Mention) for record in made)
    out.entries.append(post_entry(row.offset, mark, one, mentions))


def _refuse_oversized(items: Iterable[Item]) -> None:
    for _, value in items:
        if len(value) > MAX_RECORD_BYTES:
            raise ValueError(f"a mention of {len(value)} bytes is over {MAX_RECORD_BYTES}")


def _tally(count: Ledger, made: Sequence[Record]) -> None:
    if not made:
        return
    mentions = sum(isinstance(record, Mention) for record in made)
    count.mentions += mentions
    count.retractions += len(made) - mentions
    count.matched += mentions > 0


def _bury(
    out: Judged, row: ConsumerRecord, reason: str, now: datetime, one: post.Post | None = None
) -> None:
    out.bury(row, letter_of(row, "filter", reason, now))
    out.count.dead += 1
    entry = refusal(row, "refused")
    if one:
        entry = entry._replace(source=one.source, hour=hour_of(one.collected_at))
    out.entries.append(entry)


def bury_oversized(
    made: Judged, rows: Sequence[ConsumerRecord], error: Oversized, now: datetime
) -> None:
    """Posts with a mention that is too large for the broker become dead letters: what was said of
    them is taken back as far as it was not sent."""
    lost: Counter[int] = Counter()
    sizes: dict[int, int] = {}
    for _, value, mark, _ in error.rows:
        offset = post_offset(mark)
        lost[offset] += isinstance(records.decode_record(value), Mention)
        sizes[offset] = max(len(value), sizes.get(offset, 0))
    for row in rows:
        if row.offset in sizes:
            why = f"a mention of {sizes[row.offset]} bytes is over the broker's limit: {error.why}"
            letter = letter_of(row, "filter", why, now)
            made.bury(row, letter)
            made.cleared = [one for one in made.cleared if one[0] != letter.id.encode()]
    made.entries = [_less(entry, lost) for entry in made.entries]
    made.count.dead += len(lost)
    made.count.mentions -= lost.total()
    made.count.retractions -= len(error.rows) - lost.total()


def _less(entry: Entry, lost: Mapping[int, int]) -> Entry:
    if entry.offset not in lost:
        return entry
    left = entry.counts.get("mentions", 0) - lost[entry.offset]
    return entry._replace(counts={"matched": 1, "mentions": left} if left else {"refused": 1})


def next_chunk(chunk: int, judged: int, seconds: float) -> int:
    """Posts of the next go, at most `CHUNK`, after one in which so many took so long."""
    if seconds > TURN_SECONDS:
        return max(1, int(judged * TURN_SECONDS / seconds))
    return min(CHUNK, chunk * 2) if seconds < TURN_SECONDS / 2 else chunk
