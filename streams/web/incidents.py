"""The incidents' pages: the list, one incident's whole story, and the forms that act on them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from connectors.post import utc_now
from streams.alerts import acts, book
from streams.alerts.deeds import Deed, What, find, handle
from streams.alerts.incidents import Change
from streams.alerts.records import Incident
from streams.criteria.topics import Topic
from streams.store.port import Store
from streams.web import charts, incident_words, journal
from streams.web.cards import clip
from streams.web.filters import link
from streams.web.i18n import N_, Words, _, reader
from streams.web.incident_list import Which, ordered, read, tally
from streams.web.incident_notes import add, cleaned
from streams.web.incident_story import EVENTS, NOTICED, Story, story
from streams.web.pages import PERIODS, Pages, drawn
from streams.web.recent import Recent
from streams.web.visitor import require, signed, visitor_of

PATH: Final = "/incidents"
SHOWN: Final = 50
STORY_SECONDS: Final = 2.0
SNOOZES: Final = Words(
    {"1h": N_("1 hour"), "8h": N_("8 hours"), "tomorrow": N_("until tomorrow 8:00")}
)
_TOLD: Final = Words(
    {
        "acknowledged": N_("Acknowledged: nobody else is called"),
        "snoozed": N_("Snoozed"),
        "resolved": N_("Declared over"),
        "past": N_("It was over already"),
        "noted": N_("Noted"),
    }
)
_MOST_NAME: Final = 60


class IncidentPages:
    """The routes over one store."""

    def __init__(self, store: Store, pages: Pages, topics: Sequence[Topic]) -> None:
        self._store = store
        self._pages = pages
        self._topics = topics
        self._forms = pages.forms
        self._stories: Recent[Story | None] = Recent(STORY_SECONDS, most=32)
        self._drawings = charts.Drawings()

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.list, "GET"),
            (PATH + "/{incident_id}", self.show, "GET"),
            (PATH + "/{incident_id}/chart.svg", self.chart, "GET"),
            (PATH + "/{incident_id}/acknowledge", self.acknowledge, "POST"),
            (PATH + "/{incident_id}/snooze", self.snooze, "POST"),
            (PATH + "/{incident_id}/resolve", self.resolve, "POST"),
            (PATH + "/{incident_id}/note", self.note, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def list(self, request: Request) -> Response:
        """Those not over first, by topic, kind, severity, state and time."""
        now, given = utc_now(), request.query_params.multi_items()
        which = read(given, also=("told", "page"), zone=reader().tz)
        known = await book.incidents(self._store)
        fitting = ordered(one for one in known if which.matches(one, now))
        pairs = [pair for pair in given if pair[0] not in ("told", "page")]
        number = _page_number(request.query_params.get("page", ""), len(fitting))
        more = number * SHOWN < len(fitting)
        return self._page(
            request,
            "incidents.html",
            which=which,
            pairs=pairs,
            shown=fitting[(number - 1) * SHOWN : number * SHOWN],
            first=(number - 1) * SHOWN + 1,
            more=link([*pairs, ("page", str(number + 1))], PATH) if more else "",
            total=len(fitting),
            tally=tally(fitting),
            known=len(known),
            topics=self._known_topics(known, which),
            periods=PERIODS,
            filtered=which != Which(),
            told=_TOLD.get(request.query_params.get("told", ""), ""),
        )

    def _known_topics(self, known: Sequence[Incident], which: Which) -> Sequence[str]:
        watched = [topic.id for topic in self._topics]
        found = sorted({one.topic for one in known} - {""})
        return tuple(dict.fromkeys([*watched, *found, *which.topics]))

    async def show(self, request: Request, incident_id: str) -> Response:
        """One whole."""
        found = await self._story(incident_id)
        return self._page(
            request,
            "incident.html",
            story=found,
            one=found.incident,
            notice_events=EVENTS,
            notice_states=NOTICED,
            told=_TOLD.get(request.query_params.get("told", ""), ""),
            themes=charts.themes_json(),
        )

    async def chart(self, request: Request, incident_id: str) -> Response:
        """Its chart drawn by the server, for browsers that run no script."""
        found = await self._story(incident_id)
        return await drawn(self._drawings, found.chart, request)

    async def _story(self, incident_id: str) -> Story:
        found = await self._stories.get(
            incident_id, lambda: story(self._store, incident_id, now=utc_now())
        )
        if found is None:
            raise HTTPException(404, _("There is no such incident"))
        return found

    async def acknowledge(self, request: Request, incident_id: str) -> Response:
        """Someone looks after it."""
        by, given = await self._asked(request)
        return await self._act(incident_id, given, *acknowledging(by))

    async def snooze(self, request: Request, incident_id: str) -> Response:
        """Silent for a while."""
        by, given = await self._asked(request)
        until = snoozed_until(given.get("for", ""), utc_now(), reader().tz)
        if until is None:
            raise HTTPException(400, _("Snooze it for 1h, 8h or until tomorrow"))
        return await self._act(incident_id, given, *snoozing(until, by))

    async def resolve(self, request: Request, incident_id: str) -> Response:
        """Over, because someone says so."""
        by, given = await self._asked(request)
        return await self._act(incident_id, given, *resolving(by))

    async def note(self, request: Request, incident_id: str) -> Response:
        """Something that others should know of it."""
        by, given = await self._asked(request)
        known = await self._find(incident_id)
        text = cleaned(given.get("note", ""))
        if not text:
            raise HTTPException(400, _("The note is empty. Remedy: go back and write it"))
        await add(self._store, name_of(by), known, text)
        self._stories.forget(incident_id)
        return RedirectResponse(f"{PATH}/{incident_id}?{urlencode({'told': 'noted'})}#notes", 303)

    async def _asked(self, request: Request) -> tuple[str, dict[str, str]]:
        """Who asks, and what the form holds. Raises `HTTPException` for who may not."""
        visitor = require(request, "analyst")
        given = dict(await self._forms.read(request))
        return signed(visitor, given.get("by", "")), given

    async def _find(self, incident_id: str) -> Incident:
        known = await find(self._store, incident_id)
        if known is None:
            raise HTTPException(404, _("There is no such incident"))
        return known

    async def _act(
        self, incident_id: str, given: dict[str, str], act: "Act", deed: Deed
    ) -> Response:
        known = await self._find(incident_id)
        told = deed.what if incident_words.active(known) else "past"
        if incident_words.active(known):
            await do(self._store, known, act, deed)
        self._stories.forget(incident_id)
        path = PATH if given.get("back") == "list" else f"{PATH}/{incident_id}"
        return RedirectResponse(f"{path}?{urlencode({'told': told})}", 303)

    def _page(self, request: Request, template: str, **given: Any) -> Response:
        page = self._pages.render(
            template,
            visitor=visitor_of(request),
            token=self._forms.token,
            now=utc_now(),
            snoozes=SNOOZES,
            **given,
        )
        headers = {"Cache-Control": "no-store"}
        return Response(page.encode("utf-8", "replace"), media_type="text/html", headers=headers)


def _page_number(given: str, total: int) -> int:
    """From 1, and no more than there are; the first where it is no number."""
    asked = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 1
    return max(1, min(asked, -(-total // SHOWN)))


Act = Callable[[Incident], Change]
_ACTIONS: Final[Mapping[What, str]] = {
    "acknowledged": "incident.acknowledge",
    "snoozed": "incident.snooze",
    "resolved": "incident.resolve",
}


async def do(store: Store, one: Incident, act: Act, deed: Deed) -> Incident | None:
    """Do it, note it beside the incident, and write it into the journal. `None` where it is gone.
    Raises `StoreError`."""
    done = await handle(store, one.id, act, deed)
    if done:
        until = {"until": deed.until.isoformat()} if deed.until else {}
        await journal.write(
            store,
            deed.by,
            _ACTIONS[deed.what],
            one.id,
            topic=one.topic,
            before={"status": one.status},
            after={"status": done.status, **until},
        )
    return done


def acknowledging(by: str) -> tuple[Act, Deed]:
    """What it does, and how it is noted."""
    who = name_of(by)
    deed = Deed(at=utc_now(), what="acknowledged", by=who)
    return lambda one: acts.acknowledged(one, who), deed


def snoozing(until: datetime, by: str) -> tuple[Act, Deed]:
    """What it does, and how it is noted."""
    deed = Deed(at=utc_now(), what="snoozed", by=name_of(by), until=until)
    return lambda one: acts.snoozed(one, until), deed


def resolving(by: str) -> tuple[Act, Deed]:
    """What it does, and how it is noted."""
    who = name_of(by)
    return lambda one: acts.resolved(one, who), Deed(at=utc_now(), what="resolved", by=who)


def name_of(by: str) -> str:
    """Who acted, on one line; someone of the staff where no name is given."""
    return clip("".join(letter for letter in by if letter.isprintable()), _MOST_NAME) or "staff"


def snoozed_until(span: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """`1h`, `8h`, or `tomorrow`: the next day at 8 by the clock of `zone`."""
    if span in ("1h", "8h"):
        return now + timedelta(hours=int(span[0]))
    if span == "tomorrow":
        day = (now.astimezone(zone) + timedelta(days=1)).replace(hour=8, minute=0, second=0)
        return day.replace(microsecond=0).astimezone(now.tzinfo)
    return None
