"""The store of a cluster: Elasticsearch 8.19 or 9, monthly indices behind one filtered alias.

Why it is built like this: `docs/decisions/0002-elasticsearch-monthly-indices.md`.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch

from connectors.letters import DeadLetter
from streams.errors import StoreError, StoreUnavailable
from streams.records import Label, Mention, Record, SentimentLabel
from streams.settings import Store as StoreSettings
from streams.store import es_counts, es_retention, es_setup, es_watched, hiding, paging
from streams.store import es_queries as queries
from streams.store.erasures import Erased, Erasure
from streams.store.es_bulk import Bulk, Item
from streams.store.es_journal import EsJournal
from streams.store.es_ledger import EsLedger, state_body, state_id
from streams.store.es_letters import EsLetters
from streams.store.es_remake import Remake
from streams.store.es_replacing import by_months
from streams.store.es_writes import Body, Writer
from streams.store.folding import Part, folded
from streams.store.hiding import KIND as HIDDEN
from streams.store.hiding import Hidden
from streams.store.journal import Entry, EntryFilter, EntryPage
from streams.store.making import MAPPING
from streams.store.port import (
    Bucket,
    Count,
    Dimension,
    Facets,
    Filter,
    LetterFilter,
    Note,
    Order,
    Page,
    RejectedLabel,
    Replaced,
    Replacement,
    StoryCount,
    TopicCounts,
    WriteReport,
)
from streams.store.rewriting import write_again
from streams.store.rules import MAX_ID_BYTES, millis

_log = logging.getLogger(__name__)

_ARRIVAL_SLACK: Final = timedelta(seconds=1)
"""Beyond the refresh interval: how long a bulk may take without its mentions being passed over."""
_MOST_VALUES: Final = 60_000
_MOMENT_SECONDS: Final = 0.2
_STATES_AT_ONCE: Final = 1_000
_T = TypeVar("_T")
_Parts = tuple[es_setup.Indices, Bulk, Writer, EsLedger, EsLetters, EsJournal]


class ElasticsearchStore:
    """`streams.store.port.Store` over one cluster. Nothing is connected before `open`.

    A mention is visible to reads after `store.refresh_seconds`; `arrivals` shows it about a
    second later still, so that two writers don't make a reader pass over one.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._connected: AsyncElasticsearch | None = None
        self._parts: _Parts | None = None
        self._health = es_watched.Health(f"{settings.prefix}-health")
        self._refreshing: dict[str, asyncio.Future[None]] = {}

    async def open(self) -> None:
        self._connected = es_setup.connect(self._settings)
        indices = es_setup.Indices(self._connected, self._settings)
        bulk = Bulk(self._connected, indices.recreate)
        ledger = EsLedger(bulk, indices, self._ask)
        writer = Writer(bulk, indices, self._ask, self._settings.prefix, ledger)
        letters = EsLetters(bulk, indices, self._ask)
        self._parts = (indices, bulk, writer, ledger, letters, EsJournal(bulk, indices))
        try:
            await self._once(indices.prepare)
            await self.tidy()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        if self._connected is not None:
            await self._connected.close()
            self._connected = None

    async def write(self, records: Sequence[Record]) -> WriteReport:
        return await self._writer.write(records, self._patiently)

    async def replace(
        self, changes: Iterable[Replacement], *, purpose: str, note: Note
    ) -> Replaced:
        return await by_months(self.remake(purpose, note), changes)

    async def get(self, mention_id: str) -> Mention | None:
        """As of the last refresh; `None` also for a deleted one."""
        wanted = queries.clean(mention_id)
        body = {"query": {"ids": {"values": [wanted]}}, "size": 1}
        hits = (await self._search(body))["hits"]["hits"]
        return queries.mention(hits[0]) if hits else None

    async def many(self, mention_ids: Sequence[str]) -> dict[str, Mention]:
        """As of the last refresh."""
        wanted = [queries.clean(one) for one in mention_ids[: paging.MAX_PAGE]]
        body = {"query": {"ids": {"values": wanted}}, "size": len(wanted)}
        hits = (await self._search(body))["hits"]["hits"] if wanted else []
        return {hit["_id"]: queries.mention(hit) for hit in hits}

    async def search(
        self, where: Filter, *, limit: int = 50, cursor: str = "", order: Order = "newest"
    ) -> Page:
        body = queries.search(where, limit=limit, cursor=cursor, order=order)
        owner = queries.search_owner(where, order)
        if order == "newest" and (near := queries.nearest(where, body, datetime.now(UTC))):
            answer = await self._search(near)
            if len(answer["hits"]["hits"]) == body["size"]:
                return queries.page(answer, limit=limit, owner=owner)
        return queries.page(await self._search(body), limit=limit, owner=owner)

    async def arrivals(
        self, after: str, *, where: Filter, limit: int = 100, deleted: bool = False
    ) -> Page:
        slack = timedelta(seconds=self._settings.refresh_seconds) + _ARRIVAL_SLACK
        end, owner = datetime.now(UTC) - slack, paging.question(where, paging.ARRIVALS[deleted])
        if not after:
            return Page([], paging.encode_cursor(paging.Place(owner, millis(end))))
        place, size = paging.decode_cursor(after, owner), paging.page_size(limit)
        body = {
            "query": queries.arrived(where, end, deleted=deleted),
            "size": size,
            "sort": [{"stored_at": "asc"}, {"id": "asc"}],
            "search_after": [place.time, place.id],
            "track_total_hits": False,
        }
        months = "mentions-*" if deleted else "mentions"  # the alias leaves tombstones out
        hits = (await self._search(body, months))["hits"]["hits"]
        cursor = paging.encode_cursor(paging.Place(owner, *hits[-1]["sort"])) if hits else after
        return Page([queries.mention(hit) for hit in hits], cursor)

    async def count(self, where: Filter) -> Count:
        answer = await self._search(queries.counting(where))
        split = queries.split(answer["aggregations"]) if "aggregations" in answer else {}
        return Count(value="", total=answer["hits"]["total"]["value"], **split)

    async def over_time(self, where: Filter, *, step: timedelta) -> list[Bucket]:
        width = paging.step_millis(step)
        if not (starts := await self._starts(where, width)):
            return []
        answer = await self._search(queries.histogram(where, width))
        return queries.timeline(answer.get("aggregations", {}), starts)

    async def _starts(self, where: Filter, width: int) -> range:
        """Of the buckets of the filter's time; empty where an end is open and nothing matches."""
        first = last = None
        if not (where.since and where.until):
            ends = (await self._search(queries.edges(where))).get("aggregations", {})
            first, last = (ends.get(name, {}).get("value") for name in ("min", "max"))
            if first is None:
                return range(0)
        return paging.bounds(where, width, int(first or 0), int(last or 0))

    async def top(self, where: Filter, by: Dimension, *, limit: int = 10) -> list[Count]:
        """Exact, unless a dimension has over 60,000 values in one month's index."""
        size = paging.page_size(limit)
        body = queries.top(where, by, limit=size, shard_size=_shard_size(size))
        found = (await self._search(body)).get("aggregations", {}).get(by, {})
        return await self._sure(where, by, size, found)

    async def _sure(self, where: Filter, by: Dimension, size: int, found: Body) -> list[Count]:
        """The values found; asked for by name, or all of them, where indices leave a doubt."""
        if not (rest := queries.rest(found)):
            return queries.first(found, size)
        body = queries.top(where, by, limit=size, shard_size=_MOST_VALUES)
        named = queries.named(where, by, found)
        for asked, least in ((named, rest), (body, -1)):
            answer = (await self._search(asked)).get("aggregations", {}).get(by, {})
            counts = queries.first(answer, size)
            if counts and counts[-1].total > least:
                return counts
        return []

    async def facets(
        self, where: Filter, *, step: timedelta, by: Sequence[Dimension], limit: int = 10
    ) -> Facets:
        """One question, and another for each dimension that indices leave a doubt of."""
        width, size = paging.step_millis(step), paging.page_size(limit)
        if not (starts := await self._starts(where, width)):
            return Facets([], {each: [] for each in by})
        body = queries.facets(where, width, by, limit=size, shard_size=_shard_size(size))
        answer = (await self._search(body)).get("aggregations", {})
        tops = [self._sure(where, each, size, answer.get(each, {})) for each in by]
        found = dict(zip(by, await asyncio.gather(*tops), strict=True))
        return Facets(queries.timeline(answer, starts), found)

    async def topics(self) -> list[str]:
        answer = (await self._search(queries.topics())).get("aggregations", {})
        return [bucket["key"] for bucket in answer.get("topics", {}).get("buckets", [])]

    async def of_authors(
        self, where: Filter, authors: Sequence[str], *, order: Literal["newest", "oldest"]
    ) -> dict[str, Mention]:
        if not authors:
            return {}
        hits = (await self._search(queries.of_authors(where, authors, order)))["hits"]["hits"]
        return {hit["fields"]["author"][0]: queries.mention(hit) for hit in hits}

    async def counts(
        self,
        topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        step: timedelta = timedelta(minutes=5),
        people: bool = True,
    ) -> list[TopicCounts]:
        width = paging.step_millis(step)
        found: list[Part] = []
        for some in es_counts.slices(topics):
            where = Filter(topics=some, since=since, until=until)
            body = es_counts.counting(where, width, people=people)
            async for bucket in self._composites(body):
                found += es_counts.parts(bucket, people=people)
        return folded(found)

    async def stories(
        self,
        topics: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        least: int,
        sentiment: SentimentLabel = "neg",
    ) -> list[StoryCount]:
        found: list[StoryCount] = []
        for some in es_counts.slices(topics):
            where = Filter(topics=some, since=since, until=until, sentiments=(sentiment,))
            found += [
                es_counts.story(bucket)
                async for bucket in self._composites(es_counts.telling(where))
                if bucket["doc_count"] >= least
            ]
        return sorted(found, key=lambda one: (-one.total, one.topic, one.story))[: paging.MAX_PAGE]

    async def _composites(self, body: Body) -> AsyncIterator[Body]:
        """Every bucket of a composite aggregation, page after page."""
        asked = body["aggs"]["parts"]["composite"]
        while True:
            told = (await self._search(body)).get("aggregations", {}).get("parts", {})
            for bucket in told.get("buckets", []):
                yield bucket
            if len(told.get("buckets", [])) < es_counts.AT_ONCE or "after_key" not in told:
                return
            asked["after"] = told["after_key"]

    async def add_labels(self, labels: Sequence[Label]) -> list[RejectedLabel]:
        ids, rejected = await self._ledger.add_labels(labels)
        unchanged = await self._writer.recompose(ids)
        late = [one for one in labels if one.mention_id in unchanged]
        return rejected + [RejectedLabel(one, unchanged[one.mention_id]) for one in late]

    async def labels(self, mention_ids: Sequence[str]) -> dict[str, Label]:
        return await self._ledger.labels(mention_ids)

    async def add_erasures(self, erasures: Sequence[Erasure]) -> None:
        await self._ledger.add_erasures(erasures)
        await self._writer.refresh()

    async def erased(self) -> Erased:
        return await self._ledger.erased()

    async def hide(self, hidden: Hidden) -> None:
        await self.put_state(HIDDEN, hiding.state_key(hidden.key), hiding.state_of(hidden))
        await self._hidden_changed(hidden.key)

    async def unhide(self, key: str) -> None:
        await self.drop_states(HIDDEN, [hiding.state_key(key)])
        await self._hidden_changed(key)

    async def hidden(self) -> list[Hidden]:
        return (await self._ledger.hidden()).entries

    async def _hidden_changed(self, key: str) -> None:
        await self._ledger.turn()
        await self._writer.refresh()
        await write_again(self, key)
        await self._writer.refresh()

    def remake(self, purpose: str = MAPPING, note: Note = lambda *_: None) -> Remake:
        """What makes months anew for this purpose (see `es_remake`)."""
        indices, bulk, writer, *_ = self._opened
        return Remake(self, bulk, indices, writer, self._ask, purpose=purpose, note=note)

    async def add_entries(self, entries: Sequence[Entry]) -> None:
        await self._journal.add(entries)

    async def entries(
        self, where: EntryFilter = EntryFilter(), *, limit: int = 50, cursor: str = ""
    ) -> EntryPage:
        await self._refresh("journal")
        return await self._journal.select(self._search, where, limit, cursor)

    async def add_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        await self._letters.add(letters)

    async def dead_letters(
        self, *, limit: int = 50, where: LetterFilter = LetterFilter()
    ) -> tuple[int, list[DeadLetter]]:
        await self._refresh("dead-letters")
        return await self._letters.select(self._search, where, limit)

    async def dead_letter(self, letter_id: str) -> DeadLetter | None:
        _, found = await self.dead_letters(limit=1, where=LetterFilter(ids=(letter_id,)))
        return found[0] if found else None

    async def dead_letter_counts(self, since: datetime) -> dict[str, int]:
        await self._refresh("dead-letters")
        return await self._letters.counts(self._search, since)

    async def drop_dead_letters(self, ids: Sequence[str]) -> int:
        return await self._letters.drop(ids)

    async def put_state(
        self, kind: str, key: str, value: dict[str, Any], *, version: int | None = None
    ) -> None:
        if len(key.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
            raise StoreError(f"state key {key[:80]!r}: over {MAX_ID_BYTES} bytes")
        try:
            body = state_body(kind, key, value)
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            raise StoreError(f"can't be kept as JSON: {error}") from error
        items = [Item(self._indices.name("state"), state_id(kind, key), body, version)]
        if watched := self._watched(kind, key, value, version):
            items.append(watched)
        await self._bulk.write(items)

    def _watched(
        self, kind: str, key: str, value: dict[str, Any], version: int | None
    ) -> Item | None:
        if kind == es_watched.INCIDENT:
            return es_watched.alert(self._indices.name("alerts"), key, value, version)
        if kind in es_watched.SAMPLED:
            return self._health.sample(kind, key, value)
        return None

    async def drop_before(self, before: datetime, *, dry_run: bool = False) -> dict[str, int]:
        prefix, found = self._settings.prefix, dict[str, int]()
        path = f"/{prefix}-mentions-*,{prefix}-month-*/_stats/docs"
        told = (await self._once(lambda: self._request("GET", path))).get("indices", {})
        for index, month in es_retention.over(prefix, told, before).items():
            found[month] = found.get(month, 0) + told[index]["primaries"]["docs"]["count"]
            if not dry_run:
                await self._once(lambda index=index: self._indices.drop(index))  # type: ignore[misc]
        return found

    async def tidy(self) -> None:
        await self._writer.prune(self._settings.keep_health_days)

    async def size(self) -> int:
        path = f"/{self._settings.prefix}-*/_stats/store"
        found = await self._once(lambda: self._request("GET", path))
        return int(found["_all"]["total"]["store"]["size_in_bytes"])

    async def states(self, kind: str) -> dict[str, dict[str, Any]]:
        await self._refresh("state")
        body: Body = {
            "query": {"term": {"kind": queries.clean(kind)}},
            "size": _STATES_AT_ONCE,
            "sort": [{"key": "asc"}],
        }
        found: dict[str, dict[str, Any]] = {}
        while True:
            hits = (await self._search(body, "state"))["hits"]["hits"]
            found |= {hit["_source"]["key"]: hit["_source"]["value"] for hit in hits}
            if len(hits) < _STATES_AT_ONCE:
                return found
            body["search_after"] = hits[-1]["sort"]

    async def drop_states(self, kind: str, keys: Sequence[str]) -> None:
        index = self._indices.name("state")
        ids = {state_id(queries.clean(kind), queries.clean(key)) for key in keys}
        items = [Item(index, id_) for id_ in ids]
        if kind == es_watched.INCIDENT:
            items += [Item(self._indices.name("alerts"), id_) for id_ in ids]
        await self._bulk.write(items)

    @property
    def _client(self) -> AsyncElasticsearch:
        if self._connected is None:
            raise StoreError("the store is not open. Remedy: await store.open()")
        return self._connected

    @property
    def _opened(self) -> _Parts:
        if self._parts is None:
            raise StoreError("the store is not open. Remedy: await store.open()")
        return self._parts

    @property
    def _indices(self) -> es_setup.Indices:
        return self._opened[0]

    @property
    def _bulk(self) -> Bulk:
        return self._opened[1]

    @property
    def _writer(self) -> Writer:
        return self._opened[2]

    @property
    def _ledger(self) -> EsLedger:
        return self._opened[3]

    @property
    def _letters(self) -> EsLetters:
        return self._opened[4]

    @property
    def _journal(self) -> EsJournal:
        return self._opened[5]

    async def _refresh(self, what: str) -> None:
        """Those who ask in the same breath share one that begins after all of them."""
        if what not in self._refreshing:
            self._refreshing[what] = asyncio.ensure_future(self._refresh_soon(what))
        await asyncio.shield(self._refreshing[what])

    async def _refresh_soon(self, what: str) -> None:
        await asyncio.sleep(0)
        del self._refreshing[what]
        await self._once(lambda: self._request("POST", f"/{self._indices.name(what)}/_refresh"))

    async def _search(self, body: Body, what: str = "mentions") -> Body:
        """Asked once more where the server could not tell all: a month made anew takes its index
        away under a question, and the alias leads to the new one by then."""
        path = f"/{self._indices.name(what)}/_search?ignore_unavailable=true"
        try:
            return await self._once(lambda: self._request("POST", path, body))
        except StoreUnavailable as error:
            if not _cut_off(error):
                raise
        await asyncio.sleep(_MOMENT_SECONDS)
        return await self._once(lambda: self._request("POST", path, body))

    async def _ask(self, method: str, path: str, body: Any = None) -> Body:
        return await self._patiently(lambda: self._request(method, path, body))

    async def _request(self, method: str, path: str, body: Any = None) -> Body:
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = "application/json"
        answer = await self._client.perform_request(method, path, headers=headers, body=body)
        found: Body = answer.body or {}
        if not isinstance(found, dict):
            raise StoreUnavailable(f"{self._settings.url}: an answer that can't be read")
        partial = found.get("timed_out") or found.get("_shards", {}).get("failed")
        if partial or not _all_told(found, body):
            raise StoreUnavailable(f"{self._settings.url}: some shards did not answer")
        return found

    async def _once(self, step: Callable[[], Awaitable[_T]]) -> _T:
        try:
            return await step()
        except es_setup.CLIENT_ERRORS as error:
            raise es_setup.explain(error, self._settings.url) from error

    async def _patiently(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat while the server is away; a step must be harmless to repeat."""
        rest = 0.1
        while True:
            try:
                return await self._once(step)
            except StoreUnavailable as error:
                _log.warning("waiting for the store: %s", error)
                await asyncio.sleep(rest * random.uniform(0.5, 1.5))  # noqa: S311 # jitter
                rest = min(10.0, rest * 2)


def _shard_size(limit: int) -> int:
    """Values that an index tells so that most questions leave no doubt."""
    return max(1_000, 10 * limit)


def _cut_off(error: StoreUnavailable) -> bool:
    """Whether shards were away, not the server."""
    cause = error.__cause__
    return cause is None or (isinstance(cause, ApiError) and cause.meta.status == 503)


def _all_told(found: Body, asked: Any) -> bool:
    """Whether a multi-get tells of each document: one that a shard could not tell of is not one
    that is not there."""
    if not isinstance(asked, dict) or "ids" not in asked:
        return True
    docs = found.get("docs", [])
    kinds = {doc.get("error", {}).get("type", "index_not_found_exception") for doc in docs}
    return len(docs) == len(asked["ids"]) and kinds <= {"index_not_found_exception"}
