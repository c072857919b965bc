"""Whether Elasticsearch holds what Veille needs, asked without changing anything."""

from typing import Any

from streams.settings import Store as StoreSettings
from streams.store.es_months import Month, months
from streams.store.es_setup import CLIENT_ERRORS, connect, explain
from streams.store.es_shapes import SMALL
from streams.store.es_small import found_small


async def problems(settings: StoreSettings) -> list[str]:
    """What is wrong, one sentence each with its remedy; empty: sound.

    Raises `StoreUnavailable` where nobody answers.
    """
    client = connect(settings)
    try:
        answer = await client.perform_request(
            "GET", "/_cluster/health", headers={"accept": "application/json"}
        )
        found = _health(answer.body)
        indices = await client.indices.get(index=f"{settings.prefix}-*", expand_wildcards="all")
        found += _all(indices.body, settings.prefix)
        template = await client.indices.exists_index_template(name=f"{settings.prefix}-mentions")
    except CLIENT_ERRORS as error:
        raise explain(error, settings.url) from error
    finally:
        await client.close()
    return found if template else [*found, "the index template is missing. Remedy: start Veille"]


def _health(body: Any) -> list[str]:
    if body.get("status") != "red":
        return []
    return ["the cluster is red: a shard is away. Remedy: bring its node back"]


def _all(indices: dict[str, Any], prefix: str) -> list[str]:
    readers, copies = f"{prefix}-mentions", f"{prefix}-month"
    monthly = {name: index for name, index in indices.items() if name.startswith((readers, copies))}
    found = _missing({*indices, *(a for one in indices.values() for a in one["aliases"])}, prefix)
    making: set[str] = set()
    for month in months(monthly, readers, copies):
        if month.copies:
            making |= {month.index, *month.copies}
            found.append(_half_made(month))
    for what in SMALL:
        small = found_small(f"{prefix}-{what}", indices)
        if small and small.copies:
            making |= {small.index, *small.copies}
            found.append(_half_made(small))
    for name, index in sorted(indices.items()):
        if name not in making:
            found += _index(name, index, readers, monthly=name in monthly)
    return found


def _half_made(month: Month) -> str:
    waiting = ", and its writers wait" if month.blocked else ""
    return (
        f"{month.name} is half made anew ({', '.join(month.copies)}){waiting}. Remedy: `veille "
        "store migrate` goes on where it was, if none is under way; `--abandon` gives it up"
    )


def _missing(names: set[str], prefix: str) -> list[str]:
    return [
        f"{prefix}-{what} is missing. Remedy: start Veille, then `veille store rebuild`"
        for what in SMALL
        if f"{prefix}-{what}" not in names
    ]


def _index(name: str, index: dict[str, Any], alias: str, *, monthly: bool) -> list[str]:
    if name == alias:
        return [f"{name} is an index where Veille needs an alias. Remedy: remove or rename it"]
    found = []
    settings = index["settings"]["index"]
    blocks = [kind for kind, on in settings.get("blocks", {}).items() if str(on) == "true"]
    if blocks:
        found.append(f"{name} is blocked ({', '.join(blocks)}). Remedy: make room, lift the block")
    if settings.get("verified_before_close") == "true":
        found.append(f"{name} is closed. Remedy: open it")
    if monthly and "filter" not in index["aliases"].get(alias, {}):
        found.append(f"{name} is not behind the filtered alias {alias}. Remedy: add it there")
    return found
