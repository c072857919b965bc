"""An alert for each source of whose posts too many die: a pile of dead letters is never silent."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from streams.alerts.state import ALERT, AlertState
from streams.settings import Pipeline
from streams.store.port import Store

KIND: Final = "dead-letters"
WINDOW: Final = timedelta(hours=1)
EVERY: Final = timedelta(seconds=15)
_UNKNOWN: Final = "unknown"
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)


def judge(
    died: Mapping[str, int],
    sources: Mapping[str, dict[str, Any]],
    now: datetime,
    settings: Pipeline,
) -> dict[str, AlertState]:
    """The alerts that should stand, by source: pure. `died` counts the last hour's letters.

    A source that has run for longer than an hour is taken to have given posts evenly; one that
    tells nothing of itself (posts of another program) is judged by the count alone.
    """
    found: dict[str, AlertState] = {}
    for source, dead in died.items():
        posts = volume(source, sources, now)
        share = 1.0 if posts is None else dead / (dead + posts)
        if dead >= settings.dead_least and share > settings.dead_share:
            found[source or _UNKNOWN] = _alert(source or _UNKNOWN, dead, share, now)
    return found


def volume(source: str, sources: Mapping[str, dict[str, Any]], now: datetime) -> float | None:
    """Good posts of the last hour, of the source with this id or else of the connectors of this
    name; `None` where none tells."""
    mine = [sources[source]] if source in sources else []
    mine = mine or [one for one in sources.values() if source and one.get("connector") == source]
    return sum(_hourly(one, now) for one in mine) if mine else None


def _hourly(told: Mapping[str, Any], now: datetime) -> float:
    posts = told.get("posts")
    total = float(posts) if isinstance(posts, int | float) else 0.0
    try:
        age = now - datetime.fromisoformat(str(told.get("started_at")))
    except (ValueError, TypeError):
        return total
    return total * min(1.0, WINDOW / age) if age > timedelta(0) else total


def _alert(source: str, dead: int, share: float, now: datetime) -> AlertState:
    return AlertState(
        kind=KIND,
        since=now,
        text=(
            f"{dead:,} posts of {source} died within the last hour, {share:.0%} of what came. "
            f"None is lost. Remedy: `veille dead-letters list` tells why; once it is mended, "
            f"`veille dead-letters replay`"
        ),
        figures={"dead": float(dead), "share": round(share, 4)},
    )


class DeathWatch:
    """Looks every 15 s; opens alerts, keeps their figures current, and closes them by itself."""

    def __init__(self, store: Store, settings: Pipeline) -> None:
        self._store = store
        self._settings = settings
        self._looked = datetime.min.replace(tzinfo=UTC)

    async def look(self, now: datetime) -> None:
        """Raises `StoreError`."""
        if now - self._looked < EVERY:
            return
        self._looked = now
        died = await self._store.dead_letter_counts(now - WINDOW)
        wanted = judge(died, await self._store.states("source"), now, self._settings)
        told = await self._store.states(ALERT)
        for source, alert in wanted.items():
            await self._tell(f"{KIND}:{source}", alert, told)
        over = told.keys() - {f"{KIND}:{source}" for source in wanted}
        for key in over:
            if key.startswith(f"{KIND}:") and told[key]:
                await self._store.put_state(ALERT, key, {})

    async def _tell(self, key: str, alert: AlertState, told: Mapping[str, dict[str, Any]]) -> None:
        known = told.get(key) or {}
        if known.get("figures") == alert.figures:
            return
        value: dict[str, Any] = msgspec.to_builtins(alert)
        await self._store.put_state(
            ALERT, key, {**value, "since": known.get("since", value["since"])}
        )


async def standing(store: Store) -> list[AlertState]:
    """All alerts that stand now, of any kind, oldest first. Raises `StoreError`."""
    told = (await store.states(ALERT)).values()
    return sorted((_read(one) for one in told if one), key=lambda alert: alert.since)


def _read(told: dict[str, Any]) -> AlertState:
    """An alert of another program's making is shown as far as it can be read, never hidden."""
    try:
        return msgspec.convert(told, AlertState)
    except msgspec.ValidationError:
        text = str(told.get("text") or told)[:500]
        return AlertState(kind=str(told.get("kind", "?")), since=_FIRST, text=text)
