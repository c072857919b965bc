"""The examples of the query language's page do what the page says."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.post import Post
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic

PAGE = Path(__file__).parents[2] / "docs" / "query-language.md"
BLOCK = re.compile(r"```examples\n(.*?)```", re.DOTALL)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def examples() -> list[list[str]]:
    block = BLOCK.search(PAGE.read_text(encoding="utf-8"))
    assert block, "the page has lost its examples"
    return [[part.strip() for part in re.split(r" \| ", line)] for line in block[1].splitlines()]


@pytest.mark.parametrize(("query", "answer", "text"), examples())
def test_the_example_holds(query: str, answer: str, text: str) -> None:
    assert answer in {"yes", "no"}
    matcher = compile_topics([Topic(id="example", query=query)])
    post = Post(id="x:1", source="x", created_at=NOW, collected_at=NOW, text=text)
    assert not matcher.disabled
    assert bool(matcher.match(post, "")) == (answer == "yes")
