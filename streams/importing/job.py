"""One import, from where it was left: batches handed on, how far it has come kept in the store.

Ids are the same each time, and the store keeps the newest version of an id: what is sent twice, as
after a break, counts once.
"""

import asyncio
import csv
import time
from collections import deque
from collections.abc import AsyncIterable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from connectors.errors import SkipItem
from connectors.letters import DeadLetter, printable
from connectors.outbox import to_letter
from connectors.post import Post, utc_now
from streams.alerts.past import note_past
from streams.errors import ConfigError
from streams.importing.delivering import UNDER_WAY, Delivery
from streams.store.port import Store

STATE: Final = "import"
BATCH: Final = 1_000
SOURCE: Final = "import"
"""By which the dead letters of rows are known."""
_ENOUGH: Final = 200
"""Rows after which it shows whether they can be read at all."""
_SAMPLES: Final = 5
_SAVED_EVERY: Final = 1.0


class Item(msgspec.Struct, frozen=True):
    """A post, or why there is none, and the position after it: whatever the reader goes on from."""

    position: Any
    post: Post | None = None
    dead: SkipItem | None = None


class Summary(msgspec.Struct, kw_only=True):
    """What became of an import. `read` = `posts` + `unreadable`. `stored` and `stale` are mentions,
    told where they were written here (`waiting` is false); `stale` ones were there in a newer
    form."""

    profile: str = ""
    read: int = 0
    posts: int = 0
    unreadable: int = 0
    refused: int = 0
    stored: int = 0
    stale: int = 0
    waiting: bool = False
    resumed: bool = False
    oldest: datetime | None = None
    newest: datetime | None = None
    sources: dict[str, int] = {}
    reasons: dict[str, int] = {}
    """Of the unreadable, the first few."""
    samples: list[str] = []
    seconds: float = 0.0

    def count(self, items: Sequence[Item]) -> None:
        for item in items:
            self.read += 1
            if item.post is not None:
                self._post(item.post)
            elif item.dead is not None:
                self._dead(item.dead)

    def _post(self, post: Post) -> None:
        self.posts += 1
        self.sources[post.source] = self.sources.get(post.source, 0) + 1
        made = post.created_at
        self.oldest = made if self.oldest is None or made < self.oldest else self.oldest
        self.newest = made if self.newest is None or made > self.newest else self.newest

    def _dead(self, dead: SkipItem) -> None:
        self.unreadable += 1
        if len(self.samples) < _SAMPLES:
            self.samples.append(f"{dead.place}: {dead}")
        reason = str(dead).partition(":")[0][:80]
        if reason in self.reasons or len(self.reasons) < 20:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def check(self) -> None:
        """Raises `ConfigError` once it shows that hardly a row can be read."""
        if self.read >= _ENOUGH and self.unreadable * 2 > self.read:
            shown = "; ".join(self.samples[:3])
            raise ConfigError(
                f"{self.unreadable} of the first {self.read} rows can't be read: {shown}. Remedy: "
                "another --profile, --map or --date-format; --dry-run tries them, --force goes on"
            )


class Report:
    """Rows that could not be read, in a file for spreadsheets instead of among the dead letters."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[str] = path.open("w", encoding="utf-8-sig", newline="")
        except OSError as error:
            raise ConfigError(
                f"{path}: can't be written: {error.strerror or error}. Remedy: another --report"
            ) from None
        self._writer = csv.writer(self._file)
        self._writer.writerow(["row", "place", "reason", "content"])

    def write(self, item: Item) -> None:
        if item.dead is not None:
            told = (str(item.dead), printable(item.dead.raw[:2_000]))
            self._writer.writerow([item.position, item.dead.place, *map(_safe, told)])

    def close(self) -> None:
        self._file.close()


def _safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


class Job:
    """`name` is what the position is kept under: the same for the same file read the same way."""

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        report: Report | None = None,
        force: bool = False,
        tell: Callable[[Summary, Any], None] = lambda *_: None,
    ) -> None:
        self._store, self._name, self._report = store, name, report
        self._force, self._tell = force, tell
        self._saved = 0.0

    async def position(self) -> Any:
        """Where it was left; `None` for one that never began or was finished."""
        return (await self._store.states(STATE)).get(self._name, {}).get("position")

    async def run(
        self, items: AsyncIterable[Sequence[Item]], to: Delivery, summary: Summary
    ) -> None:
        """Hand on all items; what is safe is not read again after a break. Raises `VeilleError`."""
        began = time.monotonic()
        await note_past(self._store, self._name, utc_now())
        under_way: deque[tuple[asyncio.Future[None], Any]] = deque()
        try:
            async for some in items:
                summary.count(some)
                if not self._force:
                    summary.check()
                safe = await to.put([one.post for one in some if one.post], self._dead(some))
                under_way.append((safe, some[-1].position if some else None))
                while len(under_way) > UNDER_WAY or (under_way and under_way[0][0].done()):
                    await self._settle(under_way, summary)
                self._tell(summary, some[-1].position if some else None)
            while under_way:
                await self._settle(under_way, summary)
        finally:
            for safe, _ in under_way:
                safe.cancel()
            await asyncio.gather(*(safe for safe, _ in under_way), return_exceptions=True)
        await self._store.drop_states(STATE, [self._name])
        await note_past(self._store, self._name, utc_now())
        summary.stored, summary.stale, summary.refused = to.stored, to.stale, to.refused
        summary.seconds = round(time.monotonic() - began, 2)

    def _dead(self, some: Sequence[Item]) -> list[DeadLetter]:
        if self._report is None:
            now = utc_now()
            return [to_letter(one.dead, SOURCE, now) for one in some if one.dead]
        for one in some:
            self._report.write(one)
        return []

    async def _settle(
        self, under_way: deque[tuple[asyncio.Future[None], Any]], summary: Summary
    ) -> None:
        safe, position = under_way.popleft()
        await safe
        if position is not None and time.monotonic() - self._saved > _SAVED_EVERY:
            self._saved = time.monotonic()
            kept = {"position": position, "at": utc_now().isoformat(), "read": summary.read}
            await self._store.put_state(STATE, self._name, kept)
