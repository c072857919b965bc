"""Dashboards as people write them: what each word of a definition means, and what goes with what.

`docs/kibana.md` tells it to those who write them.
"""

from typing import Annotated, Final, Literal

import msgspec

from streams.kibana import formula

Language = Literal["en", "fr", "ru"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "fr", "ru")
ViewName = Literal["mentions", "alerts", "health", "dead-letters"]
Look = Literal[
    "bars", "area", "lines", "pie", "metric", "table", "heatmap", "map", "tags",
    "markdown", "guide", "search",
]  # fmt: skip
Format = Literal["number", "percent", "decimal", "duration"]
Tint = Literal["positive", "negative", "neutral", "quiet"]
Id = Annotated[str, msgspec.Meta(pattern="^[a-z][a-z0-9-]{0,79}$")]
Color = Annotated[str, msgspec.Meta(pattern="^#[0-9a-f]{6}$")]
GRID: Final = 48
"""Columns of a dashboard's grid, as Kibana has them."""


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping without unknown keys."""


class Text(_Strict, frozen=True, kw_only=True):
    """A sentence in each language."""

    en: str
    fr: str
    ru: str

    def told(self, language: Language) -> str:
        """What it says in a language."""
        said: str = getattr(self, language)
        return said


class Named(_Strict, frozen=True, kw_only=True):
    """Documents that answer `where` (KQL), under a title."""

    where: str
    title: Text


class Bucket(_Strict, frozen=True, kw_only=True):
    """What documents are told apart by: one of `date` (a field of times), `terms` (a field's most
    frequent values) and `filters`.

    `size` values at most, ranked by the panel's first figure, or in their own order by `sort: key`;
    `other` adds up the rest. `every` is a fixed interval of times (`1h`, `1d`), left to Kibana
    where it is empty.
    """

    date: str = ""
    every: str = ""
    terms: str = ""
    size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    sort: Literal["figure", "key"] = "figure"
    other: bool = False
    filters: list[Named] = []
    title: Text | None = None

    def __post_init__(self) -> None:
        _one_of(self, "date", "terms", "filters")

    @property
    def field(self) -> str:
        """The field that is asked; empty for filters."""
        return self.date or self.terms


class Figure(_Strict, frozen=True, kw_only=True):
    """A number, or (`last`) the newest value of a field: one of the first eight, over documents
    that answer `where`."""

    count: bool = False
    unique: str = ""
    average: str = ""
    sum: str = ""
    min: str = ""
    max: str = ""
    last: str = ""
    formula: str = ""
    where: str = ""
    format: Format | None = None
    tint: Tint | None = None
    title: Text | None = None

    def __post_init__(self) -> None:
        _one_of(self, "count", "unique", "average", "sum", "min", "max", "last", "formula")
        if self.formula and self.where:
            raise ValueError("a formula has its conditions inside, as count(kql='…')")
        if self.formula:
            formula.parse(self.formula)
            if self.title is None:
                raise ValueError("a formula needs a title")

    @property
    def asks(self) -> str:
        """Which figure it is."""
        return next(name for name in self.__struct_fields__ if getattr(self, name))

    @property
    def ranks(self) -> bool:
        """Whether values can be ranked by it: Lens can't by a newest value or a formula."""
        return self.asks not in ("last", "formula")

    @property
    def field(self) -> str:
        """The field that is asked; empty for counts and formulas."""
        return "" if self.count or self.formula else str(getattr(self, self.asks))


class Link(_Strict, frozen=True, kw_only=True):
    """Where a click on a value leads: another dashboard, filtered by that value."""

    dashboard: Id
    title: Text


class Panel(_Strict, frozen=True, kw_only=True):
    """A place on the grid: `at` is column, row, width and height.

    `x` are the slices, rows or bars; `split` tells each of them apart again (in a heat map: its
    rows); `y` are the figures, nine at most; `share` draws each bar as parts of a hundred.
    `about` says how to read it. A `guide` gathers what all panels say
    about themselves; a `map` needs `place`, a field of points.
    """

    id: Id
    title: Text
    look: Look = msgspec.field(name="as")
    at: tuple[int, int, int, int]
    about: Text | None = None
    view: ViewName | None = None
    where: str = ""
    x: Bucket | None = None
    split: Bucket | None = None
    y: Annotated[list[Figure], msgspec.Meta(max_length=9)] = []
    share: bool = False
    place: str = ""
    text: Text | None = None
    search: str = ""
    opens: list[Link] = []

    def __post_init__(self) -> None:
        _check_shape(self)

    @property
    def asks(self) -> bool:
        """Whether figures are computed for it."""
        return self.look not in ("markdown", "guide", "search")


class Dashboard(_Strict, frozen=True, kw_only=True):
    """Panels over one view of the data, which single panels may leave."""

    id: Id
    title: Text
    about: Text
    view: ViewName
    where: str = ""
    time: str = "now-7d"
    refresh: Annotated[int, msgspec.Meta(ge=0)] = 60
    """Seconds; 0: by hand."""
    controls: list[str] = []
    panels: list[Panel]

    def __post_init__(self) -> None:
        _refuse_twins([panel.id for panel in self.panels], "panel")
        for number, panel in enumerate(self.panels):
            for other in self.panels[:number]:
                if _overlap(panel.at, other.at):
                    raise ValueError(f"panel {panel.id} lies over panel {other.id}")

    def view_of(self, panel: Panel) -> ViewName:
        """Which documents a panel is about."""
        return panel.view or self.view

    def object_id(self, panel: Panel) -> str:
        """The id of what is saved for a panel in Kibana."""
        return f"{self.id}-{panel.id}"


class View(_Strict, frozen=True, kw_only=True):
    """Documents of one kind: an index (`<prefix>-<name>`), its field of time, what each record and
    its fields are called (`labels`), what their values are called (`values`) and how they are
    coloured (`colors`). `links` are fields that hold addresses, `pages` those that hold a path of
    Veille's pages, `hides` those that Discover leaves out."""

    name: ViewName
    title: Text
    time: str
    records: Text
    labels: dict[str, Text] = {}
    values: dict[str, dict[str, Text]] = {}
    colors: dict[str, dict[str, Color]] = {}
    links: list[str] = []
    pages: list[str] = []
    hides: list[str] = []

    @property
    def id(self) -> str:
        """Its data view's id in Kibana."""
        return f"veille-{self.name}"

    def label(self, field: str, language: Language) -> str:
        """What a field is called."""
        return self.labels[field].told(language) if field in self.labels else field


class Search(_Strict, frozen=True, kw_only=True):
    """A saved list of documents, the newest first unless `sort` says otherwise."""

    id: Id
    title: Text
    about: Text
    view: ViewName
    where: str = ""
    columns: list[str]
    sort: list[tuple[str, Literal["asc", "desc"]]] = []


class Shared(_Strict, frozen=True, kw_only=True):
    """What dashboards share."""

    tag: Text
    views: list[View]
    searches: list[Search] = []

    def __post_init__(self) -> None:
        _refuse_twins([view.name for view in self.views], "view")
        _refuse_twins([search.id for search in self.searches], "search")


class Definitions(_Strict, frozen=True, kw_only=True):
    """All that is brought to Kibana."""

    shared: Shared
    dashboards: list[Dashboard]

    def view(self, name: str) -> View:
        """A view by its name."""
        return next(view for view in self.shared.views if view.name == name)

    def search(self, name: str) -> Search:
        """A saved search by its id."""
        return next(search for search in self.shared.searches if search.id == name)

    def dashboard(self, name: str) -> Dashboard:
        """A dashboard by its id."""
        return next(found for found in self.dashboards if found.id == name)


def _check_shape(panel: Panel) -> None:
    """Raises `ValueError` where a panel lacks what its look needs, or has what that ignores."""
    x, y, width, height = panel.at
    if min(x, y) < 0 or min(width, height) < 1 or x + width > GRID:
        raise ValueError(f"at: {list(panel.at)} is not within the grid of {GRID} columns")
    has = {name for name in ("x", "split", "y", "place", "text", "search") if getattr(panel, name)}
    need, may = _SHAPES[panel.look]
    if lacking := sorted(need - has):
        raise ValueError(f"as {panel.look}: lacks {', '.join(lacking)}")
    if surplus := sorted(has - need - may):
        raise ValueError(f"as {panel.look}: has no use for {', '.join(surplus)}")
    if panel.asks and panel.about is None:
        raise ValueError("lacks `about`: how is it read?")
    if len(panel.y) > 1 and panel.look not in ("table", "bars", "area", "lines"):
        raise ValueError(f"as {panel.look}: shows one figure, not {len(panel.y)}")
    if panel.share and panel.look not in ("bars", "area"):
        raise ValueError(f"as {panel.look}: can't be drawn as shares")
    if len(panel.y) > 1 and panel.split and panel.look != "table":
        raise ValueError("split: goes with one figure alone")


_SHAPES: Final[dict[Look, tuple[set[str], set[str]]]] = {
    "bars": ({"x", "y"}, {"split"}),
    "area": ({"x", "y"}, {"split"}),
    "lines": ({"x", "y"}, {"split"}),
    "pie": ({"x", "y"}, {"split"}),
    "metric": ({"y"}, set()),
    "table": ({"x", "y"}, {"split"}),
    "heatmap": ({"x", "split", "y"}, set()),
    "map": ({"place"}, set()),
    "tags": ({"x", "y"}, set()),
    "markdown": ({"text"}, set()),
    "guide": (set(), {"text"}),
    "search": ({"search"}, set()),
}
"""What each look needs, and what it may have besides."""


def _one_of(struct: msgspec.Struct, *names: str) -> None:
    given = [name for name in names if getattr(struct, name)]
    if len(given) != 1:
        raise ValueError(f"one of {', '.join(names)} is needed, found {', '.join(given) or 'none'}")


def _refuse_twins(names: list[str], kind: str) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ValueError(f"two of one id: {kind} {', '.join(twins)}")


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    beside = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
    above = one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
    return not (beside or above)
