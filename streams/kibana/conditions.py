"""Conditions of definitions, looked at before anything is made of them: KQL over mapped fields."""

from collections.abc import Iterator

from streams.errors import ConfigError
from streams.kibana import formula, kql
from streams.kibana.definitions import Definitions, Panel, ViewName
from streams.kibana.fields import field_of


def check(definitions: Definitions) -> None:
    """Raises `ConfigError` that names the place of a condition which is not KQL, or asks for a
    field that its view does not have."""
    for board in definitions.dashboards:
        _check(f"dashboard {board.id}: where", board.where, board.view)
        for panel in board.panels:
            for where in _of_panel(panel):
                _check(f"dashboard {board.id}, panel {panel.id}", where, board.view_of(panel))
    for search in definitions.shared.searches:
        _check(f"search {search.id}: where", search.where, search.view)


def _of_panel(panel: Panel) -> Iterator[str]:
    yield panel.where
    for bucket in (panel.x, panel.split):
        yield from (named.where for named in bucket.filters) if bucket else ()
    for figure in panel.y:
        yield figure.where
        if figure.formula:
            measures = formula.measures(formula.parse(figure.formula))
            yield from (measure.kql for measure in measures)


def _check(place: str, where: str, view: ViewName) -> None:
    try:
        names = list(kql.fields(kql.parse(where)))
    except kql.KqlError as error:
        raise ConfigError(f"{place}: {error}. Remedy: correct the KQL") from None
    for name in names:
        try:
            field_of(view, name)
        except ConfigError as error:
            raise ConfigError(f"{place}: {where!r}: {error}") from None
