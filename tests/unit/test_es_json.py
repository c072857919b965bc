"""What goes to Elasticsearch and comes from it."""

from datetime import UTC, datetime

import pytest

from streams.store.es_json import SERIALIZERS

JSON = SERIALIZERS["application/json"]
NDJSON = SERIALIZERS["application/x-ndjson"]


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": [1, 2.5, null, "\xc3\xa9"]}', {"a": [1, 2.5, None, "é"]}),
        (rb'{"a": "half \ud800"}', {"a": "half \ud800"}),
        (b"123456789012345678901234567890", 123456789012345678901234567890),
        (b"", None),
    ],
)
def test_answers_are_read_also_those_that_are_odd(raw: bytes, value: object) -> None:
    assert JSON.loads(raw) == value


def test_what_is_no_json_is_an_error_of_the_client() -> None:
    with pytest.raises(Exception, match="Unable to deserialize"):
        JSON.loads(b"<html>")


def test_requests_are_written() -> None:
    asked = {"at": datetime(2026, 1, 2, tzinfo=UTC), "text": "é"}
    assert JSON.dumps(asked) in (
        '{"at":"2026-01-02T00:00:00Z","text":"é"}'.encode(),
        '{"at":"2026-01-02T00:00:00+00:00","text":"é"}'.encode(),
    )
    assert JSON.dumps({"text": "\ud800"}) == b'{"text":"\xed\xa0\x80"}'


def test_lines_that_are_ready_are_not_copied() -> None:
    ready = b'{"a":1}\n'
    assert NDJSON.dumps(ready) is ready
    assert NDJSON.dumps(b'{"a":1}') == ready
    assert NDJSON.dumps([{"a": 1}, b'{"b":2}']) == b'{"a":1}\n{"b":2}\n'
