"""An incident's whole story on one page, all of it from what is stored."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.post import Moment
from streams.alerts import book
from streams.alerts.around import NEGATIVE, Around, around
from streams.alerts.deeds import Deed, deeds
from streams.alerts.records import BUCKET_SECONDS, Incident, KeyPost
from streams.alerts.sources import seen_by
from streams.store.port import Store
from streams.web import incident_charts
from streams.web.cards import safe_url
from streams.web.filters import Pair, link
from streams.web.formats import moment
from streams.web.i18n import N_, Words, _
from streams.web.incident_notes import Note, notes
from streams.web.incident_spread import Spreading, spreading
from streams.web.incident_words import active

NOTICE: Final = "notice"
"""The kind of states that say which message went to which channel."""


NOTICED: Final = Words(
    {
        "waiting": N_("waiting"),
        "delivered": N_("delivered"),
        "failed": N_("failed"),
        "expired": N_("given up"),
        "dropped": N_("not needed any more"),
    }
)
EVENTS: Final = Words(
    {
        "opened": N_("opened"),
        "updated": N_("updated"),
        "grown": N_("grown"),
        "resolved": N_("over"),
        "reopened": N_("opened again"),
        "withdrawn": N_("withdrawn"),
        "escalated": N_("nobody looked after it"),
    }
)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the story's timeline. `posts` says whose clock it is: the posts' or ours."""

    at: datetime
    shape: str
    text: str
    who: str = ""
    posts: bool = False


class _Of(msgspec.Struct, frozen=True):
    id: str = ""


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs of a notice."""

    channel: str
    event: str
    created_at: Moment
    status: str = "waiting"
    incident: _Of | None = None
    delivered_at: Moment | None = None
    attempts: int = 0
    last_error: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the page shows; what it says is said in the language of who reads it."""

    incident: Incident
    around: Around
    deeds: list[Deed]
    notices: list[Notice]
    spreading: Spreading
    notes: list[Note]
    merged: list[tuple[str, Incident | None]]
    part_of: str
    links: dict[str, str]

    @property
    def active(self) -> bool:
        return active(self.incident)

    @property
    def negative(self) -> bool:
        """Whether it counts negative mentions alone."""
        return self.around.negative

    @property
    def timeline(self) -> list[Line]:
        return timeline(self.incident, self.deeds, self.notices)

    @property
    def chart(self) -> dict[str, Any]:
        return incident_charts.incident(self.around, self.incident)


async def story(store: Store, incident_id: str, *, now: datetime) -> Story | None:
    """`None` where there is no such incident. Raises `StoreError`."""
    known = {one.id: one for one in await book.incidents(store)}
    one = known.get(incident_id)
    if one is None:
        return None
    found, acts, notices, spread, written = await asyncio.gather(
        around(seen_by(store, one), one, now=now),
        deeds(store, one.id),
        _notices(store, one.id),
        spreading(store, one),
        notes(store, one.id),
    )
    return Story(
        incident=one,
        around=found,
        deeds=list(acts),
        notices=sorted(notices, key=lambda notice: notice.created_at),
        spreading=spread,
        notes=written,
        merged=[(each, known.get(each)) for each in one.merged],
        part_of=one.part_of,
        links={
            "all": feed(one),
            "measured": measured(one),
            "triage": "/triage?" + measured(one).partition("?")[2],
        },
    )


async def _notices(store: Store, incident_id: str) -> list[Notice]:
    found = []
    for state in (await store.states(NOTICE)).values():
        try:
            notice = msgspec.convert(state, Notice)
        except msgspec.ValidationError:
            continue  # emptied, or of a version to come
        if notice.incident and notice.incident.id == incident_id:
            found.append(notice)
    return found


def timeline(
    one: Incident, acts: Iterable[Deed] = (), notices: Iterable[Notice] = ()
) -> list[Line]:
    """What happened, in the order of time, in the reader's language."""
    lines = [
        Line(at=one.began_at, shape="◇", text=_("began"), posts=True),
        Line(at=one.opened_at, shape="●", text=_("opened"), posts=True),
    ]
    if one.found_at:
        lines.append(Line(at=one.found_at, shape="○", text=_("found by Veille")))
    if one.resolved_at:
        lines.append(Line(at=one.resolved_at, shape="✓", text=_("over"), posts=True))
    else:
        lines.append(Line(at=one.until, shape="…", text=_("updated"), posts=True))
    known = list(acts)
    lines += map(_act, known)
    if one.acknowledged_by and not any(each.what == "acknowledged" for each in known):
        at = one.found_at or one.until
        text = _("acknowledged later by")
        lines.append(Line(at=at, shape="◐", text=text, who=one.acknowledged_by))
    lines += map(_sent, notices)
    return sorted(lines, key=lambda line: line.at)


_SHAPES: Final = {"acknowledged": "◐", "snoozed": "◔", "resolved": "✓"}
_DONE: Final = Words(
    {
        "acknowledged": N_("acknowledged"),
        "snoozed": N_("snoozed"),
        "resolved": N_("declared over"),
    }
)
_DONE_BY: Final = Words(
    {
        "acknowledged": N_("acknowledged by"),
        "snoozed": N_("snoozed by"),
        "resolved": N_("declared over by"),
    }
)


def _act(deed: Deed) -> Line:
    if deed.until:
        until = moment(deed.until)
        text = (
            _("snoozed until %(moment)s by", moment=until)
            if deed.by
            else _("snoozed until %(moment)s", moment=until)
        )
    else:
        text = (_DONE_BY if deed.by else _DONE)[deed.what]
    return Line(at=deed.at, shape=_SHAPES[deed.what], text=text, who=deed.by)


_SENT: Final = Words({"waiting": N_("to be told to"), "failed": N_("could not be told to")})


def _sent(notice: Notice) -> Line:
    if notice.delivered_at:
        return Line(at=notice.delivered_at, shape="✉", text=_("told to"), who=notice.channel)
    word = _SENT.get(notice.status) or _("%(state)s: to", state=notice.status)
    why = f"{notice.channel}: {notice.last_error}" if notice.last_error else notice.channel
    return Line(at=notice.created_at, shape="✉", text=word, who=why)


def feed(one: Incident, *more: Pair) -> str:
    """The mentions of its topic from its beginning to its last look."""
    until = max(one.until, one.began_at + timedelta(seconds=BUCKET_SECONDS))
    subject = ("source", one.source) if one.source else ("topic", one.topic)
    pairs = [subject, ("since", _iso(one.began_at)), ("until", _iso(until))]
    author = [("author", one.author)] if one.author else []
    if any(name == "author" for name, _ in more):
        author = []
    return link([*pairs, *author, *more])


def measured(one: Incident, *more: Pair) -> str:
    """Of these the ones that it is about."""
    mood: list[Pair] = []
    if one.kind in NEGATIVE:
        mood = [("sentiment", "neg")]
    elif one.kind == "positive-spike":
        mood = [("sentiment", "pos")]
    return feed(one, *mood, *more)


def of_term(one: Incident, term: str) -> str:
    """Of these the ones with that word in them."""
    plain = term.replace('"', " ").strip()
    return feed(one, ("q", f'"{plain}"'))


def of_author(one: Incident, post: KeyPost) -> str:
    return feed(one, ("author", post.author.removeprefix("@")))


def original(post: KeyPost) -> str:
    """Its address, where that is harmless."""
    return safe_url(post.url)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
