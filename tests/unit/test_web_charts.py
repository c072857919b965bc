"""The chart's definition: true to the buckets, drawable, and the same in both themes."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.store.port import Bucket
from streams.web import charts

START = datetime(2026, 3, 31, tzinfo=UTC)
HOUR = timedelta(hours=1)


def spec(*buckets: Bucket) -> dict[str, object]:
    return charts.over_time(buckets, since=START, until=START + 6 * HOUR, step=HOUR)


def rows(of: dict[str, object]) -> list[dict[str, int]]:
    data = of["data"]
    assert isinstance(data, dict)
    return [row for row in data["values"] if "n" in row]


def test_bars_are_stacked_without_holes_and_add_up() -> None:
    bucket = Bucket(start=START, total=10, neg=4, neu=3, pos=2, unscored=1)
    bars = rows(spec(bucket))
    assert [bar["lo"] for bar in bars] == [0, 4, 7, 8]
    assert [bar["hi"] for bar in bars] == [4, 7, 8, 10]
    assert {bar["t"] for bar in bars} == {int(START.timestamp() * 1000)}


def test_an_empty_bucket_draws_nothing() -> None:
    assert rows(spec(Bucket(start=START, total=0))) == []


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=365 * 9_999)))
def test_any_span_fits_a_hundred_bars(span: timedelta) -> None:
    assert span / charts.step_for(span) <= charts.MAX_BARS + 1


@pytest.mark.parametrize("buckets", [(), (Bucket(start=START, total=2, neg=1, pos=1),)])
async def test_the_server_draws_it(buckets: tuple[Bucket, ...]) -> None:
    drawings = charts.Drawings()
    light, dark = await asyncio.gather(
        drawings.svg(spec(*buckets), theme="light", width=300),
        drawings.svg(spec(*buckets), theme="dark", width=300),
    )
    assert light.startswith("<svg")
    assert (charts.COLOURS["light"]["neg"] in light) == bool(buckets)
    assert (charts.COLOURS["dark"]["neg"] in dark) == bool(buckets)
    assert "href" not in light.replace("xlink", "").split(">", 1)[1]


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_neighbours_in_the_stack_differ_in_lightness_too(theme: charts.Theme) -> None:
    light = [_luminance(charts.COLOURS[theme][key]) + 0.05 for key, name in charts.SERIES]
    ratios = [max(a, b) / min(a, b) for a, b in itertools.pairwise(light)]
    assert min(ratios[1:]) > 1.5
