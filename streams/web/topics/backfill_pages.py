"""The page of back-fills: what a topic would have caught, while it is worked out and afterwards."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from connectors.post import utc_now
from streams.errors import ConfigError
from streams.topics.backfill import Backfill, since_of
from streams.web.overview.sparkline import bars
from streams.web.pages import Pages
from streams.web.topics.room import Room
from streams.web.visitor import require, visitor_of

PATH: Final = "/topics-backfill"
SPANS: Final = (7, 30, 90, 365)
USUAL: Final = 90


class BackfillPages:
    """The routes over one room."""

    def __init__(self, room: Room, pages: Pages) -> None:
        self._room = room
        self._pages = pages

    def add_to(self, app: FastAPI) -> None:
        for path, endpoint, method in (
            (PATH, self.show, "GET"),
            (PATH + "/parts", self.parts, "GET"),
            (PATH, self.change, "POST"),
        ):
            app.add_api_route(
                path, endpoint, methods=[method], include_in_schema=False, response_class=Response
            )

    async def show(self, request: Request) -> Response:
        """A form, and what was found."""
        return await self._page(request, "topic_backfill.html")

    async def parts(self, request: Request) -> Response:
        """What was found so far, for the script to put in place."""
        return await self._page(request, "topic_backfill_parts.html")

    async def change(self, request: Request) -> Response:
        """Start one, stop one, go on with one."""
        visitor = require(request, "analyst")
        given = dict(await self._pages.forms.read(request))
        do, name = given.get("do", ""), given.get("topic", "")
        store = given.get("store") == "1"
        if store:
            require(request, "admin")
        topic = self._room.topics.by_id.get(name)
        if topic is None:
            raise HTTPException(404, "There is no such topic")
        try:
            if do == "start":
                days = given.get("days", "")
                since = since_of(int(days) if days.isascii() and days.isdigit() else 0, utc_now())
                await self._room.backfills.start(topic, since, store=store, by=visitor.name)
            else:
                job = await self._job(given.get("job", ""))
                if job.store:
                    require(request, "admin")
                await self._act(do, job)
        except ConfigError as error:
            return await self._page(request, "topic_backfill.html", name, str(error), 400)
        return RedirectResponse(f"{PATH}?{urlencode({'topic': name})}", 303)

    async def _act(self, do: str, job: Backfill) -> None:
        if do == "stop":
            await self._room.backfills.cancel(job)
        elif do == "go-on":
            await self._room.backfills.go_on(job)
        else:
            raise HTTPException(400, "Nothing was asked for")

    async def _job(self, name: str) -> Backfill:
        job = await self._room.backfills.get(name)
        if job is None:
            raise HTTPException(404, "There is no such back-fill")
        return job

    async def _page(
        self,
        request: Request,
        template: str,
        topic: str = "",
        error: str = "",
        status: int = 200,
    ) -> Response:
        name = topic or request.query_params.get("topic", "")[:1_000]
        known = self._room.topics.by_id.get(name)
        if known is None:
            raise HTTPException(404, "There is no such topic")
        jobs = await self._room.backfills.all(name)
        visitor = visitor_of(request)
        body = self._pages.render(
            template,
            visitor=visitor,
            topic=known,
            jobs=jobs[:5],
            going=[job.id for job in jobs if self._room.backfills.is_running(job)],
            kept=self._room.keeps_posts,
            days=_days,
            bars=bars,
            spans=SPANS,
            usual=USUAL,
            error=error,
            may_store=visitor.may("admin"),
            may_try=visitor.may("analyst"),
            now=utc_now(),
        )
        headers = {"Cache-Control": "no-store"}
        return HTMLResponse(body.encode("utf-8", "replace"), status, headers=headers)


def _days(job: Backfill) -> Sequence[dict[str, Any]]:
    """Days with their counts, the oldest first."""
    return [
        {"day": day, "total": one.total, "neg": one.neg, "neu": one.neu, "pos": one.pos,
         "unscored": one.unscored}
        for day, one in sorted(job.days.items())
    ]  # fmt: skip
