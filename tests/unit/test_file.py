"""The `file` source: formats, mapping, bad input, cursors."""

import asyncio
import gzip
import io
import json
import os
import re
import sys
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import zstandard

from connectors import post as posts
from connectors.base import Context, Step
from connectors.errors import BadSettings, Fatal, SkipItem
from connectors.file import File, read
from connectors.post import Author, Post

WHEN = "2026-02-03T04:05:06Z"
MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
ROW = {"id": "1", "created_at": WHEN, "text": "bonjour"}


def lines(path: Path, rows: Iterable[Any]) -> Path:
    """A file of JSON lines; bytes go as they are."""
    raw = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in raw))
    return path


def take(path: Path, cursor: Any = None, **options: Any) -> tuple[list[Post], list[SkipItem], Any]:
    """Posts, dead letters and the last cursor of one pass."""
    steps = [step for batch in read([path], options, cursor=cursor) for step in batch]
    cursors = [step.cursor for step in steps if step.cursor is not None]
    return (
        [step.post for step in steps if step.post is not None],
        [step.dead for step in steps if step.dead is not None],
        cursors[-1] if cursors else None,
    )


def only(path: Path, **options: Any) -> Post:
    found, dead, _ = take(path, **options)
    assert [f"{error}" for error in dead] == []
    assert len(found) == 1
    return found[0]


def test_common_names_map_by_themselves(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "created_at": WHEN,
        "author": "demo.otter",
        "text": "  Hello\u0000 #World  ",
        "reposts": "3",
        "location": "Lyon",
        "airline": "x",
    }
    post = only(lines(tmp_path / "a.jsonl", [row]))
    assert post.id == "file:7"
    assert post.source == "file"
    assert post.created_at == MOMENT
    assert post.text == "Hello #World"
    assert post.author == Author(handle="demo.otter", location="Lyon")
    assert post.engagement.reposts == 3
    assert post.hashtags == ["World"]


@pytest.mark.parametrize(
    ("row", "field", "expected"),
    [
        ({"text": None, "Body": "b"}, "text", "b"),
        ({"text": "x", "lang": "fr"}, "lang", "fr"),
        ({"text": "x", "link": "https://e.invalid/1"}, "url", "https://e.invalid/1"),
        ({"text": "x", "link": "javascript:alert(1)"}, "url", ""),
        (
            {"text": "x", "user": {"screen_name": "u", "id": 5}},
            "author",
            Author(id="5", handle="u"),
        ),
        ({"text": "x", "username": "u"}, "author", Author(handle="u")),
        ({"text": "x", "hashtags": "#a, b"}, "hashtags", ["a", "b"]),
        ({"text": "x", "rating": 4}, "rating", posts.Rating(4.0)),
        ({"text": "see https://e.invalid/#part"}, "hashtags", []),
        ({"title": "only a title", "text": ""}, "title", "only a title"),
    ],
)
def test_one_field(tmp_path: Path, row: dict[str, Any], field: str, expected: Any) -> None:
    if row.get("text") is None:
        del row["text"]
    post = only(lines(tmp_path / "a.jsonl", [{"id": 1, "date": WHEN, **row}]))
    assert getattr(post, field) == expected


def test_post_records_are_read_as_they_are(tmp_path: Path) -> None:
    record = Post(
        id="mastodon:9",
        source="mastodon",
        created_at=MOMENT,
        collected_at=MOMENT,
        text="as it is",
        author=Author(handle="demo", followers=3),
        state="edited",
    )
    assert only(lines(tmp_path / "a.jsonl", [posts.encode(record)])) == record


def test_declared_columns_defaults_and_source(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("nr;wann;wer;was;n\n1;2026-02-03T04:05:06Z;otter;gut;5\n", encoding="utf-8-sig")
    columns = {"id": "nr", "created_at": "wann", "author.handle": "wer", "text": "was"}
    post = only(
        path,
        columns={**columns, "engagement.likes": "n"},
        defaults={"lang": "de", "kind": "review", "author.location": "Berlin"},
        source="shop",
        collected_at="created",
    )
    assert (post.id, post.source, post.lang, post.kind) == ("shop:1", "shop", "de", "review")
    assert post.author == Author(handle="otter", location="Berlin")
    assert post.engagement.likes == 5
    assert post.collected_at == MOMENT


def test_columns_in_the_short_form_of_the_command_line(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [{"nr": 1, "was": "gut", "date": WHEN}])
    assert only(path, columns="text=was,id=nr").id == "file:1"


def test_a_row_without_id_gets_the_same_one_each_time(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [{"text": "x", "author": "o"}, {"text": "y"}])
    first, second = take(path)[0], take(path)[0]
    assert [p.id for p in first] == [p.id for p in second]
    assert first[0].id != first[1].id
    assert first[0].id.startswith("file:")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("name", ["a.jsonl", "a.bin"])
def test_packed_files_by_their_first_bytes(tmp_path: Path, pack: Any, name: str) -> None:
    plain = lines(tmp_path / "plain", [{**ROW, "id": n} for n in range(5000)])
    packed = tmp_path / name
    half = len(plain.read_bytes()) // 2
    packed.write_bytes(pack(plain.read_bytes()[:half]) + pack(plain.read_bytes()[half:]))
    found, dead, cursor = take(packed)
    assert [p.id for p in found] == [f"file:{n}" for n in range(5000)]
    assert not dead
    assert take(packed, cursor)[0] == []


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_a_cut_packed_file_gives_its_start_and_a_dead_letter(tmp_path: Path, pack: Any) -> None:
    rows = [{**ROW, "id": n, "text": os.urandom(300).hex()} for n in range(2000)]
    whole = pack(lines(tmp_path / "plain", rows).read_bytes())
    cut = tmp_path / "cut.jsonl.x"
    cut.write_bytes(whole[: len(whole) // 2])
    found, dead, _ = take(cut)
    assert 0 < len(found) < 2000
    assert len(dead) == 1
    assert "damaged or cut" in f"{dead[0]}"


BAD_LINES: list[tuple[bytes, str]] = [
    (b"{", "truncated"),
    (b"[1]", "object"),
    (b'{"id": 1, "text": 5}', "text: expected a text"),
    (b'{"id": 1, "date": "0000-01-01T00:00:00Z", "text": "x"}', "date"),
    (b'{"id": 1, "date": "9999-12-31T23:59:59Z", "text": "x"}', "future"),
    (b'{"id": 1, "text": "\xff"}', "UTF-8"),
    (b'{"id": 1, "text": "\x00"}', "invalid"),
    (b'{"id": 1, "text": "\\ud800"}', "JSON|surrogate|truncated"),
    (b'{"id": 1}', "no text"),
    (b'{"id": "a\\u0000b", "text": "x"}', "printable"),
    (b'{"id": 1, "text": "x", "likes": -1}', "likes"),
    (b'{"id": 1, "text": "x", "likes": "many"}', "likes"),
    (b'{"a":' * 5000, "."),
    (b'{"id": "s:1", "source": "s", "collected_at": 5, "created_at": 5, "text": "x"}', "."),
    (b'{"id": 1, "text": "' + b"x" * 2_000_000 + b'"}', "2000021 bytes"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_malformed_line_is_a_dead_letter_and_the_rest_goes_on(
    tmp_path: Path, bad: bytes, reason: str
) -> None:
    path = lines(tmp_path / "a.jsonl", [ROW, bad, {**ROW, "id": "2"}])
    found, dead, cursor = take(path)
    assert [p.id for p in found] == ["file:1", "file:2"]
    assert len(dead) == 1
    assert re.search(reason, f"{dead[0]}")
    assert dead[0].place == f"{path}:2"
    assert dead[0].raw == bad[: 64 * 1024]
    assert cursor[str(path)]["line"] == 3
    assert cursor[str(path)]["offset"] == path.stat().st_size


def test_an_endless_line_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        for _ in range(30):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + json.dumps(ROW).encode())
    tracemalloc.start()
    try:
        found, dead, _ = take(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [p.id for p in found] == ["file:1"]
    assert [f"{error}" for error in dead] == ["a line of 30000000 bytes: the most is 1 MiB"]
    assert peak < 6_000_000


CSV_CASES: list[tuple[str, list[str], int]] = [
    ('id,text\n1,"two\nlines"\n2,b\n', ["two\nlines", "b"], 0),
    ('id,text\n1,"not closed\n2,"b"\n3,c\n', ["b", "c"], 1),
    ("id,text\n1,a,more\n2,b\n", ["b"], 1),
    ("id,text\n1\n2,b\n", ["b"], 1),
    ("id,text\n\n1,a\n\n", ["a"], 0),
    ('id\ttext\n1\ta "quoted" word\n', ['a "quoted" word'], 0),
    ("id,text\n1,a\x00b\n2,b\n", ["b"], 1),
    ("id,text\n1,\udcff\n2,b\n", ["b"], 1),
    ("id,text\n1,a\r\n2,b\r\n", ["a", "b"], 0),
    ("id,text\n1," + "x" * 1_500_000 + "\n2,b\n", ["b"], 1),
    ('id,text\n1,"' + "x\n" * 100_000 + "\n2,b\n", ["b"], 100_000),
]


@pytest.mark.parametrize(("table", "texts", "dead"), CSV_CASES, ids=range(len(CSV_CASES)))
def test_tables(tmp_path: Path, table: str, texts: list[str], dead: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table.encode("utf-8", "surrogateescape"))
    found, letters, cursor = take(path)
    assert [p.text for p in found] == texts
    assert len(letters) == dead
    assert cursor[str(path)]["offset"] == path.stat().st_size


def test_a_declared_column_that_is_missing_names_those_found(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,comment\n1,x\n", encoding="utf-8")
    with pytest.raises(BadSettings, match=r"no column body.*found: id, comment"):
        take(path, columns={"text": "body"})
    with pytest.raises(BadSettings, match=r"no column for the text.*id, comment"):
        take(path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_an_empty_file_holds_no_posts(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    assert take(path) == ([], [], None)


@pytest.mark.parametrize(
    ("content", "remedy"),
    [(b"PK\x03\x04zip", "unpack"), ("id".encode("utf-16"), "iconv"), (b"BZh91AY", "bunzip2")],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, remedy: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(Fatal, match=remedy):
        take(path)


def test_missing_files_and_directories_are_fatal(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="no such file"):
        read([tmp_path / "none.jsonl"])
    with pytest.raises(Fatal, match="a directory"):
        take(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"columns": {"txt": "a"}},
        {"columns": 5},
        {"defaults": {"kind": "novel"}},
        {"format": "xml"},
        {"source": "A B"},
        {"html": "maybe"},
        {"delimiter": ";;"},
        {"collected_at": "later"},
        {"nope": 1},
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(BadSettings, match=next(iter(options))):
        read([tmp_path / "x"], options)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_cursor_goes_on_where_it_was_left(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    rows = [
        f'{{"id":{n},"text":"t{n}"}}\n' if suffix == "jsonl" else f"{n},t{n}\n" for n in range(9)
    ]
    header = "" if suffix == "jsonl" else "id,text\n"
    path.write_text(header + "".join(rows[:5]), encoding="utf-8")
    first, _, cursor = take(path)
    path.write_text(header + "".join(rows), encoding="utf-8")
    second, _, _ = take(path, json.loads(json.dumps(cursor)))
    assert [p.text for p in first + second] == [f"t{n}" for n in range(9)]
    path.write_text("".join(rows[:3]) if not header else "id,text,x\n1,t,\n", encoding="utf-8")
    assert take(path, cursor)[0], "a shorter file is another file"


async def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.dumps(ROW).encode() + b"\n"
    given = io.TextIOWrapper(io.BufferedReader(io.BytesIO(raw * 3)))
    monkeypatch.setattr(sys, "stdin", given)
    steps = [step async for step in File(Context(options={"path": "-"})).posts(None)]
    assert [step.post.id for step in steps if step.post] == ["file:1"] * 3
    assert all(step.cursor is None for step in steps)


async def test_ignored_columns_are_named_once(tmp_path: Path) -> None:
    notes: list[str] = []
    path = lines(tmp_path / "a.jsonl", [{**ROW, "mood": 1}] * 3)
    connector = File(Context(options={"path": str(path)}, on_note=notes.append))
    assert len([step async for step in connector.posts(None)]) == 3
    assert notes == [f"{path}: 1 columns are ignored: mood"]


async def test_a_growing_file_is_followed(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", [ROW])
    connector = File(Context(options={"path": str(path), "tail": True}))
    seen: asyncio.Queue[Step] = asyncio.Queue()

    async def follow() -> None:
        async for step in connector.posts(None):
            seen.put_nowait(step)

    async def following() -> str:
        step = await asyncio.wait_for(seen.get(), 10)
        assert step.post is not None
        return step.post.id

    task = asyncio.create_task(follow())
    try:
        assert await following() == "file:1"
        with path.open("ab") as file:
            file.write(json.dumps({**ROW, "id": "2"}).encode()[:20])
            file.flush()
            await asyncio.sleep(0)
            file.write(json.dumps({**ROW, "id": "2"}).encode()[20:] + b"\n")
        assert await following() == "file:2"
        lines(path, [{**ROW, "id": "3", "text": "rotated"}])
        assert await following() == "file:3"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_tables_are_not_followed(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="tail"):
        File(Context(options={"path": str(tmp_path / "a.csv"), "tail": True}))
