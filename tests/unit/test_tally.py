"""Exact counts through repeats: the source's account, and the fence of whoever counts."""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from connectors import account as accounts
from connectors.account import Account, Book, Row, hour_of, stamp
from streams.tally import Entry, Tally, beside_mark, mention_mark, read_mark

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
HOUR = hour_of(NOW)


def entry(offset: int, raw: bytes, **counts: int) -> Entry:
    return Entry(offset, read_mark(raw), "elsewhere", HOUR, counts or {"matched": 1})


def test_records_below_the_fence_are_not_counted_again() -> None:
    tally = Tally()
    for offset in [0, 1, 2, 1, 2, 3, 0]:
        tally.add(Entry(offset, None, "s", HOUR, {"matched": 1}))
    assert tally.hours == {"s": {HOUR: {"matched": 4}}}
    assert (tally.next, tally.seen) == (4, 4)


def test_what_was_written_twice_counts_as_again_and_its_mentions_as_made() -> None:
    tally = Tally()
    account = Account(batch=9)
    for offset, index in enumerate([0, 1, 2, 1, 2, 3]):
        tally.add(entry(offset, stamp("s", 5, index), matched=1, mentions=2))
    tally.settle({"s": account})
    assert tally.hours["s"][HOUR] == {"matched": 4, "mentions": 12, "again": 2}
    assert tally.open["s"] == {}


def test_what_is_sent_beside_the_workers_is_in_no_sum() -> None:
    tally = Tally()
    for offset in range(3):
        tally.add(entry(offset, beside_mark("a/b"), stored=1))
    assert tally.hours == {"a_b": {HOUR: {"again": 3, "mentions": 0}}}


def test_batches_wait_for_their_source_and_void_ones_count_as_again() -> None:
    tally = Tally()
    for offset, batch in enumerate([3, 3, 4, 7, 8]):
        tally.add(entry(offset, stamp("s", batch, offset), matched=1, mentions=1))
    account = Account(batch=2)
    tally.settle({"s": account})
    assert list(tally.open["s"]) == ["3", "4", "7", "8"]
    account.batch, account.voids = 7, [(4, 6)]
    tally.settle({"s": account})
    assert tally.hours["s"][HOUR] == {"matched": 3, "mentions": 3, "again": 1}
    assert list(tally.open["s"]) == ["8"]


def test_a_topic_made_anew_begins_again_and_keeps_what_was_counted() -> None:
    tally = Tally(life="a")
    tally.add(entry(41, mention_mark(None, "s", "0@x", 7, 0), stored=1))
    tally.live("a")
    assert tally.next == 42
    tally.live("b")
    tally.add(entry(0, mention_mark(None, "s", "0@x", 0, 0), stored=1))
    assert tally.hours["s"][HOUR] == {"stored": 2}
    assert tally.seen == 2


def test_old_hours_become_one_sum() -> None:
    tally = Tally()
    for age in (0, 1, 60, 70):
        hour = hour_of(NOW - timedelta(hours=age))
        tally.add(Entry(tally.next, None, "s", hour, {"matched": 1}))
    tally.fold(NOW)
    assert len(tally.hours["s"]) == 2
    assert tally.older == {"s": {"matched": 2}}


def test_marks_of_others_are_no_marks() -> None:
    for raw in (b"", b"\xff", b"a/b/c", b"a/1", b"a/1/2/3/x", b"/" * 9):
        assert read_mark(raw) is None
    mark = read_mark(stamp("s", 5, 6))
    assert mark is not None
    inner = read_mark(mention_mark(mark, "no", "3@life", 8, 1))
    assert inner == ("s", 5, "3@life", (8, 1))
    assert read_mark(mention_mark(None, "a/b", "3@", 8, 1)) == ("a_b", 0, "3@", (8, 1))
    # Kafka's topic ids are in base 64: about every fourth has a slash in it.
    odd = read_mark(mention_mark(mark, "no", "3@q0/A+w==", 8, 1))
    assert odd is not None
    assert (odd.source, odd.batch, odd.place) == ("s", 5, (8, 1))


def test_the_account_counts_a_batch_once_its_cursor_is_saved() -> None:
    book = Book(Account(), lambda: NOW)
    book.begin()
    first, second = book.number(), book.number()
    book.settled(first, {HOUR: Row(read=3, published=2, dead=1)})
    assert book.account.covers(first) is None
    book.settled(second, {HOUR: Row(read=1, duplicates=1)})
    kept = _saved(book)
    assert kept.hours == {HOUR: Row(read=4, published=2, duplicates=1, dead=1)}
    assert kept.covers(first) is kept.covers(second) is True
    book.begin()
    assert book.number() == second + 1, "a pass that ended well leaves nothing void"


def test_what_was_sent_and_never_saved_is_void_after_a_crash_and_within_a_process() -> None:
    book = Book(Account(), lambda: NOW)
    book.begin()
    lost = book.number()
    book.begin()
    good = book.number()
    book.settled(good, {})
    kept = _saved(book)
    assert (kept.covers(lost), kept.covers(good)) == (False, True)
    unsaved = book.number()
    again = Book(kept, lambda: NOW + timedelta(seconds=1))
    again.begin()
    after = again.number()
    again.settled(after, {})
    assert _saved(again).covers(unsaved) is False
    assert again.account.covers(after) is True
    assert again.account.covers(good) is True


def test_what_can_not_be_saved_is_counted_when_it_is_read_again() -> None:
    book = Book(Account(), lambda: NOW)
    book.begin()
    lost = book.number()
    book.settled(lost, {HOUR: Row(read=5, published=5)})
    assert book.covered().hours[HOUR].read == 5
    book.begin()  # the broker did not take it: the pass begins again at the cursor before
    book.settled(book.number(), {HOUR: Row(read=5, published=5)})
    kept = _saved(book)
    assert kept.hours == {HOUR: Row(read=5, published=5)}
    assert kept.covers(lost) is False


def _saved(book: Book) -> Account:
    covered = book.covered()
    book.saved(covered)
    return accounts.decode(accounts.encode(covered))


def test_any_order_of_crashes_counts_each_post_once() -> None:
    """A source of 300 posts is cut off at random; what it sent goes through a reader that is
    itself cut off at random, and commits behind what it saved."""
    for seed in range(40):
        rng = random.Random(seed)
        log, saved = _send_all(rng)
        saved_tally, committed = b"", 0
        while committed < len(log):
            tally = Tally() if not saved_tally else _decode(saved_tally)
            for offset in range(committed, min(len(log), committed + rng.randrange(1, 60))):
                tally.add(entry(offset, log[offset]))
            saved_tally = _encode(tally)
            committed = rng.randrange(committed, tally.next + 1)
        tally = _decode(saved_tally)
        tally.settle({"s": saved})
        assert tally.hours["s"][HOUR]["matched"] == saved.hours[HOUR].published == 300
        later = [row for hours in tally.open["s"].values() for row in hours.values()]
        undecided = sum(sum(counts.values()) for counts in later)
        assert tally.hours["s"][HOUR].get("again", 0) + undecided == len(log) - 300


def _send_all(rng: random.Random) -> tuple[list[bytes], Account]:
    """Processes that are killed, passes that fail, and saves of which nobody hears."""
    log: list[bytes] = []
    kept, account, clock = 0, Account(), NOW
    while kept < 300:
        clock += timedelta(seconds=1)
        book, cursor = Book(account, lambda now=clock: now), kept  # type: ignore[misc]
        for _ in range(rng.randrange(1, 4)):  # passes of this process
            book.begin()
            position = cursor
            for _ in range(rng.randrange(1, 5)):
                size = min(rng.randrange(1, 20), 300 - position)
                number = book.number()
                log += [stamp("s", number, index) for index in range(size)]
                position += size
                book.settled(number, {HOUR: Row(read=size, published=size)})
                covered = book.covered()
                applied, heard = rng.random() < 0.6, rng.random() < 0.8
                if applied:
                    kept, account = position, accounts.decode(accounts.encode(covered))
                if not (applied and heard):
                    break
                book.saved(covered)
                cursor = position
    return log, account


def _encode(tally: Tally) -> bytes:

    return msgspec.json.encode(tally)


def _decode(raw: bytes) -> Tally:

    return msgspec.json.decode(raw, type=Tally)
