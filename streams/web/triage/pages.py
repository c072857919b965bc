"""`/triage`: the page, and its forms for browsers that run no script."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response, StreamingResponse

from connectors.post import utc_now
from streams.criteria.topics import Topic
from streams.labelling import Change, Labelling
from streams.learning.words import Suggestion, changed
from streams.records import LABELS
from streams.store.port import Filter, Store
from streams.web import cards
from streams.web.filters import BY_NAME, link
from streams.web.i18n import N_, _
from streams.web.pages import PERIODS, Pages
from streams.web.recent import Behind
from streams.web.triage import sample, training
from streams.web.triage.api import Opinion, TriageApi, hear, pairs_of
from streams.web.triage.asked import ORDERS, PATH, TABS, Asked, read_asked
from streams.web.triage.hiding import Hiding
from streams.web.triage.learnt import topic_agreement, topic_precision
from streams.web.triage.people import Names
from streams.web.triage.queue import Queue, QueuePage
from streams.web.triage.rows import WHY
from streams.web.triage.words import words
from streams.web.visitor import Visitor, require, visitor_of

_CHOICES_SECONDS: Final = 60.0
_CHOICES_OF: Final = timedelta(days=7)
_PATIENCE_SECONDS: Final = 0.05
_UNKNOWN: Final[dict[str, list[str]]] = {"source": [], "lang": []}
DECISIONS: Final[dict[str, dict[str, Any]]] = {
    "neg": {"sentiment": "neg", "relevant": True, "spam": False, "done": True},
    "neu": {"sentiment": "neu", "relevant": True, "spam": False, "done": True},
    "pos": {"sentiment": "pos", "relevant": True, "spam": False, "done": True},
    "irrelevant": {"relevant": False, "done": True},
    "spam": {"spam": True, "done": True},
    "done": {"done": True},
    "clear": {"clear": True},
}
"""What each choice of a row's form says."""
_TOLD: Final = {
    "kept": N_("Kept."),
    "conflict": N_("%(by)s was quicker: look at it again."),
    "gone": N_("This mention is gone."),
    "heard": N_("Heard."),
    "begun": N_("A new sample was drawn: decide its first mentions."),
}


class Menu(NamedTuple):
    """A filter with several values to tick."""

    name: str
    label: str
    chosen: tuple[str, ...]
    options: list[tuple[str, str]]


class Chip(NamedTuple):
    """A filter that is set, and the link that takes it away."""

    label: str
    value: str
    href: str


class Decision(NamedTuple):
    """What a row's form says."""

    mention_id: str
    seen: int
    what: str
    back: str


class TriagePages:
    """The routes over one store."""

    def __init__(
        self, store: Store, pages: Pages, topics: Sequence[Topic], labelling: Labelling
    ) -> None:
        self._store = store
        self._pages = pages
        self._topics = topics
        self._labelling = labelling
        self._queue = Queue(store)
        self._names = Names(store)
        self._api = TriageApi(store, self._queue, labelling, Hiding(store), pages.forms)
        self._used: Behind[dict[str, list[str]]] = Behind(_CHOICES_SECONDS, most=1)

    async def aclose(self) -> None:
        """Leave the broker."""
        await self._used.aclose()
        await self._labelling.aclose()

    def add_to(self, app: FastAPI) -> None:
        self._api.add_to(app)
        for path, endpoint, method in (
            (PATH, self.show, "GET"),
            (PATH + "/labels.jsonl", self.labels, "GET"),
            (PATH + "/decide", self.decide, "POST"),
            (PATH + "/sample", self.begin, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def show(self, request: Request) -> Response:
        """The page."""
        visitor, given = visitor_of(request), request.query_params
        asked = read_asked(given.multi_items())
        shown, choices, in_use, learnt = await asyncio.gather(
            self._queue.page(asked, visitor.name, patience=_PATIENCE_SECONDS),
            self._choices(),
            self._names.in_use(),
            self._learnt(asked),
        )
        page = self._pages.render(
            "triage.html",
            asked=asked,
            shown=shown,
            first=_first(asked, shown),
            query=asked.query,
            tabs={name: (_(tab.word), asked.to(name)) for name, tab in TABS.items()},
            orders={name: (_(word), asked.link(("order", name))) for name, word in ORDERS.items()},
            periods={name: (word, asked.link(("range", name))) for name, word in PERIODS.items()},
            menus=self._menus(asked, choices),
            chips=self._chips(asked),
            topics=choices["topic"],
            people=list(dict.fromkeys([visitor.name, *in_use.people])),
            tags=in_use.tags,
            learnt=learnt,
            changed_query=partial(self._changed_query, asked.topic),
            older=asked.link(("cursor", shown.cursor)) if shown.cursor else "",
            days=sample.DAYS,
            reasons=WHY,
            words=words(),
            may=visitor.may("analyst"),
            told=_told(given.get("told", ""), given.get("by", "")),
            now=utc_now(),
            back=request.url.query,
        )
        headers = {"Cache-Control": "no-store"}
        return Response(page.encode("utf-8", "replace"), media_type="text/html", headers=headers)

    async def _learnt(self, asked: Asked) -> Any:
        """What the panel of the tab shows; nothing in the others."""
        if not asked.topic:
            return None
        if asked.tab == "sample":
            return await topic_precision(self._store, asked.topic)
        if asked.tab == "opinion":
            return await topic_agreement(self._store, asked.topic, now=utc_now())
        return None

    def _changed_query(self, topic: str, suggestion: Suggestion) -> str:
        """The editor of a topic with the query as it is suggested."""
        query = next((one.query for one in self._topics if one.id == topic), "")
        path = f"/topics/{quote(topic, safe='')}"
        return f"{path}?{urlencode({'query': changed(query, suggestion)})}" if query else path

    async def _choices(self) -> dict[str, list[str]]:
        """Values for the menus. Sources and languages are those of the last days; who is first to
        ask in a long while does not wait for them."""
        used = await self._used.get("", self._ask_used, wait=_PATIENCE_SECONDS)
        topics = [topic.id for topic in self._topics]
        return {"topic": topics, "sentiment": list(LABELS), **(used or _UNKNOWN)}

    async def _ask_used(self) -> dict[str, list[str]]:
        where = Filter(since=utc_now() - _CHOICES_OF)
        found = await asyncio.gather(
            self._store.top(where, "source", limit=50), self._store.top(where, "lang", limit=30)
        )
        values = [[one.value for one in counts if one.value] for counts in found]
        return dict(zip(_UNKNOWN, values, strict=True))

    def _menus(self, asked: Asked, choices: dict[str, list[str]]) -> list[Menu]:
        return [
            Menu(
                name,
                _(BY_NAME[name].label),
                chosen := asked.query.values(name),
                [
                    (value, self._pages.named(value, name))
                    for value in dict.fromkeys([*values, *chosen])
                ],
            )
            for name, values in choices.items()
        ]

    def _chips(self, asked: Asked) -> list[Chip]:
        return [
            Chip(
                _(BY_NAME[name].label),
                self._pages.named(value, name),
                asked.link(without=[(name, value)]),
            )
            for name, value in asked.query.pairs
            if name != "range"
        ]

    async def decide(self, request: Request) -> Response:
        """One row's form."""
        visitor = require(request, "analyst")
        decision = _decision(dict(await self._pages.forms.read(request)))
        asked = read_asked(pairs_of(decision.back))
        if asked.tab == "opinion":
            return await self._opinion(decision, visitor)
        said = DECISIONS[decision.what]
        change = Change(mention_id=decision.mention_id, seen=decision.seen, **said)
        outcome = (await self._labelling.change([change], by=visitor.name))[0]
        self._queue.changed()
        by = outcome.label.by if outcome.label and outcome.state == "conflict" else ""
        return _back(decision.back, outcome.state, by)

    async def _opinion(self, decision: Decision, visitor: Visitor) -> Response:
        said = DECISIONS[decision.what]
        opinion = Opinion(
            mention_id=decision.mention_id,
            relevant=said.get("relevant", not said.get("spam", False)),
            sentiment=said.get("sentiment"),
        )
        heard = await hear(self._store, [opinion], by=visitor.name)
        return _back(decision.back, "heard" if heard else "gone")

    async def begin(self, request: Request) -> Response:
        """Draw a topic's sample anew."""
        visitor = require(request, "analyst")
        given = dict(await self._pages.forms.read(request))
        topic, days = given.get("topic", ""), given.get("days", "")
        if not topic or len(topic) > 300 or days not in map(str, sample.DAYS):
            raise HTTPException(400, "Name a topic and a number of days")
        await sample.begin(self._store, topic, int(days), by=visitor.name, now=utc_now())
        return _back(urlencode({"tab": "sample", "topic": topic}), "begun")

    async def labels(self, request: Request) -> Response:
        """Labelled texts as JSONL, for training: `veille sentiment train --labels`."""
        require(request, "analyst")
        asked = read_asked(request.query_params.multi_items())
        where = msgspec.structs.replace(asked.query.at(utc_now()), hidden="any")
        headers = {
            "Cache-Control": "no-store",
            "Content-Disposition": 'attachment; filename="labels.jsonl"',
        }
        found: AsyncIterator[bytes] = training.lines(self._store, where)
        return StreamingResponse(found, media_type="application/x-ndjson", headers=headers)


def _first(asked: Asked, shown: QueuePage) -> dict[str, Any]:
    """What the script begins with: the rows of the first page, and how to ask for more."""
    more = link([*asked.own, *asked.query.pairs], "/api/v1/queue")
    built: dict[str, Any] = msgspec.to_builtins(shown)
    return {**built, "tab": asked.tab, "more": more}


def _decision(given: dict[str, str]) -> Decision:
    what, seen = given.get("decision", ""), given.get("seen", "")
    mention_id = given.get("id", "")
    if what not in DECISIONS or not mention_id or len(mention_id) > 512:
        raise HTTPException(400, "Choose what to say of the mention")
    if not seen.isdigit() or len(seen) > 15:
        raise HTTPException(400, "Reload the page, and choose again")
    return Decision(mention_id, int(seen), what, given.get("back", "")[:8_000])


def _back(query: str, told: str, by: str = "") -> Response:
    """To the same place of the queue, with a word on what became of it."""
    kept = [pair for pair in pairs_of(query) if pair[0] not in ("told", "by")]
    more = [("told", told), *([("by", cards.clip(by, 60))] if by else [])]
    return RedirectResponse(f"{PATH}?{urlencode([*kept, *more])}", 303)


def _told(code: str, by: str) -> str:
    return _(_TOLD[code], by=cards.clip(by, 60) or _("Someone")) if code in _TOLD else ""
