"""Whether the fields that definitions name are mapped, and can do what is asked of them.

A field that was renamed or removed in `config/elasticsearch/` is told here, before Kibana shows an
empty panel.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from streams.errors import ConfigError
from streams.kibana import formula, kql
from streams.kibana.definitions import (
    Bucket,
    Dashboard,
    Definitions,
    Figure,
    Panel,
    Search,
    ViewName,
)
from streams.kibana.fields import DataType, Field, field_of

_NUMBERS: Final[frozenset[DataType]] = frozenset({"number"})
_ORDERED: Final[frozenset[DataType]] = frozenset({"number", "date"})
_NEEDS: Final[dict[str, frozenset[DataType]]] = {
    "average": _NUMBERS, "sum": _NUMBERS, "min": _ORDERED, "max": _ORDERED,
    "date": frozenset({"date"}), "place": frozenset({"geo_point"}),
}  # fmt: skip
_ANY: Final = ("last", "where", "column")
"""Uses that even a text is good for."""


class Use(NamedTuple):
    """A field, and what for: a figure's name, `terms`, `date`, `place`, `where`, `column`, …"""

    field: str
    what: str


def check(definitions: Definitions, shared: Path, paths: dict[str, Path]) -> None:
    """Look at every dashboard, whose file is in `paths`, and every saved search of `shared`.

    Raises `ConfigError` naming file, panel, field and remedy.
    """
    for board in definitions.dashboards:
        spot = str(paths[board.id])
        look(spot, board.view, _board_uses(board))
        for panel in board.panels:
            look(f"{spot}: panel {panel.id}", board.view_of(panel), _panel_uses(panel))
    for search in definitions.shared.searches:
        look(f"{shared}: search {search.id}", search.view, _search_uses(search))


def look(spot: str, view: ViewName, uses: Iterable[Use]) -> None:
    try:
        problems = [wrong for use in uses if (wrong := _wrong(use, field_of(view, use.field)))]
    except ConfigError as error:
        raise ConfigError(f"{spot}: {error}") from None
    except kql.KqlError as error:
        raise ConfigError(f"{spot}: {error}. Remedy: correct the query") from None
    if problems:
        raise ConfigError(f"{spot}: {problems[0]}")


def _wrong(use: Use, found: Field) -> str:
    """Why a field is of no use for what is asked of it; empty where it is."""
    told = f"{use.what}: field {use.field!r} is a {found.mapped}"
    if found.kind not in _NEEDS.get(use.what, (found.kind,)):
        return f"{told}. Remedy: ask a field of {' or '.join(sorted(_NEEDS[use.what]))}"
    if use.what not in _ANY and not found.aggregatable:
        return f"{told} whose values are not kept apart. Remedy: ask a keyword beside it"
    return ""


def _board_uses(board: Dashboard) -> Iterator[Use]:
    yield from queried(board.where)
    yield from (Use(field, "control") for field in board.controls)


def _search_uses(search: Search) -> Iterator[Use]:
    yield from queried(search.where)
    yield from (Use(field, "column") for field in search.columns)
    yield from (Use(field, "sort") for field, _ in search.sort)


def _panel_uses(panel: Panel) -> Iterator[Use]:
    yield from queried(panel.where)
    for bucket in (panel.x, panel.split):
        yield from _bucket_uses(bucket) if bucket else ()
    for figure in panel.y:
        yield from _figure_uses(figure)
    if panel.place:
        yield Use(panel.place, "place")


def _bucket_uses(bucket: Bucket) -> Iterator[Use]:
    for named in bucket.filters:
        yield from queried(named.where)
    if bucket.field:
        yield Use(bucket.field, "date" if bucket.date else "terms")


def _figure_uses(figure: Figure) -> Iterator[Use]:
    yield from queried(figure.where)
    if figure.field:
        yield Use(figure.field, figure.asks)
    if figure.formula:
        for measure in formula.measures(formula.parse(figure.formula)):
            yield from queried(measure.kql)
            if measure.field:
                yield Use(measure.field, measure.metric)


def queried(where: str) -> Iterator[Use]:
    return (Use(field, "where") for field in kql.fields(kql.parse(where)))
