"""`python -m tests.faults.report`: the tables of docs/reliability.md, from what the last runs
recorded. Rows of tests that did not run stay; rows of tests that are gone go; tests without any row
are named."""

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.faults.arena import RECORDS, Row
from tests.support.veille import ROOT

PAGE: Final = ROOT / "docs" / "reliability.md"
BEGIN: Final = "<!-- faults: written by `make faults` -->"
END: Final = "<!-- end of faults -->"
UNRUN: Final = "Written, and not in the runs above: "
HEAD: Final = (
    "| fault | what happens, what is safe | what to do | test | figure |\n"
    "| --- | --- | --- | --- | --- |"
)


def fault_tests(folder: Path = ROOT / "tests" / "faults") -> dict[str, str]:
    """`test_file.py::test_name` of every fault test, with the first line of its module."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        title = (ast.get_docstring(tree) or path.stem).splitlines()[0].rstrip(".")
        found |= {f"{path.name}::{name}": title for name in _tests_of(tree)}
    return found


def _tests_of(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name[:5] == "test_":
            yield node.name


def recorded() -> list[Row]:
    """What the last runs of the tests told."""
    paths = sorted(RECORDS.glob("*.json"), key=lambda path: path.stat().st_mtime)
    return [Row(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def shown(text: str) -> list[Row]:
    """The rows of a page."""
    table = text.partition(BEGIN)[2].partition(END)[0]
    rows = [re.split(r" (?<!\\)\| ", line.strip("| \n")) for line in table.splitlines()]
    return [
        Row(test=cells[3].strip("`"), fault=cells[0], behaviour=cells[1], remedy=cells[2],
            figure=cells[4])
        for cells in rows
        if len(cells) == 5 and cells[3].startswith("`")
    ]  # fmt: skip


def merged(old: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """`new` rows replace old ones of the same test; those of tests that are gone are left out."""
    new = list(new)
    ran = {row.test for row in new}
    order = list(fault_tests())
    kept = [row for row in old if row.test not in ran] + new
    return sorted((row for row in kept if row.test in order), key=lambda row: order.index(row.test))


def table(rows: Iterable[Row]) -> str:
    """A heading and a table for each module."""
    titles = fault_tests()
    parts: dict[str, list[str]] = {}
    for row in rows:
        parts.setdefault(titles[row.test], []).append(_line(row))
    return "\n\n".join("\n".join([f"### {title}\n", HEAD, *parts[title]]) for title in parts)


def _line(row: Row) -> str:
    cells = (row.fault, row.behaviour, row.remedy, f"`{row.test}`", row.figure)
    return "| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |"


def unrun(rows: Iterable[Row]) -> list[str]:
    """The fault tests without a row."""
    return sorted(fault_tests().keys() - {row.test for row in rows})


def said_unrun(text: str) -> list[str]:
    """The fault tests that a page names as not run."""
    lines = [line for line in text.splitlines() if line.startswith(UNRUN)]
    return [name.strip("`") for line in lines for name in line[len(UNRUN) : -1].split(", ")]


def written(text: str, rows: Iterable[Row]) -> str:
    """The page with its tables of these rows, and the names of tests that have none."""
    rows = list(rows)
    before, _, rest = text.partition(BEGIN)
    names = ", ".join(f"`{name}`" for name in unrun(rows))
    last = f"{UNRUN}{names}.\n\n" if names else ""
    return f"{before}{BEGIN}\n\n{table(rows)}\n\n{last}{END}{rest.partition(END)[2]}"


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = merged(shown(text), recorded())
    PAGE.write_text(written(text, rows), encoding="utf-8")
    sys.stdout.write(f"{len(rows)} faults in {PAGE.relative_to(ROOT)}\n")
    if missing := unrun(rows):
        sys.stdout.write(f"not run yet: {', '.join(missing)}\n")


if __name__ == "__main__":
    main()
