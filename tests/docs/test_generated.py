"""The generated pages and contracts say what the code says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from connectors.post import Post
from streams import asyncapi, contracts
from streams.settings import Settings
from tests.docs.tree import ROOT


def test_every_generated_file_is_current() -> None:
    assert contracts.stale() == []


def test_check_names_what_is_missing_changed_or_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contracts.write(tmp_path)
    assert contracts.main(["--check", "--docs", str(tmp_path)]) == 0
    (tmp_path / "settings.md").write_text("old", "utf-8")
    (tmp_path / "contracts" / "Label.schema.json").unlink()
    (tmp_path / "contracts" / "Gone.schema.json").write_text("{}", "utf-8")
    assert contracts.main(["--check", "--docs", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert [name in said for name in ("settings.md", "Label.schema", "Gone.schema")] == [True] * 3


@pytest.mark.parametrize("record", asyncapi.RECORDS, ids=lambda record: record.__name__)
def test_schemas_are_self_contained_and_open(record: Any) -> None:
    schema = contracts.schema(record)
    text = json.dumps(schema)
    for name in re.findall(r'"\$ref": "#/\$defs/(\w+)"', text):
        assert name in schema["$defs"]
    assert text.count("$ref") == len(re.findall(r'"\$ref": "#/\$defs/', text))
    assert '"additionalProperties": false' not in text, "readers must bear fields added later"
    assert all(part["description"] for part in schema["$defs"].values())


def test_schemas_give_times_a_zone() -> None:
    times = contracts.schema(Post)["$defs"]["Post"]["properties"]
    assert times["created_at"]["format"] == times["collected_at"]["format"] == "date-time"


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = asyncapi.asyncapi()
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))
    assert len(references) > 10
    for reference in references:
        if reference.startswith("./"):
            assert (ROOT / "docs" / "contracts" / reference).is_file(), reference
            continue
        found: Any = document
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        assert found


def test_the_asyncapi_document_says_key_order_and_delivery_of_every_topic() -> None:
    for name, channel in asyncapi.channels().items():
        assert "Key: " in channel["description"], name
        promise = channel["description"].casefold()
        assert "at least once" in promise or "the last value of a key holds" in promise, name
        assert channel["bindings"]["kafka"]["partitions"] >= 1


def test_the_page_of_settings_has_every_setting() -> None:
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    names = [
        f"{section}.{name}" if section else name
        for section, fields in _sections().items()
        for name in fields
    ]
    assert len(names) > 20
    for name in names:
        assert f"`{name}`" in page
        variable = "VEILLE_" + name.replace(".", "__").upper()
        assert f"`{variable}`" in page


def test_every_setting_has_a_sentence() -> None:
    for section, fields in _sections().items():
        for name, field in fields.items():
            assert (field.description or "").endswith("."), f"{section}.{name}"


def _sections() -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {"": {}}
    for name, field in Settings.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        if inner is None:
            sections[""][name] = field
        else:
            sections[name] = inner
    return sections
