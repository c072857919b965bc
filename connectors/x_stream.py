"""X's filtered stream: its rules are kept to what is asked for; posts come as they are made."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from connectors import http
from connectors.base import Context, Step
from connectors.errors import Retriable, SkipItem
from connectors.fields import mapping, mappings
from connectors.text import line
from connectors.x_api import Api, raise_in_stream
from connectors.x_posts import FIELDS
from connectors.x_search import Search

_TAG: Final = "veille:"
_SILENCE: Final = 25.0
"""A blank line comes every 20 seconds."""
_MOST_RULES: Final = 1_000


async def sync_rules(api: Api, queries: Sequence[str], context: Context) -> None:
    """Have these queries as rules, and none that Veille set before; others' rules are left alone.

    Raises as `Client.post` does, and `Retriable` where the answer can't be read.
    """
    url = f"{api.base}/2/tweets/search/stream/rules"
    whole = mapping(http.decode(await api.client.get(url)))
    if "data" not in whole and "meta" not in whole:
        raise Retriable(f"{http.shown(url)} answered neither data nor meta")
    rules = mappings(whole.get("data"), _MOST_RULES)
    ours = {line(r.get("id")): r.get("value") for r in rules if _own(r.get("tag"))}
    known = {rule.get("value") for rule in rules}
    gone = [name for name, value in ours.items() if value not in queries]
    if gone:
        await api.client.post(url, json={"delete": {"ids": gone}}, accept=(200, 201))
    added = [{"value": query, "tag": _tag(query)} for query in queries if query not in known]
    if added:
        reply = await api.client.post(url, json={"add": added}, accept=(200, 201))
        for problem in mappings(mapping(http.decode(reply)).get("errors")):
            said = line(problem.get("title") or problem.get("message"), limit=80)
            if said != "DuplicateRule":
                value = line(problem.get("value"), limit=80)
                context.on_note(f"x: the rule {value!r} is refused: {said}")


async def streamed(api: Api, search: Search, context: Context) -> AsyncIterator[Step | None]:
    """Posts as they come, each paid before it is waited for; None with each sign of life. Raises
    `WaitUntil` where the budget is used up, `Retriable` where the stream is closed."""
    url = f"{api.base}/2/tweets/search/stream?{urlencode(FIELDS)}"
    api.budget.one()
    async with api.client.stream(url, silence=_SILENCE) as lines:
        async for raw in lines:
            yield None
            if not raw.strip():
                continue
            value = _read(raw)
            raise_in_stream(value, http.current_time(context))
            item = value.get("data")
            if not isinstance(item, dict):
                place = "x stream, a line"
                yield Step(dead=SkipItem(f"{place} without a post", place=place, raw=raw))
                continue
            for step in search.steps([item], value):
                yield step
            api.budget.one()


def _read(raw: bytes) -> dict[str, Any]:
    try:
        return mapping(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _own(tag: object) -> bool:
    return isinstance(tag, str) and tag.startswith(_TAG)


def _tag(query: str) -> str:
    return _TAG + hashlib.blake2b(query.encode(), digest_size=6).hexdigest()
