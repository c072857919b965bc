"""The bulk loop: every item ends written, stale or refused; nothing is given up.

The client's own helpers lose documents under pressure (a per-item 429 ends as an exception), so
this loop reads each item's status: 2xx is done, 409 lost against a newer version, 429 and 5xx and
time-outs are tried again without end, smaller and after a jittered rest; 413 and a 400 for the
whole request are split until the one bad item is alone. What is wrong with an index or with our
rights is never a document's fault, and makes no dead letters; nor is a 413 for one small document.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final, Literal, NamedTuple

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, UnsupportedProductError

from streams.errors import StoreError

_log = logging.getLogger(__name__)

MAX_ITEMS: Final = 1_000
MAX_BYTES: Final = 1_500_000
_IN_FLIGHT: Final = 2
_TAKEN_AT_ONCE: Final = 50
"""Some two milliseconds of work."""
_RETRIABLE: Final = frozenset({408, 429, 500, 502, 503, 504})
_BLOCKED: Final = frozenset(
    {"cluster_block_exception", "index_not_found_exception", "index_closed_exception"}
)
"""States of an index that a person or the server ends: the document itself is fine."""
_SMALL_BYTES: Final = 64_000
"""No server's limit is below it: a 413 for less is tried again, until a person mends it."""
_FIRST_REST, _LONGEST_REST = 0.1, 10.0
_LONGEST_ASKED: Final = 60.0
"""Seconds of a `Retry-After` that are obeyed."""
_FILTER: Final = "items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by"

Outcome = Literal["stored", "stale"]
DOCS: Final = "docs._id,docs.found,docs.error.type"
"""What every multi-get asks for, so that a shard that is away is told from a missing document."""


class Refused(msgspec.Struct, frozen=True):
    """The server will never accept the item."""

    reason: str


class Item(msgspec.Struct, frozen=True):
    """One action. Without `version` the last one wins; without `body` it deletes; `once` leaves
    what is there as it is."""

    index: str
    id: str
    body: bytes = b""
    version: int | None = None
    once: bool = False

    def lines(self) -> bytes:
        """The action as the bulk API reads it."""
        ordered = "external_gte" if self.version is not None else ""
        meta = _encode(_Meta(self.index, self.id, self.version, ordered))
        if not self.body:
            return b'{"delete":%b}\n' % meta
        return b'{"%b":%b}\n%b\n' % (b"create" if self.once else b"index", meta, self.body)


class _Meta(msgspec.Struct, omit_defaults=True, gc=False):
    """Which document, and which of two writes wins."""

    _index: str
    _id: str
    version: int | None = None
    version_type: str = ""


_encode = msgspec.json.Encoder().encode


class _Work:
    """An item on its way."""

    __slots__ = ("index", "lines", "outcome")

    def __init__(self, item: Item) -> None:
        self.index = item.index
        self.lines = item.lines()
        self.outcome: Outcome | Refused | None = None


class _Again(NamedTuple):
    """What must be sent again, why, and after how many seconds at least."""

    works: list[_Work]
    why: str = ""
    asked: float = 0.0


class Bulk:
    """Writes items. `ensure` creates an index that turned out to be missing."""

    def __init__(
        self, client: AsyncElasticsearch, ensure: Callable[[str], Awaitable[None]]
    ) -> None:
        self._client = client
        self._ensure = ensure
        self._slots = asyncio.Semaphore(_IN_FLIGHT)

    async def write(self, items: Iterable[Item]) -> list[Outcome | Refused]:
        """One outcome for each item, in order. Items are taken little by little, so that later
        ones are made while the first are on their way. Raises `StoreError` when a right is
        missing."""
        works: list[_Work] = []
        try:
            async with asyncio.TaskGroup() as group:
                async for chunk in _chunks(items):
                    works += chunk
                    group.create_task(self._finish(chunk))
        except* StoreError as errors:
            raise errors.exceptions[0] from None
        return [work.outcome for work in works if work.outcome is not None]

    async def _finish(self, works: list[_Work]) -> None:
        size, rest = len(works), _FIRST_REST
        while works:
            async with self._slots:
                again, why, asked = await self._attempt(works[:size])
            works = again + works[size:]
            if not again:
                size, rest = min(MAX_ITEMS, size * 2), _FIRST_REST
                continue
            _log.warning("Elasticsearch: %d documents to send again: %s", len(again), why)
            await asyncio.sleep(max(asked, rest) * random.uniform(1.0, 1.5))  # noqa: S311 # jitter
            size, rest = max(1, size // 2), min(_LONGEST_REST, rest * 2)

    async def _attempt(self, works: list[_Work]) -> _Again:
        """Send once. An answer that can't be read, or none, is *unknown*: writing again what may
        have been written is harmless."""
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
        except UnsupportedProductError:  # somebody between us and it answers 200
            return _Again(works, "an answer that is not Elasticsearch's")
        except ApiError as error:
            return await self._whole(works, error)
        except TransportError as error:
            return _Again(works, str(error))
        if (items := _items(answer.body, len(works))) is None:
            return _Again(works, "an answer that can't be read")
        return await self._each(works, items)

    async def _whole(self, works: list[_Work], error: ApiError) -> _Again:
        status, kind = error.meta.status, _kind(error.body)
        if status in _RETRIABLE or kind in _BLOCKED:
            return _Again(works, f"status {status} {kind}".strip(), _retry_after(error))
        if status != 413 and (status != 400 or not kind):
            raise StoreError(f"Elasticsearch refuses writing: status {status}: {_short(error)}")
        if len(works) == 1:
            if status == 413 and len(works[0].lines) < _SMALL_BYTES:
                return _Again(works, f"status 413 for {len(works[0].lines)} bytes")
            works[0].outcome = Refused(f"status {status}: {_short(error)}")
            return _Again([])
        middle = len(works) // 2
        first = await self._attempt(works[:middle])
        second = await self._attempt(works[middle:])
        asked = max(first.asked, second.asked)
        return _Again(first.works + second.works, first.why or second.why, asked)

    async def _each(self, works: list[_Work], items: list[dict[str, Any]]) -> _Again:
        again, why, missing = [], "", set()
        for work, result in zip(works, items, strict=True):
            status, error = result["status"], result.get("error", {})
            if status < 300 or (status == 404 and not error):
                work.outcome = "stored"
            elif status == 409:
                work.outcome = "stale"
            elif status in (401, 403) and error.get("type") not in _BLOCKED:
                raise StoreError(f"no right to write. Remedy: grant it: {_reason(status, error)}")
            elif _passing(status, error.get("type", "")):
                again.append(work)
                why = f"status {status} {error.get('type', '')}: {error.get('reason', '')[:200]}"
                if status == 404:
                    missing.add(work.index)
            else:
                work.outcome = Refused(_reason(status, error))
        for index in missing:
            await self._make(index)
        return _Again(again, why)

    async def _make(self, index: str) -> None:
        try:
            await self._ensure(index)
        except (ApiError, TransportError) as error:
            _log.warning("Elasticsearch: %s can't be made for now: %s", index, error)


def _passing(status: int, kind: str) -> bool:
    """Whether it may go well later: also a blocked index (disk full), a closed or removed one."""
    return status in _RETRIABLE or kind in _BLOCKED


def _items(body: Any, count: int) -> list[dict[str, Any]] | None:
    """The result of each action; `None` where the answer is no answer to a bulk."""
    try:
        found = [next(iter(item.values())) for item in body["items"]]
        whole = len(found) == count and all(result["status"] > 0 for result in found)
    except (KeyError, TypeError, AttributeError, StopIteration):
        return None
    return found if whole else None


def _kind(body: Any) -> str:
    """The type of an error of Elasticsearch's; empty where the body is somebody else's."""
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("type", "")) if isinstance(error, dict) else ""


def _retry_after(error: ApiError) -> float:
    """Seconds asked for, at most a minute; 0 without (a date is taken as none)."""
    asked = error.meta.headers.get("retry-after") or ""
    return min(_LONGEST_ASKED, float(asked)) if asked.isdigit() else 0.0


def _reason(status: int, error: dict[str, Any]) -> str:
    cause = error.get("caused_by", {}).get("reason", "")
    text = f"Elasticsearch {status} {error.get('type', '')}: {error.get('reason', '')}"
    return f"{text} ({cause})"[:2000] if cause else text[:2000]


def _short(error: ApiError) -> str:
    return str(error.body)[:500]


async def _chunks(items: Iterable[Item]) -> AsyncIterator[list[_Work]]:
    """At most 1,000 items and about 1.5 MB each; whatever else waits goes on in between."""
    chunk: list[_Work] = []
    size = 0
    for count, work in enumerate(map(_Work, items), 1):
        if chunk and (size + len(work.lines) > MAX_BYTES or len(chunk) >= MAX_ITEMS):
            yield chunk
            chunk, size = [], 0
        chunk.append(work)
        size += len(work.lines)
        if count % _TAKEN_AT_ONCE == 0:
            await asyncio.sleep(0)
    if chunk:
        yield chunk
