"""Records as Avro: schemas from the record types, read by another's library."""

import json
from io import BytesIO
from typing import Any

import fastavro
import pytest

from connectors.post import Author, Engagement, Place, Rating
from streams.avro import avro_schema, datum, writer
from streams.records import Label, Mention, Retraction, Span
from tests.support.mentions import at, mention

NOW = at(60)

FULL = mention(
    1,
    tone="neg",
    matched=[Span("text", 0, 4)],
    label=Label(mention_id="m", labeled_at=NOW, relevant=True, tags=["a"]),
    post={
        "updated_at": NOW,
        "author": Author(id="1", followers=5, verified=False),
        "engagement": Engagement(likes=2**62),
        "rating": Rating(1),
        "place": Place(country="FR", lat=48.85, lon=2.35),
        "hashtags": ["été", "日本"],
    },
)


def read(value: bytes, record: type) -> Any:
    assert value[:5] == b"\0\0\0\1\2"
    schema = fastavro.parse_schema(json.loads(json.dumps(avro_schema(record))))
    rest = BytesIO(value[5:])
    found = fastavro.schemaless_reader(rest, schema, None)
    assert rest.read() == b""
    return found


@pytest.mark.parametrize(
    "record",
    [
        FULL,
        mention(2),
        mention(3, deleted=True),
        Retraction(post_id="a:1", version=7, topics=["t"]),
    ],
    ids=["full", "bare", "deleted", "retraction"],
)
def test_what_is_written_is_read_by_another_library(record: Mention | Retraction) -> None:
    assert read(writer(type(record), 0x102)(record), type(record)) == datum(record)


def test_times_and_spans_keep_their_names_and_units() -> None:
    found = read(writer(Mention, 0x102)(FULL), Mention)
    assert found["post"]["updated_at"] == NOW
    assert found["matched"] == [{"field": "text", "start": 0, "end": 4}]
    assert found["sentiment"]["label"] == "neg"


def test_an_older_reader_reads_what_a_newer_writer_wrote_and_the_other_way() -> None:
    new = avro_schema(Mention)
    old = json.loads(json.dumps(new))
    old["fields"] = [field for field in old["fields"] if field["name"] not in {"story", "label"}]
    for one, other in ((new, old), (old, new)):
        out = BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(one), datum(FULL))
        out.seek(0)
        found: Any = fastavro.schemaless_reader(
            out, fastavro.parse_schema(one), fastavro.parse_schema(other)
        )
        assert found["post"]["hashtags"] == FULL.post.hashtags
        assert found.get("story", "") == ""


def test_every_field_that_may_be_missing_has_a_default() -> None:
    for field in avro_schema(Mention)["fields"]:
        required = field["name"] in {
            "id", "topic", "post", "lang", "sentiment", "processed_at", "version",
        }  # fmt: skip
        assert ("default" in field) != required, field["name"]
