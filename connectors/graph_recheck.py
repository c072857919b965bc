"""Posts of the Graph API that are asked for again: for their counts, and whether they still are."""

import dataclasses
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from connectors import http
from connectors.base import Step
from connectors.errors import Refused
from connectors.follow import Recheck
from connectors.graph import Graph, Reader, step_of
from connectors.graph_errors import Closed, Gone
from connectors.post import tombstone

KEPT: Final = 2_000
_LOOKS: Final = 50


@dataclass(frozen=True, slots=True)
class Rechecks:
    """How a service is asked for one post: at its id, with these parameters."""

    graph: Graph
    source: str
    params: Mapping[str, str]
    read: Reader
    note: Callable[[str], None]

    async def steps(
        self, client: http.Client, again: Recheck, now: datetime, cursor: Callable[[], Any]
    ) -> AsyncIterator[Step]:
        """The posts that are due, at most 50, each with the cursor after it. What could be read
        and no longer is there is a deletion: ask only where the lists it came from can still be
        read. What is closed is left as it was, and noted."""
        for number in again.due(now, _LOOKS):
            published = datetime.fromtimestamp(again.published(number) or 0.0, UTC)
            step = Step()
            try:
                item = await self.graph.get(client, number, self.params)
                step = step_of(self.source, number, item, self.read)
            except Gone:
                step = Step(post=tombstone(self.source, number, published, now))
            except (Closed, Refused) as error:
                self.note(f"{number} is left as it was: {error}")
            again.asked(number, now)
            yield dataclasses.replace(step, cursor=cursor())
