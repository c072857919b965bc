"""Keeps the catalogues of translations as the code is: `make messages` takes new messages in and
obsolete ones out; what has no translation yet stays empty, and a test says so.

    python -m streams.web.catalogues --write
    python -m streams.web.catalogues --check
"""

import argparse
import sys
from copy import deepcopy
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

from streams.web.i18n import DOMAIN, LOCALES, catalogue
from streams.web.visitor import LANGUAGES, Language

SOURCE: Final = Path(__file__).parent
METHODS: Final = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/static/**.js", "javascript"),
]
OPTIONS: Final = {"**/templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS: Final = {**DEFAULT_KEYWORDS, "N_": None, "NN_": (1, 2), "HTTPException": (2,)}
_HEADERS_LEFT_OUT: Final = tuple(
    f'"{name}:'.encode()
    for name in (
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)
TRANSLATED: Final = tuple(language for language in LANGUAGES if language != "en")


def template() -> Catalog:
    """Every message of the code, and the files that it stands in."""
    found = Catalog(domain=DOMAIN, project="Veille", fuzzy=False)
    for file, _line, message, comments, context in extract_from_dir(
        str(SOURCE), METHODS, OPTIONS, keywords=KEYWORDS, comment_tags=("Translators:",)
    ):
        found.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return found


def updated(language: Language, found: Catalog) -> Catalog:
    """A language's catalogue with the messages of `found` and no others. Translations that parts
    of the pages brought along (`locale/parts/*.<language>.po`) are taken in."""
    catalog = catalogue(language)
    # A copy, for a catalogue takes the messages themselves, and writes translations into them.
    catalog.update(deepcopy(found), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    for path in sorted((LOCALES / "parts").glob(f"*.{language}.po")):
        with path.open("rb") as file:
            part = read_po(file, locale=language)
        for message in part:
            known = catalog.get(message.id) if message.id else None
            if known is not None and message.string and not any(known.string or ""):
                known.string = message.string
    return catalog


def path_of(language: Language) -> Path:
    return LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def write() -> None:
    """Bring every catalogue up to date."""
    found = template()
    for language in TRANSLATED:
        path_of(language).write_bytes(written(updated(language, found)))


def written(catalog: Catalog) -> bytes:
    """A catalogue as its file: in the order of the alphabet, without what changes by itself."""
    made = BytesIO()
    write_po(made, catalog, width=100, sort_output=True, include_lineno=False)
    lines = made.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_HEADERS_LEFT_OUT))


def problems() -> list[str]:
    """What `write` would change: messages that a catalogue lacks, or has no more use for."""
    found = _ids(template())
    said = []
    for language in TRANSLATED:
        known = _ids(catalogue(language))
        said += [f"{path_of(language)} lacks {one!r}" for one in sorted(found - known)]
        said += [f"{path_of(language)} still has {one!r}" for one in sorted(known - found)]
    return said


def _ids(catalog: Catalog) -> set[str]:
    return {
        message.id if isinstance(message.id, str) else "\0".join(message.id)
        for message in catalog
        if message.id
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().write:
        write()
        return 0
    found = problems()
    for one in found:
        print(one, file=sys.stderr)  # noqa: T201 # a command
    if found:
        print("Remedy: make messages, and translate them", file=sys.stderr)  # noqa: T201
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
