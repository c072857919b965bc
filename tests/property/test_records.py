"""Records: what goes over the wire comes back; versions and ids obey their laws."""

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from connectors import letters, post
from connectors.letters import DeadLetter, Stage
from connectors.post import Author, Engagement, Kind, Place, Post, Rating, State
from streams import records
from streams.records import LABELS, Label, Mention, Retraction, Sentiment, Span, mention_id

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
counts = st.none() | st.integers(0, 2**53)
floats = st.floats(allow_nan=False, allow_infinity=False)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001  # given a zone by Hypothesis

authors = st.builds(Author, id=texts, handle=texts, name=texts, followers=counts, location=texts)
engagements = st.builds(Engagement, likes=counts, reposts=counts, replies=counts, views=counts)
ratings = st.none() | st.builds(Rating, floats, floats)
places = st.none() | st.builds(Place, name=texts, country=texts, lat=floats, lon=floats)
posts = st.builds(
    Post,
    id=texts,
    source=texts,
    created_at=moments,
    collected_at=moments,
    updated_at=st.none() | moments,
    kind=st.sampled_from(get_args(Kind)),
    state=st.sampled_from(get_args(State)),
    title=texts,
    text=texts,
    author=authors,
    engagement=engagements,
    rating=ratings,
    place=places,
    hashtags=st.lists(texts, max_size=3),
)
labels = st.builds(
    Label,
    mention_id=texts,
    labeled_at=moments,
    sentiment=st.none() | st.sampled_from(LABELS),
    relevant=st.none() | st.booleans(),
    note=texts,
)
sentiments = st.builds(
    Sentiment, label=st.sampled_from(LABELS), score=floats, confidence=floats, reason=texts
)
spans = st.builds(Span, st.sampled_from(["title", "text"]), st.integers(0, 99), st.integers(0, 99))
mentions = st.builds(
    Mention,
    id=texts,
    topic=texts,
    post=posts,
    lang=texts,
    sentiment=sentiments,
    processed_at=moments,
    version=st.integers(0, 2**53),
    matched=st.lists(spans, max_size=3),
    label=st.none() | labels,
)
retractions = st.builds(
    Retraction, post_id=texts, version=st.integers(0, 2**53), topics=st.lists(texts, max_size=3)
)
dead_letters = st.builds(
    DeadLetter,
    id=texts,
    stage=st.sampled_from(get_args(Stage)),
    reason=texts,
    place=texts,
    raw=st.binary(max_size=60),
    at=moments,
)


@given(posts)
def test_a_post_comes_back(sent: Post) -> None:
    line = post.encode(sent)
    assert post.decode(line) == sent
    assert b"\n" not in line


@given(mentions | retractions)
def test_a_record_comes_back(sent: Mention | Retraction) -> None:
    assert records.decode_record(records.encode(sent)) == sent


@given(dead_letters)
def test_a_dead_letter_comes_back(sent: DeadLetter) -> None:
    assert letters.decode(letters.encode(sent)) == sent


@given(posts)
def test_times_are_utc_and_the_moment_is_kept(sent: Post) -> None:
    for moment in (sent.created_at, sent.collected_at, sent.updated_at or sent.created_at):
        assert moment.tzinfo is UTC


@given(posts)
def test_a_version_is_of_content_time_but_never_after_collection(sent: Post) -> None:
    content = (sent.updated_at or sent.created_at).timestamp() * 1000
    collected = sent.collected_at.timestamp() * 1000
    assert sent.version == max(0, int(min(content, collected)))


@given(posts, moments, moments)
def test_a_later_edit_never_has_a_smaller_version(sent: Post, one: datetime, two: datetime) -> None:
    earlier, later = sorted((one, two))
    first = msgspec.structs.replace(sent, updated_at=earlier)
    second = msgspec.structs.replace(sent, updated_at=later)
    assert first.version <= second.version


anything = st.text(max_size=40)


@given(anything, anything)
def test_an_id_is_32_hexadecimal_characters_and_always_the_same(topic: str, post_id: str) -> None:
    made = mention_id(topic, post_id)
    assert made == mention_id(topic, post_id)
    assert len(made) == 32
    assert set(made) <= set("0123456789abcdef")


names = st.text(st.characters(exclude_characters="\0"), max_size=10)


@given(st.lists(st.tuples(names, names), unique=True, max_size=20))
def test_different_pairs_have_different_ids(pairs: list[tuple[str, str]]) -> None:
    assert len({mention_id(topic, post_id) for topic, post_id in pairs}) == len(pairs)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_with_one_kind_of_error(raw: bytes) -> None:
    for decode in (post.decode, records.decode_record, letters.decode):
        try:
            read = decode(raw)
        except msgspec.DecodeError:
            continue
        assert read is not None


@given(posts, st.data())
def test_a_damaged_post_is_refused_with_one_kind_of_error(sent: Post, data: st.DataObject) -> None:
    line = bytearray(post.encode(sent))
    at = data.draw(st.integers(0, len(line) - 1))
    line[at] = data.draw(st.integers(0, 255))
    try:
        read = post.decode(bytes(line))
    except msgspec.DecodeError:
        return
    assert read.created_at.tzinfo is UTC
