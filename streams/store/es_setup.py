"""Connecting to Elasticsearch and keeping its indices as Veille needs them."""

import asyncio
import functools
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from elastic_transport import TransportError
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, UnsupportedProductError

from streams.errors import StoreError, StoreUnavailable
from streams.settings import Store as StoreSettings
from streams.store import es_server, es_shapes
from streams.store.es_json import SERIALIZERS
from streams.store.es_shapes import MONTHLY, SMALL

_log = logging.getLogger(__name__)

_OLDEST, _TOO_NEW = (8, 19), (10, 0)
_UNAVAILABLE: Final = frozenset({408, 429, 500, 502, 503, 504})
_FIRST_YEAR, _LAST_YEAR = 2005, 2039


def connect(settings: StoreSettings) -> AsyncElasticsearch:
    """A client that retries nothing by itself. Raises `StoreError` for an odd address."""
    options: dict[str, Any] = {}
    if settings.api_key.get_secret_value():
        options["api_key"] = settings.api_key.get_secret_value()
    elif settings.username:
        options["basic_auth"] = (settings.username, settings.password.get_secret_value())
    if settings.ca_file:
        options["ca_certs"] = str(settings.ca_file)
    try:
        return AsyncElasticsearch(
            settings.url,
            request_timeout=settings.timeout_seconds,
            max_retries=0,
            serializers=SERIALIZERS,
            retry_on_timeout=False,
            **options,
        )
    except (ValueError, OSError) as error:
        raise StoreError(
            f"store.url {settings.url!r}: {error}. Remedy: https://host:9200"
        ) from None


def explain(error: Exception, url: str) -> StoreError:
    """An error of the client's as one of ours: `StoreUnavailable` where waiting helps."""
    if isinstance(error, UnsupportedProductError):
        return StoreError(f"{url}: not Elasticsearch. Remedy: check store.url")
    if isinstance(error, ApiError):
        status = error.meta.status
        if status in _UNAVAILABLE:
            return StoreUnavailable(f"{url}: Elasticsearch answers {status}; it may be overloaded")
        if "cluster_block_exception" in str(error.body):
            return StoreUnavailable(
                f"{url}: Elasticsearch answers {status}: {str(error.body)[:300]}. Remedy: make "
                "room on its disks, or lift the block; Veille waits and goes on by itself"
            )
        if status in (401, 403):
            return StoreError(
                f"{url}: Elasticsearch answers {status}: {str(error.body)[:300]}. Remedy: check "
                "store.username, store.password or store.api_key, and its rights on the indices"
            )
        return StoreError(f"{url}: Elasticsearch answers {status}: {str(error.body)[:1000]}")
    return StoreUnavailable(f"{url}: Elasticsearch does not answer: {error}")


def month_of(prefix: str, created: datetime) -> str:
    """The index of a mention: by the creation date of its post, which no edit changes.

    Years that only a broken clock writes share one index, so that nobody can make thousands.
    """
    return _month(prefix, created.year, created.month)


@functools.lru_cache(maxsize=1_000)
def _month(prefix: str, year: int, month: int) -> str:
    if year < _FIRST_YEAR:
        return f"{prefix}-{MONTHLY}-early"
    if year > _LAST_YEAR:
        return f"{prefix}-{MONTHLY}-late"
    return f"{prefix}-{MONTHLY}-{year:04d}.{month:02d}"


class Indices:
    """Templates, mappings and indices under one prefix."""

    def __init__(self, client: AsyncElasticsearch, settings: StoreSettings) -> None:
        self._client = client
        self._settings = settings
        self._known: set[str] = set()
        self.analyzers = False
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", settings.prefix):
            raise StoreError(
                f"store.prefix {settings.prefix!r}: not the name of an index. "
                "Remedy: lower-case letters, digits, '-', '_' and '.'"
            )

    def name(self, what: str) -> str:
        """`<prefix>-what`."""
        return f"{self._settings.prefix}-{what}"

    async def prepare(self) -> None:
        """Check the server, write template and mappings, create this month and the next."""
        await self.learn()
        await self._put_template()
        now = datetime.now(UTC)
        months = (now, now.replace(day=1) + timedelta(days=32))
        await asyncio.gather(
            *(self._create(self.name(what), self.body(what)) for what in SMALL),
            *(self.ensure(month_of(self._settings.prefix, moment)) for moment in months),
        )
        await self._update_mappings()

    async def learn(self) -> None:
        """Ask the server what it is and can do. Raises `StoreError` for one that won't do."""
        await self._check()
        await self._refuse_alias_that_is_an_index()
        self.analyzers = await es_server.has_analyzers(self._client)
        if not self.analyzers:
            _log.info("%s has no analyzers of languages: `words` is as written", self._settings.url)

    async def ensure(self, index: str) -> None:
        """Create an index unless it is known to be there; the template says how it looks."""
        if index not in self._known:
            await self._create(index, {})
            self._known.add(index)

    async def drop(self, index: str) -> None:
        """Remove an index and all that is in it; one that is gone already is no error."""
        self._known.discard(index)
        await self._client.indices.delete(index=index, ignore_unavailable=True)

    async def recreate(self, index: str) -> None:
        """Someone removed an index while we wrote to it."""
        self._known.discard(index)
        what = index.removeprefix(f"{self._settings.prefix}-")
        await self._create(index, self.body(what) if what in SMALL else {})

    async def _check(self) -> None:
        await self._client.perform_request(
            "GET", "/_cluster/health", headers={"accept": "application/json"}
        )
        try:
            answer = await self._client.perform_request(
                "GET",
                "/_nodes/_local",
                params={"filter_path": "nodes.*.version"},
                headers={"accept": "application/json"},
            )
        except ApiError as error:
            if error.meta.status in (401, 403):
                return  # no right to see nodes: writing will show whether it fits
            raise
        for node in answer.body["nodes"].values():
            major, minor = (int(part) for part in node["version"].split(".")[:2])
            if not _OLDEST <= (major, minor) < _TOO_NEW:
                raise StoreError(
                    f"{self._settings.url}: Elasticsearch {node['version']}; "
                    "Veille needs 8.19 or 9. Remedy: upgrade the server"
                )

    async def _refuse_alias_that_is_an_index(self) -> None:
        alias = self.name(MONTHLY)
        if await self._client.indices.exists(index=alias) and not (
            await self._client.indices.exists_alias(name=alias)
        ):
            raise StoreError(
                f"{self._settings.url}: {alias} is an index where Veille needs an alias. "
                "Remedy: remove or rename it, or set another store.prefix"
            )

    async def template(self) -> dict[str, Any]:
        """The index template of months, with what a policy or a person set of their lifecycle."""
        live = {"filter": {"bool": {"must_not": [{"term": {"deleted": True}}]}}}
        body = self.body(MONTHLY) | {"aliases": {self.name(MONTHLY): live}}
        if kept := (await self.known_template()).get("settings", {}).get("index", {}):
            body["settings"]["index"] |= (
                {"lifecycle": kept["lifecycle"]} if "lifecycle" in kept else {}
            )
        return {"index_patterns": [f"{self.name(MONTHLY)}-*"], "template": body, "priority": 500}

    async def known_template(self) -> dict[str, Any]:
        """The template that the server has under our name; empty without one."""
        try:
            told = await self._client.indices.get_index_template(name=self.name(MONTHLY))
        except NotFoundError:
            return {}
        found: dict[str, Any] = told.body["index_templates"][0]["index_template"]["template"]
        return found

    async def _put_template(self) -> None:
        await self._client.indices.put_index_template(
            name=self.name(MONTHLY), **await self.template()
        )

    async def _update_mappings(self) -> None:
        """Fields are only ever added, so indices of older versions of Veille take the new ones;
        fields that they have otherwise stay as they are."""
        for what, target in [(MONTHLY, f"{self.name(MONTHLY)}-*")] + [
            (what, self.name(what)) for what in SMALL
        ]:
            wanted = self.body(what)["mappings"]["properties"]
            found = await self._client.indices.get_mapping(index=target, allow_no_indices=True)
            for index, told in found.body.items():
                lacking = es_shapes.lacking(wanted, told["mappings"].get("properties", {}))
                if lacking:
                    await self._client.indices.put_mapping(index=index, properties=lacking)

    async def _create(self, index: str, body: dict[str, Any]) -> None:
        try:
            await self._client.indices.create(index=index, **body)
        except ApiError as error:
            if not _is_there(error):
                raise

    def body(self, what: str) -> dict[str, Any]:
        """Settings and mappings of `<prefix>-what`, for this server once it was asked."""
        return es_shapes.body(what, self._settings, analyzers=self.analyzers)


def _is_there(error: ApiError) -> bool:
    """Whether an index or, once its month was made anew, an alias has the name already."""
    told = str(error)
    return "resource_already_exists" in told or "already exists as alias" in told


CLIENT_ERRORS: Final = (ApiError, TransportError, UnsupportedProductError)
