"""What `veille store init` would change on a server: a list of requests, each with its reason."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from elasticsearch import ApiError

from streams.errors import StoreError
from streams.settings import Store as StoreSettings
from streams.store import es_server, es_shapes
from streams.store.es_changes import Change, Plan
from streams.store.es_setup import CLIENT_ERRORS, Indices, connect, explain, month_of
from streams.store.es_shapes import MONTHLY, SMALL, Body

_RIGHTS: Final = ("monitor", "manage_index_templates")
_WARM_AFTER: Final = "62d"
_SNAPSHOTS: Final = {"expire_after": "30d", "min_count": 5, "max_count": 50}
_NIGHTLY: Final = "0 30 1 * * ?"


class Initialising:
    """Looks at a server and changes it. Raises `StoreError` for a server that won't do."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._client = connect(settings)
        self._indices = Indices(self._client, settings)
        self._words: list[str] = []

    async def close(self) -> None:
        await self._client.close()

    async def plan(self) -> Plan:
        """Nothing is changed."""
        try:
            return await self._plan()
        except CLIENT_ERRORS as error:
            raise explain(error, self._settings.url) from error

    async def apply(self, plan: Plan) -> None:
        """Make the changes; each is harmless to repeat."""
        for change in plan.changes:
            if change.method:
                await self._make(change)

    async def _make(self, change: Change) -> None:
        try:
            await es_server.ask(self._client, change.method, change.path, change.body)
        except ApiError as error:
            if "resource_already_exists" not in str(error):
                told = explain(error, self._settings.url)
                raise type(told)(f"{change.what} {change.name}: {told}") from error
        except CLIENT_ERRORS as error:
            raise explain(error, self._settings.url) from error

    async def _plan(self) -> Plan:
        await self._indices.learn()
        apis = {name: await es_server.has_api(self._client, name) for name in ("ilm", "slm")}
        await self._check_rights(apis)
        self._words = []
        if not self._indices.analyzers:
            self._words.append("no analyzers of languages: words.<language> is as written")
        changes = await self._lifecycle(has=apis["ilm"])
        changes += await self._template(lifecycle=apis["ilm"])
        found = await self._client.indices.get(index=self._pattern, expand_wildcards="all")
        aliases = {alias for index in found.body.values() for alias in index["aliases"]}
        changes += self._missing(set(found.body) | aliases)
        for name, index in sorted(found.body.items()):
            changes += self._index(name, index, lifecycle=apis["ilm"])
        changes += await self._snapshots(has=apis["slm"])
        return Plan(changes, self._words)

    @property
    def _pattern(self) -> str:
        return f"{self._settings.prefix}-*"

    async def _check_rights(self, apis: dict[str, bool]) -> None:
        managing = [f"manage_{name}" for name, has in apis.items() if has]
        if not self._settings.snapshot_repository and "manage_slm" in managing:
            managing.remove("manage_slm")
        lacking = await es_server.missing_rights(
            self._client, self._settings.prefix, [*_RIGHTS, *managing]
        )
        if lacking:
            raise StoreError(
                f"{self._settings.url}: these rights are missing: {', '.join(lacking)}. "
                "Remedy: give them to the user or the API key of store.username or store.api_key"
            )

    async def _lifecycle(self, *, has: bool) -> list[Change]:
        """No `forcemerge`, which makes an index read-only: old mentions are edited and labelled."""
        if not has:
            self._words.append("no index lifecycle management: months stay where they are")
            return []
        name = self._policy
        phases = {
            "hot": {"min_age": "0ms", "actions": {"set_priority": {"priority": 100}}},
            "warm": {"min_age": _WARM_AFTER, "actions": {"set_priority": {"priority": 50}}},
        }
        path = f"/_ilm/policy/{name}"
        known = (await self._get(path)).get(name, {}).get("policy", {})
        if known:
            return []  # a person may have changed it
        reason = f"none yet; months turn warm after {_WARM_AFTER}"
        return [Change("policy", name, reason, "PUT", path, {"policy": {"phases": phases}})]

    @property
    def _policy(self) -> str:
        return f"{self._settings.prefix}-months"

    async def _template(self, *, lifecycle: bool) -> list[Change]:
        name, wanted = self._indices.name(MONTHLY), await self._indices.template()
        index = wanted["template"]["settings"]["index"]
        if lifecycle:
            index.setdefault("lifecycle", {"name": self._policy})
        known = await self._indices.known_template()
        reason = _difference(wanted["template"], known) if known else "none yet"
        path = f"/_index_template/{name}"
        return [Change("template", name, reason, "PUT", path, wanted)] if reason else []

    def _missing(self, names: set[str]) -> list[Change]:
        now = datetime.now(UTC)
        months = (now, now.replace(day=1) + timedelta(days=32))
        wanted = {self._indices.name(what): self._indices.body(what) for what in SMALL}
        wanted |= {month_of(self._settings.prefix, moment): {} for moment in months}
        return [
            Change("index", name, "missing", "PUT", f"/{name}", body or None)
            for name, body in wanted.items()
            if name not in names
        ]

    def _index(self, name: str, index: Body, *, lifecycle: bool) -> Iterator[Change]:
        what = self._kind(name)
        if not what:
            self._words.append(f"{name}: none of Veille's indices; left as it is")
            return
        wanted = self._indices.body(what)
        yield from self._mapping(name, wanted["mappings"], index["mappings"])
        yield from self._settings_of(name, what, wanted, index, lifecycle=lifecycle)
        alias = self._indices.name(MONTHLY)
        if name.startswith(f"{alias}-") and "filter" not in index["aliases"].get(alias, {}):
            live = {"bool": {"must_not": [{"term": {"deleted": True}}]}}
            action = {"add": {"index": name, "alias": alias, "filter": live}}
            reason = f"not behind the filtered alias {alias}"
            yield Change("alias", name, reason, "POST", "/_aliases", {"actions": [action]})

    def _kind(self, name: str) -> str:
        rest = name.removeprefix(f"{self._settings.prefix}-")
        if rest.startswith((f"{MONTHLY}-", "month-")):
            return MONTHLY
        return next((what for what in SMALL if rest == what or rest.startswith(f"{what}-")), "")

    def _mapping(self, name: str, wanted: Body, have: Body) -> Iterator[Change]:
        ours, theirs = wanted["properties"], have.get("properties", {})
        if lacking := es_shapes.lacking(ours, theirs):
            names = [field for field, _ in es_shapes.fields(lacking)]
            body = {"properties": lacking}
            reason = f"new fields {_some(names)}"
            yield Change("mapping", name, reason, "PUT", f"/{name}/_mapping", body)
        if other := es_shapes.differing(ours, theirs):
            reason = f"other fields {_some(other)}. Remedy: `veille store migrate`"
            yield Change("mapping", name, reason)
        if foreign := es_shapes.foreign(ours, theirs):
            reason = (
                f"fields that are not Veille's: {_some(foreign)}. Remedy: keep others out of it"
            )
            yield Change("mapping", name, reason)

    def _settings_of(
        self, name: str, what: str, wanted: Body, index: Body, *, lifecycle: bool
    ) -> Iterator[Change]:
        have, ours = index["settings"]["index"], wanted["settings"]["index"]
        want = {key: ours[key] for key in ("number_of_replicas", "refresh_interval") if key in ours}
        changed = {key: value for key, value in want.items() if str(have.get(key)) != str(value)}
        if lifecycle and what == MONTHLY and "lifecycle" not in have:
            changed["lifecycle.name"] = self._policy
        if changed:
            told = ", ".join(f"{key} {value}" for key, value in changed.items())
            body = {"index": changed}
            yield Change("settings", name, told, "PUT", f"/{name}/_settings", body)

    async def _snapshots(self, *, has: bool) -> list[Change]:
        repository, name = self._settings.snapshot_repository, f"{self._settings.prefix}-nightly"
        if not repository:
            self._words.append("no snapshots: store.snapshot_repository names no repository")
            return []
        if not has:
            self._words.append("no snapshot lifecycle management: make snapshots by other means")
            return []
        if not await self._get(f"/_snapshot/{repository}"):
            raise StoreError(
                f"{self._settings.url}: no snapshot repository {repository!r}. "
                "Remedy: register it there, or empty store.snapshot_repository"
            )
        path = f"/_slm/policy/{name}"
        policy = {
            "schedule": _NIGHTLY,
            "name": f"<{name}-{{now/d}}>",
            "repository": repository,
            "config": {"indices": [self._pattern], "include_global_state": False},
            "retention": _SNAPSHOTS,
        }
        known = (await self._get(path)).get(name, {}).get("policy", {})
        if known.get("repository") == repository:
            return []
        reason = f"each night into {repository}, kept for {_SNAPSHOTS['expire_after']}"
        return [Change("snapshots", name, reason, "PUT", path, policy)]

    async def _get(self, path: str) -> Body:
        try:
            found: Body = await es_server.ask(self._client, "GET", path)
        except ApiError as error:
            if error.meta.status == 404:
                return {}
            raise
        return found


def _difference(wanted: Body, have: Body) -> str:
    """In what a template differs; empty where it is as wanted."""
    ours, theirs = wanted["mappings"], have.get("mappings", {})
    properties = theirs.get("properties", {})
    lacking = [
        name for name, _ in es_shapes.fields(es_shapes.lacking(ours["properties"], properties))
    ]
    told = [f"new fields {_some(lacking)}"] if lacking else []
    other = es_shapes.differing(ours["properties"], properties)
    told += [f"other fields {_some(other)}"] if other else []
    foreign = es_shapes.foreign(ours["properties"], properties)
    told += [f"fields that are not Veille's: {_some(foreign)}"] if foreign else []
    told += [key for key in ("_source", "_meta", "dynamic") if ours.get(key) != theirs.get(key)]
    index, known = wanted["settings"]["index"], have.get("settings", {}).get("index", {})
    told += [key for key, value in index.items() if _text(known.get(key)) != _text(value)]
    if "filter" not in next(iter(have.get("aliases", {}).values()), {}):
        told.append("the filtered alias")
    return ", ".join(told)


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _text(inner) for key, inner in value.items()}
    return str(value).lower()


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
