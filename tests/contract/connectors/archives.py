"""A small outside world for sources that are read as archives: a clock, answers, notes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from connectors.base import Context
from connectors.post import Post
from connectors.registry import build
from tests.contract.connectors.server import Answer, Request, running
from tests.contract.connectors.world import LOCAL, Pass, collect

Say = Callable[[Request], Any]


class Outside:
    """Answers each request with what `say` returns: an `Answer`, or a value to send as JSON."""

    def __init__(self, name: str, say: Say, **options: Any) -> None:
        self.name, self.say, self.options = name, say, options
        self.now = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
        self.asked: list[Request] = []
        self.notes: list[str] = []

    async def read(self, cursor: Any = None, **options: Any) -> Pass:
        """One pass from `cursor`, which goes through JSON."""

        def answer(request: Request) -> Answer:
            self.asked.append(request)
            said = self.say(request)
            return said if isinstance(said, Answer) else Answer(body=json.dumps(said).encode())

        async with running(answer) as server:
            context = Context(
                options={"base_url": server.url, **self.options, **options},
                allow_hosts=LOCAL,
                clock=self.now.timestamp,
                on_note=self.notes.append,
            )
            return await collect(build(self.name, context), json.loads(json.dumps(cursor)))


def by_id(result: Pass) -> dict[str, Post]:
    """The posts of a pass that ended well, the latest of each."""
    assert result.error is None
    return {step.post.id: step.post for step in result.steps if step.post is not None}
