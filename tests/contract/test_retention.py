"""What is over its time leaves, and nothing else does."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.records import Label
from streams.retention import Retention, limit
from streams.settings import Store as StoreSettings
from streams.store.es_retention import over
from streams.store.port import Filter
from streams.store.sqlite_retention import AT_ONCE
from tests.support.mentions import Case, mention


def day(month: int, number: int, year: int = 2026) -> datetime:
    return datetime(year, month, number, 12, tzinfo=UTC)


async def test_what_is_over_its_time_leaves_and_nothing_else(case: Case) -> None:
    times = [day(1, 5), day(1, 31), day(2, 3), day(3, 1), day(12, 1, 2039)]
    said = [mention(n, created=when, post={"text": f"word{n}"}) for n, when in enumerate(times)]
    await case.store.write(said)
    label = Label(mention_id=said[0].id, labeled_at=day(3, 2), sentiment="neg")
    await case.store.add_labels([label])
    before = datetime(2026, 2, 1, tzinfo=UTC)
    await case.seen()
    assert await case.store.drop_before(before, dry_run=True) == {"2026-01": 2}
    settings = StoreSettings(keep_mentions_days=30)
    assert limit(settings, day(3, 3)) == before
    assert await Retention(case.store, settings).look(day(3, 3)) == {"2026-01": 2}
    store = await case.seen()
    assert (await store.count(Filter())).total == 3
    assert (await store.count(Filter(text="word0"))).total == 0
    assert (await store.labels([said[0].id])) == {said[0].id: label}
    assert await case.store.drop_before(before) == {}
    await case.store.write([said[0]])  # a replay of old records brings it back, until tomorrow
    assert (await (await case.seen()).count(Filter(text="word0"))).neg == 1


async def test_more_than_one_batch_leaves(case: Case) -> None:
    first = day(1, 1)
    count = AT_ONCE + 1
    said = [mention(n, created=first + timedelta(seconds=n)) for n in range(count)]
    await case.store.write(said)
    await case.seen()
    assert await case.store.drop_before(day(2, 1)) == {"2026-01": count}
    assert (await (await case.seen()).count(Filter())).total == 0


def test_for_ever_is_the_default() -> None:
    assert limit(StoreSettings(), day(1, 1)) is None


@pytest.mark.parametrize(
    ("index", "month"),
    [
        ("v-mentions-2026.01", "2026-01"),
        ("v-month-2025.12-3", "2025-12"),
        ("v-mentions-early", "early"),
        ("v-mentions-late", None),
        ("v-mentions-2026.02", None),
        ("v-mentions-2026.13", None),
        ("v-mentions-2026.01-copy", None),
        ("v-state", None),
    ],
)
def test_only_months_that_are_over_go(index: str, month: str | None) -> None:
    found = over("v", [index], datetime(2026, 2, 28, tzinfo=UTC))
    assert found.get(index) == month
