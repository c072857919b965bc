"""The chart of a mail: a definition, and its drawing as PNG in a process that ends with it.

The renderer's engine takes 130 MB; in a process of its own they are given back.
"""

import asyncio
import sys
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from streams.alerts.messages.brief import Brief
from streams.alerts.messages.language import Words
from streams.records import SentimentLabel

SECONDS: Final = 60.0
WIDTH: Final = 520
HEIGHT: Final = 130
SCALE: Final = 2
VL_VERSION: Final = "6.4"
# Seen on white as on a dark page: mails are shown on either, and the picture is the same.
INK: Final = "#7a8699"
BEFORE: Final = "#9aa5b4"
LINE: Final = "#0e9fb8"
COLOURS: Final[dict[SentimentLabel | None, str]] = {
    "neg": "#d9571c",
    "pos": "#2f86d1",
    None: "#6f64c9",
}


def definition(brief: Brief) -> dict[str, Any] | None:
    """A Vega-Lite chart of the series: the incident's bars in colour, what was expected dashed."""
    if not any(brief.height(bucket) for bucket in brief.series):
        return None
    words = Words(brief.language, brief.zone)
    incident, step = brief.incident, brief.step
    bars = [
        {
            "t": _shown(words, bucket.start),
            "e": _shown(words, bucket.start) + int(step.total_seconds() * 920),
            "n": brief.height(bucket),
            "now": bucket.start + step > incident.began_at,
        }
        for bucket in brief.series
    ]
    colour = COLOURS[brief.measured]
    layers: list[dict[str, Any]] = [_bars(bars, colour, long=bars[-1]["t"] - bars[0]["t"])]
    usual = usual_a_bar(brief)
    if usual is not None:
        since = _shown(words, incident.began_at)
        place = {"t": since, "e": max(bars[-1]["e"], since), "n": usual}
        layers.append(_rule(place))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": WIDTH,
        "height": HEIGHT,
        "background": "transparent",
        "padding": 4,
        "config": _CONFIG,
        "layer": layers,
    }


def usual_a_bar(brief: Brief) -> float | None:
    """What was expected in a bar of the incident."""
    incident = brief.incident
    length = incident.until - incident.began_at
    if length <= timedelta(0) or incident.kind not in _EXPECTING:
        return None
    return round(incident.expected * (brief.step / length), 3)


async def png(chart: dict[str, Any]) -> bytes:
    """The chart drawn; empty where that failed, for a mail without it is better than none."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-X", "utf8", "-c", _DRAW, VL_VERSION, str(SCALE)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(SECONDS):
            drawn, _ = await process.communicate(msgspec.json.encode(chart))
    except TimeoutError:
        return b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return drawn if process.returncode == 0 and drawn.startswith(b"\x89PNG") else b""


_EXPECTING: Final = frozenset(
    {"negative-spike", "volume-spike", "positive-spike", "volume-drop", "silence", "story"}
)
_DRAW: Final = (
    "import json, sys, vl_convert;"
    "sys.stdout.buffer.write(vl_convert.vegalite_to_png("
    "json.load(sys.stdin.buffer), vl_version=sys.argv[1], scale=float(sys.argv[2]),"
    " allowed_base_urls=[]))"
)
_CONFIG: Final = {
    "font": "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK,
        "labelFontSize": 11,
        "gridColor": INK,
        "gridOpacity": 0.25,
        "domainColor": INK,
        "tickColor": INK,
    },
    "axisX": {"grid": False},
    "axisY": {"domain": False, "ticks": False},
}


def _bars(bars: list[dict[str, Any]], colour: str, *, long: int) -> dict[str, Any]:
    shape = "%d.%m" if long > 3 * 86_400_000 else "%H:%M"
    return {
        "data": {"values": bars},
        "mark": "rect",
        "encoding": {
            "x": {
                "field": "t",
                "type": "temporal",
                "scale": {"type": "utc", "nice": False},
                "axis": {"title": None, "format": shape, "tickCount": 6, "labelOverlap": True},
            },
            "x2": {"field": "e"},
            "y": {
                "field": "n",
                "type": "quantitative",
                "scale": {"domainMin": 0},
                "axis": {"title": None, "tickMinStep": 1, "tickCount": 3},
            },
            "y2": {"datum": 0},
            "color": {"condition": {"test": "datum.now", "value": colour}, "value": BEFORE},
        },
    }


def _rule(place: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": [place]},
        "mark": {"type": "rule", "strokeDash": [7, 4], "strokeWidth": 2.5, "color": LINE},
        "encoding": {
            "x": {"field": "t", "type": "temporal"},
            "x2": {"field": "e"},
            "y": {"field": "n", "type": "quantitative"},
        },
    }


def _shown(words: Words, moment: datetime) -> int:
    """Milliseconds that, read as UTC, show the zone's own time."""
    local = words.local(moment)
    return int((local.timestamp() + (local.utcoffset() or timedelta(0)).total_seconds()) * 1000)
