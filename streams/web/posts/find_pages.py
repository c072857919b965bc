"""The pages that tell why a post was not found, and that add one by hand; and the same as JSON."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode

import msgspec
from fastapi import FastAPI, Request
from msgspec import Meta
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connectors.article import fetch
from connectors.base import Context
from connectors.errors import ConnectorError
from connectors.post import Post, utc_now
from streams.adding import Added, Given, add, post_of, take_back
from streams.archive.port import Archive
from streams.criteria.topics import Topic
from streams.errors import VeilleError
from streams.settings import Settings
from streams.store.port import Store
from streams.web.api import Refusal, described, reply
from streams.web.cards import safe_url
from streams.web.filters import Parameter, moment
from streams.web.i18n import _
from streams.web.json_body import read_json
from streams.web.pages import Body, Pages
from streams.web.posts.find import MOST, Finder, Found
from streams.web.visitor import require

FIND: Final = "/find"
ADD: Final = "/add"
_WHAT: Final = Parameter("what", "What", "The URL, text or id of a post.")


class NewPost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A post to add by hand: a URL or a text at least. `topics` are those it belongs to whether it
    meets them or not; `post_id` names one that came in and met none, in place of all others."""

    url: Annotated[str, Meta(max_length=2_000)] = ""
    title: Annotated[str, Meta(max_length=300)] = ""
    text: Annotated[str, Meta(max_length=60_000)] = ""
    author: Annotated[str, Meta(max_length=120)] = ""
    lang: Annotated[str, Meta(max_length=35)] = ""
    created_at: datetime | None = None
    seen_in: Annotated[str, Meta(max_length=200)] = ""
    topics: Annotated[list[str], Meta(max_length=100)] = []
    post_id: Annotated[str, Meta(max_length=512)] = ""


class FindPages:
    """The routes over one installation."""

    def __init__(
        self,
        store: Store,
        pages: Pages,
        topics: Sequence[Topic],
        *,
        settings: Settings | None,
        archive: Callable[[], Archive | None],
        finder: Finder,
    ) -> None:
        self._store = store
        self._pages = pages
        self._topics = topics
        self._settings = settings
        self._archive = archive
        self._finder = finder

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (FIND, self.find, "GET"),
            (FIND + "/fetch", self.fetch, "POST"),
            (ADD, self.form, "GET"),
            (ADD, self.add, "POST"),
            (ADD + "/undo", self.undo, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )
        app.add_api_route(
            "/api/v1/find", self.found, tags=["mentions"],
            openapi_extra=described(Found, _WHAT), response_class=Response,
        )  # fmt: skip
        app.add_api_route(
            "/api/v1/posts", self.post, methods=["POST"], tags=["mentions"],
            openapi_extra=_taking(), response_class=Response,
        )  # fmt: skip

    async def find(self, request: Request) -> Response:
        """What can be told of the post that was asked for."""
        what = request.query_params.get("what", "").strip()[:MOST]
        finding = await self._finder.find(what) if what else None
        told = _TOLD.get(request.query_params.get("told", ""))
        return self._page(request, what, finding, told=told() if told else "")

    async def fetch(self, request: Request) -> Response:
        """The page at the URL, because a person asked for it."""
        require(request, "analyst")
        what = dict(await self._pages.forms.read(request)).get("what", "").strip()[:MOST]
        try:
            fetched = await self._fetched(what)
        except ConnectorError as error:
            finding = await self._finder.find(what)
            return self._page(request, what, finding, trouble=str(error), status=502)
        return self._page(request, what, await self._finder.find(what, fetched), fetched=fetched)

    async def found(self, request: Request) -> Response:
        """Why a post was not found: every step, and every topic with what is missing."""
        what = request.query_params.get("what", "").strip()[:MOST]
        if not what:
            return reply(Refusal(error="what is missing. Remedy: a URL, an id or a text"), 400)
        return reply(await self._finder.find(what))

    async def form(self, request: Request) -> Response:
        """The fields, those that the address gives filled in."""
        visitor = require(request, "analyst")
        return self._form(request, dict(request.query_params), zone=visitor.zone)

    async def add(self, request: Request) -> Response:
        """Keep it; what was typed stays where that fails."""
        visitor = require(request, "analyst")
        given = await self._pages.forms.read(request)
        fields = dict(given)
        chosen = [value for name, value in given if name == "topic"]
        try:
            new = NewPost(
                url=fields.get("url", "").strip(), title=fields.get("title", "").strip(),
                text=fields.get("text", "").strip(), author=fields.get("author", "").strip(),
                lang=fields.get("lang", "").strip(), seen_in=fields.get("seen_in", "").strip(),
                created_at=_time(fields.get("created_at", ""), visitor.tz),
                topics=chosen, post_id=fields.get("post_id", ""),
            )  # fmt: skip
            added = await self._add(new, visitor.name)
        except (VeilleError, ConnectorError) as error:
            return self._form(
                request, fields, zone=visitor.zone, chosen=chosen, trouble=str(error), status=400
            )
        if added.waiting or not added.mentions:
            return _back(FIND, what=added.post_id, told="waiting")
        return _back(f"/mentions/{quote(added.mentions[0])}", told="added")

    async def undo(self, request: Request) -> Response:
        """Take back what was added last of a post."""
        visitor = require(request, "analyst")
        post_id = dict(await self._pages.forms.read(request)).get("post_id", "")[:512]
        await take_back(
            self._store, self._settings, post_id, by=visitor.name, archive=self._archive()
        )
        return _back(FIND, what=post_id, told="undone")

    async def post(self, request: Request) -> Response:
        """Add a post by hand."""
        visitor = require(request, "analyst")
        new = await read_json(request, self._pages.forms, NewPost)
        try:
            return reply(await self._add(new, visitor.name))
        except (VeilleError, ConnectorError) as error:
            return reply(Refusal(error=str(error)), 400)

    async def _add(self, new: NewPost, by: str) -> Added:
        post = await self._known(new.post_id) if new.post_id else None
        if post is None:
            if new.url and not safe_url(new.url):
                raise VeilleError(_("The URL is none. Remedy: one that begins with https://"))
            post = post_of(
                Given(
                    url=new.url, title=new.title, text=new.text, author=new.author, lang=new.lang,
                    created_at=new.created_at,
                ),
                utc_now(),
            )  # fmt: skip
        return await add(
            self._store, self._settings, self._topics, post,
            by=by, chosen=new.topics, archive=self._archive(), seen_in=new.seen_in,
        )  # fmt: skip

    async def _known(self, post_id: str) -> Post:
        archive = self._archive()
        versions = await archive.versions(post_id) if archive else []
        if not versions or versions[-1].state == "deleted":
            raise VeilleError(_("That post is not kept any more. Remedy: add it by its text"))
        return versions[-1]

    async def _fetched(self, what: str) -> Post:
        url = what if "://" in what else f"https://{what}"
        hosts = self._settings.allowed_hosts if self._settings else frozenset[str]()
        page = await fetch(Context(allow_hosts=hosts), url)
        given = Given(
            url=page.url, title=page.title, text=page.text, author=page.author, lang=page.lang,
            created_at=page.created,
        )  # fmt: skip
        return post_of(given, utc_now())

    def _page(
        self,
        request: Request,
        what: str,
        finding: Found | None,
        *,
        status: int = 200,
        **given: Any,
    ) -> Response:
        page = self._pages.render(
            "find.html",
            what=what,
            finding=finding,
            now=utc_now(),
            **{"told": "", "trouble": "", "fetched": None, **given},
        )
        body = Body.of(page)
        return body.response(request) if status == 200 else HTMLResponse(body.raw, status)

    def _form(
        self,
        request: Request,
        fields: dict[str, str],
        *,
        zone: str,
        chosen: Sequence[str] = (),
        trouble: str = "",
        status: int = 200,
    ) -> Response:
        page = self._pages.render(
            "add.html",
            fields=fields,
            zone=zone,
            chosen=chosen or [fields.get("topic", "")],
            topics=[one.id for one in self._topics],
            trouble=trouble,
        )
        body = Body.of(page)
        return body.response(request) if status == 200 else HTMLResponse(body.raw, status)


_TOLD: Final[dict[str, Callable[[], str]]] = {
    "undone": lambda: _("Taken back."),
    "waiting": lambda: _("Added. No worker has judged it yet: look again in a moment."),
}


def _back(path: str, **told: str) -> Response:
    return RedirectResponse(f"{path}?{urlencode(told)}", 303)


def _time(typed: str, zone: Any) -> datetime | None:
    if not typed.strip():
        return None
    try:
        return moment(typed.strip(), zone)
    except (ValueError, OverflowError):
        raise VeilleError(_("The date is none. Remedy: 2026-03-31 or 2026-03-31T14:00")) from None


def _taking() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/NewPost"}
    return {
        **described(Added),
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }
