"""Lemmy: posts and comments that an instance knows, all, of communities, or those that match.

Versions up to 0.19 speak `/api/v3`, later ones `/api/v4`; which one is asked for once. See
docs/connectors/lemmy.md.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from connectors import http, listings
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import ConnectorError, Fatal, Refused, Retriable, WaitUntil
from connectors.fields import count, mapping, mappings
from connectors.lemmy_views import Instance, post_of
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import single
from connectors.text import line

_OVERLAP: Final = timedelta(minutes=10)  # posts of other instances arrive late
_PAGE: Final = 50
_LONGEST_QUERY: Final = 200
_MOST_LANGUAGES: Final = 500
_LIMITED: Final = ("rate_limit_error", "too_many_requests")
_CLOSED: Final = ("instance_is_private", "not_logged_in", "incorrect_login")
_LISTS: Final = ("items", "results", "search", "posts", "comments")


class Lemmy:
    """Cursor: `{"posts", "comments", either and a community, or query: state of
    connectors.listings}`."""

    spec: ClassVar[Spec] = Spec(
        name="lemmy",
        door="API v3 and v4",
        sees="posts and comments that an instance knows, or those that match; edits",
        needs="an instance; a token where it is private",
        limits="as the instance sets: usually 999 requests in ten minutes",
        options=(
            Option("instance", "The server, such as lemmy.world.", "lemmy.world"),
            Option("mode", "all (that the instance knows) or search.", "all"),
            Option("communities", "With mode: all, only these: technology@lemmy.world.", ()),
            QUERIES,
            Option("api", "v3, v4, or auto: as the instance's version says.", "auto"),
            Option("token", "Token of an account, where the instance is private.", "", secret=True),
            listings.BACKFILL,
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        group="thematic",
        poll_seconds=60.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._site = options.server("instance")
        self._instance = Instance(urlsplit(self._site).hostname or "")
        self._searches = options.choice("mode", ("all", "search")) == "search"
        self._communities = options.many("communities")
        api = options.choice("api", ("auto", "v3", "v4"))
        self._version = "" if api == "auto" else api
        self._asked = False
        self._token = options.header("token")
        self._backfill = options.whole("backfill", 1, 100_000)
        self._base = options.url("base_url") or self._site
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over posts and comments, or over what each search finds, oldest first."""
        known = mapping(cursor)
        private = {"authorization": f"Bearer {self._token}"} if self._token else {}
        async with http.Client(
            self._context,
            contact=self._contact,
            private=private,
            secrets=[self._token],
            seconds=self._timeout,
        ) as client:
            await self._greet(client)
            lists = self._lists()
            steps = listings.read_lists(
                self._context,
                {name: known[name] for name in lists if name in known},
                lists,
                lambda name: self._pages(client, *lists[name]),
                self._post,
                backfill=self._backfill,
                overlap=_OVERLAP,
            )
            async for step in steps:
                yield step

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        return listings.reread(self._post, raw)

    def _post(self, name: str, item: Any) -> Post | None:
        return post_of(self._instance, item, http.current_time(self._context))

    async def _greet(self, client: http.Client) -> None:
        """Learn the version of the API and the names of languages, once."""
        if self._asked:
            return
        said: dict[str, Any] = {}
        for api in ("v4", "v3") if self._version == "v4" else ("v3", "v4"):
            try:
                said = mapping(await self._json(client, f"api/{api}/site", {}))
                break
            except Refused:
                continue
        version = line(said.get("version"))
        if not self._version:
            self._version = "v3" if not version or version.startswith("0.") else "v4"
        languages = mappings(said.get("all_languages"), _MOST_LANGUAGES)
        self._instance.languages = {
            number: line(one.get("code"), limit=35)
            for one in languages
            if (number := count(one.get("id"))) is not None
        }
        self._asked = True

    def _lists(self) -> dict[str, tuple[str, dict[str, str]]]:
        """Method and parameters of each list, by its name."""
        old = self._version == "v3"
        order = {"sort": "New" if old else "new", "limit": str(_PAGE)}
        every = "All" if old else "all"
        if self._searches:
            packed = searched(self._options, self._context, single, _LONGEST_QUERY)
            key = "q" if old else "search_term"
            both = {**order, "type_": every, "listing_type": every}
            return {one.query: ("search", {key: one.query, **both}) for one in packed}
        found: dict[str, tuple[str, dict[str, str]]] = {}
        for kind, path in (("posts", "post/list"), ("comments", "comment/list")):
            for community in self._communities or [""]:
                only = {"community_name": community} if community else {}
                found[f"{kind} {community}".strip()] = (path, {**order, "type_": every, **only})
        return found

    async def _pages(
        self, client: http.Client, path: str, params: dict[str, str]
    ) -> listings.Pages:
        """Pages by number in v3; in v4 by the mark that the page before gives."""
        number, asked = 1, dict(params)
        while True:
            if self._version == "v3":
                asked["page"] = str(number)
            said = await self._json(client, f"api/{self._version}/{path}", asked)
            found = _views(said)
            if found is None:
                raise Retriable(f"{self._instance.host} answered no list of posts or comments")
            self._instance.learn(found)
            yield found
            mark = line(said.get("next_page"), limit=2_000)
            if self._version == "v4":
                if not mark or mark == asked.get("page_cursor"):
                    return
                asked["page_cursor"] = mark
            elif not found:
                return
            number += 1

    async def _json(self, client: http.Client, path: str, params: dict[str, str]) -> dict[str, Any]:
        reply = await client.get(f"{self._base}/{path}", params=params, accept=(200, 400))
        said = mapping(http.decode(reply))
        why = line(said.get("error"), limit=200)
        if why or reply.status != 200:
            raise self._refused(http.shown(reply.url), why)
        return said

    def _refused(self, place: str, why: str) -> ConnectorError:
        if self._token:
            why = why.replace(self._token, "***")
        message = f"{place} answered: {why or 'no reason given'}"
        if why in _LIMITED:
            now = http.current_time(self._context)
            return WaitUntil(message, now + timedelta(minutes=1))
        if why in _CLOSED:
            return Fatal(f"{message}. Remedy: set 'token' to one of an account of the instance")
        return Refused(message)


def _views(said: dict[str, Any]) -> list[Any] | None:
    """What a page lists, under whichever names; `None` where it lists nothing at all.

    Of several lists, the one that reaches back least comes last: reading goes on by the last.
    """
    lists = [said[name] for name in _LISTS if isinstance(said.get(name), list)]
    return [view for one in sorted(lists, key=_reaches) for view in one] if lists else None


def _reaches(views: list[Any]) -> str:
    last = mapping(views[-1]) if views else {}
    said = mapping(last.get("comment")) or mapping(last.get("post"))
    return line(said.get("published_at")) or line(said.get("published"))
