"""`connectors.post` and `connectors.letters`: what is read is what was written, or refused."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from connectors import letters, post
from connectors.letters import DeadLetter, letter_id
from connectors.post import Author, Post
from connectors.text import extra as extra_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_post(**changes: object) -> Post:
    base = Post(id="file:1", source="file", created_at=NOON, collected_at=NOON, text="Good.")
    return msgspec.structs.replace(base, **changes)


def raw_post(**changes: object) -> bytes:
    fields = msgspec.json.decode(post.encode(a_post()))
    return msgspec.json.encode(fields | changes)


def test_what_is_not_told_does_not_travel() -> None:
    assert msgspec.json.decode(post.encode(a_post())) == {
        "id": "file:1",
        "source": "file",
        "created_at": "2026-03-01T12:00:00Z",
        "collected_at": "2026-03-01T12:00:00Z",
        "text": "Good.",
    }


def test_fields_added_later_are_passed_over() -> None:
    assert post.decode(raw_post(mood="new", author={"handle": "ann", "shoe": 43})) == a_post(
        author=Author(handle="ann")
    )


def test_times_become_utc() -> None:
    paris = timezone(timedelta(hours=2))
    assert a_post(created_at=NOON.astimezone(paris)).created_at.tzinfo is UTC
    read = post.decode(raw_post(created_at="2026-03-01T14:00:00+02:00"))
    assert (read.created_at, read.created_at.tzinfo) == (NOON, UTC)


@pytest.mark.parametrize("field", ["created_at", "collected_at", "updated_at"])
def test_a_time_without_a_zone_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} 2026-03-01T12:00:00 has no time zone"):
        a_post(**{field: NOON.replace(tzinfo=None)})
    with pytest.raises(msgspec.ValidationError, match=field):
        post.decode(raw_post(**{field: "2026-03-01T12:00:00"}))


def test_a_time_that_no_utc_can_say_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="outside the years"):
        post.decode(raw_post(created_at="0001-01-01T00:00:00+14:00"))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"id": "\xff"}',
        b'{"id": "\\ud800"}',
        raw_post(id=None),
        raw_post(text=7),
        raw_post(kind="rumour"),
        raw_post(created_at="0000-01-01T00:00:00Z"),
        raw_post(created_at="yesterday"),
        raw_post()[:-1],
        raw_post()[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        raw_post()[:-1] + b',"x":' + b'{"a":' * 100_000,
        raw_post(engagement={"likes": 1e300}),
        raw_post(engagement={"likes": 2**63}),
        raw_post(author={"followers": -(2**63) - 1}),
    ],
    ids=lambda raw: raw[-24:].decode("ascii", "backslashreplace"),
)
def test_what_is_no_post_is_a_decode_error_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        post.decode(raw)
    with pytest.raises(msgspec.DecodeError):
        letters.decode(raw)


def test_the_version_is_content_time() -> None:
    later = NOON + timedelta(minutes=5)
    edited = a_post(state="edited", updated_at=later, collected_at=later + timedelta(hours=1))
    assert a_post().version == int(NOON.timestamp() * 1000)
    assert edited.version == int(later.timestamp() * 1000)


def test_an_edit_dated_in_the_future_freezes_nothing() -> None:
    far = a_post(state="edited", updated_at=datetime(2099, 1, 1, tzinfo=UTC))
    assert far.version == a_post().version
    assert a_post(created_at=datetime(9999, 12, 31, tzinfo=UTC)).version == a_post().version


def test_a_post_of_before_1970_has_version_zero() -> None:
    assert a_post(created_at=datetime(1, 1, 1, tzinfo=UTC)).version == 0


def test_a_lone_surrogate_can_t_be_sent() -> None:
    with pytest.raises(UnicodeEncodeError):
        post.encode(a_post(text="\ud800"))


def a_letter(raw: bytes, place: str = "posts.jsonl:3") -> DeadLetter:
    identity = letter_id("collect", place, raw)
    return DeadLetter(
        id=identity, stage="collect", reason="not JSON", place=place, raw=raw, at=NOON
    )


def test_a_dead_letter_keeps_any_bytes() -> None:
    letter = a_letter(b"\x00\xff{")
    assert letters.decode(letters.encode(letter)) == letter


def test_the_same_failure_is_one_letter_and_another_place_another() -> None:
    assert letter_id("collect", "a:1", b"x") == letter_id("collect", "a:1", b"x")
    ids = {
        letter_id("collect", "a:1", b"x"),
        letter_id("collect", "a:2", b"x"),
        letter_id("collect", "a:1", b"y"),
        letter_id("filter", "a:1", b"x"),
        letter_id("collect", "a:\ud800", b"x"),
    }
    assert len(ids) == 5


@pytest.mark.parametrize(
    "extra",
    [
        {f"name {n}": "x" for n in range(51)},
        {"n" * 65: "x"},
        {"name": "x" * 1_001},
        {"": "x"},
        {"na\0me": "x"},
        {"name": 7},
    ],
)
def test_more_extras_than_are_kept_are_refused(extra: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="extra"):
        post.decode(raw_post(extra=extra))


def test_what_a_source_tells_beside_is_cut_to_what_is_kept() -> None:
    told = {"  a\0 b ": 7, "on": True, "long": "x" * 2_000, "": "no", "none": None, "many": [1]}
    found = extra_of(told | {f"{n}": "y" for n in range(60)} | {"huge": 10**5_000})
    assert len(found) == 50
    assert (found["a b"], found["on"], len(found["long"])) == ("7", "true", 1_000)
    assert not {"", "none", "many"} & set(found)
    whole = msgspec.structs.replace(a_post(), extra=found)
    assert post.decode(post.encode(whole)) == whole
