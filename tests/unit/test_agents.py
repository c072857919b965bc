"""The pure parts of the agents: what becomes of records, good and bad."""

from datetime import UTC, datetime

import msgspec
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from connectors import letters, post
from connectors.kafka import PIECE_BYTES, partition_of, pieces
from connectors.post import Post
from streams import records
from streams.burying import letter_of
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.judging import CHUNK, TURN_SECONDS, judge, next_chunk
from streams.pipeline import Pipeline, story_of
from streams.reading import read_letter, read_records
from streams.records import Mention, Record, Retraction
from streams.sentiment.scorer import build_scorer

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PIPELINE = Pipeline(
    compile_topics([Topic(id="a", query="acmeron"), Topic(id="d", query="delay*")]), build_scorer()
)


def make_post(text: str, **more: object) -> Post:
    plain = {"id": "s:1", "source": "s", "created_at": NOW, "collected_at": NOW, "text": text}
    return msgspec.convert({**plain, **more}, Post)


def row(value: bytes | None, key: bytes = b"s:1", offset: int = 7) -> ConsumerRecord:
    return ConsumerRecord(
        topic="veille.posts",
        partition=2,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=(),
    )


def test_a_post_becomes_a_mention_for_each_topic_it_meets() -> None:
    out = judge([row(post.encode(make_post("Acmeron delayed again, awful")))], PIPELINE, NOW)
    made = [records.decode_record(value) for _, value in out.mentions]
    assert [one.topic for one in made if isinstance(one, Mention)] == ["a", "d"]
    assert {key for key, _ in out.mentions} == {b"s:1"}
    assert (out.count.posts, out.count.matched, out.count.mentions) == (1, 1, 2)
    first = made[0]
    assert isinstance(first, Mention)
    assert (first.sentiment.label, first.lang, first.version) == ("neg", "en", first.post.version)
    assert [first.post.text[span.start : span.end] for span in first.matched] == ["Acmeron"]


def test_poison_becomes_dead_letters_with_place_and_bytes_and_the_rest_goes_on() -> None:
    good = post.encode(make_post("Acmeron"))
    poison = [b"not json", b"\xff", b"null", b'{"id": 1}', None, b"[" * 50_000]
    out = judge([row(value, offset=n) for n, value in enumerate([*poison, good])], PIPELINE, NOW)
    assert out.count.dead == len(poison) == len(out.letters)
    assert out.count.mentions == 1
    found = [letters.decode(value) for _, value in out.letters]
    assert [one.place for one in found] == [f"veille.posts/2@{n}" for n in range(len(poison))]
    assert found[0].raw == b"not json"
    assert all(one.stage == "filter" and one.reason for one in found)


def test_a_pipeline_that_fails_on_a_post_buries_that_post_alone() -> None:
    class Fragile:
        def process(self, one: Post, now: datetime) -> list[Record]:
            if one.text == "bad":
                raise ZeroDivisionError("no such thing")
            return PIPELINE.process(one, now)

    rows = [row(post.encode(make_post(text))) for text in ("bad", "Acmeron")]
    out = judge(rows, Fragile(), NOW)
    assert (out.count.dead, out.count.mentions) == (1, 1)
    assert "ZeroDivisionError: no such thing" in letters.decode(out.letters[0][1]).reason


def test_an_edit_names_the_topics_it_still_meets_and_a_deletion_none() -> None:
    later = datetime(2026, 5, 2, tzinfo=UTC)
    edit = make_post("Acmeron", state="edited", updated_at=later, collected_at=later)
    gone = make_post("", state="deleted", updated_at=later, collected_at=later)
    version = int(later.timestamp() * 1000)
    assert PIPELINE.process(edit, NOW)[-1] == Retraction(
        post_id="s:1", version=version, topics=["a"]
    )
    assert PIPELINE.process(gone, NOW) == [Retraction(post_id="s:1", version=version)]
    assert PIPELINE.process(make_post("nothing"), NOW) == []


def test_what_is_no_mention_and_no_letter_is_kept_as_bytes() -> None:
    mention = PIPELINE.process(make_post("Acmeron"), NOW)[0]
    good, bad = read_records([row(records.encode(mention)), row(b"{}")], NOW)
    assert good == [mention]
    assert [one.raw for one in bad] == [b"{}"]
    letter = letter_of(row(b"x" * 100_000), "index", "too odd", NOW)
    assert len(letter.raw) == post.MAX_TEXT_BYTES
    assert read_letter(row(letters.encode(letter))) == letter
    assert read_letter(row(b"junk")).raw == b"junk"


@given(st.lists(st.tuples(st.binary(max_size=8), st.integers(0, 300_000)), max_size=30))
def test_pieces_lose_nothing_and_stay_small(shapes: list[tuple[bytes, int]]) -> None:
    items = [(key, bytes(size)) for key, size in shapes]
    cut = list(pieces(items))
    assert [item for piece, _ in cut for item in piece] == items
    for piece, size in cut:
        assert size == sum(len(key) + len(value) for key, value in piece)
        assert size <= PIECE_BYTES or len(piece) == 1


@given(st.binary(), st.integers(1, 100))
def test_a_key_always_has_the_same_partition(key: bytes, count: int) -> None:
    assert partition_of(key, count) == partition_of(bytes(key), count) in range(count)


def test_stories_are_told_apart_by_words_alone() -> None:
    told = story_of("@acme My BATTERY melted!!! https://x.invalid/1 #fire 3")
    assert told == story_of("my battery melted https://y.invalid/2 😡")
    assert told != story_of("my battery is fine")
    assert story_of("@a #b https://c.invalid 12 !!") == ""


def test_a_slow_engine_judges_fewer_posts_in_one_go() -> None:
    assert next_chunk(CHUNK, CHUNK, TURN_SECONDS / 10) == CHUNK
    assert next_chunk(CHUNK, CHUNK, TURN_SECONDS * 4) == CHUNK // 4
    assert next_chunk(CHUNK, 2, TURN_SECONDS * 100) == 1
    assert next_chunk(10, 10, TURN_SECONDS * 0.8) == 10
    assert next_chunk(1, 1, TURN_SECONDS / 10) == 2, "and more again once it is quick"
    assert next_chunk(CHUNK, 1, TURN_SECONDS / 10) == CHUNK, "a short slab says little"
