"""Language, zone and theme of who asks, and the links that carry them."""

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, RedirectResponse

from streams.web.reading import Reading, accepted, carry, zone_named
from streams.web.visitor import PREFERRED, visitor_of


def app_with(preferred: dict[str, str] | None = None) -> FastAPI:
    app = FastAPI()

    @app.get("/seen")
    def seen(request: Request) -> JSONResponse:
        found = visitor_of(request)
        return JSONResponse(
            {"told": [found.language, found.zone, found.theme], "query": request.url.query}
        )

    @app.get("/away")
    def away() -> RedirectResponse:
        return RedirectResponse("/seen?x=1#there", 303)

    app.add_middleware(Reading, zone="Asia/Tokyo")
    return app if preferred is None else Preferring(app, preferred)  # type: ignore[return-value]  # as ASGI


class Preferring:
    def __init__(self, app: FastAPI, preferred: dict[str, str]) -> None:
        self.app, self.preferred = app, preferred

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # ASGI
        scope[PREFERRED] = self.preferred
        await self.app(scope, receive, send)


async def ask(path: str, *, cookie: str = "", accept: str = "", **preferred: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=app_with(preferred or None))
    headers = {"cookie": cookie, "accept-language": accept}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return await client.get(path, headers=headers)


async def test_the_address_wins_over_the_cookie_the_preference_and_the_browser() -> None:
    cookie = "veille_language=ru; veille_zone=Europe/Paris; veille_theme=dark"
    found = await ask("/seen?ui=fr&tz=America/New_York", cookie=cookie, language="en")
    assert found.json()["told"] == ["fr", "America/New_York", "dark"]
    found = await ask("/seen", cookie=cookie, accept="fr", language="en", zone="UTC")
    assert found.json()["told"] == ["ru", "Europe/Paris", "dark"]
    found = await ask("/seen", accept="ru", language="fr", zone="Europe/Oslo", theme="light")
    assert found.json()["told"] == ["fr", "Europe/Oslo", "light"]
    found = await ask("/seen", accept="ru", cookie="veille_browser_zone=Europe/Oslo")
    assert found.json()["told"] == ["ru", "Europe/Oslo", "auto"]
    assert (await ask("/seen")).json()["told"] == ["en", "Asia/Tokyo", "auto"]


async def test_pages_never_see_what_says_how_they_are_written() -> None:
    found = await ask("/seen?tz=Europe/Paris&q=a%20b&ui=fr&q=+c")
    assert found.json()["query"] == "q=a%20b&q=+c"


@pytest.mark.parametrize("name", ["Mars/Base", "../../etc/passwd", "", "a" * 80, "Europe/", "\x00"])
async def test_what_is_no_zone_and_no_language_is_ignored(name: str) -> None:
    assert zone_named(name) is None
    given = httpx.QueryParams({"tz": name, "ui": "xx"})
    assert (await ask(f"/seen?{given}")).json()["told"] == ["en", "Asia/Tokyo", "auto"]


async def test_redirects_carry_them_on() -> None:
    found = await ask("/away?ui=fr&tz=Europe/Paris")
    assert found.headers["location"] == "/seen?x=1&ui=fr&tz=Europe%2FParis#there"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("fr-CA, en;q=0.8", "fr"),
        ("de, ru;q=0.5, fr;q=0.4", "ru"),
        ("en;q=0.1, fr;q=0.2", "fr"),
        ("*", "en"),
        ("fr;q=0, ru;q=zz", "ru"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_browser_says_which_language(header: str, language: str) -> None:
    assert accepted(header) == language


def test_links_and_forms_of_a_page_carry_them_and_no_others() -> None:
    page = (
        '<a href="/mentions?q=a&amp;range=7d#x"></a><a href="//evil"></a><a href="/static/a.js">'
        '<a href="https://e.org/"></a><form method="get" action="/m"></form><p>href=&#34;/x&#34;'
    )
    assert carry(page, ()) == page
    assert carry(page, (("ui", "fr"), ("tz", "Europe/Paris"))) == (
        '<a href="/mentions?q=a&amp;range=7d&amp;ui=fr&amp;tz=Europe%2FParis#x"></a>'
        '<a href="//evil"></a><a href="/static/a.js"><a href="https://e.org/"></a>'
        '<form method="get" action="/m?ui=fr&amp;tz=Europe%2FParis">'
        '<input type="hidden" name="ui" value="fr">'
        '<input type="hidden" name="tz" value="Europe/Paris"></form><p>href=&#34;/x&#34;'
    )
