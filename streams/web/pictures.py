"""Charts that stand by themselves, in a file or a report: title, period, legend, a line that says
where they come from, in a reader's time zone and language. Everything is drawn by the server."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from markupsafe import Markup

from streams.web import charts
from streams.web.charts import Drawings, Theme
from streams.web.visitor import Language

GROUND: Final[dict[Theme, str]] = {"light": "#ffffff", "dark": "#10161f"}
_INK: Final[dict[Theme, tuple[str, str]]] = {
    "light": ("#16202c", "#4b5563"),
    "dark": ("#eef2f7", "#a7b2c2"),
}
_TIMES: Final = ("t", "e", "to")
LOCALES: Final[dict[Language, str]] = {"en": "en-US", "fr": "fr-FR", "ru": "ru-RU"}


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """A chart to draw: a Vega-Lite definition, and how. Sizes are in CSS pixels; `title` and
    `lines` stand above it."""

    spec: dict[str, Any]
    width: int
    height: int
    zone: str = "UTC"
    language: Language = "en"
    theme: Theme = "light"
    title: str = ""
    lines: list[str] = []
    legend: bool = True
    words: dict[str, str] = {}
    """What the legend calls each series, where not by its name."""
    ground: bool = True
    """Whether it is painted on the theme's ground, or on what is beneath it."""

    def definition(self) -> dict[str, Any]:
        """The whole of it, ready to draw."""
        along = self.spec.get("encoding", {}).get("x", {})
        timed = along.get("type") == "temporal"  # else its marks stand by the zone already
        spec = _in_zone(self.spec, ZoneInfo(self.zone)) if timed else self.spec
        spec = _named(spec, self.words)
        whole = {**spec, "width": self.width, "height": self.height}
        whole["autosize"] = {"type": "fit", "contains": "padding"}
        whole["padding"] = 18 if self.title else {"left": 0, "right": 8, "top": 4, "bottom": 8}
        if self.title:
            whole["title"] = {"text": self.title, "subtitle": self.lines}
        return _with_legend(whole) if self.legend else whole

    def config(self) -> dict[str, Any]:
        """Colours and type."""
        (ink, quiet), config = _INK[self.theme], charts.config(self.theme)
        if self.ground:
            config["background"] = GROUND[self.theme]
        config["title"] = {
            "anchor": "start",
            "frame": "bounds",
            "offset": 14,
            "fontSize": 17,
            "color": ink,
            "subtitleFontSize": 12,
            "subtitleColor": quiet,
            "subtitlePadding": 5,
            "subtitleLineHeight": 16,
        }
        config["legend"] = {"labelColor": quiet, "labelFontSize": 12, "symbolType": "square"}
        config["text"] = {"color": ink}
        return config


async def svg(drawings: Drawings, picture: Picture) -> str:
    """Drawn off the event loop, or as it was drawn before."""
    return await drawings.svg_of(
        picture.definition(), config=picture.config(), locale=LOCALES[picture.language]
    )


async def inline(drawings: Drawings, picture: Picture) -> Markup:
    """As a part of a page, on the ground that is there; what it shows is for the page to say: the
    roles and names that the renderer gives to every mark are left out.

    The renderer escapes what it writes, and needs neither style nor script.
    """
    drawn = await svg(drawings, msgspec.structs.replace(picture, ground=False))
    return Markup(_TAG.sub(lambda tag: _ROLES.sub("", tag[0]), drawn))  # noqa: S704 # see above


_TAG: Final = re.compile(r"<[^>]*>")
_ROLES: Final = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')


async def png(drawings: Drawings, picture: Picture, *, scale: float = 1) -> bytes:
    """The same as pixels, `scale` of them for each of CSS."""
    return await drawings.png_of(
        picture.definition(),
        config=picture.config(),
        locale=LOCALES[picture.language],
        scale=scale,
    )


def bars(rows: Sequence[tuple[str, Mapping[str, int]]]) -> dict[str, Any]:
    """Named rows of counts split by sentiment (`neg`, `neu`, `unscored`, `pos`), stacked, the sum
    written at each bar's end. At most thirty are drawn."""
    values, sums = [], []
    for place, (name, split) in enumerate(rows[:30]):
        base = 0
        for key, series in charts.SERIES:
            if n := split.get(key, 0):
                values.append({"y": place, "s": series, "lo": base, "hi": base + n})
                base += n
        sums.append({"y": place, "name": name, "hi": base, "n": f"{base:,}".replace(",", "\u202f")})
    names = [name for name, _ in rows[:30]]
    band = {
        "field": "y",
        "type": "ordinal",
        "scale": {"domain": list(range(len(names))), "paddingInner": 0.3},
        "axis": {
            "title": None,
            # Every character beyond ASCII is escaped: no name ends the expression.
            "labelExpr": f"{json.dumps(names)}[datum.value]",
            "labelLimit": 220,
            "ticks": False,
            "domain": False,
        },
    }
    along = {
        "field": "lo",
        "type": "quantitative",
        "scale": {"domainMin": 0, "nice": True},
        "axis": {"title": None, "format": "~s", "tickCount": 5, "grid": True},
    }
    return {
        "$schema": charts.SCHEMA,
        "encoding": {"y": band},
        "layer": [
            {
                "data": {"values": values},
                "mark": {"type": "bar"},
                "encoding": {"x": along, "x2": {"field": "hi"}, "color": _series()},
            },
            {
                "data": {"values": sums},
                "mark": {"type": "text", "align": "left", "dx": 5},
                "encoding": {
                    "x": {"field": "hi", "type": "quantitative"},
                    "text": {"field": "n"},
                },
            },
        ],
    }


def _series() -> dict[str, Any]:
    names = [name for _, name in charts.SERIES]
    return {"field": "s", "type": "nominal", "scale": {"domain": names}, "legend": None}


def in_zone(moment: datetime, zone: ZoneInfo) -> int:
    """Milliseconds since 1970 of what the clock of `zone` shows then: drawn as UTC it reads
    right, on both sides of a change of the clock."""
    return round(moment.astimezone(zone).replace(tzinfo=UTC).timestamp() * 1000)


def _in_zone(spec: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """The definition with its times as the clock of `zone` shows them, on axes in UTC."""
    return {key: _moved(key, value, zone) for key, value in spec.items()}


def _moved(key: str, value: Any, zone: ZoneInfo) -> Any:
    if key == "values" and isinstance(value, list):
        return [_row(row, zone) for row in value]
    if isinstance(value, dict):
        if value.get("type") == "temporal" and key == "x":
            return {**value, "scale": {**value.get("scale", {}), "type": "utc"}}
        return _in_zone(value, zone)
    if isinstance(value, list):
        return [_in_zone(one, zone) if isinstance(one, dict) else one for one in value]
    return value


def _row(row: Any, zone: ZoneInfo) -> Any:
    if not isinstance(row, dict):
        return row
    moved = {key: _clock(row[key], zone) for key in _TIMES if isinstance(row.get(key), int)}
    return {**row, **moved}


def _clock(millis: int, zone: ZoneInfo) -> int:
    return in_zone(datetime.fromtimestamp(millis / 1000, UTC), zone)


def _named(spec: dict[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """The series by other words: in the rows that belong to one, and in the order of colours."""
    if not words:
        return spec

    def renamed(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {k: renamed(k, v) for k, v in value.items()}
        if isinstance(value, list):
            return [renamed(key, one) for one in value]
        return (
            words.get(value, value) if key in ("s", "domain") and isinstance(value, str) else value
        )

    return {key: renamed(key, value) for key, value in spec.items()}


def _with_legend(spec: dict[str, Any]) -> dict[str, Any]:
    """The colours explained beneath, where the chart has any by series."""
    encoding = spec.get("encoding", {})
    if "color" in encoding:
        shown = {**encoding["color"], "legend": {"orient": "bottom", "title": None}}
        return {**spec, "encoding": {**encoding, "color": shown}}
    if "layer" in spec:
        return {**spec, "layer": [_with_legend(layer) for layer in spec["layer"]]}
    return spec
