"""Topics changed in their file: conflicts, locks, rights, and what is refused."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.criteria.loading import load_topics
from streams.errors import ConfigError
from streams.topics.editing import Conflict, TopicsEditor, Unknown, compared, digest_of
from streams.topics.keeping import ReadOnly, locked, not_writable
from streams.topics.layout import Value

FILE = """\
# What is watched.
queries:
  brand: 'acme OR acmes'  # both

topics:
  # The first.
  - id: a
    name: "Acme"   # as it is said
    query: >-
      @brand AND (refund OR delay*
      OR lost)
    matches:
      - "acme refund"
      # in French
      - 'acme lost'
    # the end of a

  - {id: b, query: 'pear'} # flow
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
def editor(path: Path) -> TopicsEditor:
    return TopicsEditor(path)


def query_saved(editor: TopicsEditor, topic: str, query: str) -> None:
    editor.save(topic, {"query": query}, base=editor.block(topic).digest)


def test_one_word_more_is_one_line_of_difference(editor: TopicsEditor, path: Path) -> None:
    topic = editor.read().by_id["a"]
    fields = {"name": "Acme", "query": topic.query.replace("refund", "refund OR money")}
    editor.save("a", {**fields, "matches": topic.matches}, base=editor.block("a").digest)
    assert path.read_text() == FILE.replace("(refund OR", "(refund OR money OR")


def test_a_sample_more_leaves_the_others_as_they_are_quoted(
    editor: TopicsEditor, path: Path
) -> None:
    topic = editor.read().by_id["a"]
    fields: dict[str, Value] = {
        "name": "Acme",
        "query": topic.query,
        "matches": [*topic.matches, "acme: delays"],
    }
    edit = editor.save("a", fields, base=editor.block("a").digest)
    assert path.read_text() == FILE.replace(
        "      - 'acme lost'\n", "      - 'acme lost'\n      - 'acme: delays'\n"
    )
    assert edit.before.startswith('- id: a\n  name: "Acme"')
    assert edit.before.endswith("# the end of a")


def test_a_change_of_what_is_another_by_now_is_a_conflict(editor: TopicsEditor, path: Path) -> None:
    mine = editor.block("b")
    path.write_text(FILE.replace("pear", "pears"))
    with pytest.raises(Conflict, match="was changed meanwhile") as conflict:
        editor.save("b", {"query": "plum"}, base=mine.digest)
    assert conflict.value.base == mine.text
    assert "pears" in conflict.value.theirs
    assert "pears" in path.read_text()
    query_saved(editor, "b", "plum")
    assert load_topics(path)[1].query == "plum"


def test_a_change_of_what_stands_elsewhere_by_now_is_none(editor: TopicsEditor, path: Path) -> None:
    mine = editor.block("a")
    text = FILE.replace("topics:\n", "topics:\n  - {id: new, query: fig}\n")
    path.write_text(text.replace("\n", "\r\n"), newline="")
    editor.save("a", {"query": "plum"}, base=mine.digest)
    assert [one.query for one in load_topics(path)] == ["fig", "plum", "pear"]


def test_what_was_removed_is_a_conflict_and_can_be_brought_back(
    editor: TopicsEditor, path: Path
) -> None:
    mine = editor.block("a")
    editor.remove("a", base=mine.digest)
    assert path.read_text() == FILE[: FILE.index("  - id: a")] + FILE[FILE.index("  - {id: b") :]
    with pytest.raises(Conflict, match="was removed"):
        editor.save("a", {"query": "plum"}, base=mine.digest)
    with pytest.raises(Unknown):
        editor.block("a")
    with pytest.raises(ConfigError, match="only topic"):
        editor.remove("b", base=editor.block("b").digest)
    editor.restore("a", mine.text, base="")
    assert editor.block("a").text == mine.text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"query": "acme AND ("}, "would find nothing"),
        ({"query": "NOT acme"}, "would find nothing"),
        ({"query": "acme", "operator": "XOR"}, "operator"),
        ({"query": "acme", "rules": ["negative >= many"]}, "rule"),
        ({"query": "acme", "kind": "x"}, "unknown field"),
        ({"query": "acme", "languages": "fr"}, "languages"),
        ({"query": "acme \ud800"}, "half a character"),
    ],
)
def test_what_would_not_work_is_not_written(
    editor: TopicsEditor, path: Path, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        editor.save("a", fields, base=editor.block("a").digest)  # type: ignore[arg-type]  # wrong
    with pytest.raises(ConfigError):
        editor.add({"id": "b", **fields})  # type: ignore[dict-item]  # on purpose
    assert path.read_text() == FILE


def test_a_query_that_is_broken_already_keeps_no_other_field_from_being_changed(
    editor: TopicsEditor, path: Path
) -> None:
    path.write_text(FILE.replace("'pear'", "'pear AND ('"))
    editor.save("b", {"query": "pear AND (", "name": "P"}, base=editor.block("b").digest)
    assert load_topics(path)[1].name == "P"


def test_a_query_may_name_the_files_subqueries(editor: TopicsEditor) -> None:
    query_saved(editor, "b", "@brand NEAR/3 pear")
    assert set(editor.read().by_id["b"].queries) == {"brand"}


def test_a_change_that_would_change_another_topic_is_refused(
    editor: TopicsEditor, path: Path
) -> None:
    path.write_text("topics:\n- {id: a, query: &q 'acme'}\n- {id: b, query: *q}\n")
    with pytest.raises(ConfigError, match="nothing was changed"):
        query_saved(editor, "a", "plum")
    query_saved(editor, "b", "pear")
    assert path.read_text() == "topics:\n- {id: a, query: &q 'acme'}\n- {id: b, query: pear}\n"


def test_what_is_merged_in_is_written_over(editor: TopicsEditor, path: Path) -> None:
    path.write_text(
        "topics:\n- &a\n  id: a\n  query: acme\n  stem: true\n- <<: *a\n  id: b\n  query: pear\n"
    )
    query_saved(editor, "b", "pear OR fig")
    assert [(t.query, t.stem) for t in load_topics(path)] == [
        ("acme", True),
        ("pear OR fig", False),
    ]


def test_a_file_that_does_not_load_is_left_alone(editor: TopicsEditor, path: Path) -> None:
    mine = editor.block("a")
    path.write_text("topics: [")
    with pytest.raises(ConfigError, match="not YAML"):
        editor.save("a", {"query": "plum"}, base=mine.digest)
    assert path.read_text() == "topics: ["


def test_mode_and_links_stay(editor: TopicsEditor, path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    path.rename(folder / "watched.yaml")
    (folder / "watched.yaml").chmod(0o640)
    path.symlink_to("real/watched.yaml")
    query_saved(editor, "b", "plum")
    assert path.is_symlink()
    assert (folder / "watched.yaml").stat().st_mode & 0o777 == 0o640
    assert "plum" in (folder / "watched.yaml").read_text()
    assert {one.name for one in folder.iterdir()} == {"watched.yaml", ".watched.yaml.lock"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everything")
def test_a_file_that_may_not_be_written_says_so(editor: TopicsEditor, path: Path) -> None:
    path.chmod(0o444)
    assert "Remedy" in not_writable(path)
    with pytest.raises(ReadOnly):
        query_saved(editor, "b", "plum")


def test_a_file_that_is_not_there_says_so(editor: TopicsEditor, path: Path) -> None:
    path.unlink()
    assert "no such file" in not_writable(path)
    with pytest.raises(ReadOnly, match="no such file"):
        editor.add({"id": "c", "query": "plum"})


def test_many_at_once_lose_nothing(path: Path) -> None:
    """Threads of one process and another process add topics at the same time."""
    code = (
        "import sys; from pathlib import Path\n"
        "from streams.topics.editing import TopicsEditor\n"
        "editor = TopicsEditor(Path(sys.argv[1]))\n"
        "for n in range(8): editor.add({'id': f'p{n}', 'query': 'fig'})\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(path)])

    def add(name: str) -> None:
        editor = TopicsEditor(path)
        for number in range(8):
            editor.add({"id": f"{name}{number}", "query": "fig"})

    threads = [threading.Thread(target=add, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.wait(60) == 0
    assert len(load_topics(path)) == 2 + 4 * 8
    assert path.read_text().startswith(FILE.rstrip("\n"))


def test_who_waits_too_long_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.topics.keeping.PATIENCE_SECONDS", 0.05)
    with locked(path), pytest.raises(ConfigError, match="another process"), locked(path):
        pass


def test_an_editor_that_saves_at_the_same_moment_is_not_overwritten(
    editor: TopicsEditor, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = editor.block("b")

    def by_hand(*_: object) -> None:
        path.write_text(FILE.replace("pear", "by hand"))

    monkeypatch.setattr("streams.topics.editing.check_rules", by_hand)
    with pytest.raises(ConfigError, match="someone edits it just now"):
        editor.save("b", {"query": "plum"}, base=block.digest)
    assert "by hand" in path.read_text()
    assert {one.name for one in path.parent.iterdir()} == {path.name, f".{path.name}.lock"}


def test_the_whole_file_is_replaced_if_it_is_still_the_same(
    editor: TopicsEditor, path: Path
) -> None:
    before = editor.read()
    new = FILE.replace("pear", "plum").replace("  - id: a", "  - id: c").encode()
    with pytest.raises(Conflict):
        editor.replace(new, base="another")
    edits = editor.replace(new, base=digest_of(before.raw))
    assert [(e.topic, bool(e.before), bool(e.after)) for e in edits] == [
        ("a", True, False), ("b", True, True), ("c", False, True),
    ]  # fmt: skip
    assert compared(editor.read(), editor.read()) == []
    with pytest.raises(ConfigError):
        editor.replace(b"topics: []", base=digest_of(new))
    assert path.read_bytes() == new
