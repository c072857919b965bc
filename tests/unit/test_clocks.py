"""No version from the future outranks what is collected later."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors.post import Post
from streams.clocks import TOLERANCE_MS, held_post, held_record
from streams.records import Label, Mention, Retraction
from tests.support.mentions import mention

TAKEN = datetime(2026, 5, 1, 12, tzinfo=UTC)
TAKEN_MS = int(TAKEN.timestamp() * 1000)
moments = st.integers(0, 7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def version_of(updated: datetime, collected: datetime, taken: datetime) -> int:
    post = Post(
        id="s:1",
        source="s",
        created_at=datetime(1971, 1, 1, tzinfo=UTC),
        updated_at=updated,
        collected_at=collected,
    )
    return held_post(post, int(taken.timestamp() * 1000)).version


@given(wrong=moments, stamped=moments, more=st.integers(2, 10**6))
def test_an_edit_dated_wrongly_loses_against_the_next_one(
    wrong: datetime, stamped: datetime, more: int
) -> None:
    """Whatever an edit is dated, and whatever its collector's clock said."""
    frozen = version_of(wrong, stamped, TAKEN)
    next_ = TAKEN + timedelta(minutes=more)
    assert version_of(next_, next_, next_) > frozen


@given(late=st.integers(0, TOLERANCE_MS), taken=st.integers(1, 10**13))
def test_clocks_that_differ_a_little_change_nothing(late: int, taken: int) -> None:
    post = Post(id="s:1", source="s", created_at=TAKEN, collected_at=TAKEN)
    assert held_post(post, TAKEN_MS - late) is post
    assert held_post(post, 0) is post
    record = Retraction(post_id="s:1", version=taken + late)
    assert held_record(record, taken) is record


def test_a_record_read_again_is_the_same() -> None:
    ahead = Retraction(post_id="s:1", version=2**63 - 1, topics=["a"])
    first = held_record(ahead, TAKEN_MS)
    assert first == held_record(ahead, TAKEN_MS) == held_record(first, TAKEN_MS)
    assert first.version == TAKEN_MS


def test_a_label_adds_its_time() -> None:
    label = Label(mention_id="x", labeled_at=TAKEN - timedelta(hours=1))
    fair = mention(version=2 * TAKEN_MS - 3_600_000, label=label)
    assert held_record(fair, TAKEN_MS) is fair
    ahead = msgspec.structs.replace(fair, version=2**62)
    held = held_record(ahead, TAKEN_MS)
    assert isinstance(held, Mention)
    assert held.version == fair.version
