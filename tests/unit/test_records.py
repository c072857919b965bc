"""`streams.records`: mentions and retractions tell themselves apart; ids never change."""

from datetime import UTC, datetime

import msgspec
import pytest

from connectors.post import Post
from streams import records
from streams.records import Label, Mention, Retraction, Sentiment, Span, mention_id

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
POST = Post(id="file:1", source="file", created_at=NOON, collected_at=NOON, text="Good.")
MENTION = Mention(
    id=mention_id("brand", "file:1"),
    topic="brand",
    post=POST,
    lang="en",
    sentiment=Sentiment(label="pos", score=0.4, confidence=0.4, engine="test"),
    processed_at=NOON,
    version=POST.version,
    matched=[Span("text", 0, 4)],
)


def test_the_type_tells_a_mention_from_a_retraction() -> None:
    retraction = Retraction(post_id="file:1", version=3, topics=["rival"])
    for record in (MENTION, retraction):
        assert records.decode_record(records.encode(record)) == record


def test_ids_are_those_of_yesterday() -> None:
    """A changed id would count every mention twice after an upgrade."""
    assert mention_id("brand", "file:1") == "8437ec7731930ac3a43fc57c32fafe2c"


def test_topic_and_post_can_t_run_into_each_other() -> None:
    assert mention_id("a", "b:c") != mention_id("ab", ":c")
    assert mention_id("a:b", "c") != mention_id("a", "b:c")


def test_a_span_is_an_array() -> None:
    assert msgspec.json.decode(records.encode(MENTION))["matched"] == [["text", 0, 4]]


def test_an_empty_label_travels_without_its_defaults() -> None:
    label = Label(mention_id=MENTION.id, labeled_at=NOON, relevant=False)
    assert set(msgspec.json.decode(records.encode(label))) == {
        "mention_id",
        "labeled_at",
        "relevant",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "rumour"},
        {"sentiment": {"label": "glad"}},
        {"processed_at": "2026-03-01T12:00:00"},
        {"matched": [["text", 0]]},
        {"matched": [["smell", 0, 4]]},
        {"version": "1"},
        {"version": 2**63},
        {"version": -1},
        {"post": {}},
        {"post": {"id": "a", "source": "a", "created_at": "x", "collected_at": "x"}},
    ],
)
def test_what_is_no_record_is_a_validation_error(changes: dict[str, object]) -> None:
    fields = msgspec.json.decode(records.encode(MENTION))
    with pytest.raises(msgspec.ValidationError):
        records.decode_record(msgspec.json.encode(fields | changes))


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"type":"mention","x":"\xff"']
)
def test_what_can_t_be_read_is_a_decode_error(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        records.decode_record(raw)
