"""A source's account: what was read, by the hour, and what became of it.

Delivery is at least once: what a source sent before it was cut off is sent again. So that counts
stay exact, batches are numbered and every post carries its batch's number (`stamp`). A batch
counts once its posts are safe and its cursor saved, and the account is saved *with* the cursor.
Numbers given out and never saved are *void*: whoever counts posts further on leaves theirs out,
since the same posts come again under other numbers.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, runtime_checkable

import msgspec

from connectors.base import Cursor
from connectors.letters import DeadLetter
from connectors.post import Post

HEADER: Final = "veille"
"""The Kafka header that carries a stamp."""
KEPT_HOURS: Final = 48
"""Hours told one by one; older ones are one sum."""
KEPT_VOIDS: Final = 500


class Row(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One hour of a source, by the posts' `collected_at`: read = published + duplicates + dead.

    `read` is counted when an item comes from the source, the others when their fate is settled.
    """

    read: int = 0
    published: int = 0
    duplicates: int = 0
    dead: int = 0

    def add(self, other: "Row") -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


Rows = dict[str, Row]
"""By hour."""


class Account(msgspec.Struct, kw_only=True):
    """All that is safe of a source, up to and including batch number `batch`."""

    batch: int = 0
    voids: list[tuple[int, int]] = []
    """Batch numbers, both ends included, that were given out and never became safe."""
    hours: Rows = {}
    older: Row = msgspec.field(default_factory=Row)

    def covers(self, batch: int) -> bool | None:
        """Whether a batch counts: `None` while that is open, `False` for a void one."""
        if batch > self.batch:
            return None
        return not any(first <= batch <= last for first, last in self.voids)

    def fold(self, now: datetime) -> None:
        """Add hours that are too old to the sum."""
        for hour in old_hours(self.hours, now):
            self.older.add(self.hours.pop(hour))


def hour_of(moment: datetime) -> str:
    """`2026-01-31T08`, in UTC."""
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()[:13]


def old_hours(hours: Iterable[str], now: datetime, kept: int = KEPT_HOURS) -> list[str]:
    """Those more than `kept` hours ago."""
    oldest = hour_of(now - timedelta(hours=kept))
    return [hour for hour in hours if hour < oldest]


def stamp(source: str, batch: int, index: int) -> bytes:
    """Where a post comes from: the source's id, its batch's number, its place in the batch."""
    return f"{source}/{batch}/{index}".encode()


def tally(
    read: Rows, posts: Iterable[Post], dead: Iterable[DeadLetter], refused: Sequence[Post]
) -> Rows:
    """What became of a batch; `refused` are those of `posts` that are dead letters instead."""
    lost = {id(post) for post in refused}
    for post in posts:
        row = read.setdefault(hour_of(post.collected_at), Row())
        if id(post) in lost:
            row.dead += 1
        else:
            row.published += 1
    for letter in dead:
        read.setdefault(hour_of(letter.at), Row()).dead += 1
    return read


class Book:
    """One source's account as it is kept, over all passes of a process."""

    def __init__(self, account: Account, clock: Callable[[], datetime]) -> None:
        self.account = account
        self._clock = clock
        self._last = 0
        self._pending: list[tuple[int, Rows]] = []

    def begin(self) -> None:
        """Begin a pass. Unless the one before ended with all of it safe, numbers that were given
        since the last saved one are void from now on."""
        if self._last and self._last == self.account.batch:
            return
        start = max(self._last, self.account.batch, int(self._clock().timestamp() * 1000)) + 1
        voids = self.account.voids
        if voids and voids[-1][0] == self.account.batch + 1:
            voids.pop()
        voids.append((self.account.batch + 1, start - 1))
        del voids[:-KEPT_VOIDS]
        self._last = start - 1
        self._pending = []

    def number(self) -> int:
        """The next batch's."""
        self._last += 1
        return self._last

    def settled(self, number: int, rows: Rows) -> None:
        """The posts of this batch, and of all before it, are safe."""
        self._pending.append((number, rows))

    @property
    def pending(self) -> bool:
        return bool(self._pending)

    def covered(self) -> Account:
        """An account with all that is settled, to be saved with the cursor after it. It counts
        once `saved` is told of it: what can't be saved is read, and counted, again."""
        account = decode(encode(self.account))
        for number, rows in self._pending:
            account.batch = number
            for hour, row in rows.items():
                account.hours.setdefault(hour, Row()).add(row)
        account.fold(self._clock())
        return account

    def saved(self, account: Account) -> None:
        """This account, as `covered` gave it, is safe."""
        self.account = account
        self._pending = [one for one in self._pending if one[0] > account.batch]


@runtime_checkable
class AccountKeeper(Protocol):
    """A keeper of cursors that keeps an account beside each, both or neither."""

    async def load_account(self, source: str) -> Account: ...

    async def save_account(self, source: str, cursor: Cursor, account: Account) -> None: ...


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Account)


def encode(account: Account) -> bytes:
    return _encoder.encode(account)


def decode(raw: bytes) -> Account:
    """What `encode` wrote; anything else is an empty account, for counts never stop a source."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Account()
