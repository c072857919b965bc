"""Reading `config/kibana/definitions/*.yaml`, strictly.

`shared.yaml` holds the views of the data and the saved searches; each other file is a dashboard.
"""

import re
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from streams import yaml_file
from streams.errors import ConfigError
from streams.kibana.checking import check
from streams.kibana.definitions import Dashboard, Definitions, Shared
from streams.settings import shipped_config

SHARED: Final = "shared.yaml"
_NAMED: Final = {
    "panels": "panel", "searches": "search", "views": "view",
    "rules": "rule", "connectors": "connector",
}  # fmt: skip
_T = TypeVar("_T")


def shipped_definitions() -> Path:
    """The folder of definitions that comes with Veille."""
    return shipped_config() / "kibana" / "definitions"


def load(folder: Path | None = None) -> Definitions:
    """Read a folder of definitions. Raises `ConfigError` naming file, panel and remedy, and line
    or field."""
    folder = folder or shipped_definitions()
    shared_path = folder / SHARED
    if not shared_path.is_file():
        raise ConfigError(f"{shared_path}: no such file. Remedy: copy the one of {SHARED} shipped")
    paths = board_files(folder)
    found = Definitions(
        shared=read(shared_path, Shared), dashboards=[read(path, Dashboard) for path in paths]
    )
    by_id = dict(zip((one.id for one in found.dashboards), paths, strict=True))
    _check_names(found, by_id)
    check(found, shared_path, by_id)
    return found


def board_files(folder: Path) -> list[Path]:
    """The files of dashboards, in the order of `Definitions.dashboards`."""
    return sorted(path for path in folder.glob("*.yaml") if path.name != SHARED)


def read(path: Path, kind: type[_T]) -> _T:
    """A file as what it should be. Raises `ConfigError` naming file, line, item and remedy."""
    raw, lines = yaml_file.read(path)
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        at = _place(where)
        line = yaml_file.line_of(at, lines)
        spot = f"{path}:{line}" if line else str(path)
        named = _panel_name(raw, at)
        raise ConfigError(
            f"{spot}: {named}{what}. Remedy: see docs/kibana.md for the words of a definition"
        ) from None


def _place(path: str) -> yaml_file.Place:
    """The keys of msgspec's `.panels[2].x`."""
    return tuple(
        int(index) if index else key for key, index in re.findall(r"\.([\w-]+)|\[(\d+)\]", path)
    )


def _panel_name(raw: dict[str, Any], at: yaml_file.Place) -> str:
    if len(at) < 2 or at[0] not in _NAMED or isinstance(at[1], str):
        return ""
    item = raw[str(at[0])][at[1]]
    named = item.get("id", item.get("name")) if isinstance(item, dict) else None
    inside = ".".join(map(str, at[2:]))
    return f"{_NAMED[str(at[0])]} {named or at[1] + 1}: {inside and inside + ': '}"


def _check_names(found: Definitions, paths: dict[str, Path]) -> None:
    """Every view, search and dashboard that is named is there."""
    views = {view.name for view in found.shared.views}
    searches = {search.id for search in found.shared.searches}
    for dashboard in found.dashboards:
        for panel in dashboard.panels:
            view = dashboard.view_of(panel)
            wanted: list[tuple[str, str, bool]] = [("view", view, view in views)]
            if panel.look == "search":
                wanted.append(("search", panel.search, panel.search in searches))
            wanted += [
                ("dashboard", link.dashboard, link.dashboard in paths) for link in panel.opens
            ]
            for kind, name, there in wanted:
                if not there:
                    raise ConfigError(
                        f"{paths[dashboard.id]}: panel {panel.id}: there is no {kind} {name!r}. "
                        f"Remedy: correct the name, or define it"
                    )
