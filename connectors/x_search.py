"""Recent search of X, read to its end: newest first, however many pages and passes it takes.

Where a query was left is `{"since": id}`: everything up to there is read. Between two pages it
is `{"since" or "start": where the search begins, "newest": id, "until": id}`: what lies between
`until` and `newest` is read too.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors import http
from connectors.base import Context, Gap, Step, unreadable
from connectors.fields import mapping
from connectors.text import line
from connectors.x_api import Api, Page, TooOld
from connectors.x_posts import FIELDS, Included, earlier, read, time_of

_WINDOW: Final = timedelta(days=7)
_MARGIN: Final = timedelta(minutes=5)
_OVERLAP: Final = 30
"""Seconds: search shows a post some time after it was made, and not always in order."""
_MOST_PAGES: Final = 500
_MEMORY: Final = 5_000

Place = dict[str, str]


class Search:
    """Searches for one source; remembers the last posts, which the overlap brings again."""

    def __init__(self, context: Context, backfill: timedelta) -> None:
        self._context, self._backfill = context, backfill
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def posts(self, api: Api, query: str, place: Place) -> AsyncIterator[tuple[Step, Place]]:
        """Steps, and where the query is then read up to (only the last step of a page tells)."""
        place, gap = self._within_reach(place)
        if gap is not None:
            yield Step(gap=gap), place
        params, token, read_ids = self._params(query, place), "", set[str]()
        for _ in range(_MOST_PAGES):
            try:
                page = await api.search({**params, **({"next_token": token} if token else {})})
            except TooOld as error:
                if "since_id" not in params and "until_id" not in params:
                    raise
                gap, place = self._gap(place, str(error)), {}
                params, token = self._params(query, place), ""
                yield Step(gap=gap), place
                continue
            ids = _ids(page)
            repeats = bool(ids) and read_ids.issuperset(ids)
            read_ids.update(ids)
            steps = self.steps(page.items, page.whole, place.get("since", ""))
            for step in [] if repeats else steps:
                yield step, place
            token = "" if repeats else page.next_token
            place = _after(place, page, params.get("start_time", ""), last=not token)
            yield Step(), place
            if not token:
                return
        self._context.on_note(f"x: more than {_MOST_PAGES} pages for {query!r:.80}; going on later")

    def steps(self, items: list[Any], whole: dict[str, Any], since: str = "") -> list[Step]:
        """Posts, those that came last first; of those up to `since`, only what is new."""
        included = Included(whole)
        found: list[Step] = []
        for item in reversed(items):
            number = line(mapping(item).get("id"))
            known = number in self._seen
            if number.isdigit():
                self._seen[number] = None
            if len(self._seen) > _MEMORY:
                self._seen.popitem(last=False)
            if not (known and since and int(number) <= int(since)):
                found.append(self._step(mapping(item), included))
        return found

    def _step(self, item: dict[str, Any], included: Included) -> Step:
        place = f"x post {line(item.get('id')) or '(without id)'}"
        try:
            return Step(post=read(item, included, http.current_time(self._context)))
        except ValueError as error:
            raw = msgspec.json.encode(included.needed(item))
            return unreadable(place, error, raw)

    def _params(self, query: str, place: Place) -> dict[str, str]:
        """The same for all pages of a search."""
        params = {"query": query, **FIELDS}
        if since := place.get("since"):
            params["since_id"] = earlier(since, _OVERLAP)
        else:
            floor = http.current_time(self._context) - min(self._backfill, _WINDOW - _MARGIN)
            params["start_time"] = place.get("start") or f"{floor:%Y-%m-%dT%H:%M:%SZ}"
        if until := place.get("until"):
            params["until_id"] = until
        return params

    def _within_reach(self, place: Place) -> tuple[Place, Gap | None]:
        """Where to go on, and the gap that seven days without a pass leave."""
        now = http.current_time(self._context)
        begins = now - _WINDOW + _MARGIN
        since = time_of(place.get("since", ""))
        until = time_of(place.get("until", ""))
        if until is not None and until < begins:
            newest = place.get("newest", "")
            reason = "the budget left these posts unread until recent search knew them no more"
            gap = Gap(since=_shown(since, place), until=until.isoformat(), reason=reason)
            return ({"since": newest} if newest else {}), gap
        if since is None or since >= begins:
            return place, None
        fresh = {**place, "start": f"{begins:%Y-%m-%dT%H:%M:%SZ}"}
        del fresh["since"]
        reason = "recent search knows the last seven days alone"
        return fresh, Gap(since=since.isoformat(), until=begins.isoformat(), reason=reason)

    def _gap(self, place: Place, why: str) -> Gap:
        begins = http.current_time(self._context) - min(self._backfill, _WINDOW - _MARGIN)
        since = time_of(place.get("since", ""))
        return Gap(since=_shown(since, place), until=begins.isoformat(), reason=why)


def _shown(since: datetime | None, place: Place) -> str:
    return since.isoformat() if since else place.get("since") or place.get("start", "")


def _ids(page: Page) -> list[str]:
    return [one for item in page.items if (one := line(mapping(item).get("id"))).isdigit()]


def _after(place: Place, page: Page, start: str, *, last: bool) -> Place:
    """The newest id is that of the first page; it counts once the last page is read."""
    ids = _ids(page)
    told = line(mapping(page.whole.get("meta")).get("newest_id"))
    newest = place.get("newest") or (told if told.isdigit() else max(ids, key=int, default=""))
    if last:
        since = max(filter(None, (newest, place.get("since"))), key=int, default="")
        return {"since": since} if since else {}  # nothing yet: the start moves with the clock
    until = min(filter(None, (*ids, place.get("until"))), key=int, default="")
    begun = {**place, "start": start, "newest": newest, "until": until}
    return {name: value for name, value in begun.items() if value}
