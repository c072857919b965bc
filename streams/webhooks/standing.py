"""How each webhook stands: what it got, since when it fails, how old what waits may be."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from connectors.post import Moment
from streams.alerts.lease import LEASE, is_over
from streams.settings import Webhook as WebhookSettings
from streams.store.port import Store
from streams.webhooks.posting import DEAD, Place, places
from streams.webhooks.running import LEASE as OURS


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook of the settings. `failures` are tries that failed, ever; `dead` is what is set
    aside now. All that arrived until `caught_up_at` was posted: nothing that waits is older."""

    id: str
    topics: list[str]
    sent: int = 0
    sent_at: Moment | None = None
    failures: int = 0
    failing_since: Moment | None = None
    error: str = ""
    dead: int = 0
    caught_up_at: Moment | None = None

    @property
    def sentence(self) -> str:
        """What is wrong with it; empty where nothing is."""
        parts = []
        if self.failing_since:
            parts.append(f"fails since {_told(self.failing_since)}: {self.error}")
            if self.caught_up_at:
                parts.append(f"what came from {_told(self.caught_up_at)} on may wait")
        if self.dead:
            parts.append(f"{self.dead:,} set aside (veille webhooks replay {self.id})")
        return "; ".join(parts)


async def standings(store: Store, given: Sequence[WebhookSettings]) -> list[Standing]:
    """Of each webhook of the settings, in their order. Raises `StoreError`."""
    if not given:
        return []
    known = await places(store)
    dead = Counter(str(one.get("webhook")) for one in (await store.states(DEAD)).values())
    return [_standing(one, known.get(one.id, Place(cursor="")), dead[one.id]) for one in given]


def _standing(given: WebhookSettings, place: Place, dead: int) -> Standing:
    return Standing(
        id=given.id,
        topics=given.topics,
        sent=place.sent,
        sent_at=place.sent_at,
        failures=place.failures,
        failing_since=place.failing_since,
        error=place.error,
        dead=dead,
        caught_up_at=place.caught_up_at,
    )


async def at_work(store: Store, now: datetime) -> bool:
    """Whether a process posts, by its last word. Raises `StoreError`."""
    return not is_over((await store.states(LEASE)).get(OURS) or {}, now)


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
