"""`veille counts` as a person or a script calls it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from connectors.post import Author
from streams.records import Label, Retraction
from tests.support.mentions import at, mention, opened
from tests.support.veille import veille


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("veille")
    (folder / "topics.yaml").write_text("topics: [{id: brand, query: brand}]", "utf-8")
    data = folder / "data"
    data.mkdir()
    asyncio.run(_fill(data / "veille.sqlite3"))
    return {"VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(data), "COLUMNS": "100"}


async def _fill(path: Path) -> None:
    """Noon, one o'clock and five o'clock of 10 March; a rival, and what came late."""
    async with opened(path) as store:
        ada = Author(handle="ada", followers=9)
        await store.write([mention(1, tone="neg", author=ada), mention(3700, tone="pos")])
        await store.write([mention(18_000), mention(5, topic="rival"), mention(6)])
        late = [mention(n, tone="neg", author=ada) for n in (2, 70, 301)]
        await store.write([*late, mention(1, tone="neg", author=ada)])
        await store.write([Retraction(post_id="test:6", version=9)])
        await store.add_labels(
            [Label(mention_id=mention(18_000).id, labeled_at=at(0), sentiment="neg")]
        )


def rows(*arguments: str, env: dict[str, str]) -> list[dict[str, Any]]:
    done = veille("counts", *arguments, "--since", "2026-03-10T12:30:00Z", "--json", env=env)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_line_a_bucket_for_scripts(env: dict[str, str]) -> None:
    found = rows("brand", "rival", env=env)
    assert [(one["topic"], one["start"], one["total"], one["neg"]) for one in found] == [
        ("brand", "2026-03-10T12:00:00Z", 4, 4),
        ("brand", "2026-03-10T13:00:00Z", 1, 0),
        ("brand", "2026-03-10T17:00:00Z", 1, 1),
        ("rival", "2026-03-10T12:00:00Z", 1, 0),
    ], "from the start of the first hour, late posts and corrections in, deleted ones out"
    assert found[0]["authors"] == 1
    assert found[0]["reach"] == 9
    assert {one["seconds"] for one in found} == {3600}


@pytest.mark.parametrize(
    ("step", "totals"), [("1m", [1, 1]), ("5m", [1, 1]), ("1h", [4, 1, 1]), ("1d", [6])]
)
def test_buckets_of_any_width(env: dict[str, str], step: str, totals: list[int]) -> None:
    """With a `--since` of half past twelve: a bucket is counted whole or not at all."""
    assert [one["total"] for one in rows("brand", "--step", step, env=env)] == totals


def test_people_see_bars_and_where_nothing_was(env: dict[str, str]) -> None:
    done = veille("counts", "brand", "--since", "2026-03-10", env=env)
    lines = [" ".join(line.split()) for line in done.stdout.decode().splitlines()]
    assert lines == [
        "topic from (UTC) all neg neu pos ? authors",
        "brand 2026-03-10 12:00 4 4 0 0 0 1 ████████████████",
        "2026-03-10 13:00 1 0 0 1 0 0 ░░░░",
        "…",
        "2026-03-10 17:00 1 1 0 0 0 0 ████",
    ]


def test_a_topic_without_mentions_is_no_error(env: dict[str, str]) -> None:
    done = veille("counts", "brand", "--since", "1h", env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "No mention then" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nobody"], "topic 'nobody': not in topics.yaml, and nothing is stored of it"),
        (["brand", "--since", "soon"], "--since 'soon': not a time"),
        (["brand", "--since", ""], "--since: empty"),
        (["brand", "--step", "2h"], "2h"),
    ],
)
def test_it_says_what_is_wrong(env: dict[str, str], arguments: list[str], word: str) -> None:
    done = veille("counts", *arguments, env=env)
    assert done.returncode == 2
    assert word in done.stderr.decode()
