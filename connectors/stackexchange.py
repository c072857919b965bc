"""Stack Exchange: questions, answers and comments of Stack Overflow and its sister sites.

Questions are searched for, and their answers and comments followed; or all that a site publishes
is read. Lists are asked oldest first from the time read last, so an interruption loses nothing.
See docs/connectors/stackexchange.md.
"""

from collections.abc import AsyncIterator
from typing import ClassVar, Final

import msgspec

from connectors import http
from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings
from connectors.fields import mapping
from connectors.options import BASE_URL, CONTACT, QUERIES, TIMEOUT, Options, searched
from connectors.post import Post
from connectors.searches import single, turn
from connectors.stackexchange_api import API, PAGE, Api
from connectors.stackexchange_items import post_of
from connectors.stackexchange_pass import Pass
from connectors.text import line

_LONGEST_QUERY: Final = 200
_KEYLESS, _KEYED = 300, 10_000
_WHOLE: Final = ("questions", "answers", "comments")


class StackExchange:
    """Cursor: `{"lists": {name: [newest, {id: creation}]}, "last": {site: query}, "follow",
    "recheck", "api"}`, times in seconds since 1970."""

    spec: ClassVar[Spec] = Spec(
        name="stackexchange",
        door="API 2.3",
        sees="questions that match, their answers and comments, or all of a site; deletions",
        needs="nothing; a free key for more than 300 calls a day",
        limits="300 calls a day and address, 10,000 with a key; waits that the API asks for",
        options=(
            Option(
                "sites", "Sites by the API's names: stackoverflow, superuser.", ("stackoverflow",)
            ),
            Option("mode", "search (for questions) or all (that the sites publish).", "search"),
            QUERIES,
            Option("tags", "With mode: search, only questions under one of these tags.", ()),
            Option("key", "Key of an application, from stackapps.com.", "", secret=True),
            Option("calls", "Calls a day; 0 is 300, or 10,000 with a key.", 0),
            Option(
                "backfill", "How many of the latest items of a list the first start reads.", 100
            ),
            BASE_URL,
            CONTACT,
            TIMEOUT,
        ),
        poll_seconds=600.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context, self._options = context, options
        self._sites = _sites(options.many("sites"))
        self._searches = options.choice("mode", ("search", "all")) == "search"
        self._tags = options.many("tags")
        self._key = options.text("key")
        self._calls = options.whole("calls", 0, 1_000_000) or (_KEYED if self._key else _KEYLESS)
        self._backfill = options.whole("backfill", 1, PAGE)
        self._base = options.url("base_url") or API
        self._contact = options.header("contact")
        self._timeout = options.seconds("timeout", 0.1, 600)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass: what is new at each site, then what is looked at again."""
        async with http.Client(
            self._context, contact=self._contact, secrets=[self._key], seconds=self._timeout
        ) as client:
            known = mapping(cursor)
            api = Api(
                self._context,
                client,
                known.get("api"),
                base=self._base,
                key=self._key,
                calls=self._calls,
            )
            one = Pass(self._context, api, known, self._backfill)
            for site in self._sites:
                for name, path, params in self._lists(site, one.last.get(site, "")):
                    async for step in one.new(site, name, path, params, follow=self._searches):
                        yield step
                    one.last[site] = name
                    yield Step(cursor=one.state)
            for site in self._sites:
                async for step in one.again(site):
                    yield step

    def reread(self, raw: bytes) -> Post:
        """The post of an item that could not be read before. Raises `ValueError`."""
        letter = mapping(msgspec.json.decode(raw))
        now = http.current_time(self._context)
        return post_of(line(letter.get("site")), letter.get("item"), now)

    def _lists(self, site: str, last: str) -> list[tuple[str, str, dict[str, str]]]:
        """Name, method and parameters of each list: the one after `last` comes first."""
        if not self._searches:
            return [(path, path, {}) for path in _WHOLE]
        tags = {"tagged": ";".join(self._tags)} if self._tags else {}
        if self._tags and not self._options.many(QUERIES.name):
            return [("", "questions" if len(self._tags) == 1 else "search/advanced", tags)]
        packed = searched(self._options, self._context, single, _LONGEST_QUERY)
        return [
            (one.query, "search/advanced", {"q": one.query, **tags}) for one in turn(packed, last)
        ]


def _sites(names: list[str]) -> list[str]:
    for name in names:
        if not name.replace(".", "").replace("-", "").isalnum() or not name.isascii():
            raise BadSettings(f"stackexchange: 'sites' has {name!r:.80}; give names: stackoverflow")
    if not names:
        raise BadSettings("stackexchange: 'sites' is empty; name one, such as stackoverflow")
    return [name.lower().removesuffix(".com").removesuffix(".stackexchange") for name in names]
