"""The commands as a person or a script calls them, embedded: Python and nothing else."""

import asyncio
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from connectors.closed import CLOSED
from connectors.registry import CONNECTORS
from streams.cli import program
from tests.support.mentions import mention, opened
from tests.support.tiny_model import require_transformers, write_model
from tests.support.veille import Process, environment, veille, veille_here, veille_json

TOPICS = """
topics:
  - {id: acme, query: "acmeron OR #acmeron"}
  - {id: late, query: "delay*"}
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    return {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}


def lines(*objects: Any) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def parsed(output: bytes) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


POSTS = lines(
    {"id": "1", "text": "Acmeron is great", "created_at": "2026-03-01T10:00:00Z", "user": "ann"},
    {"id": "2", "text": "delayed again, awful Acmeron!", "created_at": "2026-03-01T11:00:00Z"},
    {"id": "3", "text": "nothing at all", "created_at": "2026-03-01T12:00:00Z"},
)


def test_replay_then_search_export_status_and_dead_letters(
    env: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_bytes(POSTS + b'{"id": "4"}\nnot json\n' + POSTS)
    summary = veille_json("replay", str(path), "--json", env=env)
    assert (summary["read"], summary["published"]) == (8, 6)
    assert (summary["matched"], summary["mentions"]) == (4, 6)
    assert (summary["dead_letters"], summary["missed"]) == (2, 0)

    status = veille_json("status", "--json", env=env)
    assert status["mentions"]["total"] == 3, "the same posts twice are the same mentions"
    assert (status["mentions"]["pos"], status["mentions"]["neg"]) == (1, 2)
    assert status["dead_letters"] == 2
    assert status["archive"]["size"]["posts"] == 6, "what met no topic is kept, too"
    assert "Archive 6 posts since" in veille("status", env=env).stdout.decode()

    found = parsed(veille("search", "acmeron", "--topic", "acme", "--json", env=env).stdout)
    assert [(one["topic"], one["post"]["id"]) for one in found] == [
        ("acme", "file:2"),
        ("acme", "file:1"),
    ]
    late = veille("search", "--topic", "late", "--sentiment", "neg", "--json", env=env)
    assert [one["post"]["id"] for one in parsed(late.stdout)] == ["file:2"]
    table = veille("export", "--format", "csv", env=env).stdout.decode().splitlines()
    assert table[0].startswith("id,topic,created_at")
    assert len(table) == 4
    letters = parsed(veille("dead-letters", "--json", env=env).stdout)
    assert {letter["place"] for letter in letters} == {f"{path}:4", f"{path}:5"}
    assert all(letter["reason"] for letter in letters)


def test_a_command_loads_what_it_needs_itself() -> None:
    heavy = {"elasticsearch", "fastapi", "numpy", "pyarrow", "babel"}
    script = "import sys; from streams.cli import program; program('worker'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, check=True
    )
    assert not heavy & set(done.stdout.decode().split())


def test_an_empty_file_is_no_error(env: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.touch()
    assert veille_json("replay", str(path), "--json", env=env)["read"] == 0


def test_score_answers_each_line_in_order(env: dict[str, str]) -> None:
    given = lines({"text": "I love it"}, {"text": "C'est affreux", "lang": "fr"}, {"text": ""})
    done = veille("score", env=env, stdin=given + b"\xff\n" + lines({"text": "awful"}))
    rows = parsed(done.stdout)
    assert [row["label"] for row in rows] == ["pos", "neg", "unscored", "unscored", "neg"]
    assert all(row.keys() >= {"score", "confidence", "lang", "engine", "reason"} for row in rows)
    assert all(row["reason"] for row in rows if row["label"] == "unscored")
    assert done.returncode == 1, "one line could not be read"
    assert veille("score", env=env, stdin=given).returncode == 0


def test_match_answers_each_post_with_its_own_id(env: dict[str, str], tmp_path: Path) -> None:
    topics = tmp_path / "mine.json"
    topics.write_text('{"topics": [{"id": "x", "query": "blue AND NOT sky"}]}')
    given = lines({"id": 5, "text": "Blue shoes"}, {"id": "b", "text": "blue sky"}, {"id": "c"})
    done = veille("topics", "match", "--topics", str(topics), env=env, stdin=given)
    assert parsed(done.stdout) == [
        {"id": 5, "topics": ["x"]},
        {"id": "b", "topics": []},
        {"id": "c", "topics": []},
    ]
    assert done.returncode == 0
    broken = veille("topics", "match", str(topics), env=env, stdin=b"{}}\n" + given)
    assert (broken.returncode, len(parsed(broken.stdout))) == (1, 4)


def test_check_shows_the_query_a_caret_and_the_remedy(env: dict[str, str], tmp_path: Path) -> None:
    assert veille("topics", "check", env=env).returncode == 0
    (tmp_path / "topics.yaml").write_text('topics: [{id: a, query: "x AND (y OR"}]')
    done = veille("topics", "check", env=env)
    shown = done.stdout.decode()
    assert done.returncode == 1
    assert "x AND (y OR" in shown
    assert "^" in shown
    assert "remedy" in shown.lower()
    named = veille("topics", "check", str(tmp_path / "topics.yaml"), env=env)
    assert named.returncode == 1


def test_sources_can_be_listed_and_tried(env: dict[str, str]) -> None:
    rows = parsed(veille("sources", "list", "--json", env=env).stdout)
    assert [row["name"] for row in rows] == [*CONNECTORS, *CLOSED]
    tinder = next(row for row in rows if row["name"] == "tinder")
    assert (tinder["access"], bool(tinder["why"])) == ("closed", True)
    refused = veille("collect", "tinder", "--once", "--stdout", env=env)
    assert refused.returncode != 0
    assert b"Instead" in refused.stderr
    assert b"urls" in veille("sources", "list", "rss", env=env).stdout
    done = veille(
        "collect", "sample", "--once", "--stdout", "--limit", "5", "--set", "live=no", env=env
    )
    assert [row["source"] for row in parsed(done.stdout)] == ["sample"] * 5
    file = veille("collect", "file", "--once", "--stdout", "--set", "path=-", env=env, stdin=POSTS)
    assert [row["id"] for row in parsed(file.stdout)] == ["file:1", "file:2", "file:3"]


def test_init_writes_settings_once(env: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert veille("init", str(folder), env=env).returncode == 0
    assert (folder / "veille.yaml").read_text().startswith("#")
    again = veille("init", str(folder), env=env)
    assert again.returncode == 2
    assert b"already there" in again.stderr
    assert veille("topics", "check", "--config", str(folder), env=env).returncode == 0


MISUSES = {
    "an unknown command": (["nosuch"], b"No such command"),
    "a missing file": (["replay", "nosuch.jsonl"], b"no such file"),
    "a pace that is none": (["replay", "-", "--speed", "fast"], b"not a pace"),
    "an unknown source": (["collect", "rsss", "--once", "--stdout"], b"did you mean 'rss'"),
    "a private address": (
        ["collect", "rss", "--once", "--stdout", "--set", "urls=http://127.0.0.1/feed"],
        b"VEILLE_ALLOW_HOSTS",
    ),
    "a recorded delivery to who is sent none": (
        [
            "collect",
            "rss",
            "--stdout",
            "--webhook",
            "x.json",
            "--set",
            "urls=https://example.org/f",
        ],
        b"--webhook goes with telegram",
    ),
    "a recorded delivery that is not there": (
        ["collect", "webhook", "--stdout", "--webhook", "nosuch.json"],
        b"nosuch.json: No such file",
    ),
    "a header that is none": (
        ["collect", "webhook", "--stdout", "--webhook", "-", "--header", "x"],
        b"--header 'Name: value'",
    ),
    "a time that is none": (["search", "--since", "soon"], b"not a time"),
    "a sentiment that is none": (["search", "--sentiment", "angry"], b"one of pos"),
    "no settings there": (["status", "--config", "nosuch"], b"veille init"),
    "no broker named": (["worker"], b"VEILLE_KAFKA__BOOTSTRAP_SERVERS"),
    "an unknown role": (["worker", "--role", "boss"], b""),
}


@pytest.mark.parametrize("case", MISUSES)
def test_misuse_is_told_with_a_remedy_and_no_traceback(case: str, env: dict[str, str]) -> None:
    arguments, message = MISUSES[case]
    done = veille(*arguments, env=env)
    shown = b" ".join(done.stderr.split())
    assert done.returncode in {1, 2}
    assert message in shown
    assert b"Traceback" not in shown


def test_settings_and_topics_are_named_by_file_and_line(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "veille.yaml").write_text("web:\n  prot: 1\n")
    done = veille("status", env=env)
    assert done.returncode == 2
    assert b"veille.yaml:2" in done.stderr
    (tmp_path / "veille.yaml").write_text("")
    (tmp_path / "topics.yaml").write_text("topics:\n- {id: a, query: x}\n- {id: a, query: y}\n")
    done = veille("replay", "-", env=env)
    assert done.returncode == 2
    assert b"topics.yaml" in done.stderr


def test_a_store_that_is_no_database_is_told_and_left_alone(env: dict[str, str]) -> None:
    data = Path(env["VEILLE_DATA_DIR"])
    data.mkdir()
    (data / "veille.sqlite3").write_bytes(b"precious, but no database" * 100)
    done = veille("status", env=env)
    assert done.returncode == 1
    assert b"veille.sqlite3" in done.stderr
    assert (data / "veille.sqlite3").read_bytes().startswith(b"precious")


def test_every_command_teaches_with_an_example(env: dict[str, str]) -> None:
    shown = veille("--help", env=env).stdout.decode()
    names = [
        "up",
        "init",
        "status",
        "replay",
        "collect",
        "score",
        "search",
        "export",
        "tail",
        "counts",
        "import",
        "reprocess",
    ]
    for name in [*names, "worker", "connect", "web", "dead-letters"]:
        assert name in shown
        assert "Example" in CliRunner().invoke(program(), [name, "--help"]).stdout


def test_help_tells_what_an_option_is_where_it_is_not_given() -> None:
    shown = " ".join(CliRunner().invoke(program(), ["tail", "--help"]).stdout.split())
    assert "kafka or store [default:" in shown


def test_texts_are_scored_from_the_command_line(env: dict[str, str]) -> None:
    score = ("score", "--engine", "vader")
    done = veille(*score, "I love it", "It is awful", "--lang", "en", env=env)
    assert [row["label"] for row in parsed(done.stdout)] == ["pos", "neg"]
    assert veille(*score, "I love it", "--lang", "fr", env=env).stdout.count(b"unscored") == 1
    given = lines({"text": "good"}, {"text": "good", "lang": "ru"})
    rows = parsed(veille(*score, "--lang", "en", "--target", "Vexil", env=env, stdin=given).stdout)
    assert [row["label"] for row in rows] == ["pos", "unscored"], "a line's own tag comes first"


def test_a_score_is_explained_for_people_and_for_programs(env: dict[str, str]) -> None:
    text = "Lovely staff but an awful room"
    words = ("score", "--explain", text, "--target", "Vexil", "--engine", "vader")
    shown = veille(*words, env=env).stdout.decode()
    assert "[+Lovely] staff but an [--awful] room" in shown
    assert "engine vader, language en, scope post, target Vexil" in shown
    (row,) = parsed(veille(*words, "--json", env=env).stdout)
    assert row["sentiment"]["label"] == "neg"
    assert [part["text"] for part in row["contributions"]] == ["Lovely", "awful"]
    broken = veille("score", "--explain", "--json", env=env, stdin=b"{\n" + lines({"text": "good"}))
    assert broken.returncode == 1
    assert parsed(broken.stdout)[0]["sentiment"]["reason"].startswith("line 1: ")
    assert veille("score", "--explain", env=env, stdin=b"{\n").stdout.startswith(b"unscored  (line")


def test_a_model_of_ones_own_judges(env: dict[str, str], tmp_path: Path) -> None:
    require_transformers()
    write_model(tmp_path / "model")
    chosen = {**env, "VEILLE_SENTIMENT__MODEL_DIR": str(tmp_path / "model")}
    (row,) = parsed(veille("score", "awful food", "--engine", "transformers", env=chosen).stdout)
    assert (row["label"], row["engine"]) == ("neg", "transformers")
    done = veille(
        "score", "--explain", "awful", env={**chosen, "VEILLE_SENTIMENT__ENGINE": "transformers"}
    )
    assert b"can't tell which words" in done.stderr
    assert done.stdout.startswith(b"-neg  score -")
    (tmp_path / "model" / "tokenizer.json").unlink()
    assert b"Remedy" in veille("score", "x", "--engine", "transformers", env=chosen).stderr


def test_the_pipeline_asks_the_engine_of_the_settings(env: dict[str, str], tmp_path: Path) -> None:
    require_transformers()
    write_model(tmp_path / "model")
    (tmp_path / "veille.yaml").write_text(
        f"sentiment: {{engine: transformers, model_dir: {tmp_path / 'model'}, target_as: none}}"
    )
    (tmp_path / "posts.jsonl").write_bytes(POSTS)
    assert veille_json("replay", str(tmp_path / "posts.jsonl"), "--json", env=env)["mentions"] == 3
    found = parsed(veille("search", "acmeron", "--topic", "acme", "--json", env=env).stdout)
    assert [(one["sentiment"]["label"], one["sentiment"]["engine"]) for one in found] == [
        ("neg", "transformers"),
        ("pos", "transformers"),
    ]
    (tmp_path / "model" / "model.onnx").unlink()
    done = veille("replay", str(tmp_path / "posts.jsonl"), env=env, seconds=60)
    assert done.returncode != 0
    assert b"model.onnx: no such file. Remedy: optimum-cli" in done.stderr


def test_an_export_is_gone_on_with_and_a_topic_is_followed(
    env: dict[str, str], tmp_path: Path
) -> None:
    stored(env, 1, 2)
    out = tmp_path / "out.csv.gz"
    told = veille_json("export", "--topic", "acme", "--out", str(out), "--json", env=env)
    assert told == {"path": str(out), "mentions": 2, "bytes": out.stat().st_size}
    for wrong, word in (
        (("--out", str(out)), b"there already"),
        (("--out", str(out), "--format", "xlsx"), b"'xlsx': not a format"),
        (("--format", "parquet"), b"--out mentions.parquet"),
        (("--resume",), b"--out FILE"),
        (("--out", str(tmp_path / "no" / "where.csv")), b"no such folder"),
    ):
        done = veille_here("export", *wrong, env=env)
        told_on_one_line = b" ".join(done.stderr.split())
        assert (done.returncode, word in told_on_one_line) == (2, True), done.stderr.decode()
    again = veille_here("export", "--out", str(out), "--overwrite", env=env)
    assert again.returncode == 0
    assert gzip.decompress(out.read_bytes()).count(b"\n") == 1 + 4

    last = parsed(veille_here("tail", "acme", "--json", env=env).stdout)
    assert [one["post"]["id"] for one in last] == ["test:1", "test:2"]
    assert "post 2" in veille_here("tail", "-n", "1", env=env).stdout.decode()
    assert veille_here("tail", "--from", "kafka", env=env).returncode == 2
    unknown = veille_here("tail", "late", "acne", env=env)
    refusal = " ".join(unknown.stderr.decode().split())
    assert unknown.returncode == 2
    assert "no topic 'acne'. Remedy: one of acme, or --wait for one" in refusal
    assert veille_here("tail", "acne", "--wait", env=env).returncode == 0
    log = tmp_path / "tail.log"
    with Process("tail", "acme", "-f", "--json", env=env, log=log):
        until(lambda: log.read_bytes().count(b"\n") == 2)
        stored(env, 11, 12)
        until(lambda: log.read_bytes().count(b"\n") == 4)
    ids = [one["post"]["id"] for one in parsed(log.read_bytes())]
    assert ids == ["test:1", "test:2", "test:11", "test:12"]


def stored(env: dict[str, str], *numbers: int) -> None:
    """Mentions of two topics, as a worker elsewhere writes them."""

    async def write() -> None:
        async with opened(Path(env["VEILLE_DATA_DIR"]) / "veille.sqlite3") as store:
            for topic in ("acme", "late"):
                await store.write([mention(number, topic=topic) for number in numbers])

    Path(env["VEILLE_DATA_DIR"]).mkdir(exist_ok=True)
    asyncio.run(write())


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
