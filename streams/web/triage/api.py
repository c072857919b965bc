"""Triage for scripts and programs, under `/api/v1`: the queue, labels, precision, agreement."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

import msgspec
from fastapi import FastAPI, Request
from msgspec import Meta
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from connectors.post import utc_now
from streams.errors import VeilleError
from streams.label_changes import Change, Outcome, Undo
from streams.labelling import Labelling, Stroke, TooMany
from streams.learning.judgements import OPINION
from streams.records import SentimentLabel
from streams.store.journal import Entry
from streams.store.port import Filter, Store
from streams.web.api import Refusal, bad, described, limit_of, reply
from streams.web.filters import PARAMETERS as FILTERS
from streams.web.filters import Parameter
from streams.web.forms import Forms
from streams.web.json_body import read_json
from streams.web.triage.asked import PARAMETERS, read_asked
from streams.web.triage.hiding import HideNow, Hiding
from streams.web.triage.learnt import (
    TopicAgreement,
    TopicPrecision,
    topic_agreement,
    topic_precision,
)
from streams.web.triage.queue import Queue, QueuePage
from streams.web.visitor import require, visitor_of

AT_ONCE: Final = 200
"""Changes that one request may bring."""
_LIMIT = Parameter("limit", "Limit", "How many, 1 to 200 (50 if absent).")
_TOPIC = Parameter("topic", "Topic", "Id of a topic.")


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes of labels, at most 200."""

    changes: Annotated[list[Change], Meta(max_length=AT_ONCE)]


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each change, in order."""

    outcomes: list[Outcome]


class TakenBack(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions to take back, at most 200; or a stroke by its `batch`."""

    items: Annotated[list[Undo], Meta(max_length=AT_ONCE)] = []
    batch: Annotated[str, Meta(max_length=80)] = ""


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """The same change for all that fit: `where` is the query string of a page's address, and the
    change's `mention_id` and `seen` count for nothing. With `story_of`, the id of a mention, it is
    for all open mentions of the same topic and story."""

    change: Change
    where: Annotated[str, Meta(max_length=8_000)] = ""
    story_of: Annotated[str, Meta(max_length=512)] = ""


class Opinion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a second person thinks of a mention, not having seen what the first decided."""

    mention_id: Annotated[str, Meta(min_length=1, max_length=512)]
    relevant: bool
    sentiment: SentimentLabel | None = None


class Opinions(msgspec.Struct, frozen=True, kw_only=True):
    """Second opinions, at most 200; they change no label."""

    opinions: Annotated[list[Opinion], Meta(max_length=AT_ONCE)]


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """How many opinions went into the journal; of unknown mentions there are none."""

    heard: int


RECORDS: Final = (
    QueuePage, Changes, Outcomes, TakenBack, Bulk, Stroke, Opinions, Heard, TopicPrecision,
    TopicAgreement, HideNow,
)  # fmt: skip


class TriageApi:
    """The routes over one store."""

    def __init__(
        self, store: Store, queue: Queue, labelling: Labelling, hiding: Hiding, forms: Forms
    ) -> None:
        self._store = store
        self._queue = queue
        self._labelling = labelling
        self._hiding = hiding
        self._forms = forms

    def add_to(self, app: FastAPI) -> None:
        gets = (
            ("queue", self.queue, described(QueuePage, *PARAMETERS, *FILTERS, _LIMIT)),
            ("precision", self.precision, described(TopicPrecision, _TOPIC)),
            ("agreement", self.agreement, described(TopicAgreement, _TOPIC)),
        )
        posts = (
            ("labels", self.change, taking(Changes, Outcomes)),
            ("labels/undo", self.undo, taking(TakenBack, Outcomes)),
            ("labels/bulk", self.bulk, taking(Bulk, Stroke)),
            ("opinions", self.opinions, taking(Opinions, Heard)),
            ("hidden", self.hide, taking(HideNow, HideNow)),
        )
        for method, routes in (("GET", gets), ("POST", posts)):
            for name, endpoint, extra in routes:
                app.add_api_route(
                    f"/api/v1/{name}", endpoint, methods=[method], tags=["triage"],
                    openapi_extra=extra, response_class=Response,
                )  # fmt: skip

    async def queue(self, request: Request) -> Response:
        """What is to be decided, by how much it is worth a look. `cursor` asks for more."""
        given = [one for one in request.query_params.multi_items() if one[0] != "limit"]
        limit = limit_of(request.query_params)
        me = visitor_of(request).name
        return reply(await self._queue.page(read_asked(given), me, limit=limit))

    async def change(self, request: Request) -> Response:
        """Labels, kept unless somebody was quicker: each change tells the label it was made on."""
        visitor = require(request, "analyst")
        given = await read_json(request, self._forms, Changes)
        return reply(
            Outcomes(outcomes=await self._labelling.change(given.changes, by=visitor.name))
        )

    async def undo(self, request: Request) -> Response:
        """Take decisions back. A stroke answers with a line of JSON for each step of its way."""
        visitor = require(request, "analyst")
        given = await read_json(request, self._forms, TakenBack)
        if given.batch:
            return self._told(self._labelling.undo_batch(given.batch, by=visitor.name))
        outcomes = await self._labelling.undo(given.items, by=visitor.name)
        self._queue.changed()
        return reply(Outcomes(outcomes=outcomes))

    async def bulk(self, request: Request) -> Response:
        """The same change for all that fit, at most 10,000: a line of JSON after each page."""
        visitor = require(request, "analyst")
        given = await read_json(request, self._forms, Bulk)
        if given.story_of:
            where = await self._story(given.story_of)
        else:
            asked = read_asked(pairs_of(given.where))
            if asked.order == "sample":
                raise bad("where", given.where, "is a sample", "Decide its mentions one by one.")
            where = asked.where(utc_now(), visitor.name)
        strokes = self._labelling.everything(where, given.change, by=visitor.name)
        try:
            first = await anext(strokes)
        except TooMany as error:
            return reply(Refusal(error=str(error)), 400)
        return self._told(_after(first, strokes))

    def _told(self, strokes: AsyncIterator[Stroke]) -> Response:
        """A line of JSON for each; the last has the sums. What goes wrong is a line, too."""

        async def lines() -> AsyncIterator[bytes]:
            try:
                async for stroke in strokes:
                    self._queue.changed()
                    yield msgspec.json.encode(stroke) + b"\n"
            except VeilleError as error:
                yield msgspec.json.encode({"error": str(error)}) + b"\n"

        headers = {
            "Cache-Control": "no-store",
            "Content-Encoding": "identity",  # or lines would wait to be compressed together
            "X-Accel-Buffering": "no",
        }
        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)

    async def _story(self, mention_id: str) -> Filter:
        mention = await self._store.get(mention_id)
        if mention is None:
            raise HTTPException(404, "There is no such mention")
        if not mention.story:
            raise bad("story_of", mention_id, "tells no story that others tell", "Label it alone.")
        return Filter(topics=(mention.topic,), story=mention.story, work="open")

    async def opinions(self, request: Request) -> Response:
        """What a second person thinks; it goes into the journal, and changes no label."""
        visitor = require(request, "analyst")
        given = await read_json(request, self._forms, Opinions)
        return reply(Heard(heard=await hear(self._store, given.opinions, by=visitor.name)))

    async def precision(self, request: Request) -> Response:
        """How precise a topic is by its sample, and which words part what is meant."""
        return reply(await topic_precision(self._store, _topic(request)))

    async def agreement(self, request: Request) -> Response:
        """How far people agree on a topic: Cohen's kappa, two by two."""
        return reply(await topic_agreement(self._store, _topic(request), now=utc_now()))

    async def hide(self, request: Request) -> Response:
        """Hide an author (`source:handle`) or a source, or show it again. Hiding a source needs
        the role admin."""
        visitor = require(request, "analyst")
        given = await read_json(request, self._forms, HideNow)
        if ":" not in given.key:
            require(request, "admin")
        await self._hiding.set(given, by=visitor.name)
        self._queue.changed()
        return reply(given)


def taking(given: type, answer: type) -> dict[str, Any]:
    """What OpenAPI says of a route that takes JSON."""
    schema = {"$ref": f"#/components/schemas/{given.__name__}"}
    content = {"content": {"application/json": {"schema": schema}}}
    return {**described(answer), "requestBody": content}


def pairs_of(query: str) -> Sequence[tuple[str, str]]:
    """The pairs of an address's query string."""
    return [
        pair for pair in parse_qsl(query.removeprefix("?")) if pair[0] not in ("cursor", "limit")
    ]


async def hear(store: Store, opinions: Sequence[Opinion], *, by: str) -> int:
    """Put opinions into the journal; how many there were mentions of."""
    now = utc_now()
    entries: list[Entry] = []
    for one in opinions:
        mention = await store.get(one.mention_id)
        if mention is not None:
            after = {"relevant": one.relevant, "sentiment": one.sentiment}
            entries.append(
                Entry(
                    id=f"{OPINION}:{one.mention_id}:{by}:{int(now.timestamp() * 1000)}"[:500],
                    at=now,
                    by=by,
                    action=OPINION,
                    subject=one.mention_id,
                    topic=mention.topic,
                    after=after,
                )
            )
    await store.add_entries(entries)
    return len(entries)


def _topic(request: Request) -> str:
    topic = request.query_params.get("topic", "")
    if not topic or len(topic) > 300:
        raise bad("topic", topic, "missing" if not topic else "too long", "Name one.")
    return topic


async def _after(first: Stroke, strokes: AsyncIterator[Stroke]) -> AsyncIterator[Stroke]:
    yield first
    async for one in strokes:
        yield one
