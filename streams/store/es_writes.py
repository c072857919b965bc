"""Writing a batch into Elasticsearch: what is sent, and what a retraction turns into."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from streams.errors import StoreError
from streams.records import Mention, Record, Retraction
from streams.store import es_helpers, es_queries, rules
from streams.store.es_bulk import DOCS, Bulk, Item, Refused
from streams.store.es_ledger import Ask, EsLedger
from streams.store.es_setup import Indices, month_of
from streams.store.hiding import disowned
from streams.store.port import Rejected, WriteReport
from streams.store.turns import Queues, Turns

Body = dict[str, Any]
_T = TypeVar("_T")
_POSTS_AT_ONCE: Final = 500
_PAGE: Final = 1_000
_STORED_AT_ONCE: Final = 50
"""Documents with one `stored_at`: a millisecond or two of work."""


class Made(NamedTuple):
    """A mention as it is to be written: `hidden` says that its author or source is."""

    mention: Mention
    body: bytes
    hidden: bool = False


def document(made: Made, stored_at: datetime) -> bytes:
    """The record's JSON with the helper fields before it, for documents that begin alike compress
    better."""
    mention, body, hidden = made
    helpers = es_helpers.of(mention, stored_at, hidden=hidden or disowned(mention.label))
    return msgspec.json.encode(helpers)[:-1] + b"," + body[1:]


class Writer:
    """Batches through watermarks, mentions and tombstones, in this order.

    Broken off anywhere and written again, a batch ends the same. Several go at once, but for those
    with a mention in common, so that of two with one version the later stays; one with
    retractions goes alone, for what another writes meanwhile its search would not find.
    """

    def __init__(
        self, bulk: Bulk, indices: Indices, ask: Ask, prefix: str, ledger: EsLedger
    ) -> None:
        self._bulk = bulk
        self._ledger = ledger
        self._indices = indices
        self._ask = ask
        self._prefix = prefix
        self._marks_index = indices.name("retractions")
        self._turns = Turns()
        self._queues = Queues()

    async def write(
        self, records: Sequence[Record], patiently: Callable[[Callable[[], Awaitable[None]]], Any]
    ) -> WriteReport:
        """Returns when every record is terminal. `patiently` repeats a step until it is done."""
        sorted_ = _sort(records)
        ids = {made.mention.id for made in sorted_.mentions}
        turn = self._turns.alone() if sorted_.retractions else self._turns.together()
        async with turn, self._queues.behind(ids):
            return await self._write(sorted_, patiently)

    async def _write(
        self, sorted_: "_Sorted", patiently: Callable[[Callable[[], Awaitable[None]]], Any]
    ) -> WriteReport:
        rejected, origins, mentions, retractions = sorted_
        generation = await self._ledger.generation()
        mentions = await self._compose(mentions, generation)
        given = {id(made.mention): origin for made, origin in zip(mentions, origins, strict=True)}
        marks = await self._load_marks(mentions, retractions)
        unkept = await self._keep_marks(marks, retractions)
        alive = [made for made in mentions if not (marks and _killed(marks, made.mention))]
        origins = [given[id(made.mention)] for made in alive]
        for index in {month_of(self._prefix, m.mention.post.created_at) for m in alive}:
            await patiently(lambda index=index: self._indices.ensure(index))  # type: ignore[misc]
        stored, stale, refused = await self._index(alive)
        refused |= await self._settle(alive, generation)
        rejected += [Rejected(origins[place], reason) for place, reason in refused.items()]
        buried, unburied = await self._bury(marks, {r.post_id for r in retractions})
        dead = sum(made.mention.deleted for made in alive)
        failed = unburied | unkept
        rejected += [Rejected(r, failed[r.post_id]) for r in retractions if r.post_id in failed]
        return WriteReport(
            stored=stored,
            stale=stale + len(mentions) - len(alive),
            retracted=buried + dead,
            rejected=rejected,
        )

    async def recompose(self, ids: Sequence[str]) -> dict[str, str]:
        """Write the mentions of these ids again, with what the ledger says now. A retraction that
        came meanwhile is applied to what was written. What was refused: by id, the reason."""
        if not ids:
            return {}
        await self.refresh()
        found = [
            m for some in in_slices(ids, _POSTS_AT_ONCE) async for m in self._with("_id", some)
        ]
        generation = await self._ledger.generation()
        mentions = await self._compose([Made(m, b"") for m in found], generation, anew=True)
        _, _, refused = await self._index(mentions)
        refused |= await self._settle(mentions, generation)
        marks = await self._load_marks(mentions, [])
        _, unburied = await self._bury(marks, set(marks))
        every = [made.mention for made in mentions]
        unchanged = {m.id: unburied[m.post.id] for m in every if m.post.id in unburied}
        return unchanged | {every[place].id: reason for place, reason in refused.items()}

    async def write_unseen(self, index: str, mentions: Sequence[Mention]) -> int:
        """Write mentions into an index that nobody reads yet, but for those that were retracted;
        how many. Once it is read they must be written by `recompose`: labels, erasures and
        retractions of the meantime don't find them. Raises `StoreError` for one refused."""
        _, _, made, _ = _sort(mentions)
        composed = await self._compose(made, await self._ledger.generation())
        marks = await self._load_marks(composed, [])
        alive = [one for one in composed if not _killed(marks, one.mention)]
        moved = [msgspec.structs.replace(item, index=index) for item in self._items(alive)]
        for outcome in await self._bulk.write(moved):
            if isinstance(outcome, Refused):
                raise StoreError(f"{index}: a mention does not fit into it: {outcome.reason}")
        return len(moved)

    async def refresh(self) -> None:
        """Make visible to searches what was written by anyone."""
        alias = self._indices.name("mentions")
        await self._ask("POST", f"/{alias}-*/_refresh?ignore_unavailable=true")

    async def _compose(
        self, mentions: list[Made], generation: str, *, anew: bool = False
    ) -> list[Made]:
        if not (generation or anew):
            return mentions
        composed = await self._ledger.composed([made.mention for made in mentions], generation)
        return [
            Made(new, old.body if new is old.mention and not anew else rules.body(new)[0], hidden)
            for old, (new, hidden) in zip(mentions, composed, strict=True)
        ]

    async def _settle(self, written: list[Made], generation: str) -> dict[int, str]:
        """Write again what labels and erasures of the meantime change (see `es_ledger`). Which were
        refused, and why."""
        refused: dict[int, str] = {}
        while written and (now := await self._ledger.generation()) != generation:
            composed = await self._compose(written, now)
            changed = [n for n, was in enumerate(written) if _differ(composed[n], was)]
            _, _, some = await self._index([composed[n] for n in changed])
            refused |= {changed[place]: reason for place, reason in some.items()}
            written, generation = composed, now
        return refused

    async def _load_marks(
        self, mentions: Iterable[Made], retractions: Iterable[Retraction]
    ) -> dict[str, list[rules.Watermark]]:
        posts = {made.mention.post.id for made in mentions} | {r.post_id for r in retractions}
        by_key = {mark_id(post): post for post in posts}
        found: dict[str, list[rules.Watermark]] = {}
        path = f"/{self._marks_index}/_mget?filter_path={DOCS},docs._source.marks"
        for keys in in_slices(list(by_key), _PAGE):
            answer = await self._ask("POST", path, {"ids": keys})
            for doc in answer["docs"]:
                if source := doc.get("_source"):
                    marks = msgspec.convert(source["marks"], list[rules.Watermark])
                    found[by_key[doc["_id"]]] = marks
        return found

    async def _keep_marks(
        self, marks: dict[str, list[rules.Watermark]], retractions: Sequence[Retraction]
    ) -> dict[str, str]:
        """`marks` is brought up to date. Which posts' were refused, and why."""
        for retraction in retractions:
            known = marks.get(retraction.post_id, [])
            marks[retraction.post_id] = rules.remember(known, retraction)
        now = datetime.now(UTC)
        posts = sorted({retraction.post_id for retraction in retractions})
        items = [
            Item(
                self._marks_index,
                mark_id(post),
                msgspec.json.encode({"post_id": post, "marks": marks[post], "written": now}),
            )
            for post in posts
        ]
        outcomes = zip(posts, await self._bulk.write(items), strict=True)
        return {post: one.reason for post, one in outcomes if isinstance(one, Refused)}

    async def _index(self, mentions: Sequence[Made]) -> tuple[int, int, dict[int, str]]:
        """How many were stored and were stale; which were refused, and why."""
        outcomes = await self._bulk.write(self._items(mentions))
        refused = {n: one.reason for n, one in enumerate(outcomes) if isinstance(one, Refused)}
        return outcomes.count("stored"), outcomes.count("stale"), refused

    def _items(self, mentions: Sequence[Made]) -> Iterator[Item]:
        """One by one, as they are asked for: those sent later are stored later."""
        for some in in_slices(mentions, _STORED_AT_ONCE):
            now = stored_now()
            for made in some:
                mention = made.mention
                index = month_of(self._prefix, mention.post.created_at)
                yield Item(index, mention.id, document(made, now), mention.version)

    async def _bury(
        self, marks: dict[str, list[rules.Watermark]], posts: set[str]
    ) -> tuple[int, dict[str, str]]:
        """Tombstones for what the retractions of these posts kill, as far as it was written: how
        many, and why some posts' were refused."""
        if not posts:
            return 0, {}
        await self.refresh()
        buried = 0
        unburied: dict[str, str] = {}
        for some in in_slices(sorted(posts), _POSTS_AT_ONCE):
            found = self._with("post.id", some)
            dead = [_dead(marks, m) async for m in found if not m.deleted and _killed(marks, m)]
            stored, _, refused = await self._index([Made(m, rules.body(m)[0]) for m in dead])
            buried += stored
            unburied |= {dead[place].post.id: reason for place, reason in refused.items()}
        return buried, unburied

    async def _with(self, field: str, values: list[str]) -> AsyncIterator[Mention]:
        """Every mention with one of these values, tombstones too."""
        body: Body = {
            "query": {"bool": {"filter": [{"terms": {field: values}}]}},
            "size": _PAGE,
            "sort": [{"id": "asc"}],
        }
        mentions = f"{self._indices.name('mentions')}-*"
        while True:
            answer = await self._ask("POST", f"/{mentions}/_search?ignore_unavailable=true", body)
            hits = answer["hits"]["hits"]
            for hit in hits:
                yield es_queries.mention(hit)
            if len(hits) < _PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    async def prune(self, health_days: int) -> None:
        """Forget retractions that no late version can meet any more, and old samples of health."""
        await self._forget(self._marks_index, "written", rules.WATERMARK_DAYS)
        await self._forget(self._indices.name("health"), "@timestamp", health_days)

    async def _forget(self, index: str, field: str, days: int) -> None:
        """By search and bulk deletes: `_delete_by_query` is a module that a server may lack."""
        oldest = datetime.now(UTC) - timedelta(days=days)
        query = {"range": {field: {"lt": es_queries.iso(oldest)}}}
        path = f"/{index}/_search?filter_path=hits.hits._id"
        while True:
            answer = await self._ask("POST", path, {"query": query, "size": _PAGE})
            hits = answer.get("hits", {}).get("hits", [])
            await self._bulk.write([Item(index, hit["_id"]) for hit in hits])
            if not hits:
                return
            await self._ask("POST", f"/{index}/_refresh")


def stored_now() -> datetime:
    """The present to the millisecond, as the server keeps it."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def mark_id(post_id: str) -> str:
    """Post ids may be longer than the 512 bytes a document's id may have."""
    return hashlib.blake2b(post_id.encode(), digest_size=16).hexdigest()


def in_slices(values: Sequence[_T], size: int) -> Iterator[list[_T]]:
    """One list after the other, of at most `size` values."""
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


class _Sorted(NamedTuple):
    """A batch by what is to be done; `origins` are the mentions as they were given."""

    rejected: list[Rejected]
    origins: list[Mention]
    mentions: list[Made]
    retractions: list[Retraction]


def _sort(records: Sequence[Record]) -> _Sorted:
    rejected: list[Rejected] = []
    origins: list[Mention] = []
    mentions: list[Made] = []
    retractions: list[Retraction] = []
    for record in records:
        reason = rules.objection(record)
        if isinstance(record, Retraction) and not reason:
            retractions.append(record)
        elif isinstance(record, Mention) and not reason:
            kept = rules.tombstone(record, record.version) if record.deleted else record
            body, reason = rules.body(kept)
            if not reason:
                origins.append(record)
                mentions.append(Made(kept, body))
        if reason:
            rejected.append(Rejected(record, reason))
    return _Sorted(rejected, origins, mentions, retractions)


def _differ(one: Made, other: Made) -> bool:
    return (one.mention, one.hidden) != (other.mention, other.hidden)


def _killed(marks: dict[str, list[rules.Watermark]], mention: Mention) -> bool:
    known = marks.get(mention.post.id, [])
    return rules.killed(known, mention.topic, rules.content_version(mention))


def _dead(marks: dict[str, list[rules.Watermark]], mention: Mention) -> Mention:
    content = rules.content_version(mention)
    known = marks[mention.post.id]
    version = rules.killing_version(known, mention.topic, content, mention.version)
    return rules.tombstone(mention, version)
