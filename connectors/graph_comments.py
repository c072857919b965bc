"""Comments of posts that are followed, for every service of the Graph API."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from connectors import http
from connectors.base import Step
from connectors.errors import Refused
from connectors.follow import Follow
from connectors.graph import Graph, Reader, step_of
from connectors.graph_errors import Closed
from connectors.marks import Mark, read_since

MOST: Final = 5_000
FIRST: Final = 500
LOOKS: Final = 50
WATCHED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Comments:
    """How a service lists the comments of a post: at `{post}/{name}`, with these parameters.

    `flat` takes replies out of a comment that they came in.
    """

    graph: Graph
    source: str
    name: str
    params: Mapping[str, str]
    when: Callable[[object, datetime], float | None]
    read: Reader
    note: Callable[[str], None]
    flat: Callable[[Any], Iterable[Any]] = lambda item: (item,)
    by_cursor: bool = False

    async def steps(
        self,
        client: http.Client,
        follow: Follow,
        new: Sequence[str],
        now: datetime,
        cursor: Callable[[], Any],
    ) -> AsyncIterator[Step]:
        """Comments of posts that are due, and of those that are `new`: of at most 50 posts, the
        cursor after each. A post whose comments can't be read is let go, and noted."""
        due = follow.due(now, LOOKS)
        for number in list(dict.fromkeys([*due, *new]))[:LOOKS]:
            try:
                async for step in self._of(client, follow, number, now):
                    yield step
            except (Closed, Refused) as error:
                follow.drop(number)
                self.note(f"comments of {number} are left out: {error}")
            yield Step(cursor=cursor())

    async def _of(
        self, client: http.Client, follow: Follow, number: str, now: datetime
    ) -> AsyncIterator[Step]:
        path = f"{number}/{self.name}"
        mark = Mark.of(follow.mark(number))
        most = MOST if mark.at else FIRST
        pages = self._flat(self.graph.pages(client, path, self.params, by_cursor=self.by_cursor))
        fresh = await read_since(pages, mark, lambda item: self.when(item, now), most)
        if gap := fresh.gap(path, mark):
            yield Step(gap=gap)
        for item, after in fresh.entries:
            mark = after
            yield step_of(self.source, path, item, self.read)
        follow.looked(number, now, len(fresh.entries), str(mark))

    async def _flat(self, pages: AsyncIterator[list[Any]]) -> AsyncIterator[list[Any]]:
        async for page in pages:
            yield [one for item in page for one in self.flat(item)]
