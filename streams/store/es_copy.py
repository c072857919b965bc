"""Copying a month into another index while it is written to, missing nothing and needing no clock.

The server numbers every write to a shard. Below the *global checkpoint* each is done and stays, so
a pass refreshes the index and copies, in their order, the documents whose last write lies between
the checkpoint of the pass before and that of now. A document that is written meanwhile gets a
higher number and falls into the next pass; when writing is blocked, one more pass is the last.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.records import Mention
from streams.store import es_queries, rules
from streams.store.es_bulk import Bulk, Item, Refused
from streams.store.es_ledger import Ask
from streams.store.es_months import Month
from streams.store.es_writes import Made, document

Body = dict[str, Any]
Replace = Callable[[Mention], Mention | None]
Compose = Callable[[Body], Item]
"""Of a hit, with its version, what is to be written."""
Marks = dict[str, int]
"""By shard: the number up to which everything is copied."""
_PAGE: Final = 500
_TOLD: Final = 3


class Copy:
    """One copy of an index. `done`: where it stands, and where a later one begins; `copied` counts
    documents that are written meanwhile again."""

    def __init__(
        self,
        bulk: Bulk,
        ask: Ask,
        month: Month,
        *,
        done: Marks,
        compose: Compose,
        step: Callable[[int, Marks], Awaitable[None]],
    ) -> None:
        """`step` is awaited after each page with the number of its documents, and where it ends."""
        self._bulk = bulk
        self._ask = ask
        self._month = month
        self._compose = compose
        self._step = step
        self.done = dict(done)
        self.copied = 0

    async def run(self) -> int:
        """One pass; how many documents it copied. Raises `StoreError` for one that the new index
        refuses: it is in the old one still."""
        before = self.copied
        ends = await self._ends()
        await self._ask("POST", f"/{self._month.index}/_refresh")
        for shard, end in ends.items():
            async for hits in self._pages(shard, end):
                await self._write(hits)
                self.done[shard] = int(hits[-1]["sort"][0])
                await self._step(len(hits), self.done)
            self.done[shard] = max(end, self.done.get(shard, -1))
        return self.copied - before

    async def _ends(self) -> Marks:
        path = f"/{self._month.index}/_stats?level=shards&filter_path=indices.*.shards"
        told = (await self._ask("GET", path)).get("indices", {}).get(self._month.index, {})
        ends = {
            shard: int(copy["seq_no"]["global_checkpoint"])
            for shard, copies in told.get("shards", {}).items()
            for copy in copies
            if copy["routing"]["primary"] and copy["routing"]["state"] == "STARTED"
        }
        if len(ends) != self._month.shards:
            raise StoreError(
                f"{self._month.index}: a shard is away. Remedy: bring its node back, run it again"
            )
        return ends

    async def _pages(self, shard: str, end: int) -> AsyncIterator[list[Body]]:
        path = f"/{self._month.index}/_search?preference=_shards:{shard}"
        at = self.done.get(shard, -1)
        while at < end:
            body: Body = {
                "query": {"range": {"_seq_no": {"gt": at, "lte": end}}},
                "size": _PAGE,
                "sort": [{"_seq_no": "asc"}],
                "version": True,
                "track_total_hits": False,
            }
            if not (hits := (await self._ask("POST", path, body))["hits"]["hits"]):
                return
            at = int(hits[-1]["sort"][0])
            yield hits

    async def _write(self, hits: list[Body]) -> None:
        outcomes = await self._bulk.write([self._compose(hit) for hit in hits])
        refused = [
            f"{hit['_id']}: {outcome.reason}"
            for hit, outcome in zip(hits, outcomes, strict=True)
            if isinstance(outcome, Refused)
        ]
        if refused:
            raise StoreError(
                f"{self._month.index}: {len(refused)} documents do not fit into the new index: "
                f"{'; '.join(refused[:_TOLD])}. Remedy: mend or remove them, run it again; until "
                "then the old index serves on"
            )
        self.copied += len(hits)


class Mentions:
    """Composes documents of `target` from those of an older index, each mention as `replace` turns
    it."""

    def __init__(self, index: str, target: str, replace: Replace | None) -> None:
        self._index = index
        self._target = target
        self._replace = replace
        self.changed = self.dropped = 0

    def item(self, hit: Body) -> Item:
        """Raises `StoreError` for a document that is no mention."""
        source = hit["_source"]
        try:
            found = es_queries.mention(hit)
            stored_at = msgspec.convert(source["stored_at"], datetime)
        except (msgspec.ValidationError, KeyError) as error:
            raise StoreError(
                f"{self._index}: document {hit['_id']!r} is none of Veille's: {error}. "
                "Remedy: move it away, run it again; until then the old index serves on"
            ) from None
        new, version = self._replaced(found, hit["_version"])
        made = Made(new, rules.body(new)[0], bool(source.get("hidden")))
        return Item(self._target, hit["_id"], document(made, stored_at), version)

    def _replaced(self, found: Mention, version: int) -> tuple[Mention, int]:
        """What is not wanted any more stays as a tombstone, for a late version must not bring it
        back."""
        if self._replace is None or found.deleted:
            return found, version
        new = self._replace(found)
        if new is None:
            self.dropped += 1
            return rules.tombstone(found, version), version
        self.changed += new != found
        return new, max(version, new.version)
