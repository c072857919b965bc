"""Public professional accounts of Instagram, which are discovered by their names."""

from collections.abc import AsyncIterator
from typing import Any, Final

from connectors import http
from connectors.errors import Retriable
from connectors.fields import mapping, mappings
from connectors.graph import Graph
from connectors.instagram_posts import HASHTAG_FIELDS, PROFILE_FIELDS

_PAGE: Final = 50
_MOST_PAGES: Final = 100


async def media_of_account(
    graph: Graph, client: http.Client, account: str, name: str
) -> AsyncIterator[list[Any]]:
    """Pages of the media of the account called `name`, each with its `profile`. They lie within
    what is told of it, so the next page is asked for within the fields of `account`."""
    after = ""
    for _ in range(_MOST_PAGES):
        media = f"media{after}.limit({_PAGE}){{{HASHTAG_FIELDS}}}"
        fields = f"business_discovery.username({name}){{{PROFILE_FIELDS},{media}}}"
        body = await graph.get(client, account, {"fields": fields})
        found = mapping(body.get("business_discovery"))
        if not found:
            raise Retriable(f"instagram: nothing is told of the account {name}")
        listed = mapping(found.pop("media", None))
        items = mappings(listed.get("data"))
        yield [{**item, "profile": found} for item in items]
        following = mapping(mapping(listed.get("paging")).get("cursors")).get("after")
        if not items or not isinstance(following, str) or f".after({following})" == after:
            return
        after = f".after({following})"
