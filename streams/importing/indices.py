"""Documents of an Elasticsearch index as posts: a point in time is read by pages, oldest first
where there is a time to sort by.

Documents of Veille's own mentions are taken as the posts they hold; all others are rows, whose
columns are the fields of the index's mapping.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, UnsupportedProductError

from connectors.errors import SkipItem
from connectors.lines import KEPT_BYTES
from connectors.post import Post
from streams.errors import ConfigError, StoreError
from streams.importing.job import BATCH, Item
from streams.importing.mapper import Mapper
from streams.importing.moments import Moments
from streams.importing.profiles import Profile, choose, generic, zone_of
from streams.importing.reading import Wanted, asked_for, settled
from streams.settings import Store as StoreSettings
from streams.store.es_setup import connect, explain

_KEEP: Final = "5m"
_MOST_COLUMNS: Final = 2_000
_NO_TIME: Final = 2**53
"""Documents without a time come last, by a number beyond all milliseconds."""
_OWN: Final = frozenset(("post.id", "post.source", "event_at", "post.collected_at"))
"""Fields of Veille's mentions; `event_at` is when the post was written."""
_FAILURES: Final = (ApiError, TransportError, UnsupportedProductError)


class Index:
    """One index, or a pattern of them. `query` narrows it, in the query string's language."""

    def __init__(self, settings: StoreSettings, index: str, query: str = "") -> None:
        self._client: AsyncElasticsearch = connect(settings)
        self._url, self._index, self._query = settings.url, index, query
        self._mapper: Mapper | None = None
        self._moments: Moments | None = None
        self._sort = ""
        self._columns: tuple[str, ...] = ()
        self.profile = generic("elasticsearch")

    async def close(self) -> None:
        await self._client.close()

    async def prepare(self, profiles: Mapping[str, Profile], wanted: Wanted) -> None:
        """Find out how it is read. Raises `StoreError`, `ConfigError`, `BadSettings`."""
        types = await self._types()
        columns = ("_id", "_index", *types)
        asked = asked_for(wanted, profiles)
        if types.keys() >= _OWN and asked is None and not wanted.maps:
            self._sort = "event_at"
            return
        chosen = asked or choose(profiles, columns) or self.profile
        self.profile = settled(chosen, wanted, columns)
        self._moments = Moments(self.profile.dates, zone_of(self.profile.zone, "--zone"))
        self._mapper = Mapper(self.profile, columns, self._moments, source=wanted.source)
        self._columns = columns
        times = self._mapper.fields["created_at"]
        self._sort = next((one for one in times if types.get(one) in ("date", "date_nanos")), "")

    @property
    def fields(self) -> dict[str, list[str]]:
        """Which fields of documents feed which of posts."""
        return self._mapper.fields if self._mapper else {"(all)": ["post"]}

    @property
    def extra(self) -> list[str]:
        """Which are kept beside."""
        return list(self._mapper.extra) if self._mapper else []

    @property
    def key(self) -> str:
        """The same for the same documents read in the same way."""
        how = (self._url, self._index, self._query, self.profile)
        return hashlib.blake2b(msgspec.json.encode(how), digest_size=12).hexdigest()

    async def items(self, position: object = None) -> AsyncIterator[list[Item]]:
        """Posts in batches, from a position that an item had. Raises `StoreError`."""
        pit = await self._ask(self._client.open_point_in_time, index=self._index, keep_alive=_KEEP)
        after: list[Any] | None = None
        pit_id = pit["id"]
        try:
            while True:
                page = await self._ask(
                    self._client.search,
                    size=BATCH,
                    pit={"id": pit_id, "keep_alive": _KEEP},
                    query=self._where(position),
                    sort=self._order(),
                    search_after=after,
                    track_total_hits=False,
                )
                pit_id, hits = page["pit_id"], page["hits"]["hits"]
                if not hits:
                    return
                after = hits[-1]["sort"]
                if self._moments:
                    self._moments.tick()
                yield [self._item(hit) for hit in hits]
        finally:
            await self._ask(self._client.close_point_in_time, id=pit_id)

    def _order(self) -> list[Any]:
        order: list[Any] = [{"_shard_doc": "asc"}]
        if self._sort:
            order.insert(0, {self._sort: {"order": "asc", "numeric_type": "date"}})
        return order

    def _where(self, position: object) -> dict[str, Any]:
        must: list[dict[str, Any]] = []
        if self._query:
            must.append({"query_string": {"query": self._query}})
        if self._sort and isinstance(position, str):
            since = {"gte": position, "format": "epoch_millis"}
            dated = {"range": {self._sort: since}}
            nowhere = {"bool": {"must_not": {"exists": {"field": self._sort}}}}
            must.append({"bool": {"should": [dated, nowhere]}})
        return {"bool": {"filter": must}}

    def _item(self, hit: dict[str, Any]) -> Item:
        first = hit["sort"][0]
        position = str(first) if self._sort and first < _NO_TIME else None
        place = f"{hit['_index']}/{hit['_id']}"
        try:
            return Item(position, self._post(hit))
        except (ValueError, msgspec.ValidationError) as error:
            raw = msgspec.json.encode(hit.get("_source") or {})[:KEPT_BYTES]
            return Item(position, dead=SkipItem(f"{error}"[:300], place=place, raw=raw))

    def _post(self, hit: dict[str, Any]) -> Post:
        source = hit.get("_source") or {}
        if self._mapper is None:
            return msgspec.convert(source.get("post"), Post)
        found = {"_id": str(hit["_id"]), "_index": str(hit["_index"])} | dict(flat(source))
        return self._mapper.post([found.get(name, "") for name in self._columns])

    async def _types(self) -> dict[str, str]:
        """The type of each field of a leaf, by its name with points."""
        answer = await self._ask(self._client.indices.get_mapping, index=self._index)
        found: dict[str, str] = {}
        for one in answer.values():
            found |= dict(_leaves(one["mappings"].get("properties", {}), ""))
        if not found:
            raise ConfigError(
                f"--index {self._index}: nothing there. Remedy: one that holds documents"
            )
        return dict(list(found.items())[:_MOST_COLUMNS])

    async def _ask(self, call: Any, **options: Any) -> Any:
        try:
            return await call(**{name: one for name, one in options.items() if one is not None})
        except _FAILURES as error:
            if isinstance(error, ApiError) and error.meta.status == 404:
                raise StoreError(
                    f"{self._url}: no index {self._index}. Remedy: correct --index"
                ) from None
            raise explain(error, self._url) from error


def _leaves(properties: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    for name, told in properties.items():
        if inner := told.get("properties"):
            yield from _leaves(inner, f"{before}{name}.")
        elif told.get("type") == "geo_point":
            yield f"{before}{name}.lat", "float"
            yield f"{before}{name}.lon", "float"
        elif told.get("type") != "alias":
            yield f"{before}{name}", str(told.get("type", ""))


def flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """A document as names with points and texts; lists of simple values are joined by commas."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        simple = [one for one in value if isinstance(one, str | int | float)]
        yield name, ", ".join(map(str, simple))
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif value is not None:
        yield name, str(value)
