"""Dead letters sent again: what goes where, what the agents say of it, which can be read again."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord

from connectors import letters, post
from connectors.letters import HEADER, DeadLetter, printable
from connectors.reread import CannotReread, StillUnreadable, reread
from streams import records
from streams.burying import (
    as_again,
    cleared,
    letter_of,
    letter_of_label,
    letter_of_record,
    settled,
    source_of,
)
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.dead_letters import outgoing
from streams.judging import judge
from streams.pipeline import Pipeline
from streams.reading import origins, read_labels, read_records
from streams.records import Label
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings, Source
from tests.support.mentions import mention
from tests.support.posts import post as make_post

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PIPELINE = Pipeline(compile_topics([Topic(id="a", query="acmeron")]), build_scorer())
SETTINGS = Settings(
    sources=[
        Source(id="toots", connector="mastodon", instance="https://mastodon.example"),
        Source(id="news", connector="rss", urls=["https://example.org/feed"]),
        Source(id="lines", connector="file", path="posts.jsonl"),
        Source(id="hn", connector="hackernews"),
        Source(id="sky", connector="bluesky"),
    ]
)


def row(
    value: bytes, *, key: bytes = b"s:1", again: str = "", millis: int = 0, offset: int = 7
) -> ConsumerRecord:
    return ConsumerRecord(
        topic="veille.posts",
        partition=2,
        offset=offset,
        timestamp=millis,
        timestamp_type=0,
        key=key,
        value=value,
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=((HEADER, again.encode()),) if again else (),
    )


def letter(stage: Any, raw: bytes, **more: Any) -> DeadLetter:
    return DeadLetter(id="x", stage=stage, reason="why", place="p", raw=raw, at=NOW, **more)


def test_a_letter_that_fails_again_is_the_same_letter() -> None:
    out = judge([row(b"poison", again="abc"), row(b"poison")], PIPELINE, NOW)
    first, second = (letters.decode(value) for _, value in out.letters)
    assert first.id == "abc"
    assert second.id != "abc"
    assert (first.source, first.key, first.size, first.cut) == ("s", b"s:1", 0, False)
    assert out.cleared == []


def test_a_letter_that_goes_well_is_taken_back_and_others_are_not_spoken_of() -> None:
    good = post.encode(make_post("Acmeron"))
    out = judge([row(good, again="abc"), row(good)], PIPELINE, NOW)
    assert out.letters == []
    assert out.cleared == [(b"abc", b"")]
    assert cleared([row(good)]) == []


def test_records_refused_again_keep_their_letters_and_accepted_ones_lose_theirs() -> None:
    """Also two letters of the same bytes, and one whose version was held to its record's time."""
    ahead = mention(1, version=2**60)
    rows = [
        row(records.encode(one), again=f"letter {n}", offset=n, millis=10**12)
        for n, one in enumerate([ahead, ahead, mention(2)])
    ]
    good, bad = read_records(rows, NOW)
    rows_of = origins(rows, good, bad)
    refused = [as_again(letter_of_record(one, "no", NOW), rows_of[id(one)]) for one in good[:2]]
    assert refused[0].raw != rows[0].value
    items = settled(rows, refused)
    assert [key for key, _ in items] == [b"letter 0", b"letter 1", b"letter 2"]
    assert [bool(value) for _, value in items] == [True, True, False]
    assert letters.decode(items[0][1]).key == b"test:1"


def test_a_cut_letter_says_how_much_there_was() -> None:
    found = letter_of(row(b"x" * 100_000), "filter", "why", NOW)
    assert (len(found.raw), found.size, found.cut) == (post.MAX_TEXT_BYTES, 100_000, True)
    with pytest.raises(CannotReread, match="65,536 of 100,000 bytes"):
        outgoing(found, SETTINGS)


def test_letters_go_back_where_they_came_from_under_their_key() -> None:
    one = make_post("Acmeron", id="s:9")
    said = {
        "filter": outgoing(letter("filter", b"poison", key=b"s:1"), SETTINGS),
        "older": outgoing(letter("filter", post.encode(one)), SETTINGS),
        "index": outgoing(letter("index", records.encode(mention(3))), SETTINGS),
        "label": outgoing(letter("label", b"{}", key=b"m"), SETTINGS),
        "collect": outgoing(letter("collect", post.encode(one)), SETTINGS),
    }
    assert {name: (out.topic, out.key) for name, out in said.items()} == {
        "filter": ("veille.posts", b"s:1"),
        "older": ("veille.posts", b"s:9"),
        "index": ("veille.mentions", b"test:3"),
        "label": ("veille.labels", b"m"),
        "collect": ("veille.posts", b"s:9"),
    }
    assert said["filter"].value == b"poison"
    assert outgoing(letter("filter", b"\xff[" * 9), SETTINGS).key == b""


STATUS = {
    "uri": "https://mastodon.example/users/ada/statuses/1",
    "id": "1",
    "created_at": "2026-03-01T00:00:00Z",
    "content": "<p>Acmeron</p>",
}
EVENT = {
    "did": "did:plc:abc",
    "time_us": 1_767_225_600_000_000,
    "kind": "commit",
    "commit": {
        "operation": "create",
        "collection": "app.bsky.feed.post",
        "rkey": "3l3qo2vutsw2b",
        "record": {"text": "Acmeron", "createdAt": "2026-01-01T00:00:00Z"},
    },
}


@pytest.mark.parametrize(
    ("source", "raw"),
    [
        ("toots", msgspec.json.encode(STATUS)),
        ("lines", b'{"id": "1", "text": "Acmeron", "created_at": "2026-03-01T00:00:00Z"}'),
        ("hn", b'{"id": 8, "type": "comment", "time": 1767225600, "text": "Acmeron"}'),
        ("sky", msgspec.json.encode(EVENT)),
    ],
)
def test_connectors_read_their_letters_again(source: str, raw: bytes) -> None:
    found = reread(letter("collect", raw, source=source), SETTINGS.sources)
    assert found.text == "Acmeron"
    with pytest.raises(StillUnreadable):
        reread(letter("collect", b'{"id": true', source=source), SETTINGS.sources)


def test_what_no_connector_can_read_again_says_why() -> None:
    with pytest.raises(CannotReread, match="rss reads no single item"):
        reread(letter("collect", b"<item>", source="news"), SETTINGS.sources)
    with pytest.raises(CannotReread, match="'gone' is not in veille"):
        reread(letter("collect", b"{}", source="gone"), SETTINGS.sources)


def test_a_label_is_never_later_than_its_record_and_a_bad_one_is_a_letter() -> None:
    written = datetime(2026, 4, 1, tzinfo=UTC)
    ahead = Label(mention_id="m", labeled_at=datetime(2099, 1, 1, tzinfo=UTC), sentiment="pos")
    millis = int(written.timestamp() * 1000)
    good, bad = read_labels([row(records.encode(ahead), millis=millis), row(b"{}")], NOW)
    assert [one.labeled_at for one in good] == [written]
    assert [one.stage for one in bad] == ["label"]
    early = msgspec.structs.replace(ahead, labeled_at=datetime(2026, 3, 1, tzinfo=UTC))
    assert read_labels([row(records.encode(early), millis=millis)], NOW)[0] == [early]
    odd = letter_of_label(msgspec.structs.replace(ahead, note="\ud800"), "odd", NOW)
    assert records.decode_label(odd.raw).note == "?"


def test_sources_are_read_off_keys() -> None:
    assert [source_of(key) for key in (b"rss:1:2", b"none", b"", b"\xff:1")] == [
        "rss",
        "",
        "",
        "\ufffd",
    ]


def test_raw_bytes_obey_no_terminal() -> None:
    shown = printable(b"\x1b[2Jred\nline \xff\xc2\x9b \xe2\x80\xae caf\xc3\xa9")
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "line \\xff" in shown
    assert "café" in shown
