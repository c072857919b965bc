"""What an Elasticsearch server can do, asked of it."""

from collections.abc import Sequence
from typing import Any, Final

from elasticsearch import ApiError, AsyncElasticsearch

from streams.store import es_shapes

JSON: Final = {"accept": "application/json", "content-type": "application/json"}
_MODULE: Final = "analysis-common"
_UNTOLD: Final = frozenset({401, 403, 404, 405})


async def has_analyzers(client: AsyncElasticsearch) -> bool:
    """Whether it has the analyzers of languages: a module of every full distribution.

    Each is tried; where that right is missing, the list of modules tells.
    """
    for name in es_shapes.wanted_analyzers():
        try:
            await ask(client, "POST", "/_analyze", {"analyzer": name, "text": "a"})
        except ApiError as error:
            return await _has_module(client) if error.meta.status in _UNTOLD else _refused(error)
    return True


def _refused(error: ApiError) -> bool:
    if error.meta.status == 400:
        return False
    raise error


async def _has_module(client: AsyncElasticsearch) -> bool:
    path = "/_nodes/_local/plugins?filter_path=nodes.*.modules.name"
    try:
        nodes = (await ask(client, "GET", path)).get("nodes", {})
    except ApiError as error:
        if error.meta.status in _UNTOLD:
            return False
        raise
    names = {module["name"] for node in nodes.values() for module in node.get("modules", [])}
    return _MODULE in names


async def has_api(client: AsyncElasticsearch, name: str) -> bool:
    """Whether it has `_ilm` or `_slm`: modules of every full distribution."""
    try:
        await ask(client, "GET", f"/_{name}/status")
    except ApiError as error:
        if error.meta.status in (400, 404, 405):
            return False
        raise
    return True


async def missing_rights(
    client: AsyncElasticsearch, prefix: str, cluster: Sequence[str]
) -> list[str]:
    """Which of these rights on the cluster, and of `all` on our indices, we have not. Without
    security, which is told by the API not being there, everybody has all."""
    pattern = f"{prefix}-*"
    asked = {"cluster": list(cluster), "index": [{"names": [pattern], "privileges": ["all"]}]}
    try:
        told = await ask(client, "POST", "/_security/user/_has_privileges", asked)
    except ApiError as error:
        if error.meta.status in (400, 404, 405, 500):
            return []
        raise
    if told.get("has_all_requested"):
        return []
    lacking = [f"{right} on the cluster" for right, has in told["cluster"].items() if not has]
    for name, rights in told["index"].items():
        lacking += [f"{right} on {name}" for right, has in rights.items() if not has]
    return lacking


async def ask(client: AsyncElasticsearch, method: str, path: str, body: Any = None) -> Any:
    """The answer's body, read as JSON. Raises the client's errors."""
    answer = await client.perform_request(method, path, headers=JSON, body=body)
    return answer.body
