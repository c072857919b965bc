"""Mentions on Instagram: a delivery names what mentions the account, and its text is fetched."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Step
from connectors.errors import Refused, SkipItem
from connectors.fields import mapping
from connectors.graph import Graph, ident
from connectors.graph_errors import Closed
from connectors.instagram_posts import MENTIONED_COMMENT, MENTIONED_MEDIA, comment_of, media_of
from connectors.receiving import Request

_MOST: Final = 1_000


class Mentions:
    """Those that were delivered and not yet fetched."""

    def __init__(self, context: Context, graph: Graph, account: str) -> None:
        self._context, self._graph, self._account = context, graph, account
        self._owed: dict[tuple[str, str], dict[str, Any]] = {}

    def owe(self, request: Request, change: dict[str, Any]) -> list[Step]:
        """Fetch this one later: a step without a post, or the dead letter of one without ids."""
        value = mapping(change.get("value"))
        media, comment = ident(value.get("media_id")), ident(value.get("comment_id"))
        if not media.isdigit() or not (comment or "0").isdigit():
            return [Step(dead=_letter("the mention names no media", request.path, change))]
        if len(self._owed) >= _MOST:
            return [Step(dead=_letter("too many mentions wait", request.path, change))]
        self._owed[media, comment] = change
        return [Step()]

    async def fetched(self, client: http.Client) -> AsyncIterator[Step]:
        """The media and comments that were named. What is not shown to the account is a dead
        letter; any other failure leaves the mention owed, for it is delivered again."""
        for (media, comment), change in list(self._owed.items()):
            yield await self._fetched(client, media, comment, change)
            self._owed.pop((media, comment), None)

    async def _fetched(
        self, client: http.Client, media: str, comment: str, change: dict[str, Any]
    ) -> Step:
        name = "mentioned_comment" if comment else "mentioned_media"
        key = f"comment_id({comment})" if comment else f"media_id({media})"
        fields = f"{name}.{key}{{{MENTIONED_COMMENT if comment else MENTIONED_MEDIA}}}"
        place = f"instagram {name} {comment or media}"
        account = ident(change.get("owner")) or self._account
        try:
            body = await self._graph.get(client, account, {"fields": fields})
        except (Closed, Refused) as error:
            return Step(dead=_letter(f"{error}", place, change))
        item, now = mapping(body.get(name)), http.current_time(self._context)
        try:
            post = comment_of(item, media, now) if comment else media_of(item, now)
        except ValueError as error:
            return Step(dead=_letter(f"{error}", place, change))
        return Step(post=post)


def _letter(why: str, place: str, change: dict[str, Any]) -> SkipItem:
    return SkipItem(f"{place}: {why}", place=place, raw=msgspec.json.encode(change))
