"""What is kept for how long: `store.keep_mentions_days`, looked after once a day by each worker."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.post import utc_now
from streams.errors import StoreError
from streams.settings import Store as StoreSettings
from streams.store.port import Store

_log = logging.getLogger(__name__)

_FIRST_SECONDS: Final = 600.0
_EVERY_SECONDS: Final = 86_400.0


def limit(settings: StoreSettings, now: datetime) -> datetime | None:
    """Mentions of posts before this midnight (UTC) are over their time; `None`: none ever is."""
    if not settings.keep_mentions_days:
        return None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=settings.keep_mentions_days)


class Retention:
    """Several workers may do it at once: what is gone is gone."""

    def __init__(self, store: Store, settings: StoreSettings) -> None:
        self._store = store
        self._settings = settings

    async def run(self) -> None:
        rest = _FIRST_SECONDS
        while True:
            await asyncio.sleep(rest)
            rest = _EVERY_SECONDS
            try:
                await self.look(utc_now())
            except StoreError as error:
                _log.warning("nothing was removed today: %s", error)

    async def look(self, now: datetime) -> dict[str, int]:
        """Remove what is over its time: how many mentions, by month."""
        await self._store.tidy()
        before = limit(self._settings, now)
        gone = await self._store.drop_before(before) if before else {}
        if gone:
            _log.info("removed after %d days: %s", self._settings.keep_mentions_days, gone)
        return gone
