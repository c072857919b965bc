"""Dead letters made, of a message or of what the store refuses, and taken back.

One that was sent again and fails again keeps its id; where it went well, an empty value takes it
away.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from connectors import letters, post
from connectors.kafka import Item
from connectors.letters import DeadLetter, Stage, letter_id
from connectors.post import MAX_TEXT_BYTES, Post
from connectors.tracing import Trace, trace_of
from streams import records
from streams.records import Label, Mention, Record

MAX_ID_BYTES: Final = 512
"""Of a dead letter's id in a header: what every store can keep."""


def letter_of(row: ConsumerRecord, stage: Stage, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a message, with its own bytes and place.

    A letter that was sent again and failed again is the same letter, once more tried.
    """
    value, key = row.value or b"", row.key or b""
    letter = _letter(
        stage, place_of(row), value, reason, now, key=key[:MAX_TEXT_BYTES], source=source_of(key)
    )
    return as_again(letter, row)


def letter_of_record(record: Record, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a record that the store refuses."""
    if isinstance(record, Mention):
        place, key = f"mention {record.id}", record.post.id.encode()
    else:
        place, key = f"post {record.post_id}", record.post_id.encode()
    value = records.encode(record)
    return _letter("index", place, value, reason, now, key=key, source=source_of(key))


def letter_of_post(one: Post, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a post that can't be judged."""
    value, key = post.encode(one), one.id.encode()[:MAX_TEXT_BYTES]
    return _letter("filter", f"post {one.id}", value, reason, now, key=key, source=one.source)


def letter_of_label(label: Label, reason: str, now: datetime) -> DeadLetter:
    """The dead letter of a label that the store refuses; its bytes are read as UTF-8 was meant."""
    kept = msgspec.structs.replace(
        label,
        mention_id=_clean(label.mention_id),
        by=_clean(label.by),
        note=_clean(label.note),
    )
    place = f"label of mention {kept.mention_id}"[:MAX_ID_BYTES]
    key = kept.mention_id.encode()[:MAX_TEXT_BYTES]
    return _letter("label", place, records.encode(kept), reason, now, key=key)


def _letter(
    stage: Stage,
    place: str,
    value: bytes,
    reason: str,
    now: datetime,
    *,
    key: bytes,
    source: str = "",
) -> DeadLetter:
    """With at most 64 KiB of the bytes, and how many there were where that is not all."""
    raw = value[:MAX_TEXT_BYTES]
    return DeadLetter(
        id=letter_id(stage, place, raw),
        stage=stage,
        reason=reason,
        place=place,
        raw=raw,
        at=now,
        source=source,
        key=key,
        size=0 if len(raw) == len(value) else len(value),
    )


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def as_again(letter: DeadLetter, row: ConsumerRecord) -> DeadLetter:
    """The letter of what this message holds: the same as before where it was sent again."""
    again = letter_again(row)
    return msgspec.structs.replace(letter, id=again) if again else letter


def settled(rows: Iterable[ConsumerRecord], bad: Sequence[DeadLetter]) -> list[Item]:
    """What goes to the dead letters: those that failed, and word of those sent again that did
    not."""
    failed = {one.id for one in bad}
    items = [(one.id.encode(), letters.encode(one)) for one in bad]
    return items + [item for item in cleared(rows) if item[0].decode() not in failed]


def letter_traces(
    items: Sequence[Item],
    rows: Iterable[ConsumerRecord],
    bad: Sequence[DeadLetter],
    refused: Mapping[str, ConsumerRecord],
) -> list[Trace]:
    """The trace of what `settled` gives, one each. `refused` has the message of each letter, by
    its id, whose place does not name the message."""
    if not bad:
        return []
    by_place = {place_of(row): row for row in rows}
    found = {one.id.encode(): refused.get(one.id) or by_place.get(one.place) for one in bad}
    origins = (found.get(key) for key, _ in items)
    return [trace_of(row.headers or ()) if row else () for row in origins]


def letter_again(row: ConsumerRecord) -> str:
    """The id of the dead letter that this record is, sent again; empty for any other."""
    for name, value in row.headers or ():
        if name == letters.HEADER:
            return (value or b"").decode("utf-8", "replace")[:MAX_ID_BYTES]
    return ""


def cleared(rows: Iterable[ConsumerRecord]) -> list[Item]:
    """What tells that dead letters sent again went well: an empty value takes a letter back."""
    return [taken_back(id_) for row in rows if (id_ := letter_again(row))]


def taken_back(id_: str) -> Item:
    """What takes a dead letter away."""
    return id_.encode(), b""


def source_of(key: bytes) -> str:
    """The source in the id of a post, which is the key of its records."""
    source, colon, _ = key[:200].partition(b":")
    return source.decode("utf-8", "replace") if colon else ""


def place_of(row: ConsumerRecord) -> str:
    """`topic/partition@offset`."""
    return f"{row.topic}/{row.partition}@{row.offset}"
