"""`veille alerts replay`: rows that ring, alarms a week, and what is wrong with a file."""

import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from streams.alerts.series import Clock, bucket_seconds
from streams.cli import run
from tests.support.counts import DAY, counts

SPIKE = 5 * DAY + 40
START = datetime(2026, 3, 2, 0, 2, 53, tzinfo=UTC)


def stamps(number: int, step: int = 300) -> list[str]:
    return [f"{START + timedelta(seconds=step * k):%Y-%m-%d %H:%M:%S}" for k in range(number)]


def series() -> list[tuple[str, str]]:
    values = list(counts(20, 7, 3, spikes=[SPIKE]))
    return [(at, str(value)) for at, value in zip(stamps(len(values)), values, strict=True)]


def write(path: Path, rows: Iterable[tuple[str, str]], header: str = "timestamp,value") -> Path:
    path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n", "utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "counts.csv"


def replay(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[Any], str]:
    assert run(["alerts", "replay", *arguments]) == 0
    said = capsys.readouterr()
    return [json.loads(line) for line in said.out.splitlines()], said.err


def complaint(capsys: pytest.CaptureFixture[str], path: Path) -> str:
    assert run(["alerts", "replay", str(path)]) == 2
    return " ".join(capsys.readouterr().err.split())


def test_a_line_for_each_row_that_rings(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = series()
    lines, errors = replay(capsys, str(write(file, rows)))
    assert errors == ""
    assert [set(line) for line in lines] == [
        {"timestamp", "observed", "expected", "score", "severity"}
    ] * len(lines)
    spike = {at: float(value) for at, value in rows[SPIKE : SPIKE + 6]}
    found = [line for line in lines if line["timestamp"] in spike]
    assert len(found) == 1
    assert found[0]["observed"] == spike[found[0]["timestamp"]]
    assert 10 < found[0]["expected"] < 30
    assert found[0]["severity"] in {"low", "medium", "high", "critical"}


def test_no_row_is_judged_by_later_ones(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = series()
    whole, _ = replay(capsys, str(write(file, rows)))
    part, _ = replay(capsys, str(write(file, rows[: SPIKE + 3])))
    assert part == [line for line in whole if line["timestamp"] <= rows[SPIKE + 2][0]]


def test_summary_says_alarms_a_week(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, series())
    lines, _ = replay(capsys, str(file))
    (summary,), _ = replay(capsys, str(file), "--summary")
    assert summary["rows"] == 7 * DAY
    assert summary["weeks"] == 1.0
    assert summary["bucket_seconds"] == 300
    assert summary["alarms"] == summary["alarms_a_week"] == len(lines)
    assert sum(summary["by_severity"].values()) == len(lines)


def test_sensitivities_are_three(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(file, series())
    alarms = []
    for name in ("low", "normal", "high"):
        (summary,), _ = replay(capsys, str(file), "--summary", "--sensitivity", name)
        alarms.append(summary["alarms"])
    assert alarms == sorted(alarms)
    assert run(["alerts", "replay", str(file), "--sensitivity", "huge"]) == 2


def test_columns_may_be_more_and_in_any_order(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, _ = replay(capsys, str(write(file, series())))
    turned = [(value, "x", at) for at, value in series()]
    path = file.with_name("other.csv")
    path.write_text(
        "\ufeffVALUE,label,Timestamp\r\n" + "".join(",".join(row) + "\r\n" for row in turned),
        "utf-8",
    )
    assert replay(capsys, str(path))[0] == plain


@pytest.mark.parametrize("cell", ["", "NaN", "null", "-5", "1e300", "inf"])
def test_what_is_no_count_is_unknown_and_told(
    cell: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = series()
    plain, _ = replay(capsys, str(write(file, rows[:100] + rows[101:])))
    rows[100] = (rows[100][0], cell)
    lines, errors = replay(capsys, str(write(file, rows)))
    assert lines == plain
    assert "1 row without a usable number" in errors


def test_repeated_unordered_and_missing_rows(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = series()
    plain, _ = replay(capsys, str(write(file, rows)))
    muddled = [*rows[:200], rows[199], rows[150], rows[199], *rows[200:]]
    lines, errors = replay(capsys, str(write(file, muddled)))
    assert lines == plain
    assert "3 rows out of the order of time" in errors
    gap = rows[:900] + rows[1100:]
    lines, errors = replay(capsys, str(write(file, gap)))
    assert errors == ""
    assert any(rows[SPIKE][0] <= line["timestamp"] <= rows[SPIKE + 6][0] for line in lines)


def test_hours_that_come_twice_and_zones(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = series()
    plain, _ = replay(capsys, str(write(file, rows)))
    autumn = rows[:600] + rows[588:]
    lines, errors = replay(capsys, str(write(file, autumn)))
    assert [line["timestamp"] for line in lines] == [line["timestamp"] for line in plain]
    assert "12 rows out of the order" in errors
    zoned = [
        (f"{datetime.fromisoformat(at) + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}+02:00", value)
        for at, value in rows
    ]
    lines, errors = replay(capsys, str(write(file, zoned)))
    assert errors == ""
    assert [line["score"] for line in lines] == [line["score"] for line in plain]


def test_a_clock_that_jumps_is_believed_once_rows_agree() -> None:
    clock = Clock()
    seen = [clock.time(at) for at in (0.0, 300.0, 9e9, 600.0, 900.0)]
    assert seen == [0.0, 300.0, None, 600.0, 900.0], "one wild row"
    ahead = [clock.time(5e6 + at) for at in (0.0, 300.0, 600.0)]
    assert ahead == [None, 5e6 + 300.0, 5e6 + 600.0]
    back = [clock.time(1e6 + 300.0 * k) for k in range(5)]
    assert back[:2] == [None, None]
    moved = [at for at in back if at is not None]
    assert moved[0] > 5e6 + 600.0
    assert moved == sorted(moved)
    assert all((at - 1e6) % 300 == 0 and (at - 1e6) % 604_800 < 1500 for at in moved), "weeks"


def test_the_length_of_buckets_is_the_median_step() -> None:
    assert bucket_seconds([0, 60, 120, 180, 5000, 5060]) == 60
    assert bucket_seconds([7]) == 300


@pytest.mark.parametrize(
    ("text", "place", "remedy"),
    [
        ("", ":1: no column timestamp and value (found: none)", "a first line that says"),
        ("timestamp,value\n", ": no rows", "lines below timestamp,value"),
        ("time,value\n1,2\n", ":1: no column timestamp (found: time, value)", "first line"),
        ("timestamp,value\n2026-03-02 00:00:00,1\nsoon,2\n", ":3: timestamp 'soon'", "2026-01-31"),
        ("timestamp,value\n2026-03-02 00:00:00,many\n", ":2: value 'many'", "a count"),
        ("timestamp,value\n2020-01-01,1\n2021-01-01,1\n", "rows are 31622400 seconds", "one a day"),
    ],
)
def test_errors_name_file_line_and_remedy(
    text: str, place: str, remedy: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text, "utf-8")
    said = complaint(capsys, file)
    assert place in said
    assert "Remedy: " in said
    assert remedy in said.split("Remedy: ")[1]


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file" in complaint(capsys, tmp_path / "none.csv")
    assert "Remedy" in complaint(capsys, tmp_path)


@pytest.mark.long
def test_a_million_rows_take_seconds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = [20, 25, 17, 31, 22, 3] * 20_000
    rows = zip(stamps(120_000, 60), map(str, values), strict=True)
    write(file, rows)
    begun = time.process_time()
    (summary,), errors = replay(capsys, str(file), "--summary")
    assert summary["rows"] == 120_000
    assert "100,000 rows" in errors
    assert time.process_time() - begun < 5.0, "an eighth of a million"
