"""What counts as a break of a released contract, and what does not."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.post import Post
from streams import contracts
from streams.asyncapi import asyncapi
from streams.compatibility import broken, broken_record, broken_topics, last_release

OLD: dict[str, Any] = contracts.schema(Post)


def post_of(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema["$defs"]["Post"]
    return found


def changed(name: str, **more: Any) -> list[str]:
    """What is said of a post whose field `name` is another."""
    new = copy.deepcopy(OLD)
    post_of(new)["properties"][name] = more
    return broken_record(OLD, new)


def test_a_contract_keeps_itself() -> None:
    assert broken_record(OLD, OLD) == []
    assert broken_topics(asyncapi(), asyncapi()) == []


def test_fields_and_values_may_be_added() -> None:
    new = copy.deepcopy(OLD)
    fields = post_of(new)["properties"]
    fields["mood"] = {"$ref": "#/$defs/Mood", "default": {}}
    fields["kind"]["enum"].append("story")
    new["$defs"]["Mood"] = {"type": "object", "properties": {}, "required": []}
    assert broken_record(OLD, new) == []


def test_a_field_that_is_gone_is_named_with_its_place() -> None:
    new = copy.deepcopy(OLD)
    del post_of(new)["properties"]["lang"]
    del new["$defs"]["Author"]["properties"]["followers"]
    assert broken_record(OLD, new) == [
        "Post.lang: the field is gone",
        "Post.author.followers: the field is gone",
    ]


@pytest.mark.parametrize(
    ("name", "schema", "said"),
    [
        ("text", {"type": "integer", "default": ""}, "is of type integer, and was of type string"),
        ("text", {"enum": ["a"], "default": ""}, "is one of a few values, and was of type string"),
        ("text", {"type": "string", "default": "-"}, "means another value"),
        ("text", {"type": "string", "default": "", "maxLength": 10}, "maxLength is 10, and was no"),
        ("created_at", {"type": "string"}, "format is None, and was date-time"),
        ("kind", {"enum": ["post"], "default": "post"}, "the value 'video' is gone"),
        ("media", {"type": "array", "items": {"type": "null"}, "default": []}, r"media\[\]: is of"),
        ("rating", {"type": "null", "default": None}, "is of type null, and was of several types"),
        ("parent_id", {"anyOf": [{"type": "string"}], "default": ""}, "is of several types"),
    ],
)  # fmt: skip
def test_another_type_meaning_or_narrower_bound_is_a_break(
    name: str, schema: dict[str, Any], said: str
) -> None:
    with pytest.raises(AssertionError, match=said):
        assert "\n".join(changed(name, **schema)) == ""


def test_an_option_of_a_type_may_neither_come_nor_go() -> None:
    new = copy.deepcopy(OLD)
    fields = post_of(new)["properties"]
    fields["place"]["anyOf"] = [{"$ref": "#/$defs/Place"}]
    fields["updated_at"]["anyOf"].append({"type": "integer"})
    assert broken_record(OLD, new) == [
        "Post.updated_at: may be of type integer, which it never was",
        "Post.place: can no longer be of type null",
    ]


def test_what_is_required_stays_as_it_was() -> None:
    new = copy.deepcopy(OLD)
    post_of(new)["required"].remove("source")
    post_of(new)["required"].append("url")
    post_of(new)["additionalProperties"] = False
    assert broken_record(OLD, new) == [
        "Post.url: is required, which it was not",
        "Post.source: may be missing, and was always there",
        "Post: takes no other fields any more",
    ]


def test_topics_and_their_records_stay() -> None:
    old, new = asyncapi(), asyncapi()
    del new["channels"]["alerts"], new["operations"]["receiveAlerts"]
    del new["channels"]["mentions"]["messages"]["Retraction"]
    new["channels"]["posts"]["address"] = "veille.all"
    labels = new["channels"]["labels"]
    labels["description"] = labels["description"].replace("Key: ", "Key: not ")
    assert [one.partition(":")[0] for one in broken_topics(old, new)] == [
        "topic veille.posts is named veille.all",
        "topic veille.mentions no longer has Retraction",
        "topic veille.labels has another key",
        "topic veille.alerts is gone",
        "operation receiveAlerts is gone",
    ]


def test_check_holds_to_the_last_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts.write(tmp_path)
    assert last_release(tmp_path / "contracts" / "released") is None
    for name in ("0.9.0", "0.10.0"):
        (tmp_path / "contracts" / "released" / name).mkdir(parents=True)
    released = tmp_path / "contracts" / "released"
    last = last_release(released)
    assert last == released / "0.10.0"
    old = copy.deepcopy(OLD)
    post_of(old)["properties"]["gone"] = {"type": "string"}
    (last / "Post.schema.json").write_text(json.dumps(old), "utf-8")
    (last / "Other.schema.json").write_text("{}", "utf-8")
    assert contracts.main(["--check", "--docs", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "Other.schema.json is gone (released in 0.10.0). Remedy: put it back" in said
    assert "Post.gone: the field is gone (released in 0.10.0)" in said


def test_what_was_released_is_kept_once(tmp_path: Path) -> None:
    contracts.write(tmp_path)
    assert contracts.main(["--release", "--docs", str(tmp_path)]) == 0
    assert broken(tmp_path / "contracts" / "released", tmp_path / "contracts") == []
    with pytest.raises(FileExistsError):
        contracts.release(tmp_path)
