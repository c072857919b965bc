"""The journal in Elasticsearch: an index of its own, an entry's JSON as one value."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from streams.store import es_queries, journal, paging
from streams.store.es_bulk import Bulk, Item
from streams.store.es_ledger import state_id
from streams.store.es_letters import Search
from streams.store.es_setup import Indices
from streams.store.journal import Entry, EntryFilter, EntryPage

Body = dict[str, Any]
_WHAT: Final = "journal"


class EsJournal:
    """Entries are never written twice, and never dropped."""

    def __init__(self, bulk: Bulk, indices: Indices) -> None:
        self._bulk = bulk
        self._index = indices.name(_WHAT)

    async def add(self, entries: Sequence[Entry]) -> None:
        """Raises `StoreError`, and keeps none, where one can't be kept."""
        await self._bulk.write([self._item(entry) for entry in entries])

    def _item(self, entry: Entry) -> Item:
        fields = {
            "id": entry.id,
            "at": es_queries.iso(entry.at),
            "by": entry.by,
            "action": entry.action,
            "subject": entry.subject,
            "topic": entry.topic,
            "entry": journal.encoded(entry).decode(),
        }
        body = msgspec.json.encode(fields)
        return Item(self._index, state_id(_WHAT, entry.id), body, once=True)

    async def select(
        self, search: Search, where: EntryFilter, limit: int, cursor: str
    ) -> EntryPage:
        """One page, newest first."""
        owner, size = paging.question(where, "entries"), paging.page_size(limit)
        body: Body = {
            "query": {"bool": {"filter": _filters(where)}},
            "size": size + 1,
            "sort": [{"at": "desc"}, {"id": "desc"}],
            "track_total_hits": False,
            "_source": ["entry"],
        }
        if cursor:
            place = paging.decode_cursor(cursor, owner)
            body["search_after"] = [place.time, place.id]
        hits = (await search(body, _WHAT))["hits"]["hits"]
        entries = [journal.decoded(hit["_source"]["entry"]) for hit in hits[:size]]
        if len(hits) <= size:
            return EntryPage(entries)
        at, last = hits[size - 1]["sort"]
        return EntryPage(entries, paging.encode_cursor(paging.Place(owner, at, last)))


def _filters(where: EntryFilter) -> list[Body]:
    filters: list[Body] = []
    if where.actions:
        exact, kinds = journal.split_actions(where.actions)
        either = [_terms("action", exact)]
        either += [{"prefix": {"action": es_queries.clean(kind)}} for kind in kinds]
        filters.append(es_queries.any_of(*either))
    if where.subjects:
        filters.append(_terms("subject", where.subjects))
    named = {"by": where.by, "topic": where.topic}
    filters += [{"term": {field: es_queries.clean(v)}} for field, v in named.items() if v]
    times = {"gte": where.since, "lt": where.until}
    if told := {sign: es_queries.iso(moment) for sign, moment in times.items() if moment}:
        filters.append({"range": {"at": told}})
    return filters


def _terms(field: str, values: Sequence[str]) -> Body:
    return {"terms": {field: [es_queries.clean(value) for value in values]}}
