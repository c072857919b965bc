"""Access tokens of OAuth 2: asked for when needed, renewed before they end, never shown.

A token is given as it is (`token`), or got with a client's id and secret (RFC 6749, section 4.4),
or with a refresh token (section 6).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors import http
from connectors.base import Context
from connectors.errors import Fatal, Refused
from connectors.fields import mapping
from connectors.text import line

_EARLY: Final = timedelta(seconds=60)
_USUAL: Final = 3600.0
_LONGEST: Final = 90 * 86_400.0


@dataclass(frozen=True, slots=True)
class Grant:
    """How a token is got: the address, the form's fields, and what a person does when the source
    refuses (`remedy`, one sentence). `basic` sends id and secret as a header, as Reddit asks."""

    url: str
    form: Mapping[str, str]
    remedy: str
    basic: tuple[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Tokens:
    """One source's token. `fixed` is used as it is, and no `grant` is asked for."""

    def __init__(self, context: Context, *, fixed: str = "", grant: Grant | None = None) -> None:
        self._context = context
        self._fixed = fixed
        self._grant = grant
        self._token = fixed
        self._ends = datetime.max.replace(tzinfo=UTC) if fixed else datetime.min.replace(tzinfo=UTC)
        self._refresh = ""

    async def get(self, client: http.Client) -> str:
        """The token, renewed a minute before it ends. Raises what `Client.post` raises, and
        `Fatal` with the remedy where the source refuses."""
        if http.current_time(self._context) + _EARLY >= self._ends:
            await self.renew(client)
        return self._token

    async def bearer(self, client: http.Client) -> dict[str, str]:
        """The `Authorization` header of a request."""
        return {"authorization": f"Bearer {await self.get(client)}"}

    async def renew(self, client: http.Client) -> None:
        """Ask for another token, such as after a 401. Raises `Fatal` where there is none to get."""
        grant = self._grant
        if grant is None:
            raise Fatal("the access token is refused. Remedy: set a new 'token'")
        form = dict(grant.form)
        if self._refresh:
            form["refresh_token"] = self._refresh
        headers = dict(grant.headers)
        if grant.basic:
            headers["authorization"] = http.basic(*grant.basic)
        try:
            reply = await client.post(grant.url, form=form, headers=headers)
        except Refused as error:
            raise Fatal(f"{error}. Remedy: {grant.remedy}") from None
        said = mapping(http.decode(reply))
        token = said.get("access_token")
        if not isinstance(token, str) or not token:
            why = line(said.get("error_description") or said.get("error"), limit=200)
            raise Fatal(
                f"{http.shown(grant.url)} gave no token: {why or 'no reason given'}."
                f" Remedy: {grant.remedy}"
            )
        client.hide(token)
        seconds = _seconds(said.get("expires_in"))
        now = http.current_time(self._context)
        self._token = token
        self._ends = now + timedelta(seconds=min(max(seconds, 120.0), _LONGEST))
        refresh = said.get("refresh_token")
        if isinstance(refresh, str) and refresh:
            client.hide(refresh)
            self._refresh = refresh


def _seconds(lasts: object) -> float:
    try:
        seconds = float(str(lasts))
    except ValueError:
        return _USUAL
    return seconds if 0.0 < seconds < 1e12 else _USUAL
