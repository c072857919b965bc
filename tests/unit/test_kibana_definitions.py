"""Definitions of dashboards: read strictly, and every mistake is told with its place."""

import shutil
from pathlib import Path
from typing import Final

import pytest

from streams.errors import ConfigError
from streams.kibana import formula
from streams.kibana.definitions import LANGUAGES, Figure
from streams.kibana.formula import Measure, Number, Operation
from streams.kibana.reading import SHARED, load, shipped_definitions

BOARD: Final = """\
id: board
title: &said {en: a, fr: b, ru: c}
about: *said
view: mentions
panels:
  - id: total
    title: *said
    as: metric
    at: [0, 0, 12, 6]
    about: *said
    y: [{count: true}]
  - id: topics
    title: *said
    as: table
    at: [12, 0, 36, 6]
    about: *said
    x: {terms: topic, size: 5}
    y: [{count: true}, {unique: author}]
    opens: [{dashboard: board, title: *said}]
"""


def folder(path: Path, board: str) -> Path:
    shutil.copy(shipped_definitions() / SHARED, path / SHARED)
    (path / "board.yaml").write_text(board, "utf-8")
    return path


def test_a_board_is_read_as_written(tmp_path: Path) -> None:
    board = load(folder(tmp_path, BOARD)).dashboard("board")
    total, topics = board.panels
    assert [board.title.told(language) for language in LANGUAGES] == ["a", "b", "c"]
    assert (total.look, total.at, total.y) == ("metric", (0, 0, 12, 6), [Figure(count=True)])
    assert topics.x is not None
    assert (topics.x.field, topics.x.size) == ("topic", 5)
    assert [(figure.asks, figure.field) for figure in topics.y] == [
        ("count", ""),
        ("unique", "author"),
    ]
    assert board.view_of(total) == "mentions"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("size: 5", "sizes: 5", "board.yaml:17: panel topics: x: "),
        ("size: 5", "size: many", "board.yaml:17: panel topics: x.size: "),
        ("terms: topic, size: 5", "size: 5", "one of date, terms, filters is needed, found none"),
        ("as: metric", "as: gauge", "panel total: as: "),
        ("[12, 0, 36, 6]", "[12, 0, 40, 6]", "board.yaml:12: panel topics: at: [12, 0, 40, 6]"),
        ("[12, 0, 36, 6]", "[11, 0, 36, 6]", "panel topics lies over panel total"),
        ("id: topics", "id: total", "two of one id: panel total"),
        ("    y: [{count: true}]\n", "", "board.yaml:6: panel total: as metric: lacks y"),
        (
            "    y: [{count: true}]",
            "    y: [{formula: count(}]",
            "panel total: y.0: formula 'count('",
        ),
        ("as: metric", "as: markdown", "as markdown: lacks text"),
        ("ru: c}", "it: c}", "board.yaml:2: "),
        ("view: mentions", "view: mention", "board.yaml:4: "),
        ("{dashboard: board,", "{dashboard: bord,", "panel topics: there is no dashboard 'bord'"),
        ("panels:", "panels:\n  -", "board.yaml:6: panel 1: "),
        (
            "terms: topic,",
            "terms: topics,",
            "board.yaml: panel topics: field 'topics' is not in config/elasticsearch/mentions.json",
        ),
        ("terms: topic,", "terms: post.text,", "panel topics: terms: field 'post.text' is a text"),
        ("unique: author", "sum: author", "panel topics: sum: field 'author' is a keyword"),
        ("terms: topic,", "date: topic,", "panel topics: date: field 'topic' is a keyword"),
        ("view: mentions", "view: mentions\nwhere: topic and", "board.yaml: KQL 'topic and'"),
        ("view: mentions", "view: mentions\nwhere: 'topics : a'", "field 'topics' is not in"),
        ("view: mentions", "view: mentions\ncontrols: [tones]", "field 'tones' is not in"),
        (
            "count: true}]\n  - id",
            "count: true, where: 'tones : a'}]\n  - id",
            "panel total: field",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in BOARD
    with pytest.raises(ConfigError) as raised:
        load(folder(tmp_path, BOARD.replace(old, new, 1)))
    assert told in str(raised.value)
    assert "Remedy: " in str(raised.value)


def test_a_formula_is_read_as_arithmetic() -> None:
    found = formula.parse("(count(kql='tone : \"pos\"') - unique_count(post.author.id)) / count()")
    pos, authors, all_ = (
        Measure("count", kql='tone : "pos"'),
        Measure("unique_count", "post.author.id"),
        Measure("count"),
    )
    assert found == Operation("/", Operation("-", pos, authors), all_)
    assert formula.measures(found) == [pos, authors, all_]
    assert formula.parse("1 + 2 * -3") == Operation(
        "+", Number(1), Operation("*", Number(2), Operation("*", Number(-1), Number(3)))
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("count(", "column 7: expected a field or kql='…', found 'the end'"),
        ("count() count()", "column 9: expected an operator or the end, found 'count'"),
        ("mean(x)", "column 1: expected one of count, unique_count"),
        ("count(topic)", "it takes no field"),
        ("sum()", "name it"),
        ("1 +", "found 'the end'"),
        ("count(kql=1)", "expected KQL within"),
        ("§", "column 1"),
    ],
)
def test_a_formula_that_is_none_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match="formula") as raised:
        formula.parse(text)
    assert told in str(raised.value)
