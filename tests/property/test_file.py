"""Lines, tables and rows: whatever is in a file, nothing is lost and nothing escapes."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import BadSettings
from connectors.file import read
from connectors.lines import MAX_LINE_BYTES, LineReader, TooLong
from connectors.mapping import COMMON, Mapper, Rules
from connectors.post import decode, encode

FRESH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = st.sampled_from([name for names in COMMON.values() for name in names]) | st.text(max_size=9)


class Pieces:
    """A stream that gives its bytes in pieces as they come."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece]

    def read1(self, size: int = -1, /) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None: ...


def all_lines(reader: LineReader) -> list[bytes]:
    found: list[bytes] = []
    while (block := reader.block()) is not None:
        found += block
    return found + reader.last()


@given(st.lists(st.binary(max_size=20) | st.just(b"\n")))
def test_lines_are_those_of_split_however_they_arrive(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    reader = LineReader(Pieces(pieces))
    assert all_lines(reader) == expected
    assert reader.offset == len(whole)


@given(st.integers(-2, 2), st.integers(1000, 500_000))
@settings(max_examples=25, deadline=None)
def test_the_longest_line_is_exactly_one_mebibyte(more: int, piece: int) -> None:
    line = b"x" * (MAX_LINE_BYTES + more)
    whole = line + b"\ny\n"
    reader = LineReader(Pieces([whole[i : i + piece] for i in range(0, len(whole), piece)]))
    first, second = all_lines(reader)
    assert second == b"y"
    assert isinstance(first, TooLong) == (more > 0)
    assert (first.length if isinstance(first, TooLong) else len(first)) == len(line)
    assert reader.offset == len(whole)


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=6) | VALUES, max_size=8))
@FRESH
def test_each_line_is_a_post_or_a_dead_letter(tmp_path: Path, rows: list[Any]) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    steps = [step for batch in read([path]) for step in batch]
    assert len(steps) == len(rows)
    for step in steps:
        assert (step.post is None) != (step.dead is None)
        if step.post is not None:
            assert decode(encode(step.post)) == step.post


@given(st.binary(max_size=300), st.sampled_from(["jsonl", "csv"]))
@FRESH
def test_no_bytes_escape(tmp_path: Path, raw: bytes, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"id,text\n" + raw)
    try:
        steps = [step for batch in read([path]) for step in batch]
    except BadSettings:
        return
    assert all((step.post is None) != (step.dead is None) for step in steps)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=20)


@given(st.lists(CELLS.filter(str.strip), max_size=10))
@FRESH
def test_tables_as_the_library_writes_them_are_read_whole(tmp_path: Path, cells: list[str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["id", "text"])
    writer.writerows(enumerate(cells))
    path = tmp_path / "a.csv"
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    steps = [step for batch in read([path]) for step in batch]
    assert len(steps) == len(cells)


@given(
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=30), st.integers(0, 30)
)
@FRESH
def test_any_cursor_resumes_without_loss(tmp_path: Path, texts: list[str], cut: int) -> None:
    path = tmp_path / "a.jsonl"
    rows = [json.dumps({"id": n, "text": text}) + "\n" for n, text in enumerate(texts)]
    path.write_text("".join(rows[:cut]), encoding="utf-8")
    first = [step for batch in read([path]) for step in batch]
    cursor = first[-1].cursor if first else None
    path.write_text("".join(rows), encoding="utf-8")
    second = [step for batch in read([path], cursor=cursor) for step in batch]
    ids = [step.post.id for step in first + second if step.post]
    assert ids == [f"file:{n}" for n in range(len(texts))]


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_a_row_gives_the_same_post_each_time(row: dict[str, Any]) -> None:
    mapper, other = Mapper(Rules()), Mapper(Rules())
    other.now = mapper.now
    try:
        found = mapper.post(row)
    except ValueError:
        with pytest.raises(ValueError, match=r"\w"):
            other.post(row)
        return
    assert other.post(row) == found
    assert mapper.post(row) == found
