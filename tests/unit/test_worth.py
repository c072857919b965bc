"""What a look at a mention is worth."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.post import Author, Engagement
from streams.records import Label, Mention, Sentiment, SentimentLabel
from streams.store.worth import HOUR, parts, worth
from tests.support.mentions import at, mention


def sure(one: Mention, confidence: float = 1.0) -> Mention:
    scored = msgspec.structs.replace(one.sentiment, confidence=confidence)
    return msgspec.structs.replace(one, sentiment=scored)


def hours(one: Mention) -> dict[str, float]:
    return {part.what: round(part.hours, 3) for part in parts(one)}


def test_a_plain_mention_is_worth_its_time() -> None:
    one = sure(mention(tone="neu", created=at(5)))
    assert parts(one) == []
    assert worth(one) == int(at(5).timestamp() * 1000)


def test_each_part_is_told_the_largest_first() -> None:
    one = sure(
        mention(
            tone="neg",
            author=Author(followers=999_999),
            post={"engagement": Engagement(likes=5, reposts=1, replies=1, views=0)},
        ),
        0.5,
    )
    assert list(hours(one).items()) == [
        ("reach", 36.0),
        ("negative", 24.0),
        ("uncertain", 6.0),
        ("engagement", 4.0),
    ]
    assert worth(one) == int(at(1).timestamp() * 1000) + 70 * HOUR


@pytest.mark.parametrize(("tone", "told"), [("pos", {}), ("neg", {"negative": 24.0})])
def test_what_staff_say_of_the_sentiment_counts_and_is_certain(
    tone: SentimentLabel, told: dict[str, float]
) -> None:
    stamp = Label(mention_id="m", labeled_at=at(9), sentiment=tone)
    assert hours(mention(tone="unscored", label=stamp)) == told
    assert hours(mention(tone="unscored")) == {"unscored": 12.0}


def test_odd_figures_are_worth_nothing_or_a_lot_but_never_break() -> None:
    odd = Sentiment(label="neu", confidence=7.0)
    one = msgspec.structs.replace(
        mention(
            created=datetime(1, 1, 1, tzinfo=UTC),
            author=Author(followers=-(2**63)),
            post={"engagement": Engagement(likes=-5, views=2**63 - 1)},
        ),
        sentiment=odd,
    )
    assert set(hours(one)) == {"engagement"}
    last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC) - timedelta(days=1)
    assert worth(mention(created=last, author=Author(followers=2**63 - 1))) < 2**62
