"""What a run found, put in the place of what was: for every reader at once."""

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from connectors.post import utc_now
from streams.alerts.past import note_past
from streams.beside import PIECE, Beside
from streams.errors import StoreError
from streams.records import Mention
from streams.reprocessing.difference import Difference
from streams.reprocessing.stage import Stage
from streams.store.port import Store
from streams.store.rules import content_version, labelled

if TYPE_CHECKING:
    from streams.store.elasticsearch import ElasticsearchStore

AT_ONCE: Final = 20_000
"""Changes that SQLite writes in one transaction: its memory grows with them."""


class Applied(msgspec.Struct, kw_only=True):
    """What was written. `steps` in which readers saw it: one, unless there was too much; in
    Elasticsearch one a month. `sent` to those who read Kafka, also in a run that had stored all
    before it was broken off."""

    stored: int = 0
    retracted: int = 0
    stale: int = 0
    steps: int = 0
    sent: int = 0


Note = Callable[[str, int, int], None]


async def apply(
    store: Store, difference: Difference, stage: Stage, note: Note, beside: Beside | None = None
) -> Applied:
    """For readers of the store, then for those of the broker that `beside` leads to. Raises
    `StoreError` and `BrokerUnavailable`; broken off, it is done again and ends the same."""
    if difference.state == "reading":
        raise StoreError("the run is not finished. Remedy: let it come to its end first")
    await note_past(store, f"reprocess:{difference.topic}", utc_now())
    applied = Applied()
    if difference.state == "ready":
        applied = await _stored(store, difference, stage, note)
        difference.state = "stored"
        stage.save(difference, [])
    if beside is not None:
        applied.sent = await _sent(beside, difference, stage, note)
        await note_past(store, f"reprocess:{difference.topic}", utc_now())
    difference.state = "applied"
    stage.save(difference, [])
    return applied


async def _sent(beside: Beside, difference: Difference, stage: Stage, note: Note) -> int:
    """What is lost is sent as deleted: a retraction would also keep it from coming back."""
    changed, done = stage.changed(), 0
    while some := [one for _, one in islice(changed, PIECE)]:
        await beside.send(some)
        done += len(some)
        note("mentions sent", done, difference.changes)
    return done


async def _stored(store: Store, difference: Difference, stage: Stage, note: Note) -> Applied:
    from streams.store.elasticsearch import ElasticsearchStore  # noqa: PLC0415 # heavy import

    if isinstance(store, ElasticsearchStore):
        return await _by_months(store, difference.topic, stage, note)
    return await _by_transactions(store, difference, stage, note)


async def _by_transactions(
    store: Store, difference: Difference, stage: Stage, note: Note
) -> Applied:
    applied, some, done = Applied(), list[Mention](), 0
    for _, one in stage.changed():
        some.append(one)
        if len(some) == AT_ONCE:
            await _write(store, some, applied)
            done, some = done + len(some), []
            note("mentions", done, difference.changes)
    if some:
        await _write(store, some, applied)
        note("mentions", done + len(some), difference.changes)
    return applied


async def _write(store: Store, mentions: list[Mention], applied: Applied) -> None:
    report = await store.write(mentions)
    if report.rejected:
        first = report.rejected[0]
        raise StoreError(f"the store refused {len(report.rejected)} mentions: {first.reason}")
    applied.stored += report.stored - sum(one.deleted for one in mentions)
    applied.retracted += report.retracted
    applied.stale += report.stale
    applied.steps += 1


async def _by_months(store: "ElasticsearchStore", topic: str, stage: Stage, note: Note) -> Applied:
    """Each month of Elasticsearch is made anew with the changes in it, then stands in the place
    of the old one."""
    from streams.store.es_setup import month_of  # noqa: PLC0415 # heavy import

    remake = store.remake(purpose=f"reprocess --topic {topic}", note=note)
    prefix = remake.months.readers.removesuffix("-mentions")
    months: dict[str, dict[str, Mention]] = {}
    new: set[str] = set()
    for kind, one in stage.changed():
        months.setdefault(month_of(prefix, one.post.created_at), {})[one.id] = one
        new |= {one.id} if kind == "added" else set()
    known = {month.name for month in await remake.months.all()}
    applied = Applied()
    for name, changes in sorted(months.items()):
        if name not in known:  # no mention of that month was ever stored
            await _write(store, list(changes.values()), applied)
            continue
        extra = [one for one in changes.values() if one.id in new]
        remade = await remake.run(name, replace=replacing(changes), extra=extra)
        applied.stored += remade.changed + remade.added
        applied.retracted += remade.dropped
        applied.steps += 1
    return applied


def replacing(changes: dict[str, Mention]) -> Callable[[Mention], Mention | None]:
    """What becomes of a stored mention. One that came meanwhile, of a later version of its post,
    stays: it was made by the present pipeline already."""

    def replaced(old: Mention) -> Mention | None:
        new = changes.get(old.id)
        if new is None or content_version(old) > content_version(new):
            return old
        return None if new.deleted else labelled(new, old.label)

    return replaced
