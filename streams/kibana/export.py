"""From definitions to the files that Kibana imports, one a language."""

import json
from pathlib import Path
from typing import Final

from streams.errors import ConfigError
from streams.kibana.boards import dashboard
from streams.kibana.definitions import LANGUAGES, Definitions, Language
from streams.kibana.objects import SavedObject, data_view, panel_object, search, tag
from streams.settings import shipped_config

PREFIX: Final = "veille"
PAGES: Final = "http://127.0.0.1:8420"
"""Where Veille's pages are, unless the export is told otherwise."""


def objects(
    definitions: Definitions, language: Language, *, prefix: str = PREFIX, pages: str = PAGES
) -> list[SavedObject]:
    """Every saved object, each after those it refers to. Raises `ConfigError` that names the
    dashboard, the panel and the field that is not mapped."""
    shared = definitions.shared
    found = [tag(shared, language)]
    found += [data_view(view, language, prefix, pages) for view in shared.views]
    found += [search(one, language, definitions.view(one.view)) for one in shared.searches]
    for board in definitions.dashboards:
        for panel in board.panels:
            view = definitions.view(board.view_of(panel))
            try:
                made = panel_object(board, panel, language, view)
            except ConfigError as error:
                raise ConfigError(f"dashboard {board.id}, panel {panel.id}: {error}") from None
            if made is not None:
                found.append(made)
        found.append(dashboard(definitions, board, language))
    return found


def ndjson(found: list[SavedObject]) -> bytes:
    """One object a line, keys in order, so that two exports can be compared."""
    return b"".join(
        json.dumps(one, ensure_ascii=False, sort_keys=True).encode() + b"\n" for one in found
    )


def file_name(language: Language) -> str:
    """What the file of a language is called."""
    return f"veille.{language}.ndjson"


def shipped(language: Language) -> Path:
    """The file of a language that comes with Veille."""
    return shipped_config() / "kibana" / file_name(language)


def stale(
    definitions: Definitions, folder: Path, languages: tuple[Language, ...] = LANGUAGES
) -> list[Path]:
    """Files of a folder that are not what the definitions give."""
    return [
        path
        for language in languages
        if not (path := folder / file_name(language)).is_file()
        or path.read_bytes() != ndjson(objects(definitions, language))
    ]
