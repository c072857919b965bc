"""Files of topics as people write them: a change is the intended one, and nothing else moves."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.criteria.loading import BOM
from streams.errors import ConfigError
from streams.topics.editing import Snapshot, TopicsEditor
from streams.topics.layout import fields_of

FRESH = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
    max_examples=60,
)
QUERIES = st.sampled_from(
    [
        "acme",
        "acme AND (refund OR delay*)",
        "#acme OR #acmé OR акме*",
        'acme # said of us\nOR "ac me"  # twice\n',
        "a\\*b OR 😀 OR acme: inc",
        "'quoted' OR \"double\" OR it's",
        "@brand AND NOT pie",
        "acme OR " + " OR ".join(f"word{n}" for n in range(40)),
        "acme\tOR\tpie",
        "  acme OR pie ",
        "yes OR null OR 12",
        "acme\n\n  OR pie\n OR x",
    ]
)
TEXTS = st.sampled_from(
    [
        "Acme", "", "a: b", "- x", "# no", "'", '"', "yes", "12", "é😀", "a\nb", " lead", "{x}",
        "[", "%", "\u2028", "a\x07b", "\ufeff",
    ]
)  # fmt: skip
LISTS = st.lists(TEXTS.filter(bool), max_size=4)
SAMPLES = st.lists(
    TEXTS.filter(bool) | st.fixed_dictionaries({"text": TEXTS, "hashtags": LISTS}), max_size=4
)
FIELDS = st.fixed_dictionaries(
    {"query": QUERIES},
    optional={
        "name": TEXTS,
        "operator": st.sampled_from(["AND", "OR"]),
        "languages": st.lists(st.sampled_from(["en", "fr", "ru"]), unique=True),
        "stem": st.booleans(),
        "elision": st.booleans(),
        "target": LISTS,
        "sensitivity": st.sampled_from(["", "low", "high"]),
        "urgent": st.booleans(),
        "rules": st.lists(st.sampled_from(["negative >= 20 in 15m", "negative >= 5 in 1h"])),
        "matches": SAMPLES,
        "rejects": SAMPLES,
    },
)
ROWS = st.lists(FIELDS, min_size=1, max_size=4)


@st.composite
def _yaml(draw: st.DrawFn) -> str:
    """A file with comments, anchors, every kind of quotes, sub-queries, in either style."""
    remark = st.sampled_from(["", "  # why", "\t# tab"])
    line = st.sampled_from(["", "\n", "\n\n", "# note: - id: x\n", "\n  # deep: 'note'\n"])
    dash = draw(st.sampled_from(["", "  ", "    "]))
    first = draw(st.booleans())
    queries = "queries:" + draw(remark) + "\n  brand: &q 'acme OR acmes'\n  other: '@brand OR x'\n"
    text = draw(line) + (queries if first else "") + draw(line) + "topics:" + draw(remark) + "\n"
    for number, row in enumerate(draw(ROWS)):
        text += draw(line) + _topic(draw, f"t{number}", row, dash, remark)
    return text + ("" if first else queries) + draw(line)


def _topic(draw: st.DrawFn, name: str, row: dict[str, Any], dash: str, remark: Any) -> str:
    pairs = [("id", name), *draw(st.permutations(list(row.items())))]
    if draw(st.integers(0, 4)) == 0:
        inside = ", ".join(f"{key}: {json.dumps(value)}" for key, value in pairs)
        return f"{dash}- {{{inside}}}{draw(remark)}\n"
    text = f"{dash}-{draw(st.sampled_from([' ', '   ', ' &t ' if name == 't0' else ' ']))}"
    column = " " * len(text)
    if "&" in text:
        text, column = text.rstrip() + f"\n{dash}  ", dash + "  "
    for number, (key, value) in enumerate(pairs):
        begin = "" if not number else column
        text += f"{begin}{key}:{_written(draw, key, value, column)}{draw(remark)}\n"
        if draw(st.integers(0, 3)) == 0:
            text += f"{column}# about {key}\n"
    return text


def _written(draw: st.DrawFn, key: str, value: Any, column: str) -> str:
    if isinstance(value, list) and draw(st.booleans()) and value:
        rows = (f"\n{column}- {_json(one)}" for one in value)
        return "".join(rows)
    if key == "query" and draw(st.booleans()) and value.isascii() and value == value.strip():
        if "\n" not in value and "\t" not in value:
            half = len(value.split(" ")) // 2
            words = value.split(" ")
            parts = [" ".join(words[:half]), " ".join(words[half:])]
            return " >-" + "".join(f"\n{column}  {part}" for part in parts if part)
        if "\n\n" not in value and "\t" not in value:
            return " |-" + "".join(f"\n{column}  {part}" for part in value.split("\n"))
    if key == "query" and draw(st.booleans()) and value.isprintable():
        return " '{}'".format(value.replace("'", "''"))
    return f" {_json(value)}"


def _json(value: Any) -> str:
    return json.dumps(value)


def _fits(path: Path, raw: bytes) -> bool:
    try:
        Snapshot(path, raw)
    except ConfigError:
        return False
    return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def _prepared(path: Path, text: str, *, crlf: bool, bom: bool, end: bool) -> bytes | None:
    text = text if end else text.rstrip("\n")
    raw = (BOM if bom else b"") + (text.replace("\n", "\r\n") if crlf else text).encode()
    if not _fits(path, raw):
        return None
    path.write_bytes(raw)
    return raw


@FRESH
@given(
    text=_yaml(),
    fields=FIELDS,
    which=st.integers(0, 3),
    form=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_a_change_is_the_intended_one_and_all_else_stays(
    folder: Path, text: str, fields: dict[str, Any], which: int, form: tuple[bool, bool, bool]
) -> None:
    path = folder / "topics.yaml"
    crlf, bom, end = form
    raw = _prepared(path, text, crlf=crlf, bom=bom, end=end)
    if raw is None:
        return
    editor = TopicsEditor(path)
    before = editor.read()
    topic = before.topics[which % len(before.topics)].id
    block = editor.block(topic)
    edit = editor.save(topic, fields, base=block.digest)
    after = editor.read()
    assert [t.id for t in after.topics] == [t.id for t in before.topics]
    meant = {name: value for name, value in fields.items() if value not in ("", [], False)}
    meant.pop("operator", None) if meant.get("operator") == "AND" else None
    assert json.dumps(
        {k: v for k, v in fields_of(after.by_id[topic]).items() if k != "id"}, sort_keys=True
    ) == json.dumps(meant, sort_keys=True)
    _assert_nothing_else(before, after, topic)
    assert edit.after == after.blocks[topic].text
    assert raw.startswith(BOM) == after.raw.startswith(BOM)
    if crlf:
        assert after.raw.count(b"\n") == after.raw.count(b"\r\n")
    for line in edit.before.split("\n"):
        if line.strip().startswith("# about"):
            assert line in edit.after, "a comment of the topic itself is gone"
    again = editor.restore(topic, edit.before, base=after.blocks[topic].digest)
    assert again.after == edit.before
    assert _same(editor.read().by_id[topic], before.by_id[topic])


def _same(a: Any, b: Any) -> bool:
    return fields_of(a) == fields_of(b)


def _assert_nothing_else(before: Snapshot, after: Snapshot, topic: str) -> None:
    """What stands before the block and after it is as it was, to the byte."""
    old, new = before.blocks[topic], after.blocks[topic]
    assert before.text[: old.start] == after.text[: new.start]
    assert after.text[new.end :].lstrip("\r\n") == before.text[old.end :].lstrip("\r\n")
    for one in before.topics:
        if one.id != topic:
            assert _same(one, after.by_id[one.id])
            assert before.blocks[one.id].text == after.blocks[one.id].text


@FRESH
@given(text=_yaml(), fields=FIELDS, crlf=st.booleans(), end=st.booleans())
def test_a_topic_that_is_added_and_removed_leaves_no_trace(
    folder: Path, text: str, fields: dict[str, Any], crlf: bool, end: bool
) -> None:
    path = folder / "topics.yaml"
    if _prepared(path, text, crlf=crlf, bom=False, end=end) is None:
        return
    editor = TopicsEditor(path)
    before = editor.read()
    edit = editor.add({"id": "new", **fields})
    added = editor.read()
    assert [t.id for t in added.topics] == [*(t.id for t in before.topics), "new"]
    for one in before.topics:
        assert before.blocks[one.id].text == added.blocks[one.id].text
    gone = editor.remove("new", base=added.blocks["new"].digest)
    assert gone.before == edit.after
    assert editor.read().text.split() == before.text.split()
    if len(before.topics) > 1:
        first = before.topics[0].id
        editor.remove(first, base=before.blocks[first].digest)
        left = editor.read()
        assert [t.id for t in left.topics] == [t.id for t in before.topics][1:]
        back = editor.restore(first, before.blocks[first].text, base="")
        assert _same(editor.read().by_id[first], before.by_id[first])
        assert back.before == ""


@FRESH
@given(rows=ROWS, fields=FIELDS, which=st.integers(0, 3), indent=st.sampled_from([None, 1, 4]))
def test_json_files_are_edited_in_their_own_style(
    folder: Path, rows: list[dict[str, Any]], fields: dict[str, Any], which: int, indent: int | None
) -> None:
    path = folder / "topics.json"
    topics = [{"id": f"t{n}", **row} for n, row in enumerate(rows)]
    text = json.dumps({"queries": {"brand": "acme OR x"}, "topics": topics}, indent=indent)
    if _prepared(path, text, crlf=False, bom=False, end=True) is None:
        return
    editor = TopicsEditor(path)
    before = editor.read()
    topic = before.topics[which % len(topics)].id
    edit = editor.save(topic, fields, base=editor.block(topic).digest)
    after = editor.read()
    _assert_nothing_else(before, after, topic)
    assert ("\n" in edit.after) == (indent is not None)
    editor.restore(topic, edit.before, base=after.blocks[topic].digest)
    assert _same(editor.read().by_id[topic], before.by_id[topic])
    editor.add({"id": "new", **fields})
    editor.remove("new", base=editor.block("new").digest)
    assert json.loads(editor.read().text) == json.loads(before.text)
