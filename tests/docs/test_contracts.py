"""The published contracts: examples that validate, records that do, and what was released."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from connectors import post as posts
from streams import records
from streams.asyncapi import EXAMPLES, RECORDS, asyncapi, examples
from streams.compatibility import broken, last_release
from streams.contracts import schema
from tests.docs.tree import ROOT, name_of
from tests.support.mentions import mention

CONTRACTS = ROOT / "docs" / "contracts"
BY_NAME = {re.sub(r"(?<!^)(?=[A-Z])", "-", one.__name__).lower(): one for one in RECORDS}


def validator(record: type[msgspec.Struct]) -> Any:
    made = jsonschema.Draft202012Validator
    return made(schema(record), format_checker=made.FORMAT_CHECKER)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_schemas_are_schemas(record: type[msgspec.Struct]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(record))


def test_every_record_has_an_example() -> None:
    assert {path.name.split(".")[0] for path in EXAMPLES.glob("*.json")} == {*BY_NAME, "cursor"}
    assert all(examples(name) for name in BY_NAME)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=name_of)
def test_examples_are_valid_and_read_whole(path: Path) -> None:
    """By the schema, and by the code: what is read and written again is the same."""
    given = json.loads(path.read_text("utf-8"))
    record = BY_NAME.get(path.name.split(".")[0])
    if record is None:
        return  # a cursor is any JSON
    validator(record).validate(given)
    read = msgspec.json.decode(path.read_bytes(), type=record)
    assert json.loads(msgspec.json.encode(read)) == given


@pytest.mark.parametrize("wrong", [{"id": 5}, {"kind": "novel"}, {"created_at": None}])
def test_the_schema_refuses_what_the_code_refuses(wrong: dict[str, Any]) -> None:
    given = json.loads((EXAMPLES / "post.json").read_bytes()) | wrong
    assert not validator(posts.Post).is_valid(given)
    with pytest.raises(msgspec.ValidationError):
        posts.decode(json.dumps(given).encode())


def test_what_the_code_writes_is_valid() -> None:
    for one in (mention(), mention(2, post={"rating": posts.Rating(2)}, deleted=True)):
        validator(records.Mention).validate(json.loads(records.encode(one)))


def test_the_asyncapi_document_shows_headers_and_examples_of_every_record() -> None:
    for name, one in asyncapi()["components"]["messages"].items():
        told = one["headers"]["properties"]
        if name.endswith("Avro"):
            assert told["content-type"]["const"] == one["contentType"]
            continue
        assert re.fullmatch(r"[a-z-]+/\d+", told["schema-version"]["const"]), name
        assert told["content-type"]["const"] == one["contentType"]
        assert one["examples"], name


def test_the_contracts_keep_what_was_released() -> None:
    assert last_release(CONTRACTS / "released"), "there is a release to compare with"
    assert broken(CONTRACTS / "released", CONTRACTS) == []
