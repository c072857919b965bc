"""The columns of a Lens layer: what a panel asks, as Lens keeps it.

A formula is kept with hidden columns beside it, as Lens writes them: one for each metric in it
(`y1X0`, `y1X1`, …) and one for the arithmetic.
"""

from collections.abc import Iterator
from typing import Any, Final

from streams.kibana import formula
from streams.kibana.definitions import Bucket, Figure, Format, Language, Panel, View
from streams.kibana.fields import RECORDS, field_of

Column = dict[str, Any]
_FORMATS: Final[dict[Format, dict[str, Any]]] = {
    "number": {"id": "number", "params": {"decimals": 0}},
    "decimal": {"id": "number", "params": {"decimals": 2}},
    "percent": {"id": "percent", "params": {"decimals": 1}},
    "duration": {
        "id": "duration",
        "params": {"decimals": 0, "fromUnit": "seconds", "toUnit": "humanizePrecise"},
    },
}
_OPERATIONS: Final = {
    "unique": "unique_count", "average": "average", "sum": "sum", "min": "min", "max": "max",
    "last": "last_value",
}  # fmt: skip
_SIGNS: Final[dict[formula.Operator, str]] = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
}
_EMPTY_AS_ZERO: Final = ("count", "unique_count", "sum")


class Layer:
    """Columns of one panel: `x` and `split` where it has them, `y1`, `y2`, … for its figures.

    Over time `split` comes first, as Lens has it: its most frequent values are then those of the
    whole time, not of each bar.
    """

    def __init__(self, panel: Panel, view: View, language: Language) -> None:
        self._view = view
        self._language = language
        self._panel = panel
        self.figures = [f"y{number}" for number in range(1, len(panel.y) + 1)]
        self.columns: dict[str, Column] = {}
        buckets = [("x", panel.x), ("split", panel.split)]
        if panel.x and panel.x.date:
            buckets.reverse()
        for name, bucket in buckets:
            if bucket is not None:
                self.columns[name] = self._bucket(bucket)
        for name, figure in zip(self.figures, panel.y, strict=True):
            self.columns.update(self._figure(name, figure))

    def state(self) -> dict[str, Any]:
        """The layer as Lens keeps it: buckets before metrics."""
        return {
            "columnOrder": list(self.columns),
            "columns": self.columns,
            "ignoreGlobalFilters": False,
            "incompleteColumns": {},
            "sampling": 1,
        }

    def _label(self, field: str) -> str:
        return self._view.label(field, self._language)

    def _bucket(self, bucket: Bucket) -> Column:
        label = bucket.title.told(self._language) if bucket.title else self._label(bucket.field)
        column = {"label": label, "customLabel": True, "isBucketed": True}
        if bucket.filters:
            filters = [
                {
                    "input": {"language": "kuery", "query": named.where},
                    "label": named.title.told(self._language),
                }
                for named in bucket.filters
            ]
            return column | {
                "dataType": "string",
                "operationType": "filters",
                "scale": "ordinal",
                "params": {"filters": filters},
            }
        column |= {
            "dataType": field_of(self._view.name, bucket.field).kind,
            "sourceField": bucket.field,
        }
        if bucket.date:
            return column | {
                "operationType": "date_histogram",
                "scale": "interval",
                "params": {
                    "interval": bucket.every or "auto",
                    "includeEmptyRows": True,
                    "dropPartials": False,
                },
            }
        return column | {
            "operationType": "terms",
            "scale": "ordinal",
            "params": {
                "size": bucket.size,
                **self._rank(bucket),
                "otherBucket": bucket.other,
                "missingBucket": False,
                "parentFormat": {"id": "terms"},
                "include": [],
                "exclude": [],
                "includeIsRegex": False,
                "excludeIsRegex": False,
            },
        }

    def _rank(self, bucket: Bucket) -> dict[str, Any]:
        """By what values are ranked: their own order, the first figure that can, or how many
        documents have them."""
        if bucket.sort == "key":
            by: dict[str, Any] = {"type": "alphabetical", "fallback": False}
            return {"orderBy": by, "orderDirection": "asc"}
        figures = zip(self.figures, self._panel.y, strict=True)
        name = next((name for name, figure in figures if figure.ranks), None)
        if name is not None:
            return {"orderBy": {"type": "column", "columnId": name}, "orderDirection": "desc"}
        count = self._metric("count", "", "", self._view.records.told(self._language))
        return {"orderBy": {"type": "custom"}, "orderAgg": count, "orderDirection": "desc"}

    def _figure(self, name: str, figure: Figure) -> Iterator[tuple[str, Column]]:
        label = self._figure_label(figure)
        if figure.formula:
            yield from self._formula(name, figure, label)
            return
        if figure.last:
            column = self._newest(figure, label)
        else:
            operation = "count" if figure.count else _OPERATIONS[figure.asks]
            column = self._metric(operation, figure.field, figure.where, label)
        yield name, _formatted(column, figure.format)

    def _figure_label(self, figure: Figure) -> str:
        if figure.title:
            return figure.title.told(self._language)
        return (
            self._view.records.told(self._language) if figure.count else self._label(figure.field)
        )

    def _metric(self, operation: str, field: str, where: str, label: str) -> Column:
        kind = field_of(self._view.name, field).kind if field else "number"
        column: Column = {
            "label": label,
            "customLabel": True,
            "dataType": kind if operation in ("min", "max") else "number",
            "isBucketed": False,
            "operationType": operation,
            "scale": "ratio",
            "sourceField": field or RECORDS,
            "params": {"emptyAsNull": False} if operation in _EMPTY_AS_ZERO else {},
        }
        return _filtered(column, where)

    def _newest(self, figure: Figure, label: str) -> Column:
        """Lens reads a text from the document itself, and all else from its doc values."""
        found = field_of(self._view.name, figure.last)
        exists = f'"{figure.last}": *'
        column: Column = {
            "label": label,
            "customLabel": True,
            "dataType": found.kind,
            "isBucketed": False,
            "operationType": "last_value",
            "scale": "ordinal" if found.kind == "string" else "ratio",
            "sourceField": figure.last,
            "params": {
                "sortField": self._view.time,
                "showArrayValues": not found.aggregatable,
            },
        }
        return _filtered(column, f"({exists}) and ({figure.where})" if figure.where else exists)

    def _formula(self, name: str, figure: Figure, label: str) -> Iterator[tuple[str, Column]]:
        parts: dict[str, Column] = {}
        part_label = f"Part of {label}"
        tree = self._take_apart(formula.parse(figure.formula), name, part_label, parts)
        last = f"{name}X{len(parts)}" if isinstance(tree, dict) else str(tree)
        if isinstance(tree, dict):
            tree |= {"location": {"min": 0, "max": len(figure.formula)}, "text": figure.formula}
            parts[last] = {
                "label": part_label,
                "customLabel": True,
                "dataType": "number",
                "isBucketed": False,
                "operationType": "math",
                "scale": "ratio",
                "params": {"tinymathAst": tree},
                "references": list(parts),
            }
        column: Column = {
            "label": label,
            "customLabel": True,
            "dataType": "number",
            "isBucketed": False,
            "operationType": "formula",
            "scale": "ratio",
            "params": {"formula": figure.formula, "isFormulaBroken": False},
            "references": [last],
        }
        yield name, _formatted(column, figure.format)
        yield from parts.items()

    def _take_apart(
        self, tree: formula.Formula, name: str, label: str, parts: dict[str, Column]
    ) -> dict[str, Any] | str | float:
        """The arithmetic, with a hidden column's id for each metric."""
        if isinstance(tree, formula.Number):
            return int(tree.value) if tree.value.is_integer() else tree.value
        if isinstance(tree, formula.Measure):
            part = f"{name}X{len(parts)}"
            parts[part] = self._metric(tree.metric, tree.field, tree.kql, label)
            return part
        sides = (tree.left, tree.right)
        args = [self._take_apart(side, name, label, parts) for side in sides]
        return {"type": "function", "name": _SIGNS[tree.operator], "args": args}


def _formatted(column: Column, form: Format | None) -> Column:
    return column | {"params": column["params"] | {"format": _FORMATS[form]}} if form else column


def _filtered(column: Column, where: str) -> Column:
    return column | {"filter": {"language": "kuery", "query": where}} if where else column
