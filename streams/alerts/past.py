"""The past that came in late: incidents of back then are kept for pages, and nobody is called.

Who brings in history says so before the first post. For some days then an incident that opened more
than a day before is not told, whoever finds it and when.
"""

from datetime import datetime, timedelta
from typing import Final

from streams.alerts.records import Incident
from streams.store.port import Store

PAST: Final = "past"
"""The kind of states that say so, by what brought it in."""
FRESH: Final = timedelta(days=1)
_HOLDS: Final = timedelta(days=7)


async def note_past(store: Store, name: str, now: datetime) -> None:
    """History comes in now. Raises `StoreError`."""
    await store.put_state(PAST, name, {"at": now.isoformat()})


async def is_past(store: Store, incident: Incident, now: datetime) -> bool:
    """Whether nobody is to be told of what history brought up. Raises `StoreError`."""
    if incident.opened_at > now - FRESH:
        return False
    told = (await store.states(PAST)).values()
    return any(_since(one.get("at")) > now - _HOLDS for one in told)


def _since(said: object) -> datetime:
    try:
        return datetime.fromisoformat(str(said))
    except ValueError:
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
