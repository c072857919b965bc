"""Messages of our topics read as what they are; what can't be read becomes a dead letter."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from aiokafka import ConsumerRecord

from connectors import letters, post
from connectors.letters import DeadLetter
from connectors.post import utc_now
from streams import records
from streams.burying import letter_of, place_of
from streams.clocks import held_label, held_record
from streams.records import Label, Record


def read_records(
    rows: Sequence[ConsumerRecord], now: datetime
) -> tuple[list[Record], list[DeadLetter]]:
    """Decode messages of `veille.mentions`; what can't be read becomes dead letters."""
    good: list[Record] = []
    bad: list[DeadLetter] = []
    for row in rows:
        try:
            good.append(held_record(records.decode_record(row.value or b""), row.timestamp))
        except msgspec.DecodeError as error:
            said = f"not a mention: {error}{post.newer(row.value or b'', row.headers)}"
            bad.append(letter_of(row, "index", said, now))
    return good, bad


def origins(
    rows: Iterable[ConsumerRecord], good: Iterable[object], bad: Iterable[DeadLetter]
) -> dict[int, ConsumerRecord]:
    """The message of each object read, by its `id`; `bad` are the letters of the other messages."""
    return {id(one): row for one, row in zip(good, read_rows(rows, bad), strict=True)}


def read_rows(rows: Iterable[ConsumerRecord], bad: Iterable[DeadLetter]) -> list[ConsumerRecord]:
    """The messages that could be read, in order; `bad` are the letters of the others."""
    unread = {letter.place for letter in bad}
    return [row for row in rows if place_of(row) not in unread] if unread else list(rows)


def read_labels(
    rows: Sequence[ConsumerRecord], now: datetime
) -> tuple[list[Label], list[DeadLetter]]:
    """Decode messages of `veille.labels`; what can't be read becomes dead letters.

    None is later than its record, so that a desk whose clock is a day ahead freezes nothing; the
    record's time stays the same when it is read again.
    """
    good: list[Label] = []
    bad: list[DeadLetter] = []
    for row in rows:
        try:
            label = records.decode_label(row.value or b"")
        except msgspec.DecodeError as error:
            bad.append(letter_of(row, "label", f"not a label: {error}", now))
        else:
            good.append(held_label(label, row.timestamp))
    return good, bad


def read_letter(row: ConsumerRecord) -> DeadLetter:
    """A message of `veille.dead-letters`; one that is itself unreadable is kept as its bytes."""
    try:
        return letters.decode(row.value or b"")
    except msgspec.DecodeError as error:
        return letter_of(row, "index", f"not a dead letter: {error}", utc_now())
