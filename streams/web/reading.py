"""How a page is written for who asks: the middleware that finds out language, time zone and theme.

Language: `?ui=`, then the cookie, then what the user prefers, then `Accept-Language`. Zone: `?tz=`,
then the cookie, then what the user prefers, then what the browser told, then the installation's.
`ui` and `tz` are taken out of the query string, so that no page has to know of them, and given
again in every link of the page (`carry`) and every redirect.
"""

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import escape
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.web.i18n import reading_for
from streams.web.visitor import (
    LANGUAGES,
    PREFERRED,
    THEMES,
    VISITOR,
    Language,
    Theme,
    Visitor,
)

LANGUAGE_COOKIE: Final = "veille_language"
ZONE_COOKIE: Final = "veille_zone"
THEME_COOKIE: Final = "veille_theme"
BROWSER_ZONE_COOKIE: Final = "veille_browser_zone"
"""Set by the script: the zone of the browser's machine, for who has chosen none."""
CARRIED: Final = ("ui", "tz")

Pairs = tuple[tuple[str, str], ...]


class Reading:
    """ASGI middleware: completes the visitor of each request to a page."""

    def __init__(self, app: ASGIApp, *, zone: str = "UTC") -> None:
        """`zone` is the installation's."""
        self._app = app
        self._zone = zone

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        carried: Pairs = ()
        if not scope["path"].startswith("/api/"):  # whose parameters are described, and no more
            scope, carried = _taken_out(scope)
        visitor = self._visitor(scope, carried)
        scope[VISITOR] = visitor
        with reading_for(visitor, _address(scope)):
            await self._app(scope, receive, _carrying(send, carried) if carried else send)

    def _visitor(self, scope: Scope, carried: Pairs) -> Visitor:
        found = scope.get(VISITOR)
        headers = Headers(scope=scope)
        told = cookie_parser(headers.get("cookie", ""))
        preferred: Mapping[str, Any] = scope.get(PREFERRED) or {}
        asked = dict(carried)
        language = language_of(
            asked.get("ui"), told.get(LANGUAGE_COOKIE), preferred.get("language")
        )
        chosen = _zone(asked.get("tz"), told.get(ZONE_COOKIE), preferred.get("zone"))
        return msgspec.structs.replace(
            found if isinstance(found, Visitor) else Visitor(),
            language=language or accepted(headers.get("accept-language", "")),
            zone=chosen or _zone(told.get(BROWSER_ZONE_COOKIE)) or self._zone,
            zone_chosen=bool(chosen),
            theme=_theme(told.get(THEME_COOKIE), preferred.get("theme")),
            carried=carried,
        )


def _address(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path = str(scope.get("raw_path", b"/").decode("latin-1").partition("?")[0])
    return f"{path}?{query}" if query else path


def _taken_out(scope: Scope) -> tuple[Scope, Pairs]:
    """The scope without `ui` and `tz` in its query, and those of them that can be used."""
    query = scope["query_string"].decode("latin-1")
    if "ui=" not in query and "tz=" not in query:
        return scope, ()
    parts = [part for part in query.split("&") if part]
    rest = [part for part in parts if part.partition("=")[0] not in CARRIED]
    given = dict(parse_qsl(query))
    carried = []
    if language_of(given.get("ui")):
        carried.append(("ui", given["ui"]))
    if zone_named(given.get("tz", "")):
        carried.append(("tz", given["tz"]))
    return {**scope, "query_string": "&".join(rest).encode("latin-1")}, tuple(carried)


def language_of(*told: str | None) -> Language | None:
    """The first that is a language of the pages."""
    return next((one for one in told if one in LANGUAGES), None)


def accepted(header: str) -> Language:
    """The best language of an `Accept-Language` header (RFC 9110, 12.5.4); English without one."""
    best: tuple[float, Language] = (0.0, "en")
    for part in header[:500].split(","):
        name, _, rest = part.partition(";")
        language = language_of(name.strip().lower().partition("-")[0])
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", rest)
        value = float(weight[1]) if weight else 1.0
        if language and value > best[0]:
            best = (value, language)
    return best[1]


def _zone(*told: str | None) -> str:
    return next((one for one in told if one and zone_named(one)), "")


def _theme(*told: str | None) -> Theme:
    return next((one for one in told if one in THEMES), "auto")


def zone_named(name: str) -> ZoneInfo | None:
    """`Europe/Paris` as a time zone; `None` for one that nobody knows."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_+/-]{0,60}", name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


@cache
def zones() -> Sequence[str]:
    """IANA names of places, and UTC."""
    known = zoneinfo.available_timezones()
    areas = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    return ("UTC", *sorted(zone for zone in known if zone.partition("/")[0] in areas))


def carry(page: str, carried: Pairs) -> str:
    """A rendered page whose links and forms give `ui` and `tz` again.

    Templates escape quotes in all that comes from outside: an attribute in quotes is our own.
    """
    if not carried:
        return page
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in carried
    )
    page = _LINK.sub(lambda found: f'{found[1]}="{_with(found[2], carried)}"', page)
    return _GET_FORM.sub(lambda found: found[0] + hidden, page)


_LINK: Final = re.compile(
    r'\b(href|action|formaction|src|srcset|data-src)="(/(?!/|static/|api/)[^"]*)"'
)
_GET_FORM: Final = re.compile(r'<form\b[^>]*\bmethod="get"[^>]*>')


def _with(escaped: str, carried: Sequence[tuple[str, str]]) -> str:
    path, mark, fragment = escaped.partition("#")
    joined = str(escape(urlencode(carried)))
    return f"{path}{'&amp;' if '?' in path else '?'}{joined}{mark}{fragment}"


def _carrying(send: Send, carried: Pairs) -> Send:
    """Redirects within the site give them again."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            place = headers.get("location", "")
            if place.startswith("/") and not place.startswith("//"):
                parts = urlsplit(place)
                query = "&".join(filter(None, (parts.query, urlencode(carried))))
                headers["location"] = urlunsplit(parts._replace(query=query))
        await send(message)

    return sending
