"""Dead letters in Elasticsearch: keeping, selecting and dropping them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from connectors.letters import DeadLetter
from streams.store import es_queries
from streams.store.es_bulk import DOCS, Bulk, Item
from streams.store.es_ledger import Ask
from streams.store.es_setup import Indices
from streams.store.port import LetterFilter

Body = dict[str, Any]
Search = Callable[[Body, str], Awaitable[Body]]
_WHAT: Final = "dead-letters"
_AT_ONCE: Final = 200
_PAGE: Final = 1_000
_MOST: Final = 10_000


class EsLetters:
    """One index; a letter's id is the document's."""

    def __init__(self, bulk: Bulk, indices: Indices, ask: Ask) -> None:
        self._bulk = bulk
        self._ask = ask
        self._index = indices.name(_WHAT)

    async def add(self, letters: Sequence[DeadLetter]) -> None:
        """The same id again replaces and adds up the attempts."""
        for start in range(0, len(letters), _AT_ONCE):
            some = letters[start : start + _AT_ONCE]
            attempts = await self._attempts({letter.id for letter in some})
            for letter in some:
                attempts[letter.id] = attempts.get(letter.id, 0) + letter.attempts
            newest = {letter.id: letter for letter in some}
            items = [self._item(new, attempts[id_]) for id_, new in newest.items()]
            await self._bulk.write(items)

    async def _attempts(self, ids: Iterable[str]) -> dict[str, int]:
        path = f"/{self._index}/_mget?filter_path={DOCS},docs._source.attempts"
        known = (await self._ask("POST", path, {"ids": sorted(ids)})).get("docs", [])
        return {doc["_id"]: _attempts(doc) for doc in known if doc.get("found")}

    def _item(self, letter: DeadLetter, attempts: int) -> Item:
        clean = msgspec.structs.replace(
            letter,
            attempts=attempts,
            reason=es_queries.clean(letter.reason),
            place=es_queries.clean(letter.place),
        )
        return Item(self._index, letter.id, msgspec.json.encode(clean))

    async def select(
        self, search: Search, where: LetterFilter, limit: int
    ) -> tuple[int, list[DeadLetter]]:
        """How many match, and the newest; by `reason` all that the rest leaves are read."""
        if where.reason:
            every = [one async for one in _all(search, where) if where.has_reason(one)]
            return len(every), every[: max(0, limit)]
        body = _asked(where) | {"size": min(_MOST, max(0, limit)), "track_total_hits": True}
        hits = (await search(body, _WHAT))["hits"]
        return hits["total"]["value"], [_letter(hit) for hit in hits["hits"]]

    async def counts(self, search: Search, since: datetime) -> dict[str, int]:
        """How many of each source since then."""
        asked = {"field": "source", "size": _PAGE, "missing": ""}
        body: Body = {
            "query": {"range": {"at": {"gte": es_queries.iso(since)}}},
            "size": 0,
            "aggs": {"sources": {"terms": asked}},
        }
        found = (await search(body, _WHAT)).get("aggregations", {}).get("sources", {})
        return {bucket["key"]: bucket["doc_count"] for bucket in found.get("buckets", [])}

    async def drop(self, ids: Sequence[str]) -> int:
        """Remove; how many were there."""
        wanted = {es_queries.clean(one) for one in ids if one}
        there = await self._attempts(wanted) if wanted else {}
        await self._bulk.write([Item(self._index, id_) for id_ in there])
        return len(there)


async def _all(search: Search, where: LetterFilter) -> AsyncIterator[DeadLetter]:
    body = _asked(where) | {"size": _PAGE}
    while True:
        hits = (await search(body, _WHAT))["hits"]["hits"]
        for hit in hits:
            yield _letter(hit)
        if len(hits) < _PAGE:
            return
        body["search_after"] = hits[-1]["sort"]


def _asked(where: LetterFilter) -> Body:
    lists = {"id": where.ids, "source": where.sources, "stage": where.stages}
    filters: list[Body] = [
        {"terms": {field: [es_queries.clean(one) for one in wanted]}}
        for field, wanted in lists.items()
        if wanted
    ]
    if where.until:
        filters.append({"range": {"at": {"lte": es_queries.iso(where.until)}}})
    if where.after:
        filters.append(_after(*where.after))
    return {"query": {"bool": {"filter": filters}}, "sort": [{"at": "desc"}, {"id": "asc"}]}


def _after(at: datetime, name: str) -> Body:
    """What is older; of the same millisecond, what has a greater id."""
    then = es_queries.iso(at)
    same = [{"range": {"at": {"gte": then, "lte": then}}}, {"range": {"id": {"gt": name}}}]
    older = {"range": {"at": {"lt": then}}}
    return {"bool": {"should": [older, {"bool": {"filter": same}}], "minimum_should_match": 1}}


def _letter(hit: Body) -> DeadLetter:
    return msgspec.convert(hit["_source"], DeadLetter)


def _attempts(doc: Body) -> int:
    """One is the default, which is not written."""
    return int(doc.get("_source", {}).get("attempts", 1))
