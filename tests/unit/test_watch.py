"""Topics edited while posts are matched."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.post import Post
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.watch import TopicsFile, TopicsWatch

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def write(path: Path, **queries: str) -> None:
    """As an editor does: a new file in the place of the old one."""
    rows = "".join(f"- {{id: {name}, query: '{query}'}}\n" for name, query in queries.items())
    new = path.with_suffix(".new")
    new.write_text("topics:\n" + (rows or "[]"), encoding="utf-8")
    new.replace(path)


def met(matcher: Matcher, text: str) -> list[str]:
    one = Post(id="s:1", source="s", created_at=NOW, collected_at=NOW, text=text)
    return [match.topic for match in matcher.match(one, "en")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "topics.yaml"
    write(path, a="apple", b="pear")
    return path


async def test_added_changed_and_removed_topics_are_taken_in(path: Path) -> None:
    file = TopicsFile(path)
    matcher = compile_topics(file.load())
    watch = TopicsWatch(file, matcher)
    assert await watch.refresh() == 0
    write(path, a="apple", b="plum", c="fig")
    assert await watch.refresh() == 2
    assert met(matcher, "apple pear plum fig") == ["a", "b", "c"]
    assert met(matcher, "pear") == []
    write(path, c="fig")
    assert await watch.refresh() == 2
    assert met(matcher, "apple plum fig") == ["c"]


async def test_a_broken_file_changes_nothing_and_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = TopicsFile(path)
    matcher = compile_topics(file.load())
    watch = TopicsWatch(file, matcher)
    path.write_text("topics: [{id: a, que")
    with caplog.at_level(logging.ERROR):
        assert await watch.refresh() == 0
    assert "topics.yaml" in caplog.text
    assert met(matcher, "apple pear") == ["a", "b"]
    path.unlink()
    assert await watch.refresh() == 0
    write(path, a="apple AND (", b="pear")
    assert await watch.refresh() == 1
    assert met(matcher, "apple pear") == ["b"]
    assert "topic a is disabled" in caplog.text


async def test_an_edit_while_the_first_version_compiles_is_taken_in(path: Path) -> None:
    file = TopicsFile(path)
    topics = file.load()
    write(path, a="apple", b="plum")
    matcher = compile_topics(topics)
    assert await TopicsWatch(file, matcher).refresh() == 1
    assert met(matcher, "pear plum") == ["b"]
