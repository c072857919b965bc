"""The past that came in late: incidents of back then are kept for pages, and nobody is called.

Who brings in history says so before the first post. For some days then an incident that opened more
than a day before is not told, whoever finds it and when. Where it is known which topic the history
is of, an hour is enough on the first day, and other topics go on as ever.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from streams.alerts.records import Incident
from streams.store.port import Store

PAST: Final = "past"
"""The kind of states that say so, by what brought it in."""
FRESH: Final = timedelta(days=1)
FRESH_AT_FIRST: Final = timedelta(hours=1)
"""Of a topic that was noted within the last day: what is live is found within minutes."""
_HOLDS: Final = timedelta(days=7)
_FIRST: Final = timedelta(days=1)


async def note_past(store: Store, name: str, now: datetime, *, topic: str = "") -> None:
    """History comes in now, of all topics or of one. Raises `StoreError`."""
    await store.put_state(PAST, name, {"at": now.isoformat(), "topic": topic})


async def is_past(store: Store, incident: Incident, now: datetime) -> bool:
    """Whether nobody is to be told of what history brought up. Raises `StoreError`."""
    if incident.opened_at > now - FRESH_AT_FIRST:
        return False
    told = (await store.states(PAST)).values()
    return any(_covers(one, incident, now) for one in told)


def _covers(one: Mapping[str, Any], incident: Incident, now: datetime) -> bool:
    topic, since = one.get("topic", ""), now - _since(one.get("at"))
    if since >= _HOLDS or topic not in ("", incident.topic):
        return False
    fresh = FRESH_AT_FIRST if topic and since < _FIRST else FRESH
    return incident.opened_at <= now - fresh


def _since(said: object) -> datetime:
    try:
        return datetime.fromisoformat(str(said))
    except ValueError:
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
