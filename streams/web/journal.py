"""What visitors do, written into the journal."""

import uuid
from typing import Any

from connectors.post import utc_now
from streams.store.journal import Entry
from streams.store.port import Store


async def write(
    store: Store,
    by: str,
    action: str,
    subject: str,
    *,
    topic: str = "",
    before: Any = None,
    after: Any = None,
    note: str = "",
) -> Entry:
    """Durable when it returns. Raises `StoreError`."""
    entry = Entry(
        id=uuid.uuid4().hex,
        at=utc_now(),
        by=by,
        action=action,
        subject=subject,
        topic=topic,
        before=before,
        after=after,
        note=note,
    )
    await store.add_entries([entry])
    return entry
