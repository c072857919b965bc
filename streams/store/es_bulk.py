"""The bulk loop: every item ends written, stale or refused; nothing is given up.

The client's own helpers lose documents under pressure (a per-item 429 ends as an exception), so
this loop reads each item's status: 2xx is done, 409 lost against a newer version, 429 and 5xx and
time-outs are tried again without end, smaller and after a jittered rest; 413 and a 400 for the
whole request are split until the one bad item is alone.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal

import msgspec
from elastic_transport import SerializationError, TransportError
from elasticsearch import ApiError, AsyncElasticsearch

from streams.errors import StoreError

_log = logging.getLogger(__name__)

MAX_ITEMS: Final = 1_000
MAX_BYTES: Final = 1_500_000
_IN_FLIGHT: Final = 2
_RETRIABLE: Final = frozenset({408, 429, 500, 502, 503, 504})
_FIRST_REST, _LONGEST_REST = 0.1, 10.0
_FILTER: Final = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by"

Outcome = Literal["stored", "stale"]


class Refused(msgspec.Struct, frozen=True):
    """The server will never accept the item."""

    reason: str


class Item(msgspec.Struct, frozen=True):
    """One action. Without `version` the last one wins; without `body` it deletes."""

    index: str
    id: str
    body: bytes = b""
    version: int | None = None

    def lines(self) -> bytes:
        """The action as the bulk API reads it."""
        meta: dict[str, Any] = {"_index": self.index, "_id": self.id}
        if self.version is not None:
            meta |= {"version": self.version, "version_type": "external_gte"}
        if not self.body:
            return msgspec.json.encode({"delete": meta}) + b"\n"
        return msgspec.json.encode({"index": meta}) + b"\n" + self.body + b"\n"


class _Work:
    """An item on its way."""

    __slots__ = ("index", "lines", "outcome")

    def __init__(self, item: Item) -> None:
        self.index = item.index
        self.lines = item.lines()
        self.outcome: Outcome | Refused | None = None


class Bulk:
    """Writes items. `ensure` creates an index that turned out to be missing."""

    def __init__(
        self, client: AsyncElasticsearch, ensure: Callable[[str], Awaitable[None]]
    ) -> None:
        self._client = client
        self._ensure = ensure
        self._slots = asyncio.Semaphore(_IN_FLIGHT)

    async def write(self, items: Sequence[Item]) -> list[Outcome | Refused]:
        """One outcome for each item, in order. Raises `StoreError` when a right is missing."""
        works = [_Work(item) for item in items]
        async with asyncio.TaskGroup() as group:
            for chunk in _chunks(works):
                group.create_task(self._finish(chunk))
        return [work.outcome for work in works if work.outcome is not None]

    async def _finish(self, works: list[_Work]) -> None:
        size, rest = len(works), _FIRST_REST
        while works:
            async with self._slots:
                again, why = await self._attempt(works[:size])
            works = again + works[size:]
            if not again:
                size, rest = min(MAX_ITEMS, size * 2), _FIRST_REST
                continue
            _log.warning("Elasticsearch: %d documents to send again: %s", len(again), why)
            await asyncio.sleep(rest * random.uniform(0.5, 1.5))  # noqa: S311 # jitter
            size, rest = max(1, size // 2), min(_LONGEST_REST, rest * 2)

    async def _attempt(self, works: list[_Work]) -> tuple[list[_Work], str]:
        """Send once: what must be sent again, and why."""
        try:
            answer = await self._client.perform_request(
                "POST",
                "/_bulk",
                params={"filter_path": _FILTER},
                headers={
                    "content-type": "application/x-ndjson",
                    "accept": "application/json",
                },
                body=b"".join(work.lines for work in works),
            )
        except ApiError as error:
            return await self._whole(works, error)
        except SerializationError as error:  # an answer cut short or a proxy's page: unknown
            return works, str(error)
        except TransportError as error:  # also a time-out: unknown, and writing again is harmless
            return works, str(error)
        return await self._each(works, answer.body["items"])

    async def _whole(self, works: list[_Work], error: ApiError) -> tuple[list[_Work], str]:
        status = error.meta.status
        if status in _RETRIABLE:
            return works, f"status {status}"
        if status not in (400, 413):
            raise StoreError(f"Elasticsearch refuses writing: status {status}: {_short(error)}")
        if len(works) == 1:
            works[0].outcome = Refused(f"status {status}: {_short(error)}")
            return [], ""
        middle = len(works) // 2
        first, why = await self._attempt(works[:middle])
        second, also = await self._attempt(works[middle:])
        return first + second, why or also

    async def _each(
        self, works: list[_Work], items: list[dict[str, Any]]
    ) -> tuple[list[_Work], str]:
        again, why, missing = [], "", set()
        for work, item in zip(works, items, strict=True):
            (result,) = item.values()
            status, error = result["status"], result.get("error", {})
            if status < 300 or (status == 404 and not error):
                work.outcome = "stored"
            elif status == 409:
                work.outcome = "stale"
            elif _passing(status, error.get("type", "")):
                again.append(work)
                why = f"status {status} {error.get('type', '')}: {error.get('reason', '')[:200]}"
                if status == 404:
                    missing.add(work.index)
            else:
                work.outcome = Refused(_reason(status, error))
        for index in missing:
            await self._ensure(index)
        return again, why


def _passing(status: int, kind: str) -> bool:
    """Whether it may go well later: also a blocked index (disk full) and one just removed."""
    blocked = kind in ("cluster_block_exception", "index_not_found_exception")
    return status in _RETRIABLE or blocked


def _reason(status: int, error: dict[str, Any]) -> str:
    cause = error.get("caused_by", {}).get("reason", "")
    text = f"Elasticsearch {status} {error.get('type', '')}: {error.get('reason', '')}"
    return f"{text} ({cause})"[:2000] if cause else text[:2000]


def _short(error: ApiError) -> str:
    return str(error.body)[:500]


def _chunks(works: list[_Work]) -> list[list[_Work]]:
    """At most 1,000 items and about 1.5 MB each."""
    chunks: list[list[_Work]] = []
    size = MAX_BYTES
    for work in works:
        if size + len(work.lines) > MAX_BYTES or len(chunks[-1]) >= MAX_ITEMS:
            chunks.append([])
            size = 0
        chunks[-1].append(work)
        size += len(work.lines)
    return chunks
