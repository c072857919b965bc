"""Charts as Vega-Lite definitions: one for the page, and the same as SVG where no script runs."""

import asyncio
import hashlib
import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import vl_convert

from streams.records import SentimentLabel
from streams.source_gaps import Shade
from streams.store.port import Bucket
from streams.web.axis import axis
from streams.web.formats import day, moment, near
from streams.web.i18n import N_, _, reader

Theme = Literal["light", "dark"]

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"  # a name, never fetched
VL_VERSION: Final = "6.4"
SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"

SERIES: Final[tuple[tuple[SentimentLabel, str], ...]] = (
    ("neg", N_("negative")),
    ("neu", N_("neutral")),
    ("unscored", N_("unscored")),
    ("pos", N_("positive")),
)
"""From the baseline up: negative stands on the axis, where heights compare best."""

# Blue against orange differ for every kind of colour vision; lightness orders them in grey print.
COLOURS: Final[dict[Theme, dict[str, str]]] = {
    "light": {"neg": "#c2410c", "neu": "#5f6b7a", "unscored": "#a3adb9", "pos": "#1d6fb8"},
    "dark": {"neg": "#f28b4b", "neu": "#a3afbf", "unscored": "#5f6d82", "pos": "#5aa9ec"},
}
_INK: Final[dict[Theme, tuple[str, str]]] = {
    "light": ("#4b5563", "#e3e7ec"),
    "dark": ("#a7b2c2", "#2a3441"),
}

_HEAT: Final[dict[Theme, tuple[str, str]]] = {
    "light": ("#edf3f9", "#0d4a82"),
    "dark": ("#1b2735", "#8fcbff"),
}
"""Of one hue, so that lightness alone tells: what is least lies near the ground."""

_STEPS: Final = (
    *(timedelta(seconds=s) for s in (10, 30)),
    *(timedelta(minutes=m) for m in (1, 2, 5, 15, 30)),
    *(timedelta(hours=h) for h in (1, 2, 4, 8)),
    *(timedelta(days=d) for d in (1, 2, 7, 28, 91, 364, 3640, 36400)),
)
MAX_BARS: Final = 100


def step_for(span: timedelta) -> timedelta:
    """The finest step that draws `span` in at most a hundred bars."""
    return next((step for step in _STEPS if span / step <= MAX_BARS), _STEPS[-1])


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that a chart points at: an incident that opened, a topic that was edited."""

    at: datetime
    kind: Literal["incident", "edit"]
    subject: str
    """What it is about, such as a topic's name."""
    text: str


def over_time(
    buckets: Sequence[Bucket],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
    gaps: Sequence[Shade] = (),
    marks: Sequence[Mark] = (),
) -> dict[str, Any]:
    """Mentions over time, stacked by sentiment, over shaded stretches in which a source gave
    nothing, with the moments of `marks` pointed at. Times are milliseconds since 1970; words are
    the reader's."""
    edges = [{"t": _ms(at), "e": _ms(at), "lo": 0, "hi": 0} for at in (since, until)]
    rows = [row for bucket in buckets for row in _stack(bucket, step)]
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": 206,
        "padding": {"left": 0, "right": 10, "top": 4, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": [*edges, *rows]},  # the edges keep an empty start or end in sight
        **_drawn(
            [*_shaded(gaps, since, until), *_marked(marks)], since, until, has_data=bool(rows)
        ),
    }


def _drawn(
    around: list[dict[str, Any]], since: datetime, until: datetime, *, has_data: bool
) -> dict[str, Any]:
    """The bars alone or, with layers around them, behind those that point at something."""
    encoding = _encoding(since, until, has_data=has_data)
    mark = {"type": "rect", "tooltip": True}
    if not around:
        return {"mark": mark, "encoding": encoding}
    along = {"x": encoding.pop("x")}
    bars = {"mark": mark, "encoding": encoding}
    behind = [one for one in around if one["mark"]["type"] == "rect"]
    return {
        "encoding": along,
        "layer": [*behind, bars, *(one for one in around if one not in behind)],
    }


def _shaded(gaps: Sequence[Shade], since: datetime, until: datetime) -> list[dict[str, Any]]:
    shaded = [
        {
            "t": _ms(max(gap.begins, since)),
            "e": _ms(min(gap.ends, until)),
            "source": gap.source,
            "why": gap.reason,
        }
        for gap in gaps
    ]
    told = [
        {"field": "source", "title": _("posts may be missing from")},
        {"field": "why", "title": _("because")},
    ]
    mark = {"type": "rect", "tooltip": True, "opacity": 0.3, "color": "#8a94a3"}
    encoding = {"x2": {"field": "e"}, "tooltip": told}
    return [{"data": {"values": shaded}, "mark": mark, "encoding": encoding}] if shaded else []


def _marked(marks: Sequence[Mark]) -> list[dict[str, Any]]:
    """Of each kind that there is a dashed line, and a head at its top with a shape of its own."""
    told = [
        {"field": "when", "title": _("at")},
        {"field": "subject", "title": _("about")},
        {"field": "text", "title": _("what")},
    ]
    layers: list[dict[str, Any]] = []
    for kind in ("incident", "edit"):
        rows = [
            {
                "t": _ms(one.at),
                "when": moment(one.at),
                "subject": one.subject,
                "text": one.text,
            }
            for one in marks
            if one.kind == kind
        ]
        if not rows:
            continue
        for shape, where in (
            ("rule", {"y": {"value": 0}, "y2": {"value": "height"}}),
            ("point", {"y": {"value": 5}}),
        ):
            style = kind if shape == "rule" else f"{kind}-head"
            layers.append(
                {
                    "data": {"values": rows},
                    "mark": {"type": shape, "style": style, "tooltip": True},
                    "encoding": {**where, "tooltip": told},
                }
            )
    return layers


def hours_of_week(
    means: Sequence[Sequence[float]], *, days: Sequence[str], measure: str
) -> dict[str, Any]:
    """A heat map of the mean number of mentions by hour (0 to 23) of each of seven `days`."""
    rows = [
        {"d": day, "h": hour, "n": round(n, 2)}
        for day, hours in zip(days, means, strict=True)
        for hour, n in enumerate(hours)
    ]
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": 150,
        "padding": {"left": 0, "right": 4, "top": 2, "bottom": 0},
        "autosize": {"type": "fit", "contains": "padding"},
        "data": {"values": rows},
        "mark": {"type": "rect", "tooltip": True, "stroke": None},
        "encoding": {
            "x": {
                "field": "h",
                "type": "ordinal",
                "scale": {"paddingInner": 0.08},
                "axis": {"title": None, "labelAngle": 0, "values": [0, 6, 12, 18, 23],
                         "ticks": False, "domain": False},
            },
            "y": {
                "field": "d",
                "type": "nominal",
                "sort": list(days),
                "scale": {"paddingInner": 0.08},
                "axis": {"title": None, "ticks": False, "domain": False},
            },
            "color": {"field": "n", "type": "quantitative", "legend": None,
                      "scale": {"domainMin": 0}},
            "tooltip": [
                {"field": "d", "title": _("day")},
                {"field": "h", "title": _("hour")},
                {"field": "n", "title": measure, "format": ",.1f"},
            ],
        },
    }  # fmt: skip


def _stack(bucket: Bucket, step: timedelta) -> list[dict[str, Any]]:
    """A bucket's bars, each from `lo` to `hi`, a twelfth of the step apart from the next."""
    start, width = _ms(bucket.start), int(step.total_seconds() * 1000)
    bar = {"t": start, "e": start + width * 11 // 12, "when": span(bucket.start, step)}
    rows, base = [], 0
    for key, name in SERIES:
        if n := getattr(bucket, key):
            rows.append({**bar, "s": _(name), "n": n, "lo": base, "hi": base + n})
            base += n
    return rows


TIMES: Final = {
    "milliseconds": "%H:%M:%S",
    "seconds": "%H:%M:%S",
    "minutes": "%H:%M",
    "hours": "%H:%M",
    "day": "%a %d %b",
    "date": "%a %d %b",
    "week": "%d %b",
    "month": "%b %Y",
    "quarter": "%b %Y",
    "year": "%Y",
}
"""For axes in time that a picture draws by itself."""


def span(start: datetime, step: timedelta) -> str:
    """The stretch of time of a bar, by the reader's clock."""
    try:
        end = start + step
    except OverflowError:
        return moment(start)
    if step >= timedelta(days=2):
        return f"{day(start)} – {day(end)}"
    return f"{moment(start)} – {near(end, start)}"


def _encoding(since: datetime, until: datetime, *, has_data: bool) -> dict[str, Any]:
    bounds: dict[str, Any] = {"domainMin": 0} if has_data else {"domain": [0, 1]}
    return {
        "x": axis(since, until),
        "x2": {"field": "e"},
        "y": {
            "field": "lo",
            "type": "quantitative",
            "scale": bounds,
            "axis": {"title": None, "tickMinStep": 1, "format": "~s", "tickCount": 4},
        },
        "y2": {"field": "hi"},
        "color": {
            "field": "s",
            "type": "nominal",
            "scale": {"domain": [_(name) for key, name in SERIES]},
            "legend": None,
        },
        "tooltip": [
            {"field": "when", "title": _("time")},
            {"field": "s", "title": _("sentiment")},
            {"field": "n", "title": _("mentions"), "format": ","},
        ],
    }


def config(theme: Theme) -> dict[str, Any]:
    """Colours and type of a theme, apart from the definition, so that one serves both."""
    ink, rule = _INK[theme]
    return {
        "background": "transparent",
        "font": "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelColor": ink,
            "labelFontSize": 11,
            "gridColor": rule,
            "domainColor": rule,
            "tickColor": rule,
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False},
        "range": {
            "category": [COLOURS[theme][key] for key, name in SERIES],
            "heatmap": list(_HEAT[theme]),
        },
        "style": _styles(theme),
        "locale": {"number": _numbers()},
    }


def _numbers() -> dict[str, Any]:
    """How figures are written: https://d3js.org/d3-format#formatLocale."""
    decimal = "." if reader().language == "en" else ","
    return {
        "decimal": decimal,
        "thousands": "\N{NARROW NO-BREAK SPACE}",
        "grouping": [3],
        "currency": ["", ""],
    }


def _styles(theme: Theme) -> dict[str, Any]:
    """Of marks whose colour no field decides."""
    colours, (ink, rule) = COLOURS[theme], _INK[theme]
    head = {"shape": "triangle-down", "color": ink, "filled": True, "size": 70, "opacity": 1}
    return {
        "neg-bar": {"color": colours["neg"]},
        "all-bar": {"color": colours["unscored"]},
        "window": {"color": rule, "opacity": 0.75},
        "band": {"color": colours["pos"], "opacity": 0.22},
        "expected": {"color": colours["pos"], "strokeWidth": 1.5},
        "opened": {"color": ink, "strokeWidth": 1.5, "strokeDash": [4, 3]},
        "alarm": {"color": ink, "strokeWidth": 1.5, "strokeDash": [4, 3]},
        "alarm-head": head,
        "incident": {"color": colours["neg"], "strokeWidth": 1.5, "strokeDash": [4, 3]},
        "incident-head": {**head, "color": colours["neg"]},
        "edit": {"color": ink, "strokeWidth": 1, "strokeDash": [1, 3]},
        "edit-head": {**head, "shape": "diamond"},
    }


def svg(spec: dict[str, Any], *, theme: Theme, width: int) -> str:
    """The chart drawn by the server: some 70 ms of one core. Loads nothing."""
    return _svg({**spec, "width": width}, config(theme), "en-US")


def _svg(spec: dict[str, Any], config: dict[str, Any], locale: str) -> str:
    return str(vl_convert.vegalite_to_svg(spec, **_how(config, locale)))


def _png(spec: dict[str, Any], config: dict[str, Any], locale: str, scale: float) -> bytes:
    return bytes(vl_convert.vegalite_to_png(spec, scale=scale, **_how(config, locale)))


def _how(config: dict[str, Any], locale: str) -> dict[str, Any]:
    return {
        "vl_version": VL_VERSION,
        "config": config,
        "allowed_base_urls": [],
        "format_locale": locale,
        "time_format_locale": locale,
    }


class Drawings:
    """Charts drawn off the event loop, one at a time: the renderer has one thread, and a queue of
    ours keeps the thread pool free. The latest few are kept."""

    def __init__(self, most: int = 32) -> None:
        self._turn = asyncio.Semaphore(1)
        self._kept: dict[bytes, Any] = {}
        self._most = most

    async def svg(self, spec: dict[str, Any], *, theme: Theme, width: int) -> str:
        """As a page without a script shows it."""
        return await self.svg_of({**spec, "width": width}, config=config(theme))

    async def svg_of(
        self, spec: dict[str, Any], *, config: dict[str, Any], locale: str = "en-US"
    ) -> str:
        """A definition that has its size already."""
        drawn = await self._drawn(lambda: _svg(spec, config, locale), "svg", spec, config, locale)
        return str(drawn)

    async def png_of(
        self, spec: dict[str, Any], *, config: dict[str, Any], locale: str, scale: float
    ) -> bytes:
        """The same as pixels."""
        drawn: bytes = await self._drawn(
            lambda: _png(spec, config, locale, scale), "png", spec, config, locale, scale
        )
        return drawn

    async def _drawn(self, draw: Callable[[], Any], *of: object) -> Any:
        key = hashlib.blake2b(msgspec.json.encode(of), digest_size=16).digest()
        async with self._turn:
            drawn = self._kept.pop(key, None)
            if drawn is None:
                drawn = await asyncio.to_thread(draw)
            self._kept[key] = drawn
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
        return drawn


_MAKE_BUNDLE: Final = (
    "import sys, vl_convert;"
    "sys.stdout.write(vl_convert.javascript_bundle(sys.argv[1], vl_version=sys.argv[2]))"
)


def bundle() -> bytes:
    """Vega, Vega-Lite and vega-embed as one module: 0.9 MB that take some 2.5 s to put together,
    kept by `streams.web.assets`. A process of its own makes it, which takes the 130 MB of the
    renderer's engine with it when it ends. Raises `subprocess.CalledProcessError`, `OSError`."""
    command = [sys.executable, "-X", "utf8", "-c", _MAKE_BUNDLE, SNIPPET, VL_VERSION]
    made = subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 # our own words
    return made.stdout


def bundle_version() -> str:
    return f"{importlib.metadata.version('vl-convert-python')}-{VL_VERSION}"


def themes_json() -> str:
    """Both themes, for the script to choose from."""
    return msgspec.json.encode({name: config(name) for name in COLOURS}).decode()


def _ms(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp() * 1000)
