"""Links by which someone who never logs in reads one view: made, listed, counted, revoked.

A link's secret is 256 random bits and is told once; only its hash is kept. How often it was opened
is kept apart, so that counting brings none back that was revoked.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from connectors.post import Moment
from streams.errors import VeilleError
from streams.store.journal import Entry
from streams.store.port import Store
from streams.users.records import digest, new_secret
from streams.web.filters import Pair

SHARE: Final = "share"
"""The kind of these states; the key is the hash of the link's secret."""
VIEWS: Final = "share-views"
MOST: Final = 500
KEPT: Final = timedelta(days=30)
"""How long a link that has expired says so, instead of being unknown."""
LASTS: Final[dict[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
MOST_TITLE: Final = 120


class ShareError(VeilleError):
    """What can't be shared, and why."""


class Share(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One view, as whoever has the link reads it. `pairs` are its filters; `files` says whether it
    may be taken along as CSV, XLSX and PNG; `password` is an argon2id hash or empty."""

    id: str
    path: str
    pairs: tuple[Pair, ...]
    by: str
    made_at: Moment
    until: Moment
    title: str = ""
    files: bool = False
    password: str = ""
    language: str = "en"
    zone: str = "UTC"

    def over(self, now: datetime) -> bool:
        return now >= self.until


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """How often, and when last."""

    times: int = 0
    last: Moment | None = None


class Shares:
    """The links of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._counting = asyncio.Lock()

    async def add(self, share: Share, *, now: datetime) -> str:
        """Keep it; its secret. Raises `ShareError` where there are too many, `StoreError`."""
        known = await self._known()
        old = [key for key, one in known.items() if now >= one.until + KEPT]
        if old:
            await self._drop(old)
        if len(known) - len(old) >= MOST:
            raise ShareError(f"there are {MOST} links already. Remedy: revoke some")
        secret = new_secret()
        await self._store.put_state(SHARE, digest(secret), msgspec.to_builtins(share))
        await self._note(share.by, "share.add", share, now, after=_told(share))
        return secret

    async def find(self, secret: str) -> Share | None:
        """What a link leads to; also one that is over. Raises `StoreError`."""
        if not 20 <= len(secret) <= 100:
            return None
        return (await self._known()).get(digest(secret))

    async def all(self) -> list[tuple[Share, Opened]]:
        """Every link, the newest first. Raises `StoreError`."""
        known, views = await asyncio.gather(self._known(), self._store.states(VIEWS))
        found = [(one, _opened(views.get(key))) for key, one in known.items()]
        return sorted(found, key=lambda each: each[0].made_at, reverse=True)

    async def drop(self, share_id: str, *, by: str, now: datetime) -> Share | None:
        """Revoke it: the next request finds nothing. `None` where there is none."""
        for key, one in (await self._known()).items():
            if secrets.compare_digest(one.id, share_id):
                await self._drop([key])
                await self._note(by, "share.drop", one, now, before=_told(one))
                return one
        return None

    async def count(self, secret: str, now: datetime) -> None:
        """Note that it was opened."""
        key = digest(secret)
        async with self._counting:
            before = _opened((await self._store.states(VIEWS)).get(key))
            opened = Opened(times=before.times + 1, last=now)
            await self._store.put_state(VIEWS, key, msgspec.to_builtins(opened))

    async def _known(self) -> dict[str, Share]:
        found = {}
        for key, state in (await self._store.states(SHARE)).items():
            try:
                found[key] = msgspec.convert(state, Share)
            except msgspec.ValidationError:
                continue  # of a version to come
        return found

    async def _drop(self, keys: Sequence[str]) -> None:
        await self._store.drop_states(SHARE, keys)
        await self._store.drop_states(VIEWS, keys)

    async def _note(
        self,
        by: str,
        action: str,
        share: Share,
        now: datetime,
        *,
        before: Any = None,
        after: Any = None,
    ) -> None:
        entry = Entry(
            id=secrets.token_hex(16),
            at=now,
            by=by,
            action=action,
            subject=share.id,
            before=before,
            after=after,
        )
        await self._store.add_entries([entry])


def _opened(state: Mapping[str, Any] | None) -> Opened:
    try:
        return msgspec.convert(state or {}, Opened)
    except msgspec.ValidationError:
        return Opened()


def _told(share: Share) -> dict[str, Any]:
    """What the journal says of it."""
    return {
        "path": share.path,
        "filters": [list(pair) for pair in share.pairs],
        "until": share.until.isoformat(),
        "files": share.files,
        "password": bool(share.password),
    }


def address(given: str) -> tuple[str, list[Pair]]:
    """The path and the filters of a page's address, whole or from its path on.

    Raises `ShareError` for what is no address of a page.
    """
    text = given.strip()
    if len(text) > 4_000 or any(letter < " " for letter in text):
        raise ShareError("the address can't be read. Remedy: copy it from the page")
    try:
        parts = urlsplit(text)
        pairs = parse_qsl(parts.query, max_num_fields=200)
    except ValueError:
        raise ShareError("the address can't be read. Remedy: copy it from the page") from None
    left_out = ("ui", "tz", "cursor")
    return parts.path.rstrip("/") or "/overview", [
        (name, value) for name, value in pairs if name not in left_out
    ]
