"""The published contracts, generated from the code: `python -m streams.contracts --write`.

JSON Schemas (draft 2020-12) of every record that other programs may read or write, an AsyncAPI
3.0 document of the topics, and the page of settings. `--check` fails when a file is out of date,
and when a contract no longer keeps what the last release promised (`streams.compatibility`).
`--release` keeps the contracts of today as those of this version.
"""

import argparse
import inspect
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import msgspec

from streams import compatibility
from streams.asyncapi import RECORDS, asyncapi, avro_name, file_name
from streams.avro import avro_schema
from streams.avro_copy import RECORDS as COPIED
from streams.settings_docs import settings_page
from streams.sources_docs import in_readme, sources_page

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
DOCS: Final = Path(__file__).parent.parent / "docs"


def schema(record: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema of one record, self-contained. Unknown fields are allowed: readers must
    pass over them, since fields are only ever added."""
    whole = msgspec.json.schema(record)
    for part in whole["$defs"].values():
        part["description"] = inspect.cleandoc(part.get("description", ""))
    head = {"$schema": DIALECT, "$id": f"urn:veille:{record.__name__.lower()}"}
    return head | whole


def generated() -> dict[Path, str]:
    """Every generated file, by its path under `docs/`."""
    files = {Path("contracts") / file_name(record): as_json(schema(record)) for record in RECORDS}
    for record in COPIED:
        files[Path("contracts") / avro_name(record)] = as_json(avro_schema(record))
    files[Path("contracts/asyncapi.json")] = as_json(asyncapi())
    files[Path("settings.md")] = settings_page()
    files[Path("sources.md")] = sources_page()
    return files


def as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def stale(docs: Path = DOCS) -> list[Path]:
    """Files that are missing or differ from what the code says, and schemas of no record."""
    wanted = {docs / name: text for name, text in generated().items()}
    wrong = [path for path, text in wanted.items() if _text_of(path) != text]
    wrong += [path for path in (docs / "contracts").glob("*.json") if path not in wanted]
    readme = docs.parent / "README.md"
    if (said := _text_of(readme)) is not None and in_readme(said) != said:
        wrong.append(readme)
    return sorted(wrong)


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def write(docs: Path = DOCS) -> None:
    for name, text in generated().items():
        (docs / name).parent.mkdir(parents=True, exist_ok=True)
        (docs / name).write_text(text, encoding="utf-8", newline="\n")
    readme = docs.parent / "README.md"
    if (said := _text_of(readme)) is not None:
        readme.write_text(in_readme(said), encoding="utf-8", newline="\n")


def release(docs: Path = DOCS) -> Path:
    """Keep the contracts of today as those of this version; where they are. Raises
    `FileExistsError` where they are kept already: what was released stays as it was."""
    kept = docs / "contracts" / "released" / version("veille")
    kept.mkdir(parents=True)
    for path in (docs / "contracts").glob("*.json"):
        shutil.copyfile(path, kept / path.name)
    return kept


def main(arguments: Sequence[str] | None = None) -> int:
    """`--write`, `--check` or `--release`; 0 when all is well, 1 when not."""
    parser = argparse.ArgumentParser(prog="python -m streams.contracts", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true", help="generate the files again")
    action.add_argument("--check", action="store_true", help="fail when one is out of date")
    action.add_argument("--release", action="store_true", help="keep them as this version's")
    parser.add_argument("--docs", type=Path, default=DOCS, help="the documentation's directory")
    given = parser.parse_args(arguments)
    if given.write:
        write(given.docs)
    wrong = stale(given.docs)
    for path in wrong:
        sys.stderr.write(f"{path}: out of date. Remedy: python -m streams.contracts --write\n")
    breaks = compatibility.broken(given.docs / "contracts" / "released", given.docs / "contracts")
    for one in breaks:
        sys.stderr.write(
            f"{one}. Remedy: put it back, and add another field, record or topic beside it\n"
        )
    if given.release and not (wrong or breaks):
        sys.stdout.write(f"{release(given.docs)}\n")
    return 1 if wrong or breaks else 0


if __name__ == "__main__":
    raise SystemExit(main())
