"""`veille alerts backtest` as a person or a script calls it."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import outcry
from tests.support.mentions import opened
from tests.support.veille import veille

END = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("veille")
    (folder / "topics.yaml").write_text("topics: [{id: kestrel, query: kestrel}]", "utf-8")
    data = folder / "data"
    data.mkdir()
    asyncio.run(_fill(data / "veille.sqlite3"))
    return {"VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(data)}


async def _fill(path: Path) -> None:
    async with opened(path) as store:
        made = outcry.mentions(END, days=9)
        for first in range(0, len(made), 500):
            await store.write(made[first : first + 500])


def test_it_prints_all_three_for_scripts(env: dict[str, str]) -> None:
    done = veille("alerts", "backtest", "kestrel", "--since", "30d", "--json", env=env)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["sensitivity"] for one in found] == ["low", "normal", "high"]
    normal = found[1]
    assert normal["alarms"][-1]["kind"] == "negative-spike"
    assert "2026-03-20T10:00:00Z" < normal["alarms"][-1]["opened_at"] < "2026-03-20T10:41:00Z"
    a_week = len(normal["alarms"]) / normal["weeks"]
    assert normal["alarms_a_week"] == pytest.approx(a_week, abs=0.1)


def test_it_tells_people(env: dict[str, str]) -> None:
    done = veille(
        "alerts", "backtest", "kestrel", "--since", "2026-03-01", "--sensitivity", "normal", env=env
    )
    text = done.stdout.decode()
    assert text.startswith("normal: ")
    assert "a week" in text
    assert "negative spike" in text


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nobody"], "nothing is stored of it"),
        (["kestrel", "--since", "soon"], "--since 'soon': not a time"),
        (["kestrel", "--sensitivity", "loud"], "no such sensitivity"),
    ],
)
def test_it_says_what_is_wrong(env: dict[str, str], arguments: list[str], word: str) -> None:
    done = veille("alerts", "backtest", *arguments, env=env)
    assert done.returncode in (1, 2)
    assert word in done.stderr.decode()
