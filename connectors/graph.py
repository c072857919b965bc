"""Meta's Graph API, as Facebook, Instagram and Threads speak it: pages, limits, errors.

Lists come newest first, in pages. `paging.next` holds the access token: of it only the parameters
are used, on the address that was asked, and it is never shown. Limits are told ahead, in percent,
and errors by a code.
"""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import msgspec

from connectors import http
from connectors.base import Context, Option, Step, unreadable
from connectors.errors import BadSettings, Refused, Retriable, WaitUntil
from connectors.fields import count, mapping
from connectors.graph_errors import TooMuch, error_of, lacking_field, named, rest_until
from connectors.options import Options
from connectors.post import Post
from connectors.text import line

TOKEN: Final = Option("token", "Access token.", "", secret=True)
APP_SECRET: Final = Option(
    "app_secret", "The app's secret: signs calls, and proves deliveries.", "", secret=True
)
VERSION: Final = Option("version", "Version of the API; each lasts about two years.", "v24.0")

_TOLD: Final = (200, 400, 401, 403, 404, 429, 500, 503)
_MOST_PAGES: Final = 100


class Graph:
    """One token's way to the API; what a pass learns of the limits holds for the next one."""

    def __init__(self, context: Context, base: str, token: str, app_secret: str = "") -> None:
        self._context = context
        self._base = base
        self._signed = {"access_token": token}
        if token and app_secret:
            self._signed["appsecret_proof"] = proof(token, app_secret)
        self.secrets = [*self._signed.values(), app_secret]
        """What no message may show."""
        self._until: datetime | None = None
        self._missing: set[str] = set()
        """Fields that this version of the API does not have."""

    async def get(
        self, client: http.Client, path: str, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The object at `path`, without those of the `fields` that this version does not have.

        Raises `WaitUntil` while a limit is nearly used up and when one was passed, `Gone`,
        `Closed`, `Fatal` with the step to take for a token that is no good, `Retriable`.
        """
        asked = dict(params or {})
        fields = asked.get("fields", "")
        while True:
            for name in self._missing:
                asked["fields"] = fields = without(fields, name)
            try:
                return await self._get(client, path, asked)
            except Refused as error:
                lacking = lacking_field(error)
                if not lacking or without(fields, lacking) == fields:
                    raise
                self._missing.add(lacking)
                self._context.on_note(f"this version of the API has no field {lacking}")

    async def _get(
        self, client: http.Client, path: str, params: Mapping[str, str]
    ) -> dict[str, Any]:
        now = http.current_time(self._context)
        if self._until is not None and now < self._until:
            raise WaitUntil(
                f"the API's usage limit is nearly reached; waiting until {self._until:%H:%M} UTC",
                self._until,
            )
        url = f"{self._base}/{path}"
        reply = await client.get(url, params={**params, **self._signed}, accept=_TOLD)
        self._until = rest_until(reply.headers, now)
        told = error_of(reply)
        if told:
            raise client.redacted(named(told, reply, self._until, now))
        if reply.status != 200:
            raise client.refusal(reply)
        body = http.decode(reply)
        if not isinstance(body, dict):
            raise Retriable(f"{http.shown(url)} answered no object but {type(body).__name__}")
        return body

    async def pages(
        self,
        client: http.Client,
        path: str,
        params: Mapping[str, str],
        *,
        most: int = _MOST_PAGES,
        by_cursor: bool = False,
        spend: Callable[[], object] = lambda: None,
    ) -> AsyncIterator[list[Any]]:
        """The items of each page. An empty page with a next one is not the end, nor is a cursor
        that stays the same; a page that comes twice is.

        `by_cursor` asks on by `cursors.after`, for lists that give no next address. `spend` is
        called before each page; what it raises ends the pages.
        """
        asked = dict(params)
        before: tuple[list[Any], dict[str, str]] | None = None
        for _ in range(most):
            spend()
            page = await self._page(client, path, asked)
            items = _items(page, path)
            yield items
            following = _following(page, asked, by_cursor=by_cursor and bool(items))
            if following is None or before == (items, following):
                return
            before, asked = (items, following), following
        self._context.on_note(f"{path} has more than {most} pages; the rest is left for later")

    async def _page(self, client: http.Client, path: str, asked: dict[str, str]) -> dict[str, Any]:
        """As `get`; what is too much at once is asked for in smaller pages."""
        while True:
            try:
                return await self.get(client, path, asked)
            except TooMuch:
                limit = count(asked.get("limit"))
                if limit is None or limit <= 1:
                    raise
                asked["limit"] = str(max(1, limit // 4))


def without(fields: str, name: str) -> str:
    """A list of fields less one and what is asked of it: `a,b{c,d}` less `b` is `a`, less `c` is
    `a,b{d}`."""
    left = re.sub(
        rf"(^|[,{{])({re.escape(name)})(\.[^,{{}}]*)?(\{{[^{{}}]*\}})?(?=[,}}]|$)", r"\1", fields
    )
    return re.sub(r",{2,}", ",", left).replace("{,", "{").replace(",}", "}").strip(",")


def proof(token: str, app_secret: str) -> str:
    """`appsecret_proof`: shows that a call comes from who has the app's secret."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def _items(page: dict[str, Any], path: str) -> list[Any]:
    data = page.get("data")
    if isinstance(data, dict):
        return [data]
    if not isinstance(data, list):
        raise Retriable(f"{path}: the answer has no list 'data'")
    return data


def _following(
    page: dict[str, Any], asked: dict[str, str], *, by_cursor: bool
) -> dict[str, str] | None:
    """The parameters of the next page: those asked with, and what the next address changes."""
    paging = mapping(page.get("paging"))
    following = paging.get("next")
    if isinstance(following, str) and following:
        try:
            given = dict(parse_qsl(urlsplit(following).query))
        except ValueError:
            return None
        secret = ("access_token", "appsecret_proof")
        return {**asked, **{name: one for name, one in given.items() if name not in secret}}
    after = mapping(paging.get("cursors")).get("after")
    if by_cursor and isinstance(after, str) and after:
        return {**asked, "after": after}
    return None


Reader = Callable[[str, dict[str, Any]], Post]
"""The post of an item of the list at a path. Raises `ValueError`."""


def step_of(source: str, path: str, item: object, read: Reader) -> Step:
    """The item as a post, or a dead letter, which `reread` reads."""
    place = f"{source} {path} {ident(mapping(item).get('id')) or '(without id)'}"
    try:
        return Step(post=read(path, mapping(item)))
    except ValueError as error:
        raw = msgspec.json.encode({"path": path, "item": item})
        return unreadable(place, error, raw)


def reread(raw: bytes, read: Reader) -> Post:
    """The post of an item that could not be read before. Raises `ValueError`."""
    kept = mapping(msgspec.json.decode(raw))
    return read(line(kept.get("path")), mapping(kept.get("item")))


def base_of(options: Options, api: str) -> str:
    """Where the API is: `base_url`, or `api`, and the version."""
    version = options.text(VERSION.name)
    if version and not re.fullmatch(r"v\d+\.\d+", version):
        raise BadSettings(f"{options.source}: 'version' is {version!r:.60}; write it as in v24.0")
    base = options.url("base_url") or api
    return f"{base}/{version}" if version else base


def ident(value: object) -> str:
    """An id, which is text of digits, or a number in old deliveries; empty where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return line(value, limit=200)
