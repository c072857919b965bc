"""What a shared link may show: which views, with which filters, and each of them as one page."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from markupsafe import Markup

from connectors.post import utc_now
from streams.alerts.around import around
from streams.alerts.deeds import find
from streams.alerts.key_posts import key_post, read
from streams.alerts.sources import seen_by
from streams.store.port import Store
from streams.web import incident_charts, pictures
from streams.web.charts import Drawings
from streams.web.exports.given import Given
from streams.web.exports.routes import ExportPages
from streams.web.exports.tables import Row, Table
from streams.web.exports.views import VIEWS
from streams.web.filters import Pair, Query
from streams.web.i18n import N_, _
from streams.web.incident_words import hidden
from streams.web.pictures import Picture
from streams.web.reports import asked as reports
from streams.web.reports.shares import Share, ShareError
from streams.web.visitor import Visitor

REPORT: Final = "/reports/weekly"
_INCIDENT: Final = "/incidents/"
_BY_PATH: Final = {view.path: name for name, view in VIEWS.items()}
TITLES: Final = {
    "mentions": N_("Mentions"),
    "authors": N_("Authors"),
    "overview": N_("Overview"),
    "incidents": N_("Incidents"),
}
_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    "authors": ("source", "author", "mentions", "negative", "neutral", "positive",
                "negative share"),
    "overview": ("topic", "mentions", "change", "negative", "neutral", "positive",
                 "negative share", "negative share before"),
    "incidents": ("topic", "source", "severity", "state", "began", "until", "what happened",
                  "negative share"),
}  # fmt: skip
"""The columns that a page has room for; files have all."""
_COLUMNS: Final = (
    N_("topic"), N_("source"), N_("author"), N_("mentions"), N_("change"), N_("negative"),
    N_("neutral"), N_("positive"), N_("negative share"), N_("negative share before"),
    N_("severity"), N_("state"), N_("began"), N_("until"), N_("what happened"),
)  # fmt: skip
POSTS: Final = 30
ROWS: Final = 200
_PERIOD: Final = ("range", "since", "until")


def name_of(path: str) -> str:
    """`report`, `incident`, or the name of the view. Raises `ShareError` for what is not shared."""
    if path == REPORT:
        return "report"
    if path.startswith(_INCIDENT) and path.count("/") == 2:
        return "incident"
    if path in _BY_PATH:
        return _BY_PATH[path]
    shared = ", ".join((*_BY_PATH, REPORT, f"{_INCIDENT}…"))
    raise ShareError(f"{path[:80]}: this page can't be shared. Remedy: one of {shared}")


async def settled(
    store: Store, path: str, pairs: Sequence[Pair], visitor: Visitor, *, rolling: bool
) -> tuple[Pair, ...]:
    """The filters that a link keeps: with the period as it is now, or one that moves on.

    Raises `ShareError`, `BadFilter`, `StoreError`.
    """
    name = name_of(path)
    if name == "incident":
        if await find(store, path.removeprefix(_INCIDENT)) is None:
            raise ShareError("there is no such incident. Remedy: copy its page's address")
        return ()
    if name == "report":
        asked = reports.read(pairs, zone=visitor.zone, now=utc_now())
        return tuple(("topic", topic) for topic in asked.topics) if rolling else tuple(asked.pairs)
    given = await VIEWS[name].read(store, pairs, visitor)
    if rolling:
        return given.pairs
    kept = [pair for pair in given.pairs if pair[0] not in _PERIOD]
    if name == "incidents":
        since, until = given.since, given.until
    else:
        since, until = given.where.since or given.since, given.where.until or given.until
    whole = until + timedelta(seconds=1)  # to the second, and no narrower
    return (*kept, ("since", _written(since)), ("until", _written(whole)))


def _written(at: datetime) -> str:
    return at.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")


async def reading(exports: ExportPages, share: Share, visitor: Visitor, cursor: str) -> Given:
    """The filters of a link, and of what its address adds only where a page goes on."""
    more = [("cursor", cursor)] if cursor else []
    return await exports.read(name_of(share.path), [*share.pairs, *more], visitor)


async def of_view(store: Store, drawings: Drawings, share: Share, given: Given) -> dict[str, Any]:
    """What the template needs of a view of mentions, authors, topics or incidents."""
    name = name_of(share.path)
    picture = await VIEWS[name].picture(store, given)
    shown: dict[str, Any] = {
        "name": name,
        "heading": _(TITLES[name]),
        "given": given,
        "drawn": await _drawn(drawings, picture),
        "label": picture.title,
        "totals": None if name == "incidents" else await store.count(given.where),
        "posts": [],
        "older": "",
        "columns": [],
        "rows": [],
    }
    if name == "mentions":
        found = await store.search(given.open, limit=POSTS, cursor=given.cursor)
        shown["posts"] = [key_post(read(mention, ()), 1) for mention in found.mentions]
        shown["older"] = _later(found.cursor, given.now)
    else:
        table = VIEWS[name].tables(store, given)[0]
        places = [n for n, column in enumerate(table.columns) if column.name in _SHOWN[name]]
        rows = [[row[n] for n in places] for row in await _first(table)]
        shown |= {"columns": [table.columns[n] for n in places], "rows": rows}
    return shown


def _later(cursor: str, now: datetime) -> str:
    return Query().next_cursor(cursor, now)


async def _first(table: Table) -> list[Row]:
    found: list[Row] = []
    async for page in table.rows():
        found += page
        if len(found) >= ROWS:
            break
    return found[:ROWS]


async def of_incident(
    store: Store, drawings: Drawings, share: Share, visitor: Visitor
) -> dict[str, Any] | None:
    """What the template needs of one incident; `None` where it was withdrawn meanwhile."""
    one = await find(store, share.path.removeprefix(_INCIDENT))
    if one is None or hidden(one):
        return None
    found = await around(seen_by(store, one), one, now=utc_now())
    picture = Picture(
        spec=incident_charts.incident(found, one),
        width=680,
        height=230,
        zone=visitor.zone,
        language=visitor.language,
        legend=False,
    )
    return {"one": one, "drawn": await _drawn(drawings, picture)}


async def _drawn(drawings: Drawings, picture: Picture) -> Markup:
    plain = msgspec.structs.replace(picture, title="", lines=[], width=680)
    return await pictures.inline(drawings, plain)
