"""One row a source: its state, rhythm, gaps and what it gave, also of one never heard of. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from connectors.account import Account
from connectors.base import Source as Configured
from connectors.registry import ALIASES, CONNECTORS
from streams.source_gaps import Shade
from streams.web.health import STATES, Source
from streams.web.sources.rhythm import Rhythm, rhythm

Known = Literal["set", "unheard", "gone"]
"""In the settings and heard of; in the settings and never heard of; heard of and not in them."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """All of one source. `mentions` are those of the last 24 hours that came from its connector,
    which several sources may share; `covered` is the part of the last day in which it was giving,
    `None` of one that is off."""

    source: Source
    known: Known
    rhythm: Rhythm
    quiet: bool
    docs: str
    """The name of its page, `docs/connectors/<name>.md`; empty for an unknown connector."""
    mentions: int
    covered: float | None
    gaps: list[Shade] = []
    published: int = 0
    """Posts of all time by its account."""

    @property
    def bad(self) -> bool:
        return self.source.tone == "bad"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of all sources, by id; mentions by connector."""

    accounts: Mapping[str, Account] = {}
    covered: Mapping[str, float] = {}
    gaps: Mapping[str, list[Shade]] = {}
    mentions: Mapping[str, int] = {}


def rows(
    sources: Sequence[Source],
    configured: Sequence[Configured] | None,
    told: Told,
    now: datetime,
) -> list[Row]:
    """Failing ones first, then those never heard of, then by name. `configured` is `None` where
    the settings are not known here."""
    settings = {one.id: one for one in configured or ()}
    heard = {one.id: one for one in sources}
    found = [
        _row(one, settings.get(one.id), _known(one, settings, configured is not None), told, now)
        for one in sources
    ]
    new = (one for one in configured or () if one.id not in heard)
    found.extend(_row(unheard(one), one, "unheard", told, now) for one in new)
    return sorted(found, key=_place)


def _known(one: Source, settings: Mapping[str, Configured], are: bool) -> Known:
    return "set" if one.id in settings or not are else "gone"


def unheard(one: Configured) -> Source:
    """A source that has told nothing of itself yet."""
    state = "unheard" if one.enabled else "disabled"
    symbol, tone = STATES.get(state, ("○", "bad"))
    return Source(
        id=one.id,
        connector=one.connector,
        state=state,
        symbol=symbol,
        tone=tone,
        reason="",
        until=None,
        posts=0,
        dead=0,
        gaps=0,
        usage=[],
        last_post_at=None,
    )


def _row(one: Source, setting: Configured | None, known: Known, told: Told, now: datetime) -> Row:
    connector = one.connector or (setting.connector if setting else "")
    name = ALIASES.get(connector, connector)
    account = told.accounts.get(one.id)
    beat = rhythm(name, setting.options if setting else {}, account, now)
    runs = one.state in {"running", "waiting"}
    return Row(
        source=one,
        known=known,
        rhythm=beat,
        quiet=runs and beat.quiet(one.last_post_at, now),
        docs=name if name in CONNECTORS else "",
        mentions=told.mentions.get(one.id, told.mentions.get(name, 0)),
        covered=told.covered.get(one.id),
        gaps=told.gaps.get(one.id, []),
        published=_published(account) if account else one.posts,
    )


def _published(account: Account) -> int:
    return account.older.published + sum(row.published for row in account.hours.values())


def _place(row: Row) -> tuple[int, str]:
    order = 0 if row.bad else 1 if row.quiet else 3 if row.source.state == "disabled" else 2
    return order, row.source.id
