"""What `veille store init` plans for a server, and does."""

from streams.settings import Store as StoreSettings
from streams.store.es_changes import Plan
from streams.store.es_plan import Initialising


async def planned(settings: StoreSettings, *, apply: bool = False) -> Plan:
    """What is to be changed there; with `apply` it then is."""
    target = Initialising(settings)
    try:
        plan = await target.plan()
        if apply:
            await target.apply(plan)
        return plan
    finally:
        await target.close()
