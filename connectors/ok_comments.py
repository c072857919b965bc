"""Comments of Odnoklassniki's topics, oldest first: the anchor of the last page is where the next
look begins, so that none is missed however many came."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Final

from connectors.base import Step
from connectors.errors import Refused
from connectors.fields import mapping, mappings
from connectors.ok_api import Closed
from connectors.ok_desk import Desk, Read
from connectors.ok_posts import SITE, Entities, comment, entities, moment_of
from connectors.text import line

_PAGE: Final = 100
_MOST_PAGES: Final = 20
_MOST_LOOKS: Final = 50


async def comments(desk: Desk) -> AsyncIterator[Step]:
    """New comments of the watched topics that are due, and of those first seen with some."""
    names = dict.fromkeys([*desk.unread, *desk.follow.due(desk.now, _MOST_LOOKS)])
    for name in list(names)[:_MOST_LOOKS]:
        anchor, at, last = [*desk.follow.mark(name).split(" "), "", "", ""][:3]
        newest, fresh = (at, last), 0
        try:
            async for page, beside, following in _pages(desk, name, anchor):
                new = [one for one in page if _later(one, at, last, desk.now)]
                for item in sorted(new, key=lambda one: _order(one, desk.now)):
                    read = _reader(desk, item, beside, name)
                    for step in desk.steps(f"ok comment of {name}", read, item, watch=False):
                        yield step
                fresh += len(new)
                ends = max((*new, {}), key=lambda one: _order(one, desk.now))
                if _order(ends, desk.now) > float(newest[0] or 0):
                    newest = (str(_order(ends, desk.now)), line(ends.get("id"), limit=200))
                anchor = following or anchor
        except Closed:
            desk.follow.drop(name)
            continue
        except Refused as error:
            desk.context.on_note(f"comments of {name} are read from the first next time: {error}")
            anchor = ""
        desk.follow.looked(name, desk.now, fresh, " ".join((anchor, *newest)))
        yield Step(cursor=desk.cursor())


async def _pages(
    desk: Desk, name: str, anchor: str
) -> AsyncIterator[tuple[list[dict[str, Any]], Entities, str]]:
    """Pages of comments from `anchor` on, each with what came beside it and its own anchor.
    What is left after the last page is read at the next look."""
    number = name.partition("@")[0]
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        params = {
            "discussionId": number,
            "discussionType": "GROUP_TOPIC",
            "anchor": anchor or "FIRST",
            "direction": "FORWARD",
            "count": str(_PAGE),
            "fields": "comment.*,user.*,group.*",
        }
        response = mapping(await desk.api.call("discussions.getComments", params))
        page = mappings(response.get("comments"), _PAGE * 10)
        new = [one for one in page if str(one.get("id")) not in seen]
        seen.update(str(one.get("id")) for one in new)
        following = line(response.get("anchor"), limit=500)
        following = "" if " " in following else following
        yield new, entities(response), following
        if not new or following in ("", anchor) or response.get("has_more") is False:
            return
        anchor = following


def _reader(desk: Desk, item: Any, beside: Entities, name: str) -> Read:
    number, _, home = name.partition("@")
    url = f"{SITE}/group/{home}/topic/{number}" if home else ""
    return lambda: comment(item, beside, desk.now, under=number, url=url)


def _order(item: Any, now: datetime) -> float:
    try:
        return moment_of(item, now).timestamp()
    except ValueError:
        return 0.0


def _later(item: Any, at: str, last: str, now: datetime) -> bool:
    """An anchor may give what it stands for again; what has no time is read, for the record."""
    order = _order(item, now)
    return not at or not order or (order >= float(at) and line(item.get("id"), limit=200) != last)
