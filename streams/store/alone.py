"""One process at a time makes months anew: a lease, renewed while its holder lives."""

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from streams.alerts.lease import Lease
from streams.errors import StoreError

if TYPE_CHECKING:
    from streams.store.port import Store

_log = logging.getLogger(__name__)
_NAME: Final = "remake"
_HOLDS: Final = timedelta(seconds=12)
_BEATS_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 30.0


class Alone:
    """The right to make months anew, which may be taken several times within itself."""

    def __init__(self, store: "Store") -> None:
        self._holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"
        self._lease = Lease(store, _NAME, self._holder, holds=_HOLDS, gone=dead)
        self._depth = 0
        self._lost = False

    def check(self) -> None:
        """Raises `StoreError` once somebody else has it."""
        if self._lost:
            raise StoreError(
                "another process makes months anew by now: this one was not heard of for too long. "
                "Remedy: let it end; what was done is kept"
            )

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Waits for another process that has just ended. Raises `StoreError` where one goes on."""
        if self._depth:
            yield
            return
        await self._take()
        beating = asyncio.create_task(self._beat())
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            beating.cancel()
            await self._lease.release()

    async def _take(self) -> None:
        began = time.monotonic()
        self._lost = False
        while not await self._lease.hold(datetime.now(UTC)):
            if time.monotonic() - began > _PATIENCE_SECONDS:
                raise StoreError(
                    "another process makes months anew. Remedy: let it end, then run this again"
                )
            _log.info("another process makes months anew, or did until just now: waiting")
            await asyncio.sleep(1)

    async def _beat(self) -> None:
        while not self._lost:
            await asyncio.sleep(_BEATS_SECONDS)
            try:
                if await self._lease.hold(datetime.now(UTC)):
                    await self._lease.renew(datetime.now(UTC))
                else:
                    self._lost = True
            except StoreError as error:
                _log.warning("the store does not tell whether we are alone: %s", error)


def dead(holder: str) -> bool:
    """Whether it was a process of this machine that is no more."""
    host, _, rest = holder.partition("/")
    number = rest.partition("/")[0]
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
