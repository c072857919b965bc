"""Topics for programs: under `/api/v1/topics`, documented by OpenAPI.

Writing needs the role admin, trying a query that of an analyst. A change says by `If-Match` what it
was made from: the `ETag` of the topic.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar, cast

import msgspec
from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.errors import ConfigError, VeilleError
from streams.store.journal import Entry, EntryPage
from streams.topics.backfill import Backfill, since_of
from streams.topics.desk import Desk
from streams.topics.editing import Conflict, Edit, Unknown, plain_topic
from streams.topics.highlight import Highlighted, highlighted
from streams.topics.history import difference, text_of
from streams.topics.keeping import ReadOnly
from streams.topics.layout import FIELDS
from streams.topics.preview import Preview
from streams.topics.previews import Busy
from streams.web.api import Refusal, bad, described, limit_of, reply
from streams.web.filters import Parameter
from streams.web.forms import body
from streams.web.topics.drafts import checked_id
from streams.web.topics.room import Room
from streams.web.visitor import require

MOST_BYTES: Final = 512 * 1024

T = TypeVar("T")


class TopicRow(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is watched. `etag` says what it is written like; `disabled` why it is not
    watched."""

    topic: Topic
    etag: str
    disabled: str = ""


class TopicList(msgspec.Struct, frozen=True, kw_only=True):
    """All topics. `read_only` says why they can't be changed here, `error` why the file can't be
    read (the topics are then those of before)."""

    topics: list[TopicRow]
    read_only: str = ""
    error: str = ""


class TopicDraft(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A topic that is perhaps not saved: the fields of `topics.yaml`, and a note for the
    history."""

    query: str
    id: str = ""
    name: str = ""
    operator: str = "AND"
    languages: list[str] = []
    stem: bool = False
    elision: bool = False
    matches: list[str | dict[str, Any]] = []
    rejects: list[str | dict[str, Any]] = []
    target: list[str] = []
    sensitivity: str = ""
    urgent: bool = False
    rules: list[str] = []
    note: str = ""


class Rollback(msgspec.Struct, kw_only=True):
    """Which change of which topic to go back to."""

    topic: str
    entry: str
    note: str = ""


class TopicConflict(msgspec.Struct, frozen=True, kw_only=True):
    """The topic is another than the one the change was made from: as that was written (empty if
    nobody knows any more), as it is now (empty if it was removed), and the `etag` of now."""

    error: str
    base: str
    theirs: str
    etag: str


class BackfillAsked(msgspec.Struct, kw_only=True):
    """Which topic to try on the posts of how many days, and whether to write what it meets."""

    topic: str
    days: int = 90
    store: bool = False


class BackfillList(msgspec.Struct, frozen=True, kw_only=True):
    """Back-fills, newest first."""

    backfills: list[Backfill]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions of a topic as a unified diff; empty where they are the same."""

    topic: str
    a: str
    b: str
    diff: str


RECORDS: Final = (
    *(TopicRow, TopicList, TopicDraft, Rollback, TopicConflict, Difference),
    *(Highlighted, Preview, EntryPage),
    *(BackfillAsked, BackfillList, Backfill),
)
_TOPIC: Final = Parameter("topic", "Topic", "Id of a topic.")
_LIMIT: Final = Parameter("limit", "Limit", "How many, 1 to 200 (50 if absent).")
_CURSOR: Final = Parameter("cursor", "Cursor", "Of the answer before.")
_A: Final = Parameter("a", "A", "Id of a change, or `now`.")
_B: Final = Parameter("b", "B", "Id of a change, or `now`.")

router = APIRouter(prefix="/api/v1", tags=["topics"])


def _taking(given: type, answer: type, *, match: bool = False) -> dict[str, Any]:
    """What OpenAPI says of a route that reads its body itself."""
    schema = {"$ref": f"#/components/schemas/{given.__name__}"}
    found = described(answer)
    found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    return _matching(found) if match else found


def _matching(found: dict[str, Any]) -> dict[str, Any]:
    header = {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": "The `ETag` of what the change was made from.",
        "schema": {"type": "string"},
    }
    schema = {"$ref": f"#/components/schemas/{TopicConflict.__name__}"}
    found["parameters"] = [*found["parameters"], header]
    found["responses"]["412"] = {
        "description": "It is another by now.",
        "content": {"application/json": {"schema": schema}},
    }
    return found


@router.get("/topics", openapi_extra=described(TopicList))
async def list_(request: Request) -> Response:
    """All topics of the file, in its order."""
    room = _room(request)
    rows = [_row(room, topic) for topic in room.topics]
    return reply(TopicList(topics=rows, read_only=room.read_only(), error=room.topics.error))


@router.post("/topics", openapi_extra=_taking(TopicDraft, TopicRow), status_code=201)
async def add(request: Request) -> Response:
    """One more topic, after all others."""
    visitor, room = require(request, "admin"), _room(request)
    draft = await _body(request, TopicDraft)
    await _done(_added(room, draft, visitor.name))
    return await _answer(room, draft.id, 201)


async def _added(room: Room, draft: TopicDraft, by: str) -> Edit:
    checked_id(draft.id)
    return await room.the_desk().add(_fields(draft), by=by, note=draft.note)


@router.post("/topics/tokens", openapi_extra=_taking(TopicDraft, Highlighted))
async def tokens(request: Request) -> Response:
    """A query in pieces, for colours, and what is wrong with it."""
    require(request, "analyst")
    topic = await _topic(request)
    return reply(await asyncio.to_thread(highlighted, topic))


@router.post("/topics/preview", openapi_extra=_taking(TopicDraft, Preview))
async def preview(request: Request) -> Response:
    """What a query would catch of the latest stored posts, what it would gain and lose against the
    topic of this id, near misses, cost, weak spots, and its samples."""
    require(request, "analyst")
    room, topic = _room(request), await _topic(request)
    saved = room.topics.by_id.get(topic.id)
    try:
        return reply(await room.previews.ask(topic, saved, gone=request.is_disconnected))
    except Busy as error:
        return _refused(str(error), 503)
    except VeilleError as error:
        return _refused(str(error), 422)


@router.post("/topics/check", openapi_extra=_taking(TopicDraft, Preview))
async def check(request: Request) -> Response:
    """The same as the preview: errors, weak spots, samples and cost."""
    return await preview(request)


@router.post("/topics/rollback", openapi_extra=_taking(Rollback, TopicRow, match=True))
async def rollback(request: Request) -> Response:
    """Write a topic as a change left it; an edit like any other. `If-Match: *` where the topic is
    not there now."""
    visitor, room = require(request, "admin"), _room(request)
    asked, base = await _body(request, Rollback), _base(request)
    return await _written(
        room,
        asked.topic,
        lambda: room.the_desk().rollback(
            asked.topic, asked.entry, base="" if base == "*" else base, by=visitor.name,
            note=asked.note,
        ),
    )  # fmt: skip


@router.get("/topic-history", openapi_extra=described(EntryPage, _TOPIC, _LIMIT, _CURSOR))
async def history(request: Request) -> Response:
    """The changes of a topic, newest first: who, when, and how it was written before and after."""
    given, room = request.query_params, _room(request)
    limit = limit_of(given)
    desk = _desk_of(room)
    page = await desk.history.of(
        given.get("topic", ""), limit=limit, cursor=given.get("cursor", "")
    )
    return reply(page)


@router.get("/topic-diff", openapi_extra=described(Difference, _TOPIC, _A, _B))
async def diff(request: Request) -> Response:
    """The difference of two versions of a topic."""
    given, room = request.query_params, _room(request)
    topic, names = given.get("topic", ""), (given.get("a", "now"), given.get("b", "now"))
    texts = [await _done(_text(room, topic, name)) for name in names]
    return reply(Difference(topic=topic, a=names[0], b=names[1], diff=difference(*texts)))


async def _text(room: Room, topic: str, entry: str) -> str:
    desk = _desk_of(room)
    if entry == "now":
        return (await asyncio.to_thread(desk.editor.block, topic)).text
    found: Entry = await desk.history.find(topic, entry)
    return text_of(found)


@router.get("/topic-backfills", openapi_extra=described(BackfillList, _TOPIC))
async def backfills(request: Request) -> Response:
    """What was worked out, and what is: newest first."""
    found = await _room(request).backfills.all(request.query_params.get("topic", ""))
    return reply(BackfillList(backfills=found))


@router.post("/topic-backfills", openapi_extra=_taking(BackfillAsked, Backfill), status_code=202)
async def start_backfill(request: Request) -> Response:
    """Try a topic on all posts kept of the last `days`; with `store`, which needs the role admin,
    its mentions are written."""
    visitor, room = require(request, "analyst"), _room(request)
    asked = await _body(request, BackfillAsked)
    if asked.store:
        require(request, "admin")
    topic = room.topics.by_id.get(asked.topic)
    if topic is None:
        raise HTTPException(404, "There is no such topic")
    job = await _done(_started(room, topic, asked, visitor.name))
    return reply(job, 202)


async def _started(room: Room, topic: Topic, asked: BackfillAsked, by: str) -> Backfill:
    since = since_of(asked.days, utc_now())
    return await room.backfills.start(topic, since, store=asked.store, by=by)


@router.get("/topic-backfills/{job_id}", openapi_extra=described(Backfill))
async def show_backfill(request: Request, job_id: str) -> Response:
    """One of them."""
    return reply(await _job(request, job_id))


@router.delete("/topic-backfills/{job_id}", openapi_extra=described(Backfill))
async def stop_backfill(request: Request, job_id: str) -> Response:
    """Stop it; what is written stays."""
    require(request, "analyst")
    job = await _job(request, job_id)
    await _room(request).backfills.cancel(job)
    return reply(job)


async def _job(request: Request, job_id: str) -> Backfill:
    job = await _room(request).backfills.get(job_id)
    if job is None:
        raise HTTPException(404, "There is no such back-fill")
    return job


@router.get("/topics/{topic_id:path}", openapi_extra=described(TopicRow))
async def show(request: Request, topic_id: str) -> Response:
    """One topic. Its `ETag` is what a change of it must say."""
    return await _answer(_room(request), topic_id)


@router.put("/topics/{topic_id:path}", openapi_extra=_taking(TopicDraft, TopicRow, match=True))
async def save(request: Request, topic_id: str) -> Response:
    """Give a topic these fields, all that is not said being as usual."""
    visitor, room = require(request, "admin"), _room(request)
    draft, base = await _body(request, TopicDraft), _base(request)
    return await _written(
        room,
        topic_id,
        lambda: room.the_desk().save(
            topic_id, _fields(draft), base=base, by=visitor.name, note=draft.note
        ),
    )


@router.delete("/topics/{topic_id:path}", openapi_extra=_matching(described(TopicList)))
async def remove(request: Request, topic_id: str) -> Response:
    """Take a topic out of the file. Its mentions stay."""
    visitor, room = require(request, "admin"), _room(request)
    base = _base(request)
    answer = await _written(
        room,
        topic_id,
        lambda: room.the_desk().remove(topic_id, base=base, by=visitor.name),
    )
    return answer if answer.status_code != 404 else Response(status_code=204)


def _room(request: Request) -> Room:
    return cast("Room", request.app.state.topics)


def _desk_of(room: Room) -> Desk:
    if room.desk is None:
        raise HTTPException(404, "No file of topics is known here")
    return room.desk


def _row(room: Room, topic: Topic) -> TopicRow:
    etag = ""
    if room.desk is not None and (snapshot := room.topics.snapshot) is not None:
        block = snapshot.blocks.get(topic.id)
        if block is not None:
            room.desk.editor.remember(block.text)
            etag = block.digest
    return TopicRow(topic=topic, etag=etag, disabled=room.state(topic)[0])


async def _answer(room: Room, topic_id: str, status: int = 200) -> Response:
    await room.topics.refresh()
    topic = room.topics.by_id.get(topic_id)
    if topic is None:
        raise HTTPException(404, "There is no such topic")
    row = _row(room, topic)
    answer = reply(row, status)
    if row.etag:
        answer.headers["ETag"] = f'"{row.etag}"'
    return answer


async def _written(room: Room, topic_id: str, act: Callable[[], Awaitable[Edit]]) -> Response:
    """The topic after a change, or why there was none."""
    try:
        await _done(act())
    except Conflict as conflict:
        await room.topics.refresh()
        base = conflict.base or await room.the_desk().known_base(topic_id, conflict.made_from)
        snapshot = room.topics.snapshot
        block = snapshot.blocks.get(topic_id) if snapshot else None
        return reply(
            TopicConflict(
                error=str(conflict),
                base=base or "",
                theirs=conflict.theirs,
                etag=block.digest if block else "",
            ),
            412,
        )
    await room.topics.refresh()
    if topic_id not in room.topics.by_id:
        return Response(status_code=404)
    return await _answer(room, topic_id)


async def _done(work: Awaitable[T]) -> T:
    """What it gives. Raises `HTTPException` for what the request is to blame for."""
    try:
        return await work
    except Conflict:
        raise
    except Unknown as error:
        raise HTTPException(404, str(error)) from None
    except ReadOnly as error:
        raise HTTPException(409, str(error)) from None
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None


def _base(request: Request) -> str:
    found = request.headers.get("if-match", "").strip()
    if not found:
        raise HTTPException(428, 'Say what the change was made from. Remedy: If-Match: "ETAG"')
    return found.removeprefix("W/").strip('"')


async def _body(request: Request, kind: type[T]) -> T:
    """Only as JSON: another site's page can't send that without asking first, and is refused."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != "application/json":
        raise HTTPException(415, "Send application/json")
    try:
        return msgspec.json.decode(await body(request, most=MOST_BYTES), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad("body", "", str(error), "Write the fields of a topic.") from None


async def _topic(request: Request) -> Topic:
    draft = await _body(request, TopicDraft)
    try:
        topic = plain_topic({**_fields(draft), "id": draft.id or "new"})
    except ConfigError as error:
        raise HTTPException(422, str(error)) from None
    return _room(request).topics.with_queries(topic)


def _fields(draft: TopicDraft) -> Mapping[str, Any]:
    return {name: getattr(draft, name) for name in FIELDS}


def _refused(said: str, status: int) -> Response:
    return reply(Refusal(error=said), status)
