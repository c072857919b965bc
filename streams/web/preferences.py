"""The reader's language, time zone and theme: a form on every page, kept in this browser.

It works without a script. What the address says (`?ui=`, `?tz=`) would win over what is chosen
here, so the page that the form leads back to no longer says it.
"""

import difflib
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from streams.web.i18n import _
from streams.web.pages import Pages
from streams.web.reading import (
    CARRIED,
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    ZONE_COOKIE,
    language_of,
    zone_named,
    zones,
)
from streams.web.users.ways import local
from streams.web.visitor import THEMES, visitor_of

PATH: Final = "/preferences"
YEAR: Final = 365 * 86_400
CHOSEN: Final = {"language": LANGUAGE_COOKIE, "zone": ZONE_COOKIE, "theme": THEME_COOKIE}


class PreferencePages:
    """The page of the form, and what takes it."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    def add_to(self, app: FastAPI) -> None:
        for endpoint, method in ((self.show, "GET"), (self.keep, "POST")):
            app.add_api_route(
                PATH, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def show(self, request: Request) -> Response:
        """The form with every zone that is known."""
        return self._page(request, back=local(request.query_params.get("back", "/")))

    async def keep(self, request: Request) -> Response:
        """Keep what is given and go back; a zone that nobody knows is asked for again."""
        given = dict(await self._pages.forms.read(request))
        back, zone = local(given.get("back", "/")), given.get("zone", "").strip()
        if zone and zone_named(zone) is None:
            return self._page(request, back=back, typed=zone, status=400)
        chosen = {
            "language": language_of(given.get("language")),
            "zone": zone,
            "theme": given.get("theme") if given.get("theme") in THEMES else "",
        }
        answer = RedirectResponse(_unsaid(back), 303)
        for name, cookie in CHOSEN.items():
            if value := chosen[name]:
                secure = request.url.scheme == "https"
                answer.set_cookie(
                    cookie, value, YEAR, path="/", secure=secure, httponly=True, samesite="lax"
                )
        return answer

    def _page(self, request: Request, *, back: str, typed: str = "", status: int = 200) -> Response:
        problem = _("There is no time zone “%(zone)s”.", zone=typed[:80]) if typed else ""
        page = self._pages.render(
            "preferences.html",
            visitor=visitor_of(request),
            back=back,
            typed=typed[:80],
            problem=problem,
            near=near(typed) if typed else [],
            zones=zones(),
        )
        return HTMLResponse(page, status, {"Cache-Control": "no-store"})


def near(typed: str) -> list[str]:
    """Zones that may have been meant: by their city, else by their letters."""
    word = typed.replace(" ", "_").casefold()
    by_city = [name for name in zones() if len(word) > 2 and word in name.casefold()]
    return by_city[:5] or difflib.get_close_matches(typed, zones(), n=5, cutoff=0.5)


def _unsaid(back: str) -> str:
    """The address without language and zone."""
    parts = urlsplit(back)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    rest = [pair for pair in pairs if pair[0] not in CARRIED]
    return urlunsplit(parts._replace(query=urlencode(rest))) if len(rest) < len(pairs) else back
