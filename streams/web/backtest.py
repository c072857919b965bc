"""The back-test's page: which alarms a topic's history would have sent, at each sensitivity."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, get_args

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from connectors.post import utc_now
from streams.alerts.allowance import budget_of, windows_of
from streams.alerts.backtest import SENSITIVITIES, Answer, Past, answers, past
from streams.alerts.incidents import moment
from streams.alerts.records import Sensitivity
from streams.alerts.watching import Watching, watching
from streams.criteria.topics import Topic
from streams.settings import Alerts
from streams.store.port import Store
from streams.web import charts, incident_charts
from streams.web.filters import MAX_VALUE, BadFilter, Problem, one_of
from streams.web.i18n import N_, Words, _
from streams.web.pages import Pages, drawn
from streams.web.recent import Recent
from streams.web.topics.live import live

PATH: Final = "/backtest"
SPANS: Final = (30, 90, 180, 365)
USUAL_DAYS: Final = 90
KEPT_SECONDS: Final = 300.0
NAMES_SECONDS: Final = 60.0
"""Every mention is counted to name the topics that have some."""
_MOST_TOPICS: Final = 200
LEVELS: Final[Mapping[str, str]] = Words(
    {"low": N_("low"), "normal": N_("normal"), "high": N_("high")}
)


class Asked(msgspec.Struct, frozen=True):
    """What the address asks for."""

    topic: str
    days: int
    sensitivity: Sensitivity | None = None


class Tested(msgspec.Struct, frozen=True):
    """A topic's past and the answers; nothing where there is none."""

    known: Past | None
    answers: Mapping[Sensitivity, Answer] = {}


class Backtests:
    """Answers over one store, kept for some minutes: each costs seconds, and one is worked out at
    a time."""

    def __init__(self, store: Store, topics: Sequence[Topic], settings: Alerts) -> None:
        self._store = store
        self._topics = live(topics)
        self._settings = settings
        self._turn = asyncio.Semaphore(1)
        self._kept: Recent[Tested] = Recent(KEPT_SECONDS, most=16)
        self._names: Recent[list[str]] = Recent(NAMES_SECONDS, most=1)

    async def of(self, topic: str, days: int) -> Tested:
        """Raises `StoreError`."""
        found = await self._kept.get((topic, days), lambda: self._test(topic, days))
        if found.known is None or not found.known.weeks:
            self._kept.forget((topic, days))  # the first posts are not waited for
        return found

    async def _test(self, topic: str, days: int) -> Tested:
        async with self._turn:
            span = timedelta(days=days)
            known = await past(self._store, topic, now=utc_now(), since=span)
            if known is None:
                return Tested(None)
            budget, windows = (
                budget_of(self._settings, len(self._topics)),
                windows_of(self._settings),
            )
            way = self.watching(topic)
            found = await asyncio.to_thread(answers, known, way, budget=budget, windows=windows)
            return Tested(known, found)

    def watching(self, topic: str) -> Watching:
        """As the topic is set. Raises `ConfigError` for a rule that can't be read."""
        if found := self._topics.by_id.get(topic):
            return watching(found, self._settings.sensitivity)
        return Watching(sensitivity=self._settings.sensitivity)

    async def topics(self, also: str = "") -> list[str]:
        """Ids to choose from: those set, and those that mentions are stored of."""
        stored = await self._names.get("", self._stored)
        if not stored:
            self._names.forget("")
        return list(dict.fromkeys([*self._topics.by_id, *stored, *([also] if also else [])]))

    async def _stored(self) -> list[str]:
        return (await self._store.topics())[:_MOST_TOPICS]


class BacktestPages:
    """The routes over one store."""

    def __init__(self, tests: Backtests, pages: Pages) -> None:
        self._tests = tests
        self._pages = pages
        self._drawings = charts.Drawings()

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint in ((PATH, self.show), (PATH + "/chart.svg", self.chart)):
            app.add_api_route(path, endpoint, include_in_schema=False, response_class=Response)

    async def show(self, request: Request) -> Response:
        """All three answers, one of them in sight."""
        asked = read(request.query_params.multi_items())
        found = await self._tests.of(asked.topic, asked.days) if asked.topic else Tested(None)
        usual = self._tests.watching(asked.topic).sensitivity
        page = self._pages.render(
            "backtest.html",
            topic=asked.topic,
            topics=await self._tests.topics(asked.topic),
            days=asked.days,
            spans=sorted({*SPANS, asked.days}),
            sensitivities=SENSITIVITIES,
            levels=LEVELS,
            chosen=asked.sensitivity or usual,
            set=usual,
            themes=charts.themes_json(),
            **_shown(found),
        )
        headers = {"Cache-Control": "no-store"}
        return Response(page.encode("utf-8", "replace"), media_type="text/html", headers=headers)

    async def chart(self, request: Request) -> Response:
        """One answer's chart drawn by the server."""
        asked = read(request.query_params.multi_items(), also=("theme", "size"))
        found = await self._tests.of(asked.topic, asked.days)
        sensitivity = asked.sensitivity or self._tests.watching(asked.topic).sensitivity
        if found.known is None or sensitivity not in found.answers:
            return Response("nothing is stored of this topic\n", 404, media_type="text/plain")
        alarms = found.answers[sensitivity].alarms
        return await drawn(self._drawings, incident_charts.backtest(found.known, alarms), request)


def _shown(found: Tested) -> dict[str, Any]:
    known = found.known
    if known is None:
        return {"known": None, "answers": {}, "drawn": {}, "since": None, "until": None}
    return {
        "known": known,
        "answers": found.answers,
        "drawn": {
            name: incident_charts.backtest(known, one.alarms) for name, one in found.answers.items()
        },
        "since": moment(known.since),
        "until": moment(known.until),
    }


def read(given: Sequence[tuple[str, str]], *, also: Sequence[str] = ()) -> Asked:
    """Raises `BadFilter` with every problem at once."""
    values = {name: value.strip() for name, value in given if value.strip() and name not in also}
    known = _("Known: %(names)s.", names="topic, days, sensitivity")
    problems = [
        Problem(name[:40], value[:80], _("no such parameter"), known)
        for name, value in values.items()
        if name not in ("topic", "days", "sensitivity")
    ]
    days, sensitivity = values.get("days", str(USUAL_DAYS)), values.get("sensitivity", "")
    if not (days.isascii() and days.isdigit() and len(days) < 4 and 1 <= int(days) <= 730):
        problems.append(Problem("days", days[:80], _("not a number of days"), _("From 1 to 730.")))
    if sensitivity and sensitivity not in get_args(Sensitivity):
        remedy = one_of(get_args(Sensitivity))
        problems.append(Problem("sensitivity", sensitivity[:80], _("no such sensitivity"), remedy))
    if len(values.get("topic", "")) > MAX_VALUE:
        problems.append(Problem("topic", values["topic"][:80], _("too long"), _("Choose one.")))
    if problems:
        raise BadFilter(problems, ())
    return Asked(values.get("topic", ""), int(days), sensitivity or None)  # type: ignore[arg-type]  # just checked
