"""The tables of sources in README.md and docs/sources.md: what connectors say of themselves."""

import re
from typing import Final, get_args

from connectors.base import Access, Group, Spec
from connectors.closed import CLOSED
from connectors.receiving import Receiver
from connectors.registry import CONNECTORS

GROUPS: Final[dict[Group, str]] = {
    "networks": "Mass networks",
    "video": "Video, photo, live",
    "thematic": "Thematic",
    "news": "News and co-edited",
    "reviews": "Reviews",
    "doors": "Open doors",
}
_ACCESS: Final[dict[Access, str]] = {
    "open": "open",
    "key": "a free key",
    "approval": "an approval",
    "paid": "money",
    "owner": "one's own account",
}
BEGIN: Final = "<!-- sources: begin (python -m streams.contracts --write) -->"
END: Final = "<!-- sources: end -->"


def table(folder: str) -> str:
    """A row a source; `folder` leads to the sources' pages."""
    rows = ["| source | door | sees | needs | limits |", "| --- | --- | --- | --- | --- |"]
    for group in get_args(Group):
        mine = [one.spec for one in CONNECTORS.values() if one.spec.group == group]
        if mine:
            rows.append(f"| **{GROUPS[group]}** | | | | |")
            rows += [_row(spec, folder) for spec in mine]
    return "\n".join(rows)


def _row(spec: Spec, folder: str) -> str:
    cells = (
        f"[{spec.name}]({folder}{spec.name}.md)",
        spec.door,
        spec.sees,
        spec.needs,
        spec.limits,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def in_readme(readme: str) -> str:
    """README.md with the table as it is now, between its two marks."""
    between = f"{BEGIN}\n{table('docs/connectors/')}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: between, readme, flags=re.S)


def sources_page() -> str:
    """docs/sources.md."""
    wait = [one.spec for one in CONNECTORS.values() if one.spec.access in ("approval", "paid")]
    pushed = [name for name, kind in CONNECTORS.items() if issubclass(kind, Receiver)]
    doors = [
        f"| [{one.spec.name}](connectors/{one.spec.name}.md) | {_ACCESS[one.spec.access]} |"
        for one in CONNECTORS.values()
    ]
    closed = [f"| {one.name} | {one.why} | {one.instead} |" for one in CLOSED.values()]
    return "\n".join(
        [
            "# Sources",
            "",
            "What Veille can watch. `veille sources list` shows the same, and the settings of one.",
            "",
            table("connectors/"),
            "",
            "## What a door asks for",
            "",
            f"Sources that need an approval or money ship disabled ({_names(wait)}): their pages",
            "have the steps.",
            "",
            "| source | to open it |",
            "| --- | --- |",
            *doors,
            "",
            "## Delivered by the source",
            "",
            f"These also take what the source sends to an address of yours: {', '.join(pushed)}.",
            "",
            "## Without a lawful door",
            "",
            "Veille does not fetch pages around a login, a captcha or robots rules. For these",
            "places there is another way, or none:",
            "",
            "| place | why | instead |",
            "| --- | --- | --- |",
            *closed,
            "",
        ]
    )


def _names(specs: list[Spec]) -> str:
    return ", ".join(spec.name for spec in specs) or "none so far"
