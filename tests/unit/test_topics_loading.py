"""Files of topics: what is read, and how what is wrong is said."""

import json
from pathlib import Path

import pytest

from streams.criteria.loading import load_topics
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Subquery
from streams.errors import ConfigError
from tests.support.posts import post

GOOD = "topics:\n  - id: a\n    query: apple\n  - id: b\n    query: 'x OR y'\n    languages: [fr]\n"


def write(folder: Path, text: str | bytes, name: str = "topics.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_yaml_and_json_tell_the_same(tmp_path: Path) -> None:
    topics = load_topics(write(tmp_path, GOOD))
    assert [(t.id, t.query, t.languages, t.line) for t in topics] == [
        ("a", "apple", [], 2),
        ("b", "x OR y", ["fr"], 4),
    ]
    two = [{"id": "a", "query": "apple"}, {"id": "b", "query": "("}]
    text = json.dumps({"topics": two}, indent=1)
    found = load_topics(write(tmp_path, text, "topics.json"))
    assert [(t.id, t.line) for t in found] == [("a", 3), ("b", 7)]


@pytest.mark.parametrize("empty", ["query:", "query: ''", "query: ' '"])
def test_an_empty_query_disables_its_topic_alone(tmp_path: Path, empty: str) -> None:
    path = write(tmp_path, f"topics:\n  - id: a\n    {empty}\n  - id: b\n    query: acme\n")
    matcher = compile_topics(load_topics(path))
    assert list(matcher.disabled) == ["a"]
    assert "the query is empty" in matcher.disabled["a"]
    assert [match.topic for match in matcher.match(post("acme"), "")] == ["b"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"", 1, "empty"),
        (b"topics:\n  - id: \xff\n", 2, "UTF-8"),
        ("topics: [\n", 2, "not YAML"),
        ("sources: []\n", 1, "topics"),
        ("topics: []\n", 1, "empty"),
        ("topics:\n  - id: a\n    qurey: x\n", 2, "did you mean query"),
        ("topics:\n  - id: a\n", 2, "no query"),
        ("topics:\n  - id: 7\n    query: x\n", 2, 'id: "7"'),
        ("topics:\n  - id: a\n    query: x\n    languages: fr\n", 2, "languages: [fr]"),
        ("topics:\n  - id: a\n    query: x\n    languages: [no]\n", 2, "quotes"),
        ("topics:\n  - just text\n", 2, "a text"),
        ("topics:\n  - id: a\n    query: x\n    line: 3\n", 2, "unknown field"),
        (GOOD + "  - id: a\n    query: z\n", 7, "line 2"),
    ],
)
def test_what_is_wrong_names_the_line(
    tmp_path: Path, text: str | bytes, line: int, said: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_topics(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ")
    assert said in message
    assert "remedy:" in message


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"topics": [\n{"id": "a",}]}', 2, "not JSON"),
        ('{"topics": 3}', 1, "topics"),
        ("[]", 1, "topics"),
        ('{"topics": [\n\n{"id": "a", "query": 3}]}', 3, "query"),
    ],
)
def test_json_too(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text, "topics.json")
    with pytest.raises(ConfigError, match=said) as caught:
        load_topics(path)
    assert f"{path}:{line}: " in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_topics(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="can't be read"):
        load_topics(tmp_path)


def test_sub_queries_go_to_the_topics_that_name_them(tmp_path: Path) -> None:
    text = (
        "queries:\n  brand: acme\n  noise: '@brand AND job'\n"
        "topics:\n  - id: a\n    query: '@brand -@noise'\n  - id: b\n    query: '@someone'\n"
    )
    first, second = load_topics(write(tmp_path, text))
    assert first.queries == {
        "brand": Subquery("acme", 2),
        "noise": Subquery("@brand AND job", 3),
    }
    assert second.queries == {}
    data = {"queries": {"brand": "acme"}, "topics": [{"id": "a", "query": "@brand"}]}
    assert load_topics(write(tmp_path, json.dumps(data), "topics.json"))[0].queries == {
        "brand": Subquery("acme")
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("topics:\n  - id: a\n    query: x OR #y\n", 3, "quote the query"),
        ("topics:\n  - id: a\n    query: x OR\n      y #z\n", 4, "comment"),
        ("topics:\n  - id: a\n    query: x OR\n      #z\n", 4, "comment"),
        ("queries:\n  b: x #y\ntopics:\n  - id: a\n    query: x\n", 2, "comment"),
        ("queries: [x]\ntopics:\n  - id: a\n    query: x\n", 1, "no mapping"),
        ("queries:\n  a b: x\ntopics:\n  - id: a\n    query: x\n", 2, "name"),
        ("queries:\n  b: 3\ntopics:\n  - id: a\n    query: x\n", 2, "no text"),
        ("topics:\n  - id: a\n    query: x\n    stem: 3\n", 2, "true or false"),
    ],
)
def test_what_a_query_may_not_be_in_a_file(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_topics(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")


def test_a_comment_after_a_quoted_query_or_on_its_own_line_is_one(tmp_path: Path) -> None:
    text = "topics:\n  - id: a\n    query: 'x' # y\n  - id: b\n    query: y\n    # note\n"
    assert [topic.query for topic in load_topics(write(tmp_path, text))] == ["x", "y"]
