"""X's posts asked for again, a day and a week after they were written: deleted ones are told of.

X's terms ask for deletions to be followed within a day; each post that is looked at again is paid
for again.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

from connectors import http
from connectors.base import Context, Step
from connectors.fields import mapping, mappings
from connectors.follow import Recheck
from connectors.post import Post, tombstone
from connectors.text import line
from connectors.x_api import MOST, Api
from connectors.x_posts import FIELDS
from connectors.x_search import Search

_AGES: Final = (86_400.0, 7 * 86_400.0)
_MOST_WATCHED: Final = 20_000


class Again:
    """What is to be asked for again, as `first id/newest id`: an edited post has several ids."""

    def __init__(self, known: Any, context: Context) -> None:
        self._recheck = Recheck(known, most=_MOST_WATCHED, after=_AGES)
        self._context = context

    @property
    def state(self) -> dict[str, list[float]]:
        """For the cursor."""
        return self._recheck.state

    def add(self, post: Post) -> None:
        newest = post.url.rpartition("/")[2]
        name = f"{post.id.removeprefix('x:')}/{newest}"
        self._recheck.add(name, post.created_at, http.current_time(self._context))

    async def posts(self, api: Api, search: Search) -> AsyncIterator[Step]:
        """What is due, as it is now or deleted; an empty step after each request. Raises as
        `Api.lookup` does."""
        now = http.current_time(self._context)
        while names := self._recheck.due(now, MOST):
            by_number = {name.partition("/")[2]: name for name in names}
            page = await api.lookup(list(by_number), FIELDS)
            there = {line(mapping(item).get("id")) for item in page.items}
            problems = mappings(page.whole.get("errors"))
            missing = {line(p.get("resource_id")) or line(p.get("value")) for p in problems}
            for step in search.steps(page.items, page.whole):
                yield step
            answered = [number for number in by_number if number in there | missing]
            for number in answered:
                name = by_number[number]
                if number not in there:
                    yield Step(post=self._gone(name, now))
                self._recheck.asked(name, now)
            yield Step()
            if not answered:
                return

    def _gone(self, name: str, now: datetime) -> Post:
        """Deleted, or of an account that is suspended or protected now."""
        first, _, newest = name.partition("/")
        born = self._recheck.published(name)
        created = now if born is None else datetime.fromtimestamp(born, UTC)
        return tombstone("x", first, created, now, url=f"https://x.com/i/status/{newest}")
