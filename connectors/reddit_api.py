"""Asking Reddit's Data API for listings, with an app's token, and what its refusals mean."""

from typing import Any, Final

from connectors import http
from connectors.base import Context
from connectors.errors import Retriable
from connectors.fields import mapping
from connectors.text import line
from connectors.tokens import Grant, Tokens

_WWW: Final = "https://www.reddit.com"
_DATA: Final = "https://oauth.reddit.com"
_CLOSED: Final = frozenset(
    ("private", "banned", "quarantined", "gold_only", "gated", "employees_only")
)


class Api:
    """One approved client. Raises the errors of `connectors.http` and `connectors.tokens`."""

    def __init__(self, context: Context, base: str, client_id: str, secret: str) -> None:
        self._context, self._base = context, base or _DATA
        grant = Grant(
            url=f"{base or _WWW}/api/v1/access_token",
            form={"grant_type": "client_credentials"},
            remedy="check 'client_id' and 'client_secret', and that Reddit approved the client",
            basic=(client_id, secret),
        )
        self._tokens = Tokens(context, grant=grant)

    async def listing(
        self, client: http.Client, path: str, params: dict[str, str]
    ) -> dict[str, Any]:
        """The `data` of a Listing; empty, with a note, for a subreddit that is closed or absent."""
        url, asked = self._base + path, {**params, "raw_json": "1"}
        accept = (200, 401, 403, 404)
        bearer = await self._tokens.bearer(client)
        reply = await client.get(url, params=asked, headers=bearer, accept=accept)
        if reply.status == 401:
            await self._tokens.renew(client)
            bearer = await self._tokens.bearer(client)
            reply = await client.get(url, params=asked, headers=bearer, accept=accept)
        if reply.status != 200:
            error = client.refusal(reply)
            reason = _reason(reply) or ("not found" if reply.status == 404 else "")
            if path.startswith("/r/") and (reason in _CLOSED or reply.status == 404):
                self._context.on_note(f"reddit: {path} is closed: {reason}")
                return {"children": []}
            raise error
        value = mapping(http.decode(reply))
        data = value.get("data")
        if value.get("kind") != "Listing" or not isinstance(data, dict):
            said = line(value.get("message") or value.get("error"), limit=200)
            raise Retriable(f"{reply.place} answered {said or 'no listing'}")
        return data


def _reason(reply: http.Reply) -> str:
    try:
        return line(mapping(http.decode(reply)).get("reason"))
    except Retriable:
        return ""
