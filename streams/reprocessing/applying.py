"""What a run found, put in the place of what was: for every reader at once."""

from itertools import islice

from connectors.post import utc_now
from streams.alerts.past import note_past
from streams.beside import PIECE, Beside
from streams.errors import StoreError
from streams.reprocessing.difference import Difference
from streams.reprocessing.stage import Stage
from streams.store.port import Note, Replaced, Replacement, Store


class Applied(Replaced, kw_only=True):
    """What was written, and `sent` to those who read Kafka. A run that had stored all before it was
    broken off tells of the latter alone."""

    sent: int = 0


async def apply(
    store: Store, difference: Difference, stage: Stage, note: Note, beside: Beside | None = None
) -> Applied:
    """For readers of the store, then for those of the broker that `beside` leads to. Raises
    `StoreError` and `BrokerUnavailable`; broken off, it is done again and ends the same."""
    if difference.state == "reading":
        raise StoreError("the run is not finished. Remedy: let it come to its end first")
    work, topic = f"reprocess:{difference.topic}", difference.topic
    await note_past(store, work, utc_now(), topic=topic)
    applied = Applied()
    if difference.state == "ready":
        await _store(store, difference, stage, note, applied)
        difference.state = "stored"
        stage.save(difference, [])
    if beside is not None:
        applied.sent = await _send(beside, difference, stage, note)
        await note_past(store, work, utc_now(), topic=topic)
    difference.state = "applied"
    stage.save(difference, [])
    return applied


async def _store(
    store: Store, difference: Difference, stage: Stage, note: Note, applied: Applied
) -> None:
    changes = (Replacement(one, new=kind == "added") for kind, one in stage.changed())

    def noted(name: str, done: int, total: int | None) -> None:
        note(name, done, difference.changes if total is None else total)

    purpose = f"reprocess --topic {difference.topic}"
    done = await store.replace(changes, purpose=purpose, note=noted)
    applied.stored, applied.retracted = done.stored, done.retracted
    applied.stale, applied.steps = done.stale, done.steps


async def _send(beside: Beside, difference: Difference, stage: Stage, note: Note) -> int:
    """What is lost is sent as deleted: a retraction would also keep it from coming back."""
    changed, done = stage.changed(), 0
    while some := [one for _, one in islice(changed, PIECE)]:
        await beside.send(some)
        done += len(some)
        note("mentions sent", done, difference.changes)
    return done
