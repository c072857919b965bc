"""Labels, erasures and the hidden in Elasticsearch, and how workers agree on them without a lock.

A worker may write a mention in the moment in which another adds the label of it. Whoever changes
the ledger writes the change first, then a new *generation* (one document, read in real time), and
only then looks for the mentions it is about. Whoever writes mentions reads the generation before
and after: where it changed meanwhile, the mentions are composed anew and written again. So one of
the two always sees the other, and nobody pays for more than two small reads a batch.
"""

import hashlib
import uuid
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from streams.records import Label, Mention
from streams.store import es_queries, rules
from streams.store.erasures import KIND as ERASURE
from streams.store.erasures import Erased, Erasure, state_of
from streams.store.es_bulk import DOCS, Bulk, Item, Refused
from streams.store.es_setup import Indices
from streams.store.hiding import KIND as HIDDEN
from streams.store.hiding import Ledger
from streams.store.port import RejectedLabel

Body = dict[str, Any]
_PAGE: Final = 1_000
_GENERATION: Final = ("generation", "ledger")


class Ask(Protocol):
    """Sends a request, patiently: again and again while the server is away."""

    async def __call__(self, method: str, path: str, body: Any = None) -> Body: ...


class Composed(NamedTuple):
    """A mention as the ledger has it; `hidden` where its author or source is."""

    mention: Mention
    hidden: bool = False


class EsLedger:
    """The ledger of labels, and the erasures, as one worker knows them."""

    def __init__(self, bulk: Bulk, indices: Indices, ask: Ask) -> None:
        self._bulk = bulk
        self._ask = ask
        self._labels = indices.name("labels")
        self._state = indices.name("state")
        self._erased = Erased()
        self._hidden = Ledger()
        self._as_of = ""

    async def generation(self) -> str:
        """Differs after every change; empty while there never was one."""
        path = f"/{self._state}/_mget?filter_path={DOCS},docs._source.value"
        docs = (await self._ask("POST", path, {"ids": [state_id(*_GENERATION)]})).get("docs", [])
        return str(docs[0]["_source"]["value"]["id"]) if docs and docs[0].get("found") else ""

    async def composed(self, mentions: Sequence[Mention], generation: str) -> list[Composed]:
        """Each with its label, those of erased authors as tombstones, as of this generation; and
        whether its author or source is hidden."""
        if not generation:
            return [Composed(mention) for mention in mentions]
        labels = await self.labels([mention.id for mention in mentions])
        await self._learn(generation)
        return [self._composed(mention, labels.get(mention.id)) for mention in mentions]

    def _composed(self, mention: Mention, label: Label | None) -> Composed:
        found = rules.labelled(mention, label)
        if found.deleted or self._erased.covers(found.post):
            return Composed(rules.tombstone(found, found.version))
        return Composed(found, self._hidden.covers(found.post))

    async def labels(self, ids: Iterable[str]) -> dict[str, Label]:
        """The labels of these mentions, in real time."""
        found: list[Label] = []
        path = f"/{self._labels}/_mget?filter_path={DOCS},docs._source"
        wanted = sorted(set(map(es_queries.clean, ids)) - {""})
        for start in range(0, len(wanted), _PAGE):
            answer = await self._ask("POST", path, {"ids": wanted[start : start + _PAGE]})
            sources = [doc.get("_source") for doc in answer.get("docs", [])]
            found += [msgspec.convert(source, Label) for source in sources if source]
        return {label.mention_id: label for label in found}

    async def add_labels(self, labels: Iterable[Label]) -> tuple[list[str], list[RejectedLabel]]:
        """Durable when it returns. The mentions to compose anew, and what was refused."""
        good, rejected = _latest(labels)
        known = await self.labels(good)
        new = [one for one in good.values() if rules.outranks(one, known.get(one.mention_id))]
        items = [
            Item(self._labels, one.mention_id, msgspec.json.encode(one), rules.label_time(one))
            for one in new
        ]
        outcomes = await self._bulk.write(items)
        for label, outcome in zip(new, outcomes, strict=True):
            if isinstance(outcome, Refused):
                rejected.append(RejectedLabel(label, outcome.reason))
        if new:
            await self.turn()
        return list(good), rejected

    async def add_erasures(self, erasures: Sequence[Erasure]) -> None:
        items = [
            Item(
                self._state,
                state_id(ERASURE, one.hash),
                state_body(ERASURE, one.hash, state_of(one)),
            )
            for one in erasures
        ]
        await self._bulk.write(items)
        await self.turn()

    async def erased(self) -> Erased:
        """All erasures, as of now."""
        return Erased.of(await self._states(ERASURE))

    async def hidden(self) -> Ledger:
        """All that is hidden, as of now."""
        return Ledger.of(await self._states(HIDDEN))

    async def turn(self) -> None:
        """Tell all writers that the ledger changed."""
        body = state_body(*_GENERATION, {"id": uuid.uuid4().hex})
        await self._bulk.write([Item(self._state, state_id(*_GENERATION), body)])

    async def _states(self, kind: str) -> dict[str, dict[str, Any]]:
        await self._ask("POST", f"/{self._state}/_refresh")
        body: Body = {"query": {"term": {"kind": kind}}, "size": _PAGE, "sort": [{"key": "asc"}]}
        found: dict[str, dict[str, Any]] = {}
        while True:
            hits = (await self._ask("POST", f"/{self._state}/_search", body))["hits"]["hits"]
            found |= {hit["_source"]["key"]: hit["_source"]["value"] for hit in hits}
            if len(hits) < _PAGE:
                return found
            body["search_after"] = hits[-1]["sort"]

    async def _learn(self, generation: str) -> None:
        if generation != self._as_of:
            self._erased, self._hidden = await self.erased(), await self.hidden()
            self._as_of = generation


def _latest(labels: Iterable[Label]) -> tuple[dict[str, Label], list[RejectedLabel]]:
    good: dict[str, Label] = {}
    rejected: list[RejectedLabel] = []
    for label in labels:
        if reason := rules.label_objection(label):
            rejected.append(RejectedLabel(label, reason))
        elif rules.outranks(label, good.get(label.mention_id)):
            good[label.mention_id] = label
    return good, rejected


def state_id(kind: str, key: str) -> str:
    """The document of a state: keys may hold anything."""
    return hashlib.blake2b(f"{kind}\0{key}".encode(), digest_size=16).hexdigest()


def state_body(kind: str, key: str, value: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"kind": kind, "key": key, "value": value})
